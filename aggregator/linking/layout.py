"""Camera layout files → `Topology` and back. Two kinds are read:

*Lines*, our own: `a b least greatest` for each ordered pair of cameras, or of doors (CAMERA/ZONE), seconds or frames::

    unit seconds            # or: unit frames (needs fps of the camera entered)
    fps    door 25
    offset hall -1.5        # seconds added to the camera's times
    scale  hall 1.0
    door hall 2 40
    hall door 2 inf
    hall/gate yard/steps 20 90

*Matrices*, as vehicle_mtmc has them, without `scales` (the older layout) and with (the newer): sections `fps`,
`offset`, `scales`, `compatibility`, `dtmin`, `dtmax`, row i column j from camera i to camera j, in seconds; cameras
have no names there but for comments such as `# cam 0: c006`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

from aggregator.linking.topology import Topology, Window
from common.errors import ConfigError

_VECTORS = ("fps", "offset", "scales")
_MATRICES = ("compatibility", "dtmin", "dtmax")
_NAME_COMMENT = re.compile(r"^#+\s*cam\s+(\d+)\s*:\s*(\S+)", re.IGNORECASE)


def read_layout(path: Path, cameras: Sequence[str] | None = None) -> Topology:
    """Read a layout file of either kind.

    Args:
        path: the file.
        cameras: names of a matrix layout's cameras in its order; else its comments name them, else `cam0`, `cam1` …

    Raises:
        ConfigError: no such file, or a line that says nothing; names the file and the line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", "give the path of a layout file, lines `a b min max`") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text ({error.reason} at byte {error.start})") from error
    return parse_layout(text, str(path), cameras)


def parse_layout(text: str, name: str = "layout", cameras: Sequence[str] | None = None) -> Topology:
    """As `read_layout`, from text; `name` says in errors where it comes from."""
    lines = [(number, raw.split("#", 1)[0].split()) for number, raw in enumerate(text.splitlines(), 1)]
    words = [(number, line) for number, line in lines if line]
    if any(len(line) == 1 and line[0] in (*_VECTORS, *_MATRICES) for _, line in words):
        found = (_NAME_COMMENT.match(raw.strip()) for raw in text.splitlines())
        comments = {int(match[1]): match[2] for match in found if match}
        return _matrices(words, name, cameras, comments)
    return _lines(words, name)


def _number(word: str, name: str, line: int) -> float:
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if math.isnan(value):
        raise ConfigError(f"{name}:{line}: '{word}' is no number", "write seconds such as 12.5, or inf")
    return value


def _lines(words: list[tuple[int, list[str]]], name: str) -> Topology:
    pairs: dict[tuple[str, str], tuple[int, float, float]] = {}
    tables: dict[str, dict[str, float]] = {"fps": {}, "offset": {}, "scale": {}}
    frames = False
    for number, line in words:
        where = f"{name}:{number}"
        if line[0] == "unit" and len(line) == 2:
            if line[1] not in ("seconds", "frames"):
                raise ConfigError(f"{where}: unit '{line[1]}'", "write `unit seconds` or `unit frames`")
            frames = line[1] == "frames"
        elif line[0] in tables and len(line) == 3:
            tables[line[0]][line[1]] = _number(line[2], name, number)
            if line[0] != "offset" and not 0 < tables[line[0]][line[1]] < math.inf:
                raise ConfigError(f"{where}: {line[0]} of '{line[1]}' must be above 0")
        elif len(line) == 4:
            if (line[0], line[1]) in pairs:
                raise ConfigError(f"{where}: {line[0]} → {line[1]} stands twice")
            least, greatest = _number(line[2], name, number), _number(line[3], name, number)
            if least > greatest:
                raise ConfigError(f"{where}: least {line[2]} is above greatest {line[3]}")
            pairs[line[0], line[1]] = (number, least, greatest)
        else:
            raise ConfigError(f"{where}: '{' '.join(line)}' says nothing", "a line is `from to min max`")
    if not pairs:
        raise ConfigError(f"{name}: names no pair of cameras", "write lines `from to min max`, in seconds")
    windows: dict[tuple[str, str], Window] = {}
    for (a, b), (number, least, greatest) in pairs.items():
        camera = b.partition("/")[0]
        if frames and camera not in tables["fps"]:
            raise ConfigError(f"{name}:{number}: frames of '{camera}', whose fps is not given",
                              f"add a line `fps {camera} 25`")
        rate = tables["fps"][camera] if frames else 1.0
        windows[a, b] = (least / rate, greatest / rate)
    return Topology(windows=windows, offsets=tables["offset"], scales=tables["scale"], fps=tables["fps"])


