"""Corrections as sentences."""

from __future__ import annotations

from aggregator.store.records import CorrectionRow
from aggregator.visit import global_id


def sentence(row: CorrectionRow) -> str:
    """`Ann said that G9 is G4.`"""
    after = sorted({change.after for change in row.changed})
    before = sorted({change.before for change in row.changed})
    visits = sorted(change.visit for change in row.changed)
    if row.operation == "merge":
        verb = "is" if len(row.folded) == 1 else "are"
        what = f"said that {names(row.folded)} {verb} {names(after)}"
    elif row.operation == "split":
        what = f"took {numbers(visits)} out of {names(before)}: {_is(visits)} {names(after)}"
    elif row.operation == "reject":
        what = f"said that {numbers(visits)} {_is(visits)} not {names(before)}'s; {_is(visits)} {names(after)}'s now"
    elif row.operation == "confirm":
        what = f"confirmed that {numbers(visits)} {_is(visits)} {names(after)}'s"
    else:
        what = f"took correction {row.undoes} back"
    taken_back = f" Correction {row.undone} took that back." if row.undone else ""
    note = f" “{row.note}”" if row.note else ""
    return f"{row.who} {what}.{note}{taken_back}"


def names(identities: tuple[int, ...] | list[int]) -> str:
    """`G4, G7 and G9`."""
    return _listed([global_id(one) for one in identities])


def numbers(visits: list[int]) -> str:
    """`visit 4`, `visits 4 and 7`, `9 visits`."""
    if len(visits) > 4:
        return f"{len(visits)} visits"
    return f"visit{'s' if len(visits) > 1 else ''} {_listed([str(one) for one in visits])}"


def _listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def _is(things: list[int]) -> str:
    return "are" if len(things) > 1 else "is"
