"""What a look at a running system found: what was seen, what was expected, and the cure."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import typer
from rich.console import Console

from common.console import print_json
from common.errors import PassageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        what: a word for machines and people: `clock`, `camera hall`.
        wrong: whether it is not as it should be.
        seen: what is there, with its number.
        expected: what should be, if it is not.
        cure: what to do then.
    """

    what: str
    wrong: bool = False
    seen: str
    expected: str = ""
    cure: str = ""


def of_error(what: str, error: PassageError, expected: str) -> Finding:
    """An error that people can mend, as a finding."""
    return Finding(what=what, wrong=True, seen=error.message, expected=expected, cure=error.cure or "")


def of_disk(folder: Path, needed: float) -> Finding:
    """Is there room where `folder` is, or will be? `needed` in bytes."""
    place = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(place).free
    seen = f"{free / 1e9:.1f} GB free at {folder}"
    if free >= needed:
        return Finding(what="disk", seen=seen)
    return Finding(what="disk", wrong=True, seen=seen, expected=f"at least {needed / 1e9:.1f} GB",
                   cure=f"make space (df -h {place}), or set 'data' to a larger disk")


def report(findings: Sequence[Finding], as_json: bool) -> None:
    """Say it. Ends the program with 1 when something is wrong."""
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        console = Console(highlight=False, soft_wrap=True)
        for finding in findings:
            console.print("✗" if finding.wrong else "✓", style="red" if finding.wrong else "green", end=" ")
            console.print(f"{finding.what}: {finding.seen}", markup=False)
            if finding.wrong and finding.expected:
                console.print(f"    expected: {finding.expected}", markup=False)
            if finding.wrong and finding.cure:
                console.print(f"    → {finding.cure}", style="cyan", markup=False)
    if any(finding.wrong for finding in findings):
        raise typer.Exit(1)