def _matrices(
    words: list[tuple[int, list[str]]], name: str, cameras: Sequence[str] | None, comments: dict[int, str]
) -> Topology:
    sections: dict[str, list[list[float]]] = {}
    section = ""
    for number, line in words:
        if len(line) == 1 and line[0] in (*_VECTORS, *_MATRICES):
            section = line[0]
            sections[section] = []
        elif not section:
            raise ConfigError(f"{name}:{number}: '{' '.join(line)}' stands before any section")
        else:
            sections[section].append([_number(word, name, number) for word in line])
    for needed in _MATRICES:
        if needed not in sections:
            raise ConfigError(f"{name}: section '{needed}' is missing")
    count = len(sections["dtmin"])
    for key, rows in sections.items():
        shape = [len(row) for row in rows]
        expected = [count] * count if key in _MATRICES else [count]
        if shape != expected:
            raise ConfigError(f"{name}: section '{key}' should have {len(expected)} row(s) of {count} numbers")
    if cameras is not None and len(cameras) != count:
        raise ConfigError(f"{name}: has {count} cameras, but {len(cameras)} names were given")
    names = list(cameras) if cameras is not None else [comments.get(i, f"cam{i}") for i in range(count)]
    windows: dict[tuple[str, str], Window] = {}
    for i in range(count):
        for j in range(count):
            if sections["compatibility"][i][j]:
                least, greatest = sections["dtmin"][i][j], sections["dtmax"][i][j]
                if least > greatest:
                    raise ConfigError(f"{name}: {names[i]} → {names[j]}: dtmin {least} is above dtmax {greatest}")
                windows[names[i], names[j]] = (least, greatest)

    def vector(key: str) -> dict[str, float]:
        return dict(zip(names, sections[key][0], strict=True)) if key in sections else {}

    return Topology(
        windows=windows, cameras=tuple(names), offsets=vector("offset"), scales=vector("scales"), fps=vector("fps")
    )


def write_lines(topology: Topology) -> str:
    """The layout as `a b least greatest` lines, in seconds."""
    out = ["unit seconds"]
    for word, table in (("fps", topology.fps), ("offset", topology.offsets), ("scale", topology.scales)):
        out += [f"{word} {camera} {value:g}" for camera, value in table.items()]
    out += [f"{a} {b} {least:g} {greatest:g}" for (a, b), (least, greatest) in topology.windows.items()]
    return "\n".join(out) + "\n"


def write_matrices(topology: Topology, *, scales: bool = True) -> str:
    """The layout as vehicle_mtmc's matrices, which know no doors; `scales` False leaves them out, as its older layout
    does."""
    names = topology.cameras
    out = [f"# cam {i}: {name}" for i, name in enumerate(names)]
    vectors = [("fps", topology.fps, 1.0), ("offset", topology.offsets, 0.0)]
    if scales:
        vectors.insert(1, ("scales", topology.scales, 1.0))
    for word, table, default in vectors:
        out += ["", word, " ".join(f"{table.get(name, default):g}" for name in names)]
    for word, column, default in (("compatibility", -1, 0.0), ("dtmin", 0, 0.0), ("dtmax", 1, 0.0)):
        out += ["", word]
        for a in names:
            cells = [topology.window(a, b) for b in names]
            values = [default if cell is None else 1.0 if column < 0 else cell[column] for cell in cells]
            out.append(" ".join(f"{value:g}" for value in values))
    return "\n".join(out) + "\n"
