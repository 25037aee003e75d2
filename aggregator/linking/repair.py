"""The later decision: the recent past solved anew, and what that makes of the identities given before."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from aggregator.linking.agglomerate import EXTREME, agglomerate
from aggregator.linking.certainty import certainty
from aggregator.linking.compare import Limits, compare_all
from aggregator.linking.evidence import Evidence
from aggregator.linking.layers import layers, pooled
from aggregator.linking.table import Rows, VisitTable

Floats = NDArray[np.float32]

STAY = 0.5
"""What speaks for a pair to stay together because it is: without it, evidence that is about even would flap."""


@dataclass(slots=True)
class Repair:
    """What is to be done. Carry out moves first, then merges.

    Attributes:
        moves: (row, identity it leaves, identity it goes to; 0 for a new one shared by its `group`, group).
        merges: (identity that stays, identity that is folded into it).
    """

    moves: list[tuple[int, int, int, int]] = field(default_factory=list)
    merges: list[tuple[int, int]] = field(default_factory=list)


def solve(
    table: VisitTable,
    fresh: Rows,
    fixed: Rows,
    evidence: Evidence,
    limits: Limits,
    *,
    caution: float,
    dependence: float,
    linkage: str = "average",
    group: NDArray[np.int64] | None = None,
    looks: NDArray[np.int64] | None = None,
    apart: NDArray[np.intp] | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Cluster `fresh` visits one by one, and `fixed` ones by their identities as they are.

    Args:
        table: where the rows are.
        fresh, fixed: rows.
        evidence, limits: see there.
        caution: log-odds that must speak for joining.
        dependence: see `agglomerate.weight`.
        linkage: see `agglomerate`.
        group: (len(fresh) + len(fixed),), what people said is one person: rows of the same number; -1 for none.
        looks: (len(fresh) + len(fixed),), rows of one number are of one group and look alike; -1 for none.
        apart: (k, 2), rows of which, and of whose groups, they said that they are not.

    Returns:
        (len(fresh) + len(fixed),) int64, the cluster of each visit, fresh ones first; and float64, how sure that is.
    """
    rows = np.concatenate([fresh, fixed])
    likeness, walk, before = compare_all(table, rows, evidence, limits)
    owner = table.identity[rows]
    a, b = _mates(owner)
    walk[a, b] += STAY
    # A fixed identity's visits become one node: means of likeness, the likeliest walk, never if one cannot be.
    place = np.unique(owner[len(fresh) :], return_inverse=True)[1]
    node = np.concatenate([np.arange(len(fresh)), len(fresh) + place])
    if looks is not None and group is not None and (group >= 0).any():
        part, node = join(node, looks), join(node, group)
    else:
        part = node
    if int(part.max()) + 1 < len(rows):
        how = EXTREME.get(linkage, np.add)
        likeness, walk, size = _pool(likeness, walk, np.ones(len(rows), np.float32), part, how)
        likeness /= size[:, None] * size
    else:
        size = np.ones(len(rows), np.float32)
    if node is not part:
        # Of several looks of one person the likeliest counts, with the weight of one.
        likeness, walk, size = _pool(likeness, walk, size, node[np.unique(part, return_index=True)[1]], np.maximum)
    if apart is not None:
        walk[node[apart[:, 0]], node[apart[:, 1]]] = walk[node[apart[:, 1]], node[apart[:, 0]]] = -np.inf
    cluster = agglomerate(likeness, walk, size, stop=caution, dependence=dependence, linkage=linkage)
    out: NDArray[np.int64] = cluster[node]
    return out, certainty(before[0], before[1], out, caution, dependence)


def _mates(owner: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Both rows of all pairs, each way round, that have one owner; 0 is nobody."""
    parts = layers(np.unique(owner, return_inverse=True)[1])
    none = np.zeros(0, np.intp)
    pairs = [(none, none)]
    for k, (some, rows) in enumerate(parts):
        some, rows = some[owner[rows] > 0], rows[owner[rows] > 0]
        pairs += [(rows, before[np.searchsorted(names, some)]) for names, before in parts[:k]]
    a, b = (np.concatenate([pair[side] for pair in pairs]) for side in (0, 1))
    return np.append(a, b), np.append(b, a)


def join(node: NDArray[np.intp], group: NDArray[np.int64]) -> NDArray[np.intp]:
    """Nodes of a clustering, (n,), with those made one that hold visits of one group (n,); numbered from 0."""
    name = list(range(int(node.max()) + 1))

    def root(one: int) -> int:
        while name[one] != one:
            name[one] = name[name[one]]
            one = name[one]
        return one

    first: dict[int, int] = {}
    for row in np.flatnonzero(group >= 0).tolist():
        here, there = root(int(node[row])), root(first.setdefault(int(group[row]), int(node[row])))
        name[max(here, there)] = min(here, there)
    joined: NDArray[np.intp] = np.unique(np.array([root(one) for one in node.tolist()]), return_inverse=True)[1]
    return joined


def _pool(
    likeness: Floats, walk: Floats, size: Floats, node: NDArray[np.intp], how: np.ufunc
) -> tuple[Floats, Floats, Floats]:
    """Rows of the same `node` made one: `how` of likeness and size, the likeliest walk, never if one cannot be."""
    never = np.isneginf(pooled(walk, node, np.minimum))
    walk = pooled(walk, node, np.maximum)
    walk[never] = -np.inf
    held = layers(node)
    total = size[held[0][1]]
    for some, rows in held[1:]:
        total[some] = how(total[some], size[rows])
    return pooled(likeness, node, how), walk, total


def plan(identity: NDArray[np.int64], cluster: NDArray[np.int64]) -> Repair:
    """How identities must change so that they are the clusters, with as little as can be seen from outside.

    Each identity goes on in the cluster that holds most of its visits. Of the identities that go on in one cluster
    the oldest stays and the others are merged into it; visits in other clusters are moved.

    Args:
        identity: (n,) int64, as they are; 0 for none.
        cluster: (n,) int64.
    """
    repair = Repair()
    held: dict[int, dict[int, int]] = {}
    for name, part in zip(identity.tolist(), cluster.tolist(), strict=True):
        if name:
            parts = held.setdefault(name, {})
            parts[part] = parts.get(part, 0) + 1
    heirs: dict[int, list[int]] = {}
    for name in sorted(held):
        heirs.setdefault(max(held[name], key=lambda part: (held[name][part], -part)), []).append(name)
    keeper = {part: names[0] for part, names in heirs.items()}
    becomes = {name: keeper[part] for part, names in heirs.items() for name in names}
    for row, (name, part) in enumerate(zip(identity.tolist(), cluster.tolist(), strict=True)):
        if name != 0 and becomes[name] != keeper.get(part, 0):
            repair.moves.append((row, name, keeper.get(part, 0), part))
        elif name == 0:
            repair.moves.append((row, 0, keeper.get(part, 0), part))
    for names in heirs.values():
        repair.merges += [(names[0], other) for other in names[1:]]
    return repair
