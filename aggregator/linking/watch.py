"""`Watch`: cameras whose clock has jumped, or that were moved, seen from what people's walks have become."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from aggregator.linking.clocks import REACH, SLIGHT, find_clocks
from aggregator.linking.cohort import normalised
from aggregator.linking.evidence import Evidence
from aggregator.linking.table import Rows, VisitTable

Doubles = NDArray[np.float64]

EVERY = 100
"""Visits between two looks."""
RECENT = 400
"""Latest visits that are compared with what was learned from those before."""
JUMP = 20.0
"""Seconds that a clock must have jumped to be spoken of; what is less is within what walks differ."""
LONGER = 8.0
"""Seconds by which walks must have become longer or shorter."""
SURE = 4.0
"""Spreads by which it must have."""
REFINED = 2
AGAIN = 2
"""Looks in a row that must say the same."""
WALKS = 25
"""Walks between two cameras, before and now, that can be compared."""
TURNED = 0.2
"""Share of walks between two cameras that may have changed their direction; more is a clock's doing."""
STEP = 5.0
"""Seconds a bin, of how long walks usually are."""
FLOOR = 0.3
"""Share of pairs that are taken to lie anywhere."""
STRAYED = 0.5
"""The greatest difference of the two shares of walks up to any length (Kolmogorov and Smirnov), of a camera's ways in
the mean, from which on it was moved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something that a person should look at.

    Attributes:
        kind: what seems to have happened to the camera.
        camera: its index.
        seconds: by which its clock is ahead of what it was, or by which its ways are longer.
        after: time of its last visit before that, seconds of the common clock.
    """

    kind: Literal["clock_jumped", "camera_moved"]
    camera: int
    seconds: float
    after: float


@dataclass(slots=True)
class Watch:
    """Looks at the visits of one partition at intervals. Says everything once.

    Attributes:
        looked: visits seen at the last look.
        since: visits seen when a camera had last changed; what came before is of another time.
        suspects: how often in a row each notice was due, and its seconds, by kind and camera.
    """

    looked: int = 0
    since: int = 0
    suspects: dict[tuple[str, int], tuple[int, float]] = field(default_factory=dict)

    @property
    def next(self) -> int:
        """Visits at which to look again."""
        return max(RECENT, self.looked + EVERY)

    def look(self, table: VisitTable, evidence: Evidence, rows: Rows, seen: int) -> list[Notice]:
        """What has happened to cameras lately.

        Args:
            table: visits, by the common clock as it is known.
            evidence: in use.
            rows: mature visits in the order in which they came, the latest last.
            seen: how many mature visits ever came.
        """
        self.looked = seen
        recent = rows[-RECENT:]
        found = _jumps(table, evidence, recent)
        if not found and seen >= self.since + 2 * RECENT:
            before = rows[-min(5 * RECENT, seen - self.since) : -RECENT]
            found = _moves(table, before, recent)
        suspects: dict[tuple[str, int], tuple[int, float]] = {}
        sure = []
        for notice in found:
            key = (notice.kind, notice.camera)
            times, before_s = self.suspects.get(key, (0, notice.seconds))
            suspects[key] = (times + 1 if abs(before_s - notice.seconds) <= LONGER else 1, notice.seconds)
            if suspects[key][0] >= AGAIN:
                sure.append(notice)
        self.suspects = suspects
        if sure:
            self.suspects, self.since = {}, seen
        return sure


