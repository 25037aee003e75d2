"""`Eraser`: takes visits, and whole people, out of the store: neither an answer nor the file's bytes hold them."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from aggregator.store.faces import FACE

_TRACK = "camera = ? AND run = ? AND track = ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """A visit that is no more, for what was made of it elsewhere."""

    visit: int
    model: str
    identity: int | None
    final: bool


class Eraser:
    """Deletes, inside a transaction of the store's writer; `scrub` afterwards, outside of one."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def visits(self, numbers: Sequence[int]) -> tuple[list[Gone], Counter[str]]:
        """Take visits out with their embeddings, path, events, stays, crossings, and why they were whose they were."""
        gone: list[Gone] = []
        counts: Counter[str] = Counter()
        self._keep_numbers()
        for number in numbers:
            row = self._db.execute(
                "SELECT camera, run, track, model, identity, final FROM visits WHERE visit = ?", (number,)).fetchone()
            if row is None:
                continue
            gone.append(Gone(visit=number, model=row[3], identity=row[4], final=bool(row[5])))
            counts["embeddings"] += self._db.execute(
                "SELECT (SELECT count(*) FROM exemplars WHERE visit = :v) + (SELECT length(mean) > 0 FROM visits "
                "WHERE visit = :v)", {"v": number}).fetchone()[0]
            for table in ("events", "stays", "crossings"):
                counts["events"] += self._db.execute(f"DELETE FROM {table} WHERE {_TRACK}", row[:3]).rowcount
            counts["faces"] += self._db.execute("DELETE FROM faces WHERE visit = ?", (number,)).rowcount
            for table in ("exemplars", "arrivals"):
                self._db.execute(f"DELETE FROM {table} WHERE visit = ?", (number,))
            counts["paths"] += self._db.execute("DELETE FROM paths WHERE visit = ?", (number,)).rowcount
            counts["log_entries"] += self._db.execute("DELETE FROM log WHERE visit = ?", (number,)).rowcount
            counts["visits"] += self._db.execute("DELETE FROM visits WHERE visit = ?", (number,)).rowcount
        return gone, counts

    def identities(self, numbers: Collection[int]) -> Counter[str]:
        """Take identities out, and their numbers out of decisions about others. Their visits are gone already."""
        counts: Counter[str] = Counter()
        self._keep_numbers()
        for number in numbers:
            counts["log_entries"] += self._db.execute(
                "DELETE FROM log WHERE identity = :i OR (other = :i AND other > 0)", {"i": number}).rowcount
            for entry, rivals in self._db.execute(
                    "SELECT entry, rivals FROM log WHERE rivals LIKE ?", (f"%[{number},%",)).fetchall():
                left = [rival for rival in json.loads(rivals) if rival[0] != number]
                self._db.execute("UPDATE log SET rivals = ? WHERE entry = ?",
                                 (json.dumps(left, separators=(",", ":")), entry))
                counts["rivals"] += 1
        self._db.execute("PRAGMA defer_foreign_keys = 1")  # one may have been merged into another of them
        for number in numbers:
            counts["identities"] += self._db.execute(
                "DELETE FROM identities WHERE identity = ?", (number,)).rowcount
        return counts

    def corrections(self, visits: Collection[int], identities: Collection[int]) -> int:
        """Take visits and identities out of what people corrected, and the notes beside them; how many it concerned."""
        lost, names, touched = set(visits), set(identities), 0
        rows = self._db.execute("SELECT correction, together, apart, changed, folded FROM corrections").fetchall()
        for number, *texts in rows:
            together, apart, changed, folded = (json.loads(text) for text in texts)
            after: list[Any] = [
                [[v for v in group if v not in lost] for group in together],
                [[v for v in group if v not in lost] for group in apart],
                [entry for entry in changed if not _holds(entry, lost, names)],
                [identity for identity in folded if identity not in names]]
            after[0] = [group for group in after[0] if group]
            if after != [together, apart, changed, folded]:
                touched += 1
                self._db.execute(
                    "UPDATE corrections SET together = ?, apart = ?, changed = ?, folded = ?, note = '' "
                    "WHERE correction = ?", (*(json.dumps(part, separators=(",", ":")) for part in after), number))
        return touched

    def embeddings(self, visits: Sequence[int]) -> int:
        """Take what visits looked like out, and leave the rest of them; how many vectors."""
        count = 0
        for number in visits:
            for table in ("exemplars", "faces"):
                count += self._db.execute(f"DELETE FROM {table} WHERE visit = ?", (number,)).rowcount
            self._db.execute("DELETE FROM arrivals WHERE visit = ?", (number,))
            count += self._db.execute("UPDATE visits SET mean = x'' WHERE visit = ? AND length(mean) > 0",
                                      (number,)).rowcount
        return count

    def record_again(self) -> None:
        """The record of what linking was asked begins anew: one person alone cannot be taken out of it."""
        self._db.execute("DELETE FROM arrivals")
        self._db.execute("DELETE FROM moments")
        self._db.execute("INSERT INTO moments SELECT 1, 0.0, 'keep', (SELECT count(*) FROM log), '{}' "
                         "WHERE EXISTS (SELECT 1 FROM visits)")
        self._db.execute("""
            INSERT INTO arrivals (moment, visit, start, "end", label, frames, final, model, mean)
            SELECT 1, visit, start, "end", label, frames, final, model, mean FROM visits ORDER BY visit""")
        self._db.execute(f"""
            UPDATE arrivals SET ({FACE}) = (SELECT model, mean, quality, seen FROM faces AS f
                                            WHERE f.visit = arrivals.visit)
            WHERE visit IN (SELECT visit FROM faces)""")

    def empty(self, identities: Collection[int | None]) -> list[int]:
        """Those of these identities that have lost their last visit, and what was merged into them."""
        return [row[0] for identity in identities if identity is not None
                and self._db.execute("SELECT 1 FROM visits WHERE identity = ? LIMIT 1", (identity,)).fetchone() is None
                for row in self._db.execute(_FAMILY, {"identity": identity})]

    def owe_scrub(self) -> None:
        """Bytes of what was deleted are left until `scrub`; this is known after a restart too."""
        self._db.execute("INSERT INTO facts VALUES ('scrub_due', '1') ON CONFLICT DO NOTHING")

    def owes_scrub(self) -> bool:
        """Whether bytes are left."""
        return self._db.execute("SELECT 1 FROM facts WHERE name = 'scrub_due'").fetchone() is not None

    def scrub(self) -> bool:
        """Write the file anew without what was deleted, and cut the write-ahead log; whether all of it could be cut.

        Deleted bytes stay in a database's free pages, and what they were before in its log, until this is done.
        """
        self._db.execute("VACUUM")
        if self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            return False
        self._db.execute("DELETE FROM facts WHERE name = 'scrub_due'")
        return True

    def cut_log(self) -> None:
        """Cut the write-ahead log, if nobody is reading: it holds what pages were before."""
        self._db.execute("PRAGMA busy_timeout = 0")
        try:
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            self._db.execute("PRAGMA busy_timeout = 10000")

    def _keep_numbers(self) -> None:
        """A number that a user has seen is never given to somebody else."""
        for name, table in (("identity", "identities"), ("visit", "visits")):
            self._db.execute(f"""
                INSERT INTO facts SELECT 'last_{name}', max({name}) FROM {table} HAVING max({name}) IS NOT NULL
                ON CONFLICT (name) DO UPDATE SET value = max(CAST(value AS INTEGER), CAST(excluded.value AS INTEGER))
                """)


_FAMILY = """
WITH RECURSIVE family (identity) AS (
    SELECT :identity
    UNION
    SELECT identities.identity FROM identities JOIN family ON identities.merged_into = family.identity
)
SELECT identity FROM family"""


def _holds(entry: Iterable[Any], visits: Collection[int], identities: Collection[int]) -> bool:
    visit, before, _, after = entry
    return visit in visits or before in identities or after in identities
