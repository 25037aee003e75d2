"""Re-identification data sets by the names of their files: Market-1501 and MARS.

Market-1501 (Zheng et al., ICCV 2015): folders `query` and `bounding_box_test` of pictures `0002_c1s1_000451_03.jpg`:
person, camera, recording, frame of it. MARS (Zheng et al., ECCV 2016): folder `bbox_test` with a folder a person of
pictures `0002C1T0001F001.jpg`: person, camera, tracklet, picture of it; `info/` may say which tracklets are queries.
Person −1 (`00-1` in MARS) is junk that counts for nothing, person 0 a distractor.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from common.errors import SourceError

Layout = Literal["market1501", "mars"]
LAYOUTS: tuple[Layout, ...] = ("market1501", "mars")
JUNK, DISTRACTOR = -1, 0

_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})
_NAMES: dict[Layout, re.Pattern[str]] = {
    "market1501": re.compile(r"(?P<person>-?\d+)_c(?P<camera>\d+)s(?P<group>\d+)_(?P<frame>\d+)_\d+\."),
    "mars": re.compile(r"(?P<person>\d{4}|00-1)C(?P<camera>\d)T(?P<group>\d+)F(?P<frame>\d+)\."),
}
_EXAMPLES: dict[Layout, str] = {"market1501": "0002_c1s1_000451_03.jpg", "mars": "0002C1T0001F001.jpg"}


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """Cut-out pictures of people, a row each, in the order of person, camera, group, frame and name.

    Attributes:
        path: (n,) files.
        person: (n,) int64, who; `JUNK` and `DISTRACTOR` are nobody.
        camera: (n,) int64, from 1.
        group: (n,) int64; the recording in Market-1501, the tracklet of this person in this camera in MARS.
        frame: (n,) int64; of the recording in Market-1501, of the tracklet in MARS.
    """

    path: NDArray[np.object_]
    person: NDArray[np.int64]
    camera: NDArray[np.int64]
    group: NDArray[np.int64]
    frame: NDArray[np.int64]

    def __post_init__(self) -> None:
        for name in ("person", "camera", "group", "frame"):
            if getattr(self, name).shape != (len(self.path),):
                found = getattr(self, name).shape
                raise ValueError(f"Pictures.{name}: expected shape ({len(self.path)},), got {found}")

    def __len__(self) -> int:
        return len(self.path)

    def __getitem__(self, index: NDArray[Any]) -> Pictures:
        return Pictures(self.path[index], self.person[index], self.camera[index], self.group[index], self.frame[index])


def parse(name: str, layout: Layout) -> tuple[int, int, int, int] | None:
    """Person, camera, group and frame that a file's name states; None when it is no picture of that layout."""
    match = _NAMES[layout].match(name)
    if match is None or Path(name).suffix.lower() not in _SUFFIXES:
        return None
    person = JUNK if match["person"] == "00-1" else int(match["person"])
    return person, int(match["camera"]), int(match["group"]), int(match["frame"])


def read_pictures(folder: Path, layout: Layout) -> Pictures:
    """All pictures of a folder, in MARS also of the folders in it.

    Raises:
        SourceError: no such folder, or no picture in it whose name is of that layout.
    """
    if not folder.is_dir():
        raise SourceError(f"{layout}:{folder}: there is no such folder", _cure(layout))
    rows = sorted((*numbers, str(path)) for path in _files(folder, layout) if (numbers := parse(path.name, layout)))
    if not rows:
        raise SourceError(f"{layout}:{folder}: holds no pictures named as {_EXAMPLES[layout]}", _cure(layout))
    columns = np.array([row[:4] for row in rows], np.int64).T
    return Pictures(np.array([row[4] for row in rows], np.object_), *columns)


def pictures_folder(root: Path, layout: Layout) -> Path:
    """Where the pictures to test with lie: `root` may be the data set, or already one of its folders of pictures."""
    name = "bounding_box_test" if layout == "market1501" else "bbox_test"
    return root / name if (root / name).is_dir() else root


