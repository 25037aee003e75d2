"""`Gallery`: everybody whom one model ever embedded. Time-ordered columns for exact search, a graph for the rest."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aggregator.linking.graph import Graph
from aggregator.linking.vectors import Floats, Rows, Vectors

Found = tuple[int, int, float]
"""(visit, identity, cosine)."""

EXACT_BELOW = 4096
"""With fewer rows than this, looking at all of them is faster than a graph and finds everything."""
EXACT_ROWS = 120_000
"""So few rows within the asked time and cameras are all looked at: that takes no longer than what the graph needs to
find enough of them among all others."""
MOST_CANDIDATES = 4000
"""With a filter that would need more candidates than this from the graph, all rows within it are looked at."""
BLOCK = 1024
"""Rows that have one entry of what time they span."""
ALIKE = 0.9
"""A visit this much like an earlier one of its identity is found through that one: who stands at a counter all day
must not be all the neighbours that others have."""
LEADERS = 16
"""Latest prototypes of an identity that a new visit of it is compared with."""
DEAD_SHARE = 0.25
"""Rows that no longer count before they are taken out."""
REFIT = 4.0
"""The graph is built anew, with directions chosen anew, when there are so many times as many rows."""

_COLUMNS = ("visit", "identity", "camera", "start", "end", "alive", "follower", "older")


class Gallery:
    """Rows are added at the end; a visit that grew gets a new row, unless its old one is not in the graph yet.

    Any thread may call anything; one at a time should call `maintain`.

    Args:
        dimensions: of the embeddings.
        ef: how many neighbours the graph looks at; more finds more and takes longer.
    """

    def __init__(self, dimensions: int, ef: int) -> None:
        self.dimensions = dimensions
        self.ef = ef
        self.lock = threading.RLock()
        self.row_of: dict[int, int] = {}
        self.camera_of: dict[str, int] = {}
        self.graph: Graph | None = None
        self.through = 0
        """Rows before this one are in the graph, or found through one that is."""
        self._frozen = 0
        """Rows before this one do not change any more: the graph copies them, or has."""
        self._erase = False
        self._fitted = 0
        self._leader: dict[int, int] = {}
        self.rows = 0
        self.visit = np.zeros(BLOCK, np.int64)
        self.identity = np.zeros(BLOCK, np.int64)
        self.camera = np.zeros(BLOCK, np.int16)
        self.start = np.zeros(BLOCK)
        self.end = np.zeros(BLOCK)
        self.alive = np.zeros(BLOCK, bool)
        self.follower = np.full(BLOCK, -1, np.int32)
        self.older = np.full(BLOCK, -1, np.int32)
        self.first = np.full(1, np.inf)
        self.last = np.full(1, -np.inf)
        self.vectors = Vectors(dimensions)

    @property
    def count(self) -> int:
        """Visits."""
        return len(self.row_of)

    @property
    def nbytes(self) -> int:
        """Of memory, about; a visit's place in a dictionary counts for 100."""
        columns = sum(getattr(self, name).nbytes for name in _COLUMNS)
        graph = self.graph.nbytes if self.graph else 0
        return int(self.vectors.nbytes + columns + graph + 100 * (len(self.row_of) + len(self._leader)))

    def add(self, visits: Sequence[int], identities: Sequence[int], vectors: Floats, cameras: Sequence[str],
            starts: Sequence[float], ends: Sequence[float]) -> None:
        """See `HistoryIndex.add`."""
        with self.lock:
            new: dict[int, int] = {}
            grown: dict[int, int] = {}
            for k, visit in enumerate(visits):
                row = self.row_of.get(visit, -1)
                if row < self._frozen:
                    if row >= 0:
                        self.alive[row] = False
                    new[visit] = k  # the last word counts
                else:
                    grown[row] = k
            if grown:
                rows, order = np.fromiter(grown, np.int64), list(grown.values())
                self.vectors.put(rows, vectors[order])
                self._say(rows, order, identities, cameras, starts, ends)
            if not new:
                return
            rows, order = self.rows + np.arange(len(new)), list(new.values())
            while self.rows + len(new) > len(self.visit):
                self._grow()
            self.vectors.append(vectors[order])
            self.row_of.update(zip(new, rows.tolist(), strict=True))
            self.visit[rows], self.alive[rows] = list(new), True
            self._say(rows, order, identities, cameras, starts, ends)
            self.rows += len(new)

    def _say(self, rows: Rows, order: list[int], identities: Sequence[int], cameras: Sequence[str],
             starts: Sequence[float], ends: Sequence[float]) -> None:
        """Fill the columns of `rows` with what stands at `order`."""
        self.identity[rows] = [identities[k] for k in order]
        self.camera[rows] = [self.camera_of.setdefault(cameras[k], len(self.camera_of)) for k in order]
        self.start[rows], self.end[rows] = [starts[k] for k in order], [ends[k] for k in order]
        np.minimum.at(self.first, rows // BLOCK, self.start[rows])
        np.maximum.at(self.last, rows // BLOCK, self.end[rows])

    def reassign(self, identities: dict[int, int]) -> None:
        """Visits, by number, that belong to another identity now. The graph need not know: it only proposes."""
        with self.lock:
            for visit, identity in identities.items():
                row = self.row_of.get(visit)
                if row is not None:
                    self.identity[row] = identity

    def remove(self, visits: Collection[int]) -> None:
        """Forget visits, at once; `maintain` then builds the graph anew without what it copied of them."""
        with self.lock:
            rows = np.array([self.row_of.pop(visit) for visit in {*visits} if visit in self.row_of], np.int64)
            if len(rows):
                self.alive[rows], self._erase = False, True
                self.vectors.put(rows, np.zeros((len(rows), self.dimensions), np.float32))

    def search(self, query: Floats, k: int, since: float | None, until: float | None,
               cameras: Collection[str] | None, ef: int | None = None) -> list[Found]:
        """The `k` rows most like `query` (d,), a unit vector, best first; `ef` as given to the gallery, or this."""
        with self.lock:
            graph, rows, through, vectors = self.graph, self.rows, self.through, self.vectors
            visit, identity, alive, follower = self.visit, self.identity, self.alive, self.follower
            allowed = self._allowed(since, until, cameras)
            count = len(self.row_of)
        near = None
        if graph is not None and (allowed is None or len(allowed) > EXACT_ROWS):
            share = 1.0 if allowed is None else len(allowed) / max(1, count)
            # What passes a filter is among the likest of all less often, so the graph must look further.
            wanted = int(max((ef or self.ef) / np.sqrt(share), 4 * k / share))
            if wanted <= MOST_CANDIDATES:
                near = np.append(_followed(graph.nearest(query, wanted), follower), np.arange(through, rows))
                near = np.sort(near[alive[near]])
                if allowed is not None:
                    near = near[self._fits(near, since, until, cameras)]
                    near = near if len(near) >= k else None
        if near is None:
            near = np.flatnonzero(alive[:rows]) if allowed is None else allowed
        cosine = vectors.dot(near, query)
        if len(near) > 4 * k:
            at = np.flatnonzero(cosine >= np.partition(cosine, -k)[-k])
            near, cosine = near[at], cosine[at]
        best = np.argsort(-cosine, kind="stable")[:k]
        return list(zip(visit[near[best]].tolist(), identity[near[best]].tolist(), cosine[best].tolist(), strict=True))

    def some(self, count: int, random: np.random.Generator) -> Floats:
        """Vectors of `count` rows that the graph should find, by chance."""
        with self.lock:
            vectors, rows = self.vectors, np.flatnonzero(self.alive[: self.through])
        return vectors.take(np.sort(random.choice(rows, min(count, len(rows)), replace=False)))

    def exact(self, queries: Floats, k: int) -> tuple[Rows, Floats]:
        """The slow and certain way for (m, d) queries: visits and cosines of the best, both (m, k)."""
        with self.lock:
            vectors, visit = self.vectors, self.visit
            rows = np.flatnonzero(self.alive[: self.rows])
        best = np.full((len(queries), k), -np.inf, np.float32)
        who = np.full((len(queries), k), -1, np.int64)
        for a in range(0, len(rows), 1 << 14):
            part = rows[a : a + (1 << 14)]
            cosine = np.concatenate([best, vectors.dot(part, queries.T).T], axis=1)
            names = np.concatenate([who, np.broadcast_to(visit[part], (len(queries), len(part)))], axis=1)
            top = np.argpartition(-cosine, k - 1, axis=1)[:, :k]
            best, who = np.take_along_axis(cosine, top, axis=1), np.take_along_axis(names, top, axis=1)
        return who, best

    def maintain(self, least: int, threads: int, go_on: Callable[[], bool]) -> bool:
        """Bring the graph up to date; whether there was anything to do. Searches go on meanwhile.

        Args:
            least: rows that must wait before any are moved.
            threads: that work at a graph that is built anew.
            go_on: asked now and then; False ends it early.
        """
        with self.lock:
            dead = self.rows - len(self.row_of)
            # Without a graph that would have to be built anew it costs next to nothing.
            if dead > max(BLOCK // 4 if self.graph is None else EXACT_BELOW, DEAD_SHARE * self.rows):
                self._compact()
            rows, indexed = self.rows, self.through
            anew = self.graph is None or self._erase or rows > REFIT * self._fitted
            if rows < EXACT_BELOW:
                self.graph, self.through, self._frozen, self._erase = None, 0, 0, False
                return False
            if not self._erase and max(rows - indexed, rows - self._fitted if anew else 0) < least:
                return False
            self._frozen = rows
        if anew:
            self._rebuild(rows, threads, go_on)
            return True
        assert self.graph is not None
        while self.through < rows and go_on():
            until = min(rows, self.through + 64)
            with self.lock:  # columns that grow meanwhile would take links along or not
                points, vectors = self._lead(self.through, until, self._leader, self.follower, self.older)
            self.graph.add(vectors, points)
            with self.lock:
                self.through = until
        return True

    def _rebuild(self, rows: int, threads: int, go_on: Callable[[], bool]) -> None:
        """A new graph beside the old one, swapped in when it is whole."""
        with self.lock:
            self._erase = False
            live = np.flatnonzero(self.alive[:rows])
        sample = live[np.linspace(0, len(live) - 1, min(len(live), 5000)).astype(np.int64)]
        graph = Graph(self.vectors.take(sample), len(live))
        leader: dict[int, int] = {}
        follower, older = np.full(len(self.visit), -1, np.int32), np.full(len(self.visit), -1, np.int32)
        for a in range(0, rows, 2048):
            if not go_on():
                self._erase = True
                return
            points, vectors = self._lead(a, min(rows, a + 2048), leader, follower, older)
            graph.add(vectors, points, threads, searched=False)
        with self.lock:
            n = len(self.visit)
            self.follower, self.older = _longer(follower, n), _longer(older, n)
            self.graph, self._leader, self._fitted, self.through = graph, leader, rows, rows

    def _lead(self, low: int, high: int, leader: dict[int, int], follower: NDArray[np.int32],
              older: NDArray[np.int32]) -> tuple[Rows, Floats]:
        """Of the rows from `low` to `high` those that are to be points of the graph, with their vectors.

        The others are put behind a prototype of their identity.
        """
        rows = low + np.flatnonzero(self.alive[low:high])
        vectors = self.vectors.take(rows)
        own = np.ones(len(rows), bool)
        for k, (row, identity) in enumerate(zip(rows.tolist(), self.identity[rows].tolist(), strict=True)):
            if not identity:
                continue
            leaders: list[int] = []
            one = leader.get(identity, -1)
            while one >= 0 and len(leaders) < LEADERS:
                leaders.append(one)
                one = int(older[one])
            if leaders:
                cosine = self.vectors.take(np.asarray(leaders)) @ vectors[k]
                if cosine.max() >= ALIKE:
                    first = leaders[int(cosine.argmax())]
                    follower[row], follower[first] = follower[first], row
                    own[k] = False
                    continue
            older[row], leader[identity] = leader.get(identity, -1), row
        return rows[own], vectors[own]

    def _allowed(self, since: float | None, until: float | None, cameras: Collection[str] | None) -> Rows | None:
        """Rows within a filter, rising; None when there is none."""
        if since is None and until is None and cameras is None:
            return None
        low, high = _span(since, until)
        blocks = np.flatnonzero((self.last >= low) & (self.first <= high))
        found = [np.zeros(0, np.int64)]
        # Visits come about in order of time, so blocks lie together: run by run, as slices.
        for run in np.split(blocks, np.flatnonzero(np.diff(blocks) > 1) + 1) if len(blocks) else []:
            part = slice(int(run[0]) * BLOCK, min(self.rows, (int(run[-1]) + 1) * BLOCK))
            inside = self.alive[part] & self._fits(part, since, until, cameras)
            found.append(np.flatnonzero(inside) + part.start)
        return np.concatenate(found)

    def _fits(self, rows: Rows | slice, since: float | None, until: float | None,
              cameras: Collection[str] | None) -> NDArray[np.bool_]:
        """Which of `rows` lie within a filter."""
        fits = np.ones(len(self.camera[rows]), bool)
        if since is not None or until is not None:
            low, high = _span(since, until)
            fits = (self.end[rows] >= low) & (self.start[rows] <= high)
        if cameras is not None:
            wanted = np.zeros(len(self.camera_of) + 1, bool)
            wanted[[self.camera_of.get(name, -1) for name in cameras]] = True
            wanted[-1] = False
            fits &= wanted.take(self.camera[rows], mode="clip")
        return fits

    def _compact(self) -> None:
        """Take out rows that no longer count. Until the graph is built anew, all rows are looked at."""
        live = np.flatnonzero(self.alive[: self.rows])
        self.vectors = self.vectors.kept(live)
        size = max(BLOCK, -(-len(live) // BLOCK) * BLOCK)
        for name in _COLUMNS[:-2]:
            old = getattr(self, name)
            new = np.zeros(size, old.dtype)
            new[: len(live)] = old[live]
            setattr(self, name, new)
        self.follower, self.older = np.full(size, -1, np.int32), np.full(size, -1, np.int32)
        self.rows, self.graph, self.through, self._frozen, self._leader = len(live), None, 0, 0, {}
        self.row_of = dict(zip(self.visit[: self.rows].tolist(), range(self.rows), strict=True))
        self.first, self.last = np.full(size // BLOCK, np.inf), np.full(size // BLOCK, -np.inf)
        for block in range(-(-self.rows // BLOCK)):
            part = slice(block * BLOCK, min(self.rows, (block + 1) * BLOCK))
            self.first[block], self.last[block] = self.start[part].min(), self.end[part].max()

    def _grow(self) -> None:
        size = 2 * len(self.visit)
        for name in _COLUMNS:
            old = getattr(self, name)
            setattr(self, name, _longer(old, size))
        self.first = np.append(self.first, np.full(len(self.first), np.inf))
        self.last = np.append(self.last, np.full(len(self.last), -np.inf))


def _span(since: float | None, until: float | None) -> tuple[float, float]:
    return -np.inf if since is None else since, np.inf if until is None else until


def _longer(column: NDArray[Any], size: int) -> NDArray[Any]:
    """The same with room for `size`: -1 where links point nowhere, else 0."""
    out = np.full(size, -1 if column.dtype == np.int32 else 0, column.dtype)
    out[: len(column)] = column
    return out


def _followed(rows: Rows, follower: NDArray[np.int32]) -> Rows:
    """Prototypes, and all that are found through them."""
    found = [rows]
    while len(rows):
        behind = follower[rows].astype(np.int64)
        rows = behind[behind >= 0]
        found.append(rows)
    return np.concatenate(found)
