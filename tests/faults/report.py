"""docs/faults.md from the outcomes of rounds."""

from __future__ import annotations

from collections.abc import Sequence

from tests.faults.play import Outcome
from tests.faults.rounds import FAULTS

HEAD = """# What happens when things break

<!-- made by ./run faults --report docs/faults.md; do not edit -->

Each round is a site of real processes on loopback: two boxes (spool, holding and uplink of the agent, fed with made
tracklets instead of video) and the aggregator's server, with its database. Something breaks, at a moment that the
round's seed chooses. When it is over the boxes send the rest, and then is counted:

* *lost*: entries that a box was told are stored, and are not;
* *doubled*: entries that are there twice, by visit and part, by event, or in what parts add up to;
* *wrong*: rounds in which an entry that was on a box's disk never arrived (unless the fault destroyed that disk),
  somebody was taken for somebody else than in an undisturbed run, or the database is not whole;
* *died*: rounds in which a process ended in the middle of a write, where that is the fault;
* *up*: seconds from the end of the fault until everything was acknowledged; more than 5 is wrong.

`./run faults --sweep --report docs/faults.md` plays five hundred rounds, and besides dies in every write and every sync
of a round, one after the other. These kills are made by a plug between SQLite and the system (`tests/faults/plug.c`),
loaded into the processes under test only. `./run faults --only NAME --seed N --rounds 1` plays a round again.
"""


def page(outcomes: Sequence[Outcome], skipped: dict[str, str], seconds: float) -> str:
    """The whole page."""
    rows = []
    for name, fault in FAULTS.items():
        found = [outcome for outcome in outcomes if outcome.fault == name]
        if name in skipped:
            rows.append(f"| {fault.says} | skipped: {skipped[name]} | | | | | | |")
        if found:
            up = sorted(outcome.up_s for outcome in found)
            rows.append(
                f"| {fault.says} (`{name}`) | {len(found)} | {sum(o.verdict.acknowledged for o in found):,} "
                f"| {sum(o.verdict.lost for o in found)} | {sum(o.verdict.doubled for o in found)} "
                f"| {sum(bool(o.verdict.problems) for o in found)} "
                f"| {sum(o.died > 0 for o in found) if fault.writes else ''} | {up[len(up) // 2]:.1f}, {up[-1]:.1f} |")
    bad = [o for o in outcomes if not o.good]
    total = (f"\n{len(outcomes)} rounds, {sum(o.curve for o in outcomes)} of them over CURVE, in "
             f"{seconds / 60:.0f} minutes; "
             f"{sum(o.verdict.acknowledged for o in outcomes):,} entries acknowledged, "
             f"{sum(o.verdict.lost for o in outcomes)} lost, {sum(o.verdict.doubled for o in outcomes)} doubled.\n")
    wrong = "".join(f"\n* `{o.fault}` {o.seed}: {'; '.join(o.verdict.problems) or 'lost or doubled'}" for o in bad)
    table = ("\n| what breaks | rounds | acknowledged | lost | doubled | wrong | died | up: median, worst (s) |\n"
             "|---|--:|--:|--:|--:|--:|--:|--:|\n" + "\n".join(rows) + "\n")
    return HEAD + total + table + (f"\nWrong rounds:\n{wrong}\n" if bad else "")
