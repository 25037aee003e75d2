"""Decisions with what carried them, in numbers and in words."""

from __future__ import annotations

import math

from aggregator.linking.assign import Candidates
from aggregator.linking.certainty import tempered
from aggregator.linking.explain import Here, explain
from aggregator.visit import Decision, Rival, global_id


def linked(visit: int, option: Candidates, chosen: int, caution: float, rivals: int, here: Here) -> Decision:
    """The visit is one of its candidates."""
    weight, _ = _shares(option, caution)
    others = option.odds.tolist()
    mine = others.pop(chosen)
    return Decision(
        operation="link",
        visit=visit,
        identity=int(option.identity[chosen]),
        score=mine - max([caution, *others]),
        confidence=float(tempered(weight[chosen])),
        rivals=_rivals(option, weight, chosen, rivals),
        reason=explain(option, chosen, here),
    )


def new(visit: int, identity: int, option: Candidates, caution: float, rivals: int) -> Decision:
    """The visit is nobody known."""
    weight, nobody = _shares(option, caution)
    best = float(option.odds[0]) if len(option) else -20.0
    return Decision(
        operation="new",
        visit=visit,
        identity=identity,
        score=caution - best,
        confidence=float(tempered(nobody)),
        rivals=_rivals(option, weight, -1, rivals),
        reason={"candidates": float(len(option)), "caution": round(caution, 3)},
    )


def moved(visit: int, leaves: int, identity: int, confidence: float) -> Decision:
    """A repair: the visit turned out to be somebody else's."""
    return Decision(
        operation="split", visit=visit, identity=identity, other=leaves, score=0.0, confidence=confidence,
        reason={"words": f"with what came since, it goes better with {global_id(identity)}"},
    )


def merged(visit: int, stays: int, folded: int, confidence: float) -> Decision:
    """A repair: two identities turned out to be one."""
    return Decision(
        operation="merge", visit=visit, identity=stays, other=folded, score=0.0, confidence=confidence,
        reason={"words": f"with what came since, {global_id(folded)} is {global_id(stays)}"},
    )


def _shares(option: Candidates, caution: float) -> tuple[list[float], float]:
    """Probabilities of the candidates and of somebody new, which together are 1."""
    odds = [*option.odds.tolist(), caution]
    best = max(odds)
    weight = [math.exp(one - best) for one in odds]
    total = sum(weight)
    share = [one / total for one in weight]
    return share[:-1], share[-1]


def _rivals(
    option: Candidates, weight: list[float], chosen: int, count: int
) -> tuple[Rival, ...]:
    order = [k for k in range(len(option)) if k != chosen][:count]
    return tuple(
        Rival(
            identity=int(option.identity[k]), score=float(option.odds[k]), probability=weight[k],
            walk=float(option.walk[k]),
        )
        for k in order
    )

