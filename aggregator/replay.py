"""`aggregator replay`: recorded visits through the same linking code, without network or database."""

from __future__ import annotations

import csv
import difflib
import hashlib
import math
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from aggregator.linking.ids import IdAllocator
from aggregator.linking.layout import read_layout
from aggregator.linking.linker import Linker
from aggregator.linking.settings import LinkingSettings
from aggregator.linking.topology import Topology
from aggregator.linking.ways import SiteMap
from aggregator.rerun_cli import replay_log
from aggregator.settings import AggregatorSettings
from aggregator.visit import Decision, Visit, global_id
from common.console import print_json, progress
from common.errors import ConfigError
from common.memory import kept
from common.settings import load
from common.tracklet import Face, zones_of

PREFIX = "embedding_"
FACE, QUALITY = "face_", "face_quality"
BATCH = 64
"""Visits that linking is shown at once, which is cheaper; it decides them in their order all the same."""
RESOLVE_S = 300.0
"""Seconds between repairs: each visit is looked at twice in the time that a repair looks back."""


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """Visits as `edge-agent track` and `visits.npz` hold them, one a row.

    Attributes:
        camera: (n,) names.
        start, end: (n,) float64, seconds, UTC-like.
        frames: (n,) in how many each was seen.
        embedding: (n, d) float32, unit rows.
        name: of the embedding.
        track: (n,) local ids, -1 where the file has none.
        label: (n,) class names.
        began: UTC seconds of the first frame of the run, NaN where the file does not say.
        face: (n, k) float32, unit rows, zeros where no face was seen; (n, 0) where none was looked for.
        face_quality: (n,) float32 in [0, 1].
        face_name: of the network that saw them.
        zones: (n,) that they came into, see `zone_path`.
    """

    camera: NDArray[np.str_]
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    frames: NDArray[np.int64]
    embedding: NDArray[np.float32]
    name: str
    track: NDArray[np.int64]
    label: NDArray[np.str_]
    face: NDArray[np.float32]
    face_quality: NDArray[np.float32]
    zones: NDArray[np.str_]
    face_name: str = ""
    began: float = math.nan

    @classmethod
    def read(cls, path: Path, embedding: str | None = None) -> Recording:
        """From an .npz; `embedding` names one of its arrays, with or without `embedding_`. Truth is not read.

        Raises:
            ConfigError: no such file or array, shapes that do not fit, values that are not finite.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                name = _choose(path, [key for key in file.files if key.startswith(PREFIX)], embedding)
                face = next((key for key in file.files if key.startswith(FACE) and key != QUALITY), "")
                wanted = ("camera", "start", "end", name, *(key for key in ("images", "track", "label", "zones")
                                                            if key in file.files), *((face, QUALITY) if face else ()))
                arrays = {key: file[key] for key in wanted}
                began = float(file["began"][0]) if "began" in file.files else math.nan
        except KeyError as error:
            raise ConfigError(f"{path}: has no array {error}", "it needs camera, start, end and embedding_…") from error
        except (OSError, ValueError) as error:
            raise ConfigError(f"{path}: is no .npz of visits ({error})",
                              "`edge-agent track` writes one, visits.npz") from error
        n, vectors = len(arrays["camera"]), arrays[name].astype(np.float32)
        for key, array in arrays.items():
            expected = "(n, d)" if key in (name, face) else f"({n},)"
            if len(array) != n or array.ndim != (2 if key in (name, face) else 1):
                raise ConfigError(f"{path}: array '{key}' has shape {array.shape}, expected {expected}")
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise ConfigError(f"{path}: array '{key}' holds values that are not finite")
        if (arrays["end"] < arrays["start"]).any():
            raise ConfigError(f"{path}: visit {int(np.argmax(arrays['end'] < arrays['start']))} ends before it starts")
        faces = arrays[face].astype(np.float32) if face else np.zeros((n, 0), np.float32)
        images = arrays.get("images", np.full(n, 1000)).astype(np.int64)
        if "track" not in arrays:
            # It says how many pictures its maker kept, not how long somebody was seen: all are mature.
            images = np.maximum(1000, images)
        return cls(arrays["camera"], arrays["start"].astype(float), arrays["end"].astype(float), images,
                   _unit(vectors), name, arrays.get("track", np.full(n, -1)).astype(np.int64),
                   arrays.get("label", np.full(n, "person")), _unit(faces),
                   arrays[QUALITY].astype(np.float32) if face else np.zeros(n, np.float32),
                   arrays.get("zones", np.full(n, "")), face, began)

    def __len__(self) -> int:
        return len(self.camera)

    def visits(self) -> Iterator[Visit]:
        """In order of their end; row i has number i + 1."""
        model, face_model = (hashlib.sha256(name.encode()).hexdigest()[:16] for name in (self.name, self.face_name))
        for i in np.argsort(self.end, kind="stable").tolist():
            yield Visit(visit=i + 1, camera=str(self.camera[i]), start=float(self.start[i]), end=float(self.end[i]),
                        label=str(self.label[i]), frames=int(self.frames[i]), final=True, model=model,
                        embedding=self.embedding[i], zones=zones_of(str(self.zones[i])),
                        face=Face(model=face_model, mean=self.face[i], quality=float(self.face_quality[i]), seen=1)
                        if self.face[i].any() else None)


@dataclass(frozen=True, slots=True, eq=False)
class Replayed:
    """What linking said of each row: (n,) columns.

    Attributes:
        identity: after the last repair.
        confidence: that it is right, after the last repair.
        online: identity as first decided.
        seconds: that linking took.
        site_map: what was learned of ways and clocks.
    """

    identity: NDArray[np.int64]
    confidence: NDArray[np.float64]
    online: NDArray[np.int64]
    seconds: float
    site_map: SiteMap


def replay_visits(visits: Iterable[Visit], count: int, settings: LinkingSettings,
                  topology: Topology | None) -> Replayed:
    """Feed `count` visits, numbered from 1 and in order of their end, to a fresh linker, and repair at intervals."""
    linker = Linker(settings, topology, IdAllocator())
    identity, online = np.zeros(count, np.int64), np.zeros(count, np.int64)
    confidence = np.zeros(count)
    forward: dict[int, int] = {}

    def take(decisions: list[Decision]) -> None:
        for decision in decisions:
            if decision.operation == "merge":
                forward[decision.other] = decision.identity
                continue
            row = decision.visit - 1
            identity[row] = 0 if decision.operation == "retract" else decision.identity
            confidence[row] = decision.confidence
            online[row] = online[row] or decision.identity

    def current(one: int) -> int:
        while one in forward:
            one = forward[one]
        return one

    began, batch, repaired = time.perf_counter(), list[Visit](), None
    for visit in visits:
        repaired = visit.end if repaired is None else repaired
        due = visit.end >= repaired + RESOLVE_S
        if batch and (due or len(batch) >= BATCH):
            take(linker.observe(batch, batch[-1].end))
            batch = []
        if due:
            take(linker.resolve(visit.end))
            repaired = visit.end
        batch.append(visit)
    if batch:
        take(linker.observe(batch, batch[-1].end))
        take(linker.resolve(batch[-1].end, whole=True))
    for number, _, sure in linker.standing():  # a repair looks at those as well whom it leaves as they are
        confidence[number - 1] = sure
    return Replayed(np.asarray([current(one) for one in identity.tolist()], np.int64), confidence, online,
                    time.perf_counter() - began, linker.site_map())


def replay(
    visits: Annotated[Path | None, typer.Argument(
        help="VISITS.npz: camera, start, end and embedding_NAME, one row a visit")] = None,
    out: Annotated[Path | None, typer.Option(
        "--out", help="CSV of visit, global_id, confidence, online_global_id; with --log: visit, recorded, replayed")
        ] = None,
    embedding: Annotated[str | None, typer.Option("--embedding", help="which one, if there are several")] = None,
    layout: Annotated[Path | None, typer.Option("--layout", help="layout file; else transit is learned")] = None,
    config: Annotated[Path | None, typer.Option("-c", "--config", help="aggregator.yaml with its linking")] = None,
    log: Annotated[Path | None, typer.Option(
        "--log", metavar="DIR", help="make a past run again instead, from the --data folder of an aggregator")] = None,
    given: Annotated[list[str] | None, typer.Option(
        "--set", metavar="KEY=VALUE", help="with --log: another linking setting; may be given again")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print a summary as JSON")] = False,
) -> None:
    """Link recorded visits as `aggregator serve` would have; or make a past run of it again.

    With --log, everything that linking was asked is asked again, in the same order, corrections included. It ends with
    1 when anything else comes of it. With -c, --set or --layout it says what would have been other instead.

    Examples:

      aggregator replay visits.npz --out links.csv

      aggregator replay visits.npz --embedding osnet_x0_25 --layout layout.txt --out links.csv

      aggregator replay --log passage-data

      aggregator replay --log passage-data --set caution=2.5
    """
    if log is not None:
        if visits is not None or embedding is not None:
            raise ConfigError("--log replays what an aggregator was sent, not a file",
                              "leave VISITS and --embedding out")
        replay_log(log, config, given or [], layout, out, as_json)
        return
    if visits is None or out is None or given:
        raise ConfigError("give VISITS.npz and --out FILE, or --log DIR (which alone takes --set)",
                          "aggregator replay visits.npz --out links.csv")
    recording = Recording.read(visits, embedding)
    settings = load(config, AggregatorSettings).linking if config else LinkingSettings()
    topology = read_layout(layout) if layout else None
    kept()
    shown = progress(recording.visits(), "linking", len(recording), quiet=as_json)
    done = replay_visits(shown, len(recording), settings, topology)
    write_links(out, done)
    rate = len(recording) / max(done.seconds, 1e-9)
    summary: dict[str, Any] = {
        "visits": len(recording), "global_ids": len(set(done.identity.tolist())), "embedding": recording.name,
        "seconds": round(done.seconds, 3), "visits_per_second": round(rate, 1)}
    if as_json:
        print_json(summary)
    else:
        print(f"{summary['visits']} visits, {summary['global_ids']} identities, "
              f"{rate:.0f} visits a second → {out}")


def write_links(path: Path, done: Replayed) -> None:
    """One line a visit, in the recording's order, numbered from 0.

    Raises:
        ConfigError: it cannot be written there.
    """
    draft = path.with_name(path.name + ".part")
    try:
        with draft.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(("visit", "global_id", "confidence", "online_global_id"))
            rows = zip(done.identity.tolist(), done.confidence.tolist(), done.online.tolist(), strict=True)
            for i, (identity, confidence, online) in enumerate(rows):
                writer.writerow((i, global_id(identity), f"{confidence:.4f}", global_id(online)))
        os.replace(draft, path)  # noqa: PTH105
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", "give --out a file in a folder that is there") from error


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, d) rows of length 1; what is all zeros stays so."""
    out: NDArray[np.float32] = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return out


def _choose(path: Path, names: list[str], wanted: str | None) -> str:
    if wanted is None:
        if len(names) == 1:
            return names[0]
        shown = ", ".join(name.removeprefix(PREFIX) for name in names) or "none"
        raise ConfigError(f"{path}: which embedding? It holds {shown}", "name one with --embedding")
    full = wanted if wanted.startswith(PREFIX) else PREFIX + wanted
    if full not in names:
        near = difflib.get_close_matches(full, names, n=1)
        raise ConfigError(f"{path}: has no embedding '{wanted}'",
                          f"did you mean '{near[0].removeprefix(PREFIX)}'?" if near else
                          f"it has {', '.join(name.removeprefix(PREFIX) for name in names) or 'none'}")
    return full
