"""Numbers of linking as phrases."""

from __future__ import annotations

import math
from collections.abc import Mapping

from aggregator.store.rows import LogRow
from aggregator.visit import Rival, global_id

EVEN = math.log(2)
"""Less than twice as likely is about even."""
MOST, MANY, SOME = 0.5, 0.15, 0.02
"""How usual a transit time is, the commonest being 1."""

Reason = Mapping[str, float | str]


def because(reason: Reason) -> str:
    """What carried a link: `looked alike: 9 times likelier one person; came from hall after 42 s, as most do`."""
    parts = [part for part in (_looks(reason), _face(reason), _way(reason)) if part]
    if "words" in reason:
        parts.append(str(reason["words"]))
    if "candidates" in reason and ("cosine" in reason or "transit_s" in reason):
        count = round(float(reason["candidates"]))
        parts.append("nobody else could have been here" if count == 0 else
                     f"{count} {'other' if count == 1 else 'others'} could have been here")
    return "; ".join(parts)


def against(rival: Rival, row: LogRow) -> str:
    """Why a rival lost: `looked 30 times less alike`."""
    if row.operation == "new":
        return _too_little(rival)
    if rival.probability > row.confidence:
        return "went to another visit of the same moment, which fits better still"
    walk, looks = row.reason.get("walk"), row.reason.get("appearance")
    if rival.walk is None or not isinstance(walk, float | int) or not isinstance(looks, float | int):
        return "less likely"
    less_alike, less_fitting = looks - (rival.score - rival.walk), walk - rival.walk
    if less_alike >= less_fitting:
        return f"looked {_times(less_alike)} less alike" if less_alike > EVEN else "looked and came about as likely"
    return f"the way there is {_times(less_fitting)} less likely" if less_fitting > EVEN else \
        "looked and came about as likely"


def _too_little(rival: Rival) -> str:
    if rival.walk is None:
        return "not likely enough"
    looks = rival.score - rival.walk
    if looks < -EVEN:
        return f"looked {_times(-looks)} likelier two people"
    if rival.walk < -EVEN and looks > EVEN:
        return f"looked {_times(looks)} likelier one person, but the way there speaks {_times(-rival.walk)} against it"
    return "too little speaks for it"


def _looks(reason: Reason) -> str:
    looks = reason.get("appearance")
    if isinstance(looks, float | int):
        if looks > EVEN:
            return f"looked alike: {_times(looks)} likelier one person"
        return f"looked {_times(-looks)} likelier two people" if looks < -EVEN else \
            "looked as alike as one person might, or two"
    cosine = reason.get("cosine")
    return f"looked alike by {cosine:.2f}" if isinstance(cosine, float | int) else ""


def _face(reason: Reason) -> str:
    face = reason.get("face")
    return f"faces alike by {face:.2f}" if isinstance(face, float | int) else ""


def _way(reason: Reason) -> str:
    transit = reason.get("transit", reason.get("transit_s"))
    if not isinstance(transit, float | int):
        return ""
    place = reason.get("from") or reason.get("to")
    if transit < 0:
        where = f"in {place} too" if place else "in both views"
        text = f"seen {where}, for {seconds(-transit)} at once"
    elif place is None:
        text = f"{seconds(transit)} on the way"
    else:
        text = f"came from {place} after {seconds(transit)}" if "from" in reason else \
            f"went on to {place} after {seconds(transit)}"
    usual = reason.get("usual")
    if not isinstance(usual, float | int):
        return text
    early = "sooner" if reason.get("sooner") else "later"
    return f"{text}, as most do" if usual >= MOST else f"{text}, as many do" if usual >= MANY else \
        f"{text}, as some do" if usual >= SOME else f"{text}, {early} than nearly all"


def listed(rivals: tuple[Rival, ...], row: LogRow) -> str:
    """The rivals and why they lost, as sentences; empty without any."""
    if not rivals:
        return ""
    shown = "; ".join(f"{global_id(rival.identity)} ({percent(rival.probability)}) {against(rival, row)}"
                      for rival in rivals)
    return f" It might also have been: {shown}."


def percent(share: float) -> str:
    """A probability for people: nothing is ever fully sure."""
    if share >= 0.995:
        return "over 99 %"
    return "under 1 %" if share < 0.005 else f"{share * 100:.0f} %"


def seconds(value: float) -> str:
    """`42 s`, `12 min`, `3.5 h`."""
    if value < 90:
        return f"{value:.0f} s"
    return f"{value / 60:.0f} min" if value < 5400 else f"{value / 3600:.1f} h"


def _times(logarithm: float) -> str:
    if logarithm > math.log(1000):
        return "over 1000 times"
    factor = math.exp(logarithm)
    return f"{factor:.1f} times" if factor < 3 else f"{factor:.0f} times"
