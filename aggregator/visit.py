"""`Visit`: a whole track as the aggregator knows it so far; and `Decision`, what linking says about it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from common.tracklet import Face

Operation = Literal["link", "new", "merge", "split", "retract", "confirm", "restore"]


def global_id(identity: int) -> str:
    """17 → `G17`, as people see it."""
    return f"G{identity}"


def parse_global_id(text: str) -> int:
    """`G17`, `g17` or `17` → 17.

    Raises:
        ValueError: the text is no global id.
    """
    digits = text[1:] if text[:1] in "gG" else text
    if not digits.isdecimal():
        raise ValueError(f"'{text}' is no global id such as G17")
    return int(digits)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Visit:
    """One person or vehicle in one camera, from coming in to going out.

    Attributes:
        visit: the store's number, unique for ever; the same visit comes again with the same number as it grows.
        camera: where.
        start, end: UTC seconds of first and latest sight.
        label: class name.
        frames: in how many frames it was seen; linking asks for a least number (maturity).
        final: it has left the camera.
        model: fingerprint of the embedding network; only visits of one model are compared.
        embedding: (d,) float32, unit length; (0,) when nothing was embedded.
        face: what was seen of the face, in cameras that look for faces.
        zones: of the camera that it came into so far, in order.
    """

    visit: int
    camera: str
    start: float
    end: float
    label: str
    frames: int
    final: bool
    model: str
    embedding: NDArray[np.float32]
    face: Face | None = None
    zones: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """Another identity that the visit might have been: its score (log-odds) and probability.

    Attributes:
        walk: the part of the score that is about when and where, the rest is appearance; None where nobody noted it.
    """

    identity: int
    score: float
    probability: float
    walk: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One line of the append-only log.

    `link` and `new` give `visit` its `identity`. `merge` folds identity `other` (the younger) into `identity`.
    `split` moves `visit` out of `other` into `identity`. `retract` leaves `visit` without one. Only people `confirm`
    that `visit` is `identity`, and `restore` it to `identity` from `other` when a correction is undone, which brings an
    identity back that was merged.

    Attributes:
        score: log-likelihood ratio of the choice against its best rival or 'new person'; natural log.
        confidence: probability that the choice is right, in [0, 1].
        rivals: the runners-up, best first.
        reason: what carried it, for people: cosine, transit seconds, candidates …
    """

    operation: Operation
    visit: int
    identity: int
    other: int = 0
    score: float
    confidence: float
    rivals: tuple[Rival, ...] = ()
    reason: dict[str, float | str] = field(default_factory=dict)


_OF_THE_WAY = ("from", "to", "transit", "usual", "sooner", "walk")


def reason_within(reason: Mapping[str, Any], cameras: Collection[str]) -> dict[str, Any]:
    """A decision's reason for somebody to whom there are these cameras only: without the way from or to another one."""
    place = reason.get("from", reason.get("to"))
    hidden = () if place is None or place in cameras else _OF_THE_WAY
    return {name: value for name, value in reason.items() if name not in hidden}
