"""When and where each picture of a re-identification data set is shown, if its cameras are played as a site.

Such data sets hold cut-out pictures and say which of them are one person's visit to one camera, but not where in the
view they were. So every camera shows a row of cells of one size, a visit keeps its cell as long as it lasts, and the
visit is given as a track: neither detector nor tracker can be judged by such a set, and both are left out.

Market-1501 states the frame of each picture; its recordings are played one after another. MARS does not say when its
tracklets were; they are dealt out in an order that a seed fixes, a tracklet a camera at a time, and nobody is shown in
two cameras at once. What place and time say of identity there is made up, and says next to nothing.

Edge (`market1501:PATH` as a source) and aggregator (`evaluate links --truth market1501:PATH`) make the same plan.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.reid_layouts import DISTRACTOR, Layout, Pictures

FPS = 25.0  # of the recordings that both sets were cut from
CELL_WIDTH, CELL_HEIGHT, MARGIN = 128, 256, 8  # pixels
VISIT_GAP_S = 5.0  # a person without a picture for longer has left and come back
RECORDING_PAUSE_S = 60.0  # between the recordings of Market-1501
WALK_S = 5.0  # between two tracklets of one person in MARS
BETWEEN_S = 1.0  # between two tracklets of one camera in MARS
SEED = 1501


@dataclass(frozen=True, slots=True, eq=False)
class Showing:
    """What one camera shows, a row a picture, in order of time.

    Attributes:
        seconds: (m,) float64, since the site's beginning, which is the same for all cameras.
        frame: (m,) int64, number of the camera's composed frame, from 0, rising.
        cell: (m,) int64, from the left.
        track: (m,) int64, from 1: the visit.
        person: (m,) int64, the truth: for whoever judges the answers only.
        last: (m,) bool, the visit's last picture.
        path: (m,) files.
        cells: how many are side by side.
    """

    seconds: NDArray[np.float64]
    frame: NDArray[np.int64]
    cell: NDArray[np.int64]
    track: NDArray[np.int64]
    person: NDArray[np.int64]
    last: NDArray[np.bool_]
    path: NDArray[np.object_]
    cells: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the composed frames, pixels."""
        return MARGIN + self.cells * (CELL_WIDTH + MARGIN), CELL_HEIGHT + 2 * MARGIN


def boxes(cell: NDArray[np.int64]) -> NDArray[np.float32]:
    """Cells (n,) → (n, 4) left, top, right, bottom in pixels of the composed frame."""
    left = MARGIN + cell * (CELL_WIDTH + MARGIN)
    top = np.full(len(cell), MARGIN)
    return np.stack([left, top, left + CELL_WIDTH, top + CELL_HEIGHT], 1).astype(np.float32)


def plan(pictures: Pictures, layout: Layout, fps: float = FPS) -> dict[int, Showing]:
    """Camera number → what it shows; pictures of nobody (distractors and junk) are left out.

    Args:
        pictures: see `common.reid_layouts`.
        layout: which data set.
        fps: frames a second of the recordings.
    """
    some = pictures[pictures.person > DISTRACTOR]
    visit = _visits(some, layout, fps)
    seconds = _recorded(some, fps) if layout == "market1501" else _dealt(some, visit, fps)
    return {int(camera): _showing(some, visit, seconds, some.camera == camera) for camera in np.unique(some.camera)}


def _visits(pictures: Pictures, layout: Layout, fps: float) -> NDArray[np.int64]:
    """Number of the visit that each picture is of, (n,), rising: they are ordered by person, camera, group, frame."""
    key = np.stack([pictures.person, pictures.camera, pictures.group])
    new = np.ones(len(pictures), np.bool_)
    new[1:] = (key[:, 1:] != key[:, :-1]).any(0)
    if layout == "market1501":
        new[1:] |= np.diff(pictures.frame) > VISIT_GAP_S * fps
    return np.cumsum(new) - 1


def _recorded(pictures: Pictures, fps: float) -> NDArray[np.float64]:
    """Recordings one after another; the cameras of one were started together."""
    seconds, begin = np.zeros(len(pictures)), 0.0
    for group in np.unique(pictures.group):
        mine = pictures.group == group
        frame = pictures.frame[mine]
        seconds[mine] = begin + (frame - frame.min()) / fps
        begin = float(seconds[mine].max()) + RECORDING_PAUSE_S
    return seconds


def _dealt(pictures: Pictures, visit: NDArray[np.int64], fps: float) -> NDArray[np.float64]:
    """Tracklets in an order that `SEED` fixes, each as soon as its camera and its person are free."""
    first = np.searchsorted(visit, np.arange(visit[-1] + 1 if len(visit) else 0))
    begin = np.zeros(len(first))
    lasts = np.maximum.reduceat(pictures.frame, first) / fps if len(first) else begin
    camera_free, person_free = dict[int, float](), dict[int, float]()
    cameras, people = pictures.camera[first].tolist(), pictures.person[first].tolist()
    for i in np.random.default_rng(SEED).permutation(len(first)).tolist():
        start = max(camera_free.get(cameras[i], 0.0), person_free.get(people[i], 0.0))
        begin[i] = start
        camera_free[cameras[i]] = start + lasts[i] + BETWEEN_S
        person_free[people[i]] = start + lasts[i] + WALK_S
    seconds: NDArray[np.float64] = begin[visit] + pictures.frame / fps
    return seconds


def _showing(pictures: Pictures, visit: NDArray[np.int64], seconds: NDArray[np.float64], mine: NDArray[np.bool_]
             ) -> Showing:
    rows = mine.nonzero()[0]
    rows = rows[np.argsort(seconds[rows], kind="stable")]
    _, frame = np.unique(np.round(seconds[rows], 4), return_inverse=True)
    _, begins, local = np.unique(visit[rows], return_index=True, return_inverse=True)
    ends = np.zeros(len(begins), np.int64)
    ends[local] = np.arange(len(rows))  # the last write wins, which is the visit's last row
    order = np.argsort(begins)
    number = np.empty(len(begins), np.int64)
    number[order] = np.arange(len(begins)) + 1
    cell, cells = _cells(frame[begins[order]], frame[ends[order]])
    last = np.zeros(len(rows), np.bool_)
    last[ends] = True
    track = number[local]
    return Showing(seconds=seconds[rows], frame=frame.astype(np.int64), cell=cell[track - 1], track=track,
                   person=pictures.person[rows], last=last, path=pictures.path[rows], cells=cells)


def _cells(first: NDArray[np.int64], last: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """A cell for each visit, the leftmost that is free, (v,); and how many there are. `first` is rising."""
    cell = np.zeros(len(first), np.int64)
    free: list[int] = []
    busy: list[tuple[int, int]] = []
    cells = 0
    for i, (begin, end) in enumerate(zip(first.tolist(), last.tolist(), strict=True)):
        while busy and busy[0][0] < begin:
            heapq.heappush(free, heapq.heappop(busy)[1])
        if free:
            cell[i] = heapq.heappop(free)
        else:
            cell[i], cells = cells, cells + 1
        heapq.heappush(busy, (end, int(cell[i])))
    return cell, cells