def _jumps(table: VisitTable, evidence: Evidence, rows: Rows) -> list[Notice]:
    """Cameras whose latest visits want their clock moved once more."""
    camera, middle = table.camera[rows], (table.start[rows] + table.end[rows]) / 2
    cosine = table.projected[rows] @ table.projected[rows].T
    level, scale = table.level[rows], table.scale[rows]
    one_camera = camera[:, None] == camera
    ratio = evidence.alike(normalised(cosine, level[:, None], scale[:, None], level, scale), one_camera)
    # Each visit has about one other of the same person near it.
    strangers = np.log(max(2, len(rows)))
    likely = ratio > strangers + np.log(SLIGHT / (1 - SLIGHT))
    i, j = np.nonzero(likely & ~one_camera & (np.abs(middle[:, None] - middle) < REACH))
    i, j = i[i < j], j[i < j]
    if not len(i):
        return []
    weight = 1 / (1 + np.exp(strangers - ratio[i, j].astype(np.float64)))
    apart = middle[j] - middle[i]
    clocks = find_clocks(camera[i], camera[j], apart, weight, int(camera.max()) + 1)
    out = []
    for one in np.flatnonzero(np.abs(clocks.offset) > np.maximum(JUMP, SURE * clocks.spread)).tolist():
        # Each visit votes for the clock as it is or as it would be; when the votes turn, it jumped. What came after
        # tells how far, once more.
        here = (camera[i] == one) | (camera[j] == one)
        mine, seconds = np.where(camera[i] == one, i, j)[here], np.where(camera[i] == one, -apart, apart)[here]
        own = np.flatnonzero(camera == one)
        own = own[np.argsort(middle[own], kind="stable")]
        offset, after = float(clocks.offset[one]), -np.inf
        for _ in range(REFINED):
            usual = _usual(np.append(apart[~here], seconds + offset), np.append(weight[~here], weight[here]))
            wanted = usual(seconds + offset) - usual(seconds)
            vote = np.bincount(mine, weights=weight[here] * wanted, minlength=len(rows))
            turn = int(np.concatenate([[0.0], np.cumsum(vote[own])]).argmin())
            after = float(table.end[rows[own[turn - 1]]]) if turn else -np.inf
            late = ~here | np.isin(np.where(camera[i] == one, i, j), own[turn:])
            again = find_clocks(camera[i][late], camera[j][late], apart[late], weight[late], len(clocks.offset))
            offset = float(again.offset[one])
            if abs(offset) <= max(JUMP, SURE * float(again.spread[one])):
                break
        else:
            out.append(Notice(kind="clock_jumped", camera=one, seconds=-offset, after=after))
    return out


def _usual(seconds: Doubles, weight: Doubles) -> Callable[[Doubles], Doubles]:
    """Log-likelihood of visits so far apart, either way, to be of one walk, from pairs that are about right."""
    bins = int(REACH / STEP) + 1
    counts = np.bincount((np.abs(seconds) / STEP).astype(np.int64).clip(0, bins - 1), weights=weight, minlength=bins)
    level = np.log(gaussian_filter1d(counts, 1.0) + FLOOR * counts.sum() / bins + 1e-9)

    def at(where: Doubles) -> Doubles:
        out: Doubles = level[(np.abs(where) / STEP).astype(np.int64).clip(0, bins - 1)]
        return out

    return at


def _moves(table: VisitTable, before: Rows, now: Rows) -> list[Notice]:
    """The camera to and from which walks have become longer or shorter, if there is one."""
    then, late = _walks(table, before), _walks(table, now)
    cameras = int(table.camera.max()) + 1
    strayed, mass, longer, turned = (np.zeros(cameras) for _ in range(4))
    for pair, was in then.items():
        became = late.get(pair)
        if became is None or min(len(was), len(became)) < WALKS:
            continue
        old, new = np.sort(np.abs(was)), np.sort(np.abs(became))
        grid = np.concatenate([old, new])
        apart = np.abs(np.searchsorted(old, grid, side="right") / len(old)
                       - np.searchsorted(new, grid, side="right") / len(new)).max()
        for camera in pair:
            mass[camera] += len(new)
            strayed[camera] += apart * len(new)
            longer[camera] += (np.median(new) - np.median(old)) * len(new)
            turned[camera] += abs((was > 0).mean() - (became > 0).mean()) * len(new)
    share = strayed / np.maximum(mass, 1)
    worst = int(share.argmax())
    if share[worst] < STRAYED or abs(longer[worst]) < LONGER * mass[worst] or turned[worst] > TURNED * mass[worst]:
        return []
    # Its neighbours' ways to it have changed as well; it is the one whose ways have changed most.
    return [Notice(kind="camera_moved", camera=worst, seconds=float(longer[worst] / mass[worst]),
                   after=float(table.end[before].max()))]


def _walks(table: VisitTable, rows: Rows) -> dict[tuple[int, int], NDArray[np.float64]]:
    """Seconds from one visit of an identity to its next in another camera, middle to middle, by both cameras, the lower
    first; negative where they walked from the higher to the lower."""
    rows = rows[table.identity[rows] > 0]
    middle = (table.start + table.end) / 2
    rows = rows[np.lexsort((middle[rows], table.identity[rows]))]
    a, b = rows[:-1], rows[1:]
    apart = middle[b] - middle[a]
    step = (table.identity[a] == table.identity[b]) & (table.camera[a] != table.camera[b]) & (apart < REACH)
    one, other, apart = table.camera[a[step]], table.camera[b[step]], apart[step]
    pair, signed = np.sort(np.stack([one, other], axis=1), axis=1), np.where(one < other, apart, -apart)
    return {(int(x), int(y)): signed[(pair == [x, y]).all(axis=1)] for x, y in np.unique(pair, axis=0)}
