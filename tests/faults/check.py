"""What must hold after every round."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from dataclasses import dataclass, field

from aggregator.store.database import store_file
from tests.faults import scene
from tests.faults.site import MIDDLE, Site

AGREE_S = 5.0


@dataclass
class Verdict:
    """What a round showed.

    Attributes:
        acknowledged: entries whose acknowledgement came.
        lost: of these, those that are not in the store.
        doubled: entries that are there more than once.
        missing: entries that a box had on its disk and that never arrived.
        problems: what else is not as it must be.
    """

    acknowledged: int = 0
    lost: int = 0
    doubled: int = 0
    missing: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not (self.lost or self.doubled or self.problems)


def check(site: Site, *, may_miss: bool = False) -> Verdict:
    """Count what is there, and who was taken for whom.

    Args:
        may_miss: the fault destroyed entries that nobody had acknowledged; they need not arrive.
    """
    verdict = Verdict()
    with sqlite3.connect(f"file:{store_file(site.disk[MIDDLE])}?mode=ro", uri=True) as db:
        found = db.execute("PRAGMA integrity_check").fetchall()
        if found != [("ok",)]:
            verdict.problems.append(f"the database: {found[0][0]}")
        there = _entries(db)
        verdict.problems += _sums(db)
    made = scene.make(site.seed)
    for name, order in site.orders.items():
        items, told = made.items[order.plays or name], site.told(name)
        count = [there[("event", item.number) if item.part < 0 else (item.track, item.part)] for item in items]
        verdict.acknowledged += len(told.acknowledged)
        verdict.lost += sum(count[k] == 0 for k in told.acknowledged)
        verdict.doubled += sum(n > 1 for n in count)
        verdict.missing += sum(count[k] == 0 for k in told.kept)
        unknown = [k for k in range(len(items)) if count[k] and k >= told.next]
        if unknown:
            verdict.problems.append(f"{len(unknown)} entries that {name} never sent")
    if verdict.missing and not may_miss:
        verdict.problems.append(f"{verdict.missing} entries that were on a box's disk never arrived")
    verdict.problems += _identities(site, made)
    return verdict


def _entries(db: sqlite3.Connection) -> Counter[tuple[int | str, int]]:
    """How often each entry of a scene is in the store."""
    there: Counter[tuple[int | str, int]] = Counter()
    for track, part in db.execute("SELECT track, part FROM visits JOIN paths USING (visit) WHERE run = ?",
                                  (scene.RUN,)):
        there[track, part] += 1
    for (number,) in db.execute("SELECT json_extract(data, '$.n') FROM events WHERE run = ?", (scene.RUN,)):
        there["event", number] += 1
    return there


def _sums(db: sqlite3.Connection) -> list[str]:
    """What would show a part that was added twice, or half."""
    rows = db.execute("""
        SELECT v.track, v.parts, v.frames, v.final, count(DISTINCT e.time), count(e.time)
        FROM visits v LEFT JOIN exemplars e USING (visit) WHERE v.run = ? GROUP BY v.visit""",
                      (scene.RUN,)).fetchall()
    return [f"track {track}: {parts} parts, {frames} frames, final {final}, {whole} exemplars"
            for track, parts, frames, final, times, whole in rows
            if frames != 40 * parts or final != (parts == 2) or times != whole or whole > parts]


def _identities(site: Site, made: scene.Scene) -> list[str]:
    """People as in an undisturbed run. Repairs come at intervals, so it is asked for a while."""
    people = made.people()
    until = time.monotonic() + AGREE_S
    while True:
        with sqlite3.connect(f"file:{store_file(site.disk[MIDDLE])}?mode=ro", uri=True) as db:
            rows = db.execute("SELECT track, identity FROM visits WHERE run = ?", (scene.RUN,)).fetchall()
        groups: dict[int | None, set[int]] = {}
        for track, identity in rows:
            groups.setdefault(identity, set()).add(people[track])
        split = Counter(person for found in groups.values() for person in found)
        wrong = [f"identity {identity} is {len(found)} people" for identity, found in groups.items() if len(found) > 1]
        wrong += [f"person {person} has {n} identities" for person, n in split.items() if n > 1]
        if not wrong or time.monotonic() > until:
            return wrong[:3]
        time.sleep(0.05)
