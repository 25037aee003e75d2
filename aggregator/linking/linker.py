"""`Linker`: visits in, decisions out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from aggregator.linking.around import Around
from aggregator.linking.assign import NOBODY, Candidates, choose, weigh
from aggregator.linking.compare import Limits
from aggregator.linking.constraints import Constraints, Said
from aggregator.linking.explain import Here
from aggregator.linking.groups import in_time, take_some
from aggregator.linking.ids import IdAllocator
from aggregator.linking.partition import Partition
from aggregator.linking.reasons import linked, merged, moved, new
from aggregator.linking.repair import plan, solve
from aggregator.linking.settings import LinkingSettings
from aggregator.linking.sparse import Sparse
from aggregator.linking.table import Rows
from aggregator.linking.together import Together
from aggregator.linking.topology import Topology
from aggregator.linking.watch import Notice
from aggregator.linking.ways import SiteMap, find_ways, read_clocks
from aggregator.visit import Decision, Visit

WHOLE = 5000
"""Visits that are solved anew together at most: cost and memory grow with the square."""
FIXED = 1000
"""So many earlier visits of the same people may be among them in any case."""
TOGETHER = 64
"""New visits that are compared with all others at once, unless more of them come at once."""
NEAR = 2.0
"""An identity is looked at again when this much less speaks for a new visit's being of it than would link them."""
CROWD = 0.7
"""How much caution grows with the logarithm of the visits compared, from 100 on."""


