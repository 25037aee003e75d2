"""Decisions in words."""

from __future__ import annotations

from collections.abc import Sequence

from aggregator.api import shapes
from aggregator.store.reader import StoreReader
from aggregator.store.rows import LogRow, VisitRow
from aggregator.visit import Rival, global_id
from common.clock import to_rfc3339


def reasons(reader: StoreReader, rows: Sequence[LogRow]) -> list[shapes.Reason]:
    """Log entries, each with a sentence that says what was decided, how surely, and against whom."""
    visits = {number: reader.visit(number) for number in {row.visit for row in rows}}
    return [_reason(row, visits[row.visit]) for row in rows]


def _reason(row: LogRow, visit: VisitRow | None) -> shapes.Reason:
    rivals: list[shapes.Rival] = [
        {"global_id": global_id(rival.identity), "score": round(rival.score, 3),
         "probability": round(rival.probability, 4)} for rival in row.rivals]
    return {
        "entry": row.entry, "time": to_rfc3339(row.time), "operation": row.operation, "visit": row.visit,
        "camera": None if visit is None else visit.camera, "global_id": global_id(row.identity),
        "other": global_id(row.other) if row.other else None, "score": round(row.score, 3),
        "confidence": round(row.confidence, 4), "rivals": rivals, "reason": row.reason,
        "words": in_words(row, visit), "settings": row.settings,
    }


def in_words(row: LogRow, visit: VisitRow | None) -> str:
    """One decision as a sentence or two."""
    place = f" in {visit.camera}" if visit is not None else ""
    who, other = global_id(row.identity), global_id(row.other) if row.other else "another"
    said = str(row.reason.get("who", "")) if "correction" in row.reason else ""
    surely = f"as {said} says" if said else f"{_percent(row.confidence)} sure"
    what = {
        "link": f"Visit {row.visit}{place} is {who}, {surely}",
        "new": f"Visit {row.visit}{place} is somebody new, called {who}, {surely}",
        "merge": f"{other} turned out to be {who}, {surely}; its visits are {who}'s now",
        "split": f"Visit {row.visit}{place} turned out not to be {other}'s and is {who}'s, {surely}",
        "retract": f"Visit {row.visit}{place} is nobody's any more: it was {who}'s without enough reason",
        "confirm": f"Visit {row.visit}{place} is {who}, {surely}",
        "restore": f"Visit {row.visit}{place} is {who}'s again: a correction was taken back",
    }[row.operation]
    reason = {name: value for name, value in row.reason.items() if not said or name not in ("who", "correction")}
    return f"{what}{_because(reason)}.{_against(row.rivals)}"


def _because(reason: dict[str, float | str]) -> str:
    """The numbers that linking keeps, in words where they are known and as `name value` where not."""
    parts = [] if "words" not in reason else [str(reason["words"])]
    for name, value in reason.items():
        if name == "words":
            continue
        if isinstance(value, str):
            parts.append(f"{name.replace('_', ' ')}: {value}")
        elif name == "cosine":
            parts.append(f"looks alike by {value:.2f}")
        elif name == "candidates":
            count = round(value)
            parts.append("nobody else could have been here" if count == 0 else
                         f"{count} {'other' if count == 1 else 'others'} could have been here")
        elif name.startswith("transit"):
            parts.append(f"{_seconds(value)} on the way" if value >= 0 else
                         f"seen in both views for {_seconds(-value)}")
        else:
            parts.append(f"{name.replace('_', ' ')} {value:.3g}")
    return f" ({'; '.join(parts)})" if parts else ""


def _against(rivals: tuple[Rival, ...]) -> str:
    if not rivals:
        return ""
    shown = ", ".join(f"{global_id(rival.identity)} ({_percent(rival.probability)})" for rival in rivals)
    return f" It might also have been {shown}."


def _percent(share: float) -> str:
    """A probability for people: nothing is ever fully sure."""
    if share >= 0.995:
        return "over 99 %"
    return "under 1 %" if share < 0.005 else f"{share * 100:.0f} %"


def _seconds(value: float) -> str:
    if value < 90:
        return f"{value:.0f} s"
    return f"{value / 60:.0f} min" if value < 5400 else f"{value / 3600:.1f} h"