@dataclass(frozen=True, slots=True, eq=False)
class Tracklets:
    """Groups of pictures that are one tracklet each.

    Attributes:
        pictures: all.
        first: (t + 1,) where each tracklet begins in `pictures`, and their number.
        query: (q,) rows of the tracklets that are searched for.
    """

    pictures: Pictures
    first: NDArray[np.intp]
    query: NDArray[np.intp]

    @property
    def person(self) -> NDArray[np.int64]:
        """(t,)."""
        return self.pictures.person[self.first[:-1]]

    @property
    def camera(self) -> NDArray[np.int64]:
        """(t,)."""
        return self.pictures.camera[self.first[:-1]]


def read_mars(root: Path) -> Tracklets:
    """The test set of MARS. All its tracklets are the gallery, as in the authors' own evaluation.

    Queries are what `info/query_IDX.mat` names; without `info/`, the first tracklet of each person in each camera,
    for people who were seen in more than one.

    Raises:
        SourceError: no pictures, or an `info/` that does not fit them.
    """
    pictures = read_pictures(pictures_folder(root, "mars"), "mars")
    key = np.stack([pictures.person, pictures.camera, pictures.group])
    first = np.concatenate([[0], (key[:, 1:] != key[:, :-1]).any(0).nonzero()[0] + 1, [len(pictures)]])
    starts = first[:-1]
    info = root / "info"
    if (info / "query_IDX.mat").exists():
        return Tracklets(pictures, first, _stated_queries(info, pictures, starts))
    person, camera = pictures.person[starts], pictures.camera[starts]
    seen: dict[int, set[int]] = {}
    queries: dict[tuple[int, int], int] = {}
    for row, (who, where) in enumerate(zip(person.tolist(), camera.tolist(), strict=True)):
        if who > DISTRACTOR:
            seen.setdefault(who, set()).add(where)
            queries.setdefault((who, where), row)
    rows = [row for (who, _), row in queries.items() if len(seen[who]) > 1]
    return Tracklets(pictures, first, np.array(rows, np.intp))


def _stated_queries(info: Path, pictures: Pictures, starts: NDArray[np.intp]) -> NDArray[np.intp]:
    """Rows of the tracklets that `info/` names; its numbers count from 1, along `test_name.txt`."""
    from scipy.io import loadmat

    try:
        number = loadmat(info / "query_IDX.mat")["query_IDX"].ravel().astype(np.int64)
        tracks = loadmat(info / "tracks_test_info.mat")["track_test_info"].astype(np.int64)
        names = (info / "test_name.txt").read_text(encoding="utf-8").split()
        wanted = [parse(names[tracks[n - 1, 0] - 1], "mars") for n in number.tolist()]
    # scipy raises NotImplementedError for files of MATLAB 7.3, which are HDF5.
    except (OSError, KeyError, ValueError, IndexError, NotImplementedError) as error:
        raise SourceError(f"{info}: cannot be read as MARS' query_IDX.mat, tracks_test_info.mat and test_name.txt "
                          f"({error})", "without the folder the queries are taken by file name") from error
    keys = zip(pictures.person[starts].tolist(), pictures.camera[starts].tolist(), pictures.group[starts].tolist(),
               strict=True)
    row_of = {key: row for row, key in enumerate(keys)}
    rows = [row_of.get(one[:3], -1) if one else -1 for one in wanted]
    if -1 in rows:
        raise SourceError(f"{info}: query {number[rows.index(-1)]} has no pictures in bbox_test")
    return np.array(rows, np.intp)


def _files(folder: Path, layout: Layout) -> Iterator[Path]:
    yield from (path for path in folder.iterdir() if path.is_file())
    if layout == "mars":
        for inner in folder.iterdir():
            if inner.is_dir():
                yield from inner.iterdir()


def _cure(layout: Layout) -> str:
    inside = "query/ and bounding_box_test/" if layout == "market1501" else "bbox_test/"
    return f"give the data set's own folder, the one with {inside} in it"
