"""`Partition`: all visits of one model and one label, what was learned from them, and when to learn again."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from aggregator.linking.calibrate import Sample, learn, starting
from aggregator.linking.clocks import Clocks
from aggregator.linking.evidence import Evidence
from aggregator.linking.table import Rows, VisitTable
from aggregator.linking.watch import Notice, Watch

FIRST_LESSON = 8
"""Visits before anything is learned."""
GROWTH = 1.5
"""The next lesson comes when so many times as many visits were seen,"""
GROWN = 2.0
"""or so many times from `MANY` on, where it costs more and teaches less; or two samples' worth of new ones."""
LESSON_S = 600.0
"""Seconds of the stream that lessons are apart, about, where so many visits come that they would be due more often.
Ways and light change no faster, and each lesson looks anew at all who are remembered."""
MANY = 400
MEET = 8
"""The cohort is renewed when a so manieth part of all visits is new,"""
MEET_AT_MOST = 500
"""or so many visits."""
MADE_UP_FOR = 64
"""Of the meetings since the last lesson, who starts anew holds so many."""


class Partition:
    """The visits that can be compared with one another.

    Args:
        dimensions: of the embeddings; 0 for visits without.
        clocks_given: a layout says what the cameras' clocks are; none are learned on top of that.
    """

    def __init__(self, dimensions: int, *, clocks_given: bool = False) -> None:
        self.table = VisitTable(dimensions)
        self.evidence: Evidence = starting(dimensions)
        self.seen = 0
        """Mature visits that ever got an identity here; what decides when to learn."""
        self.next_lesson = FIRST_LESSON
        self.next_meeting = FIRST_LESSON
        """Visits at which the cohort is renewed."""
        self._met = 0
        """Visits at the last meeting, or lesson."""
        self.compared = 0
        """With how many visits the latest one was compared."""
        self.watch = Watch()
        self._clocks_given = clocks_given
        self._steps: dict[int, float] = {}
        """Seconds to add to the times of cameras whose clocks jumped, since then."""
        self._forgotten = 0
        self.head = -np.inf
        """Latest time in the stream."""
        self.changed = False
        """Whether anything came since the last repair."""
        self.touched: set[int] = set()
        """Numbers of visits that came or grew since the last repair."""
        self.relearned = False
        """Whether anything was learned since the last repair."""

    def remember(self, seen: int) -> None:
        """As many visits ever got an identity as were `seen`, of which the latest are here."""
        self._forgotten, self.seen = max(0, seen - self.seen), max(seen, self.seen)

    def until_due(self) -> float:
        """After how many more visits something is due: a lesson, other members of the cohort, a look at the clocks."""
        if not self.table.dimensions:
            return np.inf
        return max(1, min(self.next_lesson, self.next_meeting, self.watch.next) - self.seen)

    def learn_if_due(self, cameras: int, sample: int, live: float) -> None:
        """Learn once enough is new.

        Lessons come after fixed numbers of visits and are taken from just these, so that who starts anew from a store
        knows what who never stopped knows. Between lessons the cohort is renewed in the same way: those whom visits
        were learned from had met friends there, and who comes new must, too, or all the world looks alike to them.

        Args:
            cameras: how many there are.
            sample: latest visits that are learned from.
            live: seconds of the past that visits are compared with.
        """
        if not self.table.dimensions:
            return
        due, reached, meetings = 0, 0, list[int]()
        while self.seen >= self.next_lesson:
            reached = self.next_lesson
            self.next_lesson = min(int((GROWTH if reached < MANY else GROWN) * reached), reached + 2 * sample)
            if self._worth_it(reached, 2 * sample):
                due, self.next_meeting = reached, _next_meeting(reached)
        while self.seen >= self.next_meeting:
            meetings.append(self.next_meeting)
            self.next_meeting = _next_meeting(self.next_meeting)
        if due and len(self._came(due - sample, due)) < min(due, sample) // 2:
            due = reached  # from what is remembered of a very busy time
        if due:
            self._met = due
            self._learn(self._came(0, due)[-sample:], cameras)
        if self.evidence.learned_from:
            for meeting in meetings[-MADE_UP_FOR:]:
                # Who starts anew from a store has several to make up for.
                until = None if meeting == meetings[-1] else meeting
                self._meet(self._came(0, meeting)[-sample:], self._came(self._met, until), live)
                self._met = meeting

    def _worth_it(self, due: int, apart: int) -> bool:
        """Whether the lesson after `due` visits is held. Where they come, `apart` visits from one another, more often
        than they teach, one in two, four, eight … is. It follows from these visits alone, so that who starts anew holds
        the same."""
        rows = self._came(due - apart, due)
        if due < 2 * apart or len(rows) < 2:
            return True
        # Of half of them, as a clock that is wrong must not say how long it took.
        took = 2 * float(np.subtract(*np.percentile(self.table.end[rows], (75, 25))))
        often = 1 << int(math.log2(max(1.0, LESSON_S / max(took, 1e-3))))
        return due // apart % often == 0

    def _came(self, since: int, until: int | None) -> Rows:
        """Of the mature visits that ever came the rows of those after the first `since`, up to the first `until` or
        all; as far as they are remembered."""
        rows: Rows = np.flatnonzero(self.table.ripe)
        return rows[max(0, since - self._forgotten) : None if until is None else max(0, until - self._forgotten)]

    def _meet(self, members: Rows, new: Rows, live: float) -> None:
        """Compare with the visits `members` from now on, those as well that are new since the last meeting."""
        table = self.table
        self.evidence = replace(self.evidence, cohort=self.evidence.cohort.renewed(table.projected[members]))
        if len(new):
            # As far back as anything is compared: long visits look back from their start.
            longest = float((table.end - table.start).max())
            table.place(new[table.end[new] >= self.head - live - longest], self.evidence)

    def look_out(self) -> list[Notice]:
        """What has happened to cameras, once enough is new. Of a clock that jumped, the times since are put right."""
        if self.seen < self.watch.next or not self.table.dimensions:
            return []
        table = self.table
        notices = self.watch.look(table, self.evidence, np.flatnonzero(table.ripe), self.seen)
        for notice in notices:
            if notice.kind == "clock_jumped":
                self._steps[notice.camera] = self._steps.get(notice.camera, 0.0) - notice.seconds
                since = (table.camera == notice.camera) & (table.end > notice.after)
                table.shift(np.where(since, -notice.seconds, 0.0))
                self.head = float(table.end.max())
        return notices

    def clock(self, camera: int) -> float:
        """Seconds to add to one camera's times from now on, as far as was learned."""
        offset = self.evidence.clocks.offset
        return (float(offset[camera]) if camera < len(offset) else 0.0) + self._steps.get(camera, 0.0)

    def learn_whole(self, cameras: int, sample: int) -> None:
        """Learn from visits of all the time that is remembered."""
        rows = np.flatnonzero(self.table.ripe)
        if len(rows) > sample:
            rows = rows[np.linspace(0, len(rows) - 1, sample).astype(np.intp)]
        # Of so many visits few are of one person, so it takes the clocks as they are known and looks for what is left.
        self._learn(rows, cameras, self.evidence.clocks)

    def _learn(self, rows: Rows, cameras: int, known: Clocks | None = None) -> None:
        """Learn from some visits, with clocks of which nothing is `known`, or so much."""
        table = self.table
        if len(rows) < 2:
            return
        before, known = self.evidence.clocks, known or Clocks.right(0)
        off = before.of(table.camera[rows]) - known.of(table.camera[rows])
        order = np.argsort(table.start[rows] - off, kind="stable")
        rows, off = rows[order], off[order]
        self.evidence, placed = learn(
            Sample(
                embedding=table.embedding[rows].astype(np.float32),
                camera=table.camera[rows],
                start=table.start[rows] - off,
                end=table.end[rows] - off,
                cameras=cameras,
            ),
            clocks=not self._clocks_given,
        )
        self.evidence = replace(self.evidence, clocks=self.evidence.clocks.on_top_of(known))
        self.relearned = True
        moved = self.evidence.clocks.of(table.camera) - before.of(table.camera)
        if moved.any():
            table.shift(moved)
            self.head = float(table.end.max())
        # And look at all others with the new eyes.
        others = np.ones(len(table), bool)
        others[rows] = False
        table.place(np.flatnonzero(others), self.evidence)
        table.take(rows, placed.projected, placed.level, placed.scale)

    def forget_before(self, time: float, sample: int) -> None:
        """Drop what ended before `time`, once that is half of all; but of the latest, as much as is learned from."""
        table = self.table
        old = table.end < time
        old[max(0, len(table) - sample) :] = False
        if int(old.sum()) > max(1024, len(table) // 2):
            self._forgotten += int((old & table.ripe).sum())
            table.keep(np.flatnonzero(~old))


def _next_meeting(seen: int) -> int:
    return seen + min(MEET_AT_MOST, max(2, seen // MEET))
