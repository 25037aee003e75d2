"""`Linker`: visits in, decisions out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from aggregator.linking.ids import IdAllocator
from aggregator.linking.settings import LinkingSettings
from aggregator.linking.table import VisitTable
from aggregator.linking.topology import Topology
from aggregator.visit import Decision, Rival, Visit, global_id

Floats = NDArray[np.float64]


class Linker:
    """Gives every mature visit an identity, and repairs what it gave.

    Plain values in and out; not safe to call from several threads at once.

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
        self._cameras: dict[str, int] = {}
        self._tables: dict[tuple[str, str, int], VisitTable] = {}
        self._typical: dict[int, tuple[int, float, float]] = {}

    def restore(self, rows: Iterable[tuple[Visit, int]], merged: Mapping[int, int]) -> None:
        """Take over what a store knows: visits with their identity (0: none), and ids that were merged into others.

        Give the visits in order of their numbers; what follows is then decided as if nothing had stopped.
        """
        self.merged.update(merged)
        for visit, identity in rows:
            table = self._table(visit)
            row = self._put(table, visit)  # first: it may grow the columns
            table.identity[row] = identity
            self.ids.skip(identity)
        for identity in (*merged, *merged.values()):
            self.ids.skip(identity)

    def observe(self, visits: Sequence[Visit], now: float) -> list[Decision]:  # noqa: ARG002
        """New visits, or known ones that have grown. One decision for each visit that now gets an identity.

        Args:
            visits: they compete for identities and are assigned jointly; at most one of each number.
            now: UTC seconds.
        """
        decisions: list[Decision] = []
        groups: dict[tuple[str, str, int], list[Visit]] = {}
        for visit in visits:
            groups.setdefault((visit.model, visit.label, len(visit.embedding)), []).append(visit)
        for group in groups.values():
            table = self._table(group[0])
            rows = np.array([self._put(table, visit) for visit in group])
            ripe = (table.identity[rows] == 0) & (table.frames[rows] >= self.settings.min_frames)
            decisions += self._assign(table, rows[ripe])
        return decisions

    def resolve(self, now: float) -> list[Decision]:  # noqa: ARG002
        """Solve the recent past anew and say what must be repaired: merges and splits."""
        return []

    def identity_of(self, identity: int) -> int:
        """Where an id that may have been merged stands today."""
        while identity in self.merged:
            identity = self.merged[identity]
        return identity

    def _table(self, visit: Visit) -> VisitTable:
        key = (visit.model, visit.label, len(visit.embedding))
        if key not in self._tables:
            self._tables[key] = VisitTable(len(visit.embedding))
        return self._tables[key]

    def _put(self, table: VisitTable, visit: Visit) -> int:
        shift = self.topology.offsets.get(visit.camera, 0.0) if self.topology else 0.0
        camera = self._cameras.setdefault(visit.camera, len(self._cameras))
        return table.put(visit, camera, visit.start + shift, visit.end + shift)

    def _assign(self, table: VisitTable, rows: NDArray[np.int_]) -> list[Decision]:
        """Joint assignment of `rows` to the identities that could be theirs, or to new ones."""
        if not len(rows):
            return []
        live = self.settings.time_to_live
        seen = table.between(float(table.start[rows].min()) - live, float(table.end[rows].max()) + live)
        seen = seen[table.identity[seen] > 0]
        names, column = np.unique(table.identity[seen], return_inverse=True)
        score = self._scores(table, rows, seen)
        # An identity is as alike as its visits are on average, the likeliest half of them; impossible if one is.
        identity = np.full((len(rows), len(names)), -np.inf)
        for j in range(len(names)):
            part = np.sort(score[:, column == j], axis=1)[:, ::-1]
            kept = part[:, : (part.shape[1] + 1) // 2].mean(axis=1)
            identity[:, j] = np.where(np.isneginf(part).any(axis=1), -np.inf, kept)
        prior = -np.log(max(1, len(names))) if table.dimensions else 0.0
        logit = identity + prior
        floor = float(np.log(self.settings.confidence / (1 - self.settings.confidence)))
        cost = np.hstack([np.where(logit > floor, -logit, 1e6), np.zeros((len(rows), len(rows))) - floor])
        _, chosen = linear_sum_assignment(cost)
        return [
            self._decide(table, int(row), logit[k], identity[k], names, int(chosen[k])) for k, row in enumerate(rows)
        ]

    def _decide(
        self, table: VisitTable, row: int, logit: Floats, score: Floats, names: NDArray[np.int64], chosen: int
    ) -> Decision:
        weight = np.exp(np.append(logit, 0.0) - max(0.0, float(logit.max(initial=0.0))))
        weight /= weight.sum()
        linked = chosen < len(names) and np.isfinite(logit[chosen])
        identity = int(names[chosen]) if linked else self.ids.take()
        table.identity[row] = identity
        order = [int(j) for j in np.argsort(-logit, kind="stable") if not (linked and j == chosen)]
        rivals = tuple(
            Rival(identity=int(names[j]), score=float(score[j]), probability=float(weight[j]))
            for j in order[: self.settings.rivals]
            if np.isfinite(score[j])
        )
        best = float(score[order[0]]) if order and np.isfinite(score[order[0]]) else 0.0
        return Decision(
            operation="link" if linked else "new",
            visit=int(table.visit[row]),
            identity=identity,
            score=float(score[chosen]) if linked else -best,
            confidence=float(weight[chosen] if linked else weight[-1]),
            rivals=rivals,
            reason={
                "candidates": float(np.isfinite(score).sum()),
                "words": f"like {global_id(identity)}" if linked else "like nobody seen lately",
            },
        )

    def _scores(self, table: VisitTable, rows: NDArray[np.int_], seen: NDArray[np.intp]) -> Floats:
        """Log-likelihood ratio same : other, (rows, seen); -inf where one body would be in two places of a camera."""
        gap = np.maximum(
            table.start[seen][None] - table.end[rows][:, None], table.start[rows][:, None] - table.end[seen][None]
        )
        same = table.camera[rows][:, None] == table.camera[seen][None]
        possible = ~same | (gap > self.settings.reentry)
        if self.topology is not None:
            possible &= self._walkable(table, rows, seen) | same
        if not table.dimensions:
            return np.where(possible, 0.0, -np.inf)
        cosine = (table.embedding[rows] @ table.embedding[seen].T).astype(np.float64)
        middle, spread = self._strangers(table)
        alike = middle + 0.55 * (1 - middle)
        ratio = (0.5 * ((cosine - middle) / spread) ** 2 - 0.5 * ((cosine - alike) / spread) ** 2).clip(-12, 12)
        return np.where(possible, ratio, -np.inf)

    def _strangers(self, table: VisitTable) -> tuple[float, float]:
        """Middle and spread of the cosine of two visits picked at random: nearly always of two people."""
        known = self._typical.get(id(table))
        if known is None or len(table) > 1.1 * known[0]:
            some = table.embedding[-400:]
            cosine = (some @ some.T)[np.triu_indices(len(some), 1)]
            middle = float(np.median(cosine)) if len(cosine) else 0.0
            spread = float(1.48 * np.median(abs(cosine - middle))) if len(cosine) else 0.0
            known = self._typical[id(table)] = (len(table), middle, max(0.05, spread))
        return known[1], known[2]

    def _walkable(self, table: VisitTable, rows: NDArray[np.int_], seen: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Whether the layout lets one walk from the one visit to the other, either way, over any cameras between."""
        assert self.topology is not None
        names = list(self._cameras)
        least = np.zeros((len(names), len(names)))
        for i, a in enumerate(names):
            for j, b in enumerate(names):
                window = self.topology.window(a, b)
                least[i, j] = window[0] if window else 0.0
        here, there = table.camera[rows][:, None], table.camera[seen][None]
        onward = table.start[seen][None] - table.end[rows][:, None]
        back = table.start[rows][:, None] - table.end[seen][None]
        walkable: NDArray[np.bool_] = (onward >= least[here, there]) | (back >= least[there, here])
        return walkable
