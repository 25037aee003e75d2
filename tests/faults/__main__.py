"""`./run faults`: plays rounds of faults and writes what came of them."""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from tests.faults.play import Outcome, can_mount, play
from tests.faults.plug import make_plug
from tests.faults.report import page
from tests.faults.rounds import FAULTS
from tests.faults.site import begin_forking

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def faults(
    rounds: Annotated[int, typer.Option("--rounds", help="how many")] = 500,
    seed: Annotated[int, typer.Option("--seed", help="of the first round")] = 1,
    only: Annotated[list[str] | None, typer.Option("--only", help="only this fault; may be given again")] = None,
    sweep: Annotated[bool, typer.Option("--sweep", help="besides, die in the first write or sync of either file, in "
                                                        "the second, and so on to the last")] = False,
    jobs: Annotated[int, typer.Option("--jobs", help="rounds at one time")] = 2,
    minutes: Annotated[float, typer.Option("--minutes", help="begin no round after so long")] = 30.0,
    report: Annotated[Path | None, typer.Option("--report", help="write a page of Markdown here")] = None,
    keep: Annotated[Path | None, typer.Option("--keep", help="keep the files of rounds that went wrong here")] = None,
) -> None:
    """Kill, cut, fill, flip and set back, and count what is there afterwards."""
    skipped = {}
    plug, why = make_plug()
    if why:
        skipped |= {name: why for name, fault in FAULTS.items() if fault.needs == "plug"}
    if not can_mount():
        skipped |= {name: "needs root, to mount a small disk" for name, fault in FAULTS.items() if fault.disk}
    names = [name for name in only or FAULTS if name not in skipped]
    plan = [(name, number, 0) for name, number in planned(rounds, seed, names)]
    if sweep:
        plan += [(name, at, at) for name in names for at in range(1, FAULTS[name].writes + 1)]
    context, began, outcomes = begin_forking(plug), time.monotonic(), []

    def one(name: str, number: int, at: int) -> Outcome | None:
        return play(name, number, context, keep, at) if time.monotonic() - began < 60 * minutes else None

    with Progress(disable=not sys.stderr.isatty()) as progress, ThreadPoolExecutor(jobs) as pool:
        task = progress.add_task("rounds", total=len(plan))
        for outcome in pool.map(lambda row: one(*row), plan):
            progress.advance(task)
            if outcome is None:
                continue
            outcomes.append(outcome)
            if not outcome.good:
                verdict = outcome.verdict
                print(f"{outcome.fault} {outcome.seed}: lost {verdict.lost}, doubled {verdict.doubled}, "
                      f"{'; '.join(verdict.problems)}", flush=True)
    short = [name for name in names if sweep and ends_early(name, outcomes)]
    for name in short:
        print(f"{name}: the sweep ended before the last write; raise `writes` in tests/faults/rounds.py")
    text = page(outcomes, skipped, time.monotonic() - began)
    print(text)
    if report is not None:
        report.write_text(text, encoding="utf-8")
    raise typer.Exit(0 if all(outcome.good for outcome in outcomes) and not short else 1)


def ends_early(name: str, outcomes: list[Outcome]) -> bool:
    """Whether a sweep still killed somebody in its last ten writes: then there are more."""
    last = {FAULTS[name].writes - n for n in range(10)}
    return FAULTS[name].writes > 0 and any(
        outcome.died for outcome in outcomes if outcome.fault == name and outcome.at in last)


def planned(rounds: int, seed: int, names: list[str]) -> list[tuple[str, int]]:
    """(fault, seed) of each round: kinds by their weight, evenly mixed."""
    total = sum(FAULTS[name].weight for name in names)
    owed = dict.fromkeys(names, 0.0)
    plan = []
    for number in range(seed, seed + rounds):
        for name in names:
            owed[name] += FAULTS[name].weight / total
        most = max(names, key=lambda name: owed[name])
        owed[most] -= 1
        plan.append((most, number))
    return plan


if __name__ == "__main__":
    app()
