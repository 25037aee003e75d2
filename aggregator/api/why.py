"""Decisions in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aggregator.api import shapes
from aggregator.api.reason_words import against, because, listed, percent
from aggregator.store.reader import StoreReader
from aggregator.store.records import CorrectionRow
from aggregator.store.rows import LogRow, VisitRow
from aggregator.visit import global_id
from common.clock import to_rfc3339


def reasons(reader: StoreReader, rows: Sequence[LogRow]) -> list[shapes.Reason]:
    """Log entries, each with a sentence that says what was decided, how surely, and against whom."""
    visits = {number: reader.visit(number) for number in {row.visit for row in rows}}
    numbers = {number for row in rows if (number := _number(row)) is not None}
    corrections = {number: one for number in numbers if (one := reader.correction(number)) is not None}
    return [_reason(row, visits[row.visit], corrections) for row in rows]


def _reason(row: LogRow, visit: VisitRow | None, corrections: Mapping[int, CorrectionRow]) -> shapes.Reason:
    rivals: list[shapes.Rival] = [
        {"global_id": global_id(rival.identity), "score": round(rival.score, 3),
         "probability": round(rival.probability, 4), "words": against(rival, row)} for rival in row.rivals]
    said = corrections.get(_number(row) or 0)
    return {
        "entry": row.entry, "time": to_rfc3339(row.time), "operation": row.operation, "visit": row.visit,
        "camera": None if visit is None else visit.camera,
        "start": None if visit is None else to_rfc3339(visit.start), "global_id": global_id(row.identity),
        "other": global_id(row.other) if row.other else None, "score": round(row.score, 3),
        "confidence": round(row.confidence, 4), "rivals": rivals, "reason": row.reason,
        "correction": None if said is None else {"correction": said.correction, "who": said.who,
                                                 "operation": said.operation, "undone": said.undone},
        "words": in_words(row, visit) if said is None else by_people(row, visit, said), "settings": row.settings,
    }


def in_words(row: LogRow, visit: VisitRow | None) -> str:
    """One decision of linking as a sentence or two."""
    what, who = _what(row, visit), global_id(row.identity)
    other, surely = global_id(row.other) if row.other else "another", f"{percent(row.confidence)} sure"
    text = {
        "link": f"{what} is {who}, {surely}",
        "new": f"{what} is somebody new, called {who}, {surely}",
        "merge": f"{other} turned out to be {who}, {surely}; its visits are {who}'s now",
        "split": f"{what} turned out not to be {other}'s and is {who}'s, {surely}",
        "retract": f"{what} is nobody's any more: it was {who}'s without enough reason",
        "confirm": f"{what} is {who}", "restore": f"{what} is {who} again",
    }[row.operation]
    reason = because(row.reason)
    return f"{text}{f' ({reason})' if reason else ''}.{listed(row.rivals, row)}"


def by_people(row: LogRow, visit: VisitRow | None, said: CorrectionRow) -> str:
    """One decision that a person made."""
    what, who = _what(row, visit, first=False), global_id(row.identity)
    other = global_id(row.other) if row.other else ""
    if said.operation == "undo":
        text = f"{said.who} took correction {said.undoes} back: " + (
            f"{other} has no visit left and leads to {who}" if row.operation == "merge" else f"{what} is {who}'s again")
    elif row.operation == "merge":
        text = f"{said.who} said that {other} is {who}"
    elif row.operation == "confirm":
        text = f"{said.who} confirmed that {what} is {who}'s"
    else:
        reason = because(row.reason)
        text = f"{said.who} said that {what} is not {other}'s; it is {who}'s now{f' ({reason})' if reason else ''}"
    end = f", taken back by {said.undone}" if said.undone else ""
    return f"{text} (correction {said.correction}{end})."


def _what(row: LogRow, visit: VisitRow | None, *, first: bool = True) -> str:
    place = f" in {visit.camera} at {to_rfc3339(visit.start)[11:19]}" if visit is not None else ""
    return f"{'Visit' if first else 'visit'} {row.visit}{place}"


def _number(row: LogRow) -> int | None:
    number = row.reason.get("correction")
    return int(number) if isinstance(number, float | int) else None