class Linker:
    """Gives every mature visit an identity, and repairs what it gave.

    Plain values in and out; not safe to call from several threads at once. Time is the visits' own: a recording that
    is replayed fast, or late, is linked as it would have been live.

    Args:
        settings: see `LinkingSettings`.
        topology: transit times that a person has written down; None: they are learned.
        ids: gives out new identities.
    """

    def __init__(self, settings: LinkingSettings, topology: Topology | None, ids: IdAllocator) -> None:
        self.settings = settings
        self.topology = topology
        self.ids = ids
        self.merged: dict[int, int] = {}
        self.constraints = Constraints()
        self._cameras: dict[str, int] = {}
        self._limits = Limits([], topology, settings.reentry)
        self._partitions: dict[tuple[str, str, int], Partition] = {}
        self._notices: list[Notice] = []

    def restore(
        self, rows: Iterable[tuple[Visit, int]], merged: Mapping[int, int], said: Sequence[Said] = (),
        seen: Mapping[tuple[str, str, int], int] | None = None,
    ) -> None:
        """Take over what a store knows.

        Args:
            rows: visits with their identity (0: none), in order of their numbers: those that are still compared with,
                and the latest, from which the last lesson was taken.
            merged: ids that were merged into others.
            said: what people said.
            seen: as `seen` says it, of all visits that ever were; None where `rows` are all of them.
        """
        self.merged.update(merged)
        self.constraints.say(said, {})
        for visit, identity in rows:
            self.constraints.move(visit.visit, identity)
            partition = self._partition(visit)
            row = self._put(partition, visit)  # first: it may grow the columns
            partition.table.identity[row] = identity
            partition.seen += bool(partition.table.ripe[row] and identity)
            self.ids.skip(identity)
        for identity in (*merged, *merged.values()):
            self.ids.skip(identity)
        for kind, partition in self._partitions.items():
            partition.remember((seen or {}).get(kind, 0))
            if self.settings.learn:
                partition.learn_if_due(len(self._cameras), self.settings.sample, self.settings.time_to_live)
            partition.forget_before(partition.head - self.settings.time_to_live, self.settings.sample)
            table = partition.table
            if not partition.evidence.learned_from:
                table.place(np.arange(len(table)), partition.evidence)
            partition.compared = len(table.between(partition.head - self.settings.time_to_live, np.inf))
            recent = table.between(partition.head - self.settings.resolve_window, np.inf)
            partition.touched, partition.relearned = set(table.visit[recent].tolist()), False

    def observe(self, visits: Sequence[Visit], now: float) -> list[Decision]:  # noqa: ARG002
        """New visits, or known ones that have grown. One decision for each visit that now gets an identity.

        Args:
            visits: at most one of each number. They are taken in the order of their ends; those that one camera saw
                until about the same time compete for identities, and are assigned jointly.
            now: UTC seconds.
        """
        decisions: list[Decision] = []
        of: dict[int, tuple[Partition, list[Visit]]] = {}
        for visit in visits:
            partition = self._partition(visit)
            of.setdefault(id(partition), (partition, []))[1].append(visit)
        for partition, theirs in of.values():
            groups = in_time(theirs, self.settings.joint_s)
            # Those that are known already and have grown are not decided about.
            sizes = [sum(not partition.table.identity_of(visit.visit) for visit in group) for group in groups]
            while groups:
                # What is due after so many visits comes after so many, however many come at once.
                most = min(TOGETHER, partition.until_due() if self.settings.learn else TOGETHER)
                decisions += self._observe(partition, take_some(groups, sizes, most))
        return decisions

    def _observe(self, partition: Partition, groups: Sequence[Sequence[Visit]]) -> list[Decision]:
        """Visits that come together; those of a group compete where one camera saw them."""
        table = partition.table
        rows = np.array([self._put(partition, visit) for group in groups for visit in group], np.intp)
        known = table.identity[rows] > 0
        table.place(rows[known & ~table.placed[rows]], partition.evidence)  # those that have grown
        ripe, parts, at = ~known & table.ripe[rows], list[Rows](), 0
        for group in groups:
            some = slice(at, at := at + len(group))
            if ripe[some].any():
                parts += self._competing(partition, rows[some][ripe[some]])
        if not parts:
            return []  # who has no identity and will not get one yet is compared with nobody
        # Who gets one now is placed among those known now, whether the last lesson had placed them or not: a restart
        # learns that lesson anew.
        new = np.concatenate(parts)
        table.place(new, partition.evidence)
        decisions = self._assign_all(partition, parts, new)
        partition.seen += len(new)
        if self.settings.learn:
            partition.learn_if_due(len(self._cameras), self.settings.sample, self.settings.time_to_live)
            self._notices += partition.look_out()
        return decisions

    def notices(self) -> list[tuple[str, str, dict[str, float]]]:
        """What a person should look at, each once: kind (`clock_jumped`, `camera_moved`), camera, and by how many
        `seconds` its clock is ahead of what it was, or its ways longer; `after` when (seconds, the common clock)."""
        names = list(self._cameras)
        out = []
        for one in self._notices:
            when = {"after": one.after} if np.isfinite(one.after) else {}
            out.append((str(one.kind), names[one.camera], {"seconds": round(one.seconds, 1)} | when))
        self._notices = []
        return out

    def resolve(self, now: float, *, whole: bool = False) -> list[Decision]:  # noqa: ARG002
        """Solve the recent past anew and say what must be repaired: merges and splits.

        Args:
            now: UTC seconds.
            whole: solve everything that is remembered (the latest of it, if that is very much), having learned once
                more; for the end of a recording, or a quiet hour.
        """
        decisions: list[Decision] = []
        for partition in self._partitions.values():
            if not partition.table.dimensions or not (partition.changed or whole):
                continue
            partition.changed = False
            partition.forget_before(partition.head - self.settings.time_to_live, self.settings.sample)
            if whole and self.settings.learn:
                partition.learn_whole(len(self._cameras), self.settings.sample)
            # With new eyes everything is looked at anew.
            deep = whole or partition.relearned
            partition.relearned = False
            window = self.settings.time_to_live if deep else self.settings.resolve_window
            decisions += self._repair(partition, np.inf if whole else window, deep)
        return decisions

    def redecide(self, visit: int) -> Decision | None:
        """Decide again who a visit is, within what people said; None when it was forgotten, or is not mature."""
        for partition in self._partitions.values():
            row = partition.table.row_of.get(visit, -1)
            if row >= 0 and partition.table.ripe[row]:
                partition.table.identity[row] = 0
                one = np.array([row])
                return self._assign_all(partition, [one], one)[0]
        return None

    def correct(
        self,
        decisions: Sequence[Decision],
        *,
        said: Sequence[Said] = (),
        identity: Mapping[int, int] | None = None,
        undone: int = 0,
    ) -> None:
        """Carry out what a person decided, and keep to it.

        Args:
            decisions: that follow from it: `merge`, and whose visits are (`split`, `confirm`, `restore`).
            said: what holds from now on.
            identity: of the visits that `said` speaks of, before the decisions; visits may have been forgotten here.
            undone: number of the correction that holds no more; 0 for none.
        """
        spoken = [*self.constraints.take_back(undone), *(identity or {})]
        self.constraints.say(said, identity or {})
        for partition in self._partitions.values():
            partition.changed = True
            partition.touched.update(visit for visit in spoken if visit in partition.table.row_of)
        for decision in decisions:
            self.ids.skip(decision.identity)
            if decision.operation == "merge":
                self.merged[decision.other] = decision.identity
            else:  # to give a visit to an identity that was merged brings that one back
                self.merged.pop(decision.identity, None)
                self.constraints.move(decision.visit, decision.identity)
            for partition in self._partitions.values():
                table = partition.table
                if decision.operation == "merge":
                    table.identity[table.identity == decision.other] = decision.identity
                elif (row := table.row_of.get(decision.visit, -1)) >= 0:
                    table.identity[row], table.confidence[row] = decision.identity, decision.confidence
                    table.place(np.array([row]), partition.evidence)
                    partition.touched.add(decision.visit)

    def seen(self) -> dict[tuple[str, str, int], int]:
        """How many visits ever got an identity: by fingerprint of the network, label, and length of embedding."""
        return {kind: partition.seen for kind, partition in self._partitions.items()}

    def knows(self, visits: Iterable[int]) -> bool:
        """Whether any of these visits is still compared with, or learned from."""
        return any(visit in partition.table.row_of for visit in visits for partition in self._partitions.values())

    def identity_of(self, identity: int) -> int:
        """Where an id that may have been merged stands today."""
        while identity in self.merged:
            identity = self.merged[identity]
        return identity

    def site_map(self) -> SiteMap:
        """What was learned of the ways between the cameras, and of their clocks: of the kind of visits seen most."""
        names = list(self._cameras)
        if not self._partitions:
            return SiteMap(ways=(), clocks=())
        partition = max(self._partitions.values(), key=lambda one: one.seen)
        table = partition.table
        return SiteMap(
            ways=find_ways(names, table.camera, table.identity, table.start, table.end, self.settings.time_to_live),
            clocks=read_clocks(names, partition.evidence.clocks, self.topology),
        )

    def standing(self) -> list[tuple[int, int, float]]:
        """(visit, identity, confidence) of all visits that are still compared with."""
        return [
            (int(visit), int(identity), float(confidence))
            for partition in self._partitions.values()
            for visit, identity, confidence in zip(
                partition.table.visit, partition.table.identity, partition.table.confidence, strict=True
            )
            if identity
        ]

    def _partition(self, visit: Visit) -> Partition:
        key = (visit.model, visit.label, len(visit.embedding))
        if key not in self._partitions:
            self._partitions[key] = Partition(len(visit.embedding), clocks_given=self.topology is not None)
        return self._partitions[key]

    def _put(self, partition: Partition, visit: Visit) -> int:
        shift = self.topology.offsets.get(visit.camera, 0.0) if self.topology else 0.0
        if visit.camera not in self._cameras:
            self._cameras[visit.camera] = len(self._cameras)
            self._limits = Limits(list(self._cameras), self.topology, self.settings.reentry)
        shift += partition.clock(self._cameras[visit.camera])
        partition.head = max(partition.head, visit.end + shift)
        partition.changed = True
        partition.touched.add(visit.visit)
        ripe = visit.frames >= self.settings.min_frames
        doors = self.topology.doors_of(visit.camera, visit.zones) if self.topology and visit.zones else (0, 0)
        return partition.table.put(
            visit, self._cameras[visit.camera], visit.start + shift, visit.end + shift, ripe, doors)

    def _competing(self, partition: Partition, rows: Rows) -> list[Rows]:
        """Visits in the order of their ends, those together that one camera saw at once: they are different people."""
        if len(rows) == 1:
            return [rows]
        table = partition.table
        parts: list[list[int]] = []
        of_camera: dict[int, list[list[int]]] = {}
        rows = rows[np.argsort(table.end[rows], kind="stable")]
        for row, camera, start in zip(
            rows.tolist(), table.camera[rows].tolist(), table.start[rows].tolist(), strict=True
        ):
            theirs = of_camera.setdefault(camera, [])
            for part in theirs:
                if start <= table.end[part[0]]:  # it ended before the others of its part
                    part.append(row)
                    break
            else:
                parts.append([row])
                theirs.append(parts[-1])
        return [np.array(part, np.intp) for part in parts]

    def _assign_all(self, partition: Partition, parts: Sequence[Rows], rows: Rows) -> list[Decision]:
        """Decide part by part, `rows` are those of all; those of a part compete."""
        table, settings = partition.table, self.settings
        decisions: list[Decision] = []
        around = Around.of(table, rows, settings.time_to_live)
        known, at = len(around.known), 0
        together = None
        if table.dimensions:
            partition.compared = known
            # Where no walk alone says so much, one of an identity's visits must look more like this one than not.
            few = partition.evidence.likeliest <= self._caution(partition) and not table.faces
            if few and self.constraints.looks(table.visit[around.everybody(len(rows))]) is None:
                together = Together(table, around, partition.evidence, self._limits, settings.dependence)
        for part in parts:
            if table.dimensions:
                partition.compared = known + at
            decisions += self._assign(partition, part, around, slice(at, at := at + len(part)), together)
        return decisions

    def _assign(
        self, partition: Partition, rows: Rows, around: Around, these: slice, together: Together | None
    ) -> list[Decision]:
        table, settings = partition.table, self.settings
        caution, evidence = self._caution(partition), partition.evidence
        options: list[Candidates] = [NOBODY] * len(rows)
        numbers = table.visit[rows].tolist()
        if table.dimensions:
            barred = [self.constraints.barred(visit, self.identity_of) for visit in numbers]
            if together:
                options = [together.candidates(these.start + k, names) for k, names in enumerate(barred)]
            elif len(others := around.everybody(these.start)):
                said = self.constraints.looks(table.visit[others])
                weighed = weigh(table, rows, others, evidence, self._limits, settings.dependence, caution, said)
                options = weighed.candidates(barred)
        decisions, cameras = [], list(self._cameras)
        for k, (row, visit, option, chosen) in enumerate(
            zip(rows.tolist(), numbers, options, choose(options, caution), strict=True), these.start
        ):
            if chosen >= 0:
                theirs = around.visits_of(table, int(option.identity[chosen]), these.start)
                here = Here(row, theirs, table, evidence, cameras)
                decision = linked(visit, option, chosen, caution, settings.rivals, here)
                if table.faces:
                    theirs = np.flatnonzero(table.identity == decision.identity)
                    if (alike := table.faces.likest(row, theirs)) is not None:
                        decision.reason["face"] = round(alike, 3)
            else:
                decision = new(visit, self.ids.take(), option, caution, settings.rivals)
            table.identity[row], table.confidence[row] = decision.identity, decision.confidence
            decisions.append(decision)
            self.constraints.move(visit, decision.identity)
            if together:
                together.decide(k, decision.identity)
        return decisions

    def _caution(self, partition: Partition) -> float:
        """The more there are, the more look alike by chance, in ways that no two at a time can tell."""
        return self.settings.caution + CROWD * math.log(max(1.0, partition.compared / 100))

    def _concerned(self, partition: Partition, recent: Rows) -> NDArray[np.int64]:
        """Identities of visits that came or grew since the last repair, and those that they might be as well: the
        others were weighed then, and nothing new speaks for or against them."""
        table = partition.table
        rows = np.array([table.row_of[visit] for visit in partition.touched if visit in table.row_of], np.intp)
        rows = np.sort(rows[table.identity[rows] > 0])
        if not len(rows) or not len(recent):
            return np.zeros(0, np.int64)
        least, limits, dependence = self._caution(partition) - NEAR, self._limits, self.settings.dependence
        said = self.constraints.looks(table.visit[recent])
        few = partition.evidence.likeliest <= least and not table.faces and said is None
        around = Around.among(table, rows, recent, slice(int(recent.min()), int(recent.max()) + 1))
        names = [table.identity[rows]]
        # Some at a time: what is between stays in the processor's cache.
        for at in range(0, len(rows), TOGETHER):
            some = rows[at : at + TOGETHER]
            if few:
                near = Sparse.of(table, replace(around, rows=some), partition.evidence, limits, dependence)
                names.append(around.name[near.slot[near.odds > least]])
            else:
                weighed = weigh(table, some, recent, partition.evidence, limits, dependence, least, said)
                names.append(weighed.identity[(weighed.odds > least).any(axis=0)])
        return np.unique(np.concatenate(names))

    def _repair(self, partition: Partition, window: float, deep: bool) -> list[Decision]:
        table, settings = partition.table, self.settings
        recent = table.between(partition.head - window, np.inf)
        fresh = recent[table.identity[recent] > 0]
        if len(fresh) > WHOLE:
            fresh = fresh[FIXED - WHOLE :]
        names = np.unique(table.identity[fresh])
        if not deep:
            names = self._concerned(partition, fresh)
            fresh = fresh[np.isin(table.identity[fresh], names)]
        partition.touched.clear()
        if deep:
            partition.compared = max(partition.compared, len(fresh))
        if len(fresh) < 2:
            return []
        older = np.ones(len(table), bool)
        older[fresh] = False
        fixed = np.flatnonzero(older & np.isin(table.identity, names))[-max(WHOLE - len(fresh), FIXED) :]
        rows = np.concatenate([fresh, fixed])
        one, apart = self.constraints.among(table.visit[rows])
        cluster, sure = solve(
            table, fresh, fixed, partition.evidence, self._limits,
            caution=self._caution(partition), dependence=settings.dependence, linkage=settings.linkage,
            group=one, looks=self.constraints.looks(table.visit[rows]), apart=apart,
        )
        repair = self.constraints.allow(plan(table.identity[rows], cluster), table.visit[rows], self.identity_of)
        # Of whom people said who they are, that stays as sure as people were.
        table.confidence[rows] = np.where(one < 0, sure, table.confidence[rows])
        decisions: list[Decision] = []
        born: dict[int, int] = {}
        for index, leaves, goes, group in repair.moves:
            row = int(rows[index])
            identity = goes or born.get(group) or born.setdefault(group, self.ids.take())
            decisions.append(moved(int(table.visit[row]), leaves, identity, float(sure[index])))
            table.identity[row] = identity
            self.constraints.move(int(table.visit[row]), identity)
        for stays, folded in repair.merges:
            theirs = np.flatnonzero(table.identity == folded)
            decisions.append(merged(
                int(table.visit[theirs[-1]]), stays, folded, float(table.confidence[theirs].mean())))
            table.identity[theirs] = stays
            self.merged[folded] = stays
        return decisions
