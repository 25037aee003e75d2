"""`Ages`: what in the store is how old, and how much there is; deletes what is not a whole visit."""

from __future__ import annotations

import sqlite3

from aggregator.store.eraser import Gone


class Ages:
    """Inside a transaction of the store's writer. `before` is UTC seconds; None finds and deletes nothing.

    What goes on is never too old: a track that has not ended counts by its latest sight.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def visits_before(self, before: float | None, most: int) -> list[int]:
        """Visits that ended before."""
        return [] if before is None else [row[0] for row in self._db.execute(
            'SELECT visit FROM visits WHERE "end" < ? ORDER BY "end" LIMIT ?', (before, most))]

    def oldest_visits(self, most: int) -> list[int]:
        """The visits that ended first."""
        return [row[0] for row in self._db.execute(
            'SELECT visit FROM visits WHERE final ORDER BY "end" LIMIT ?', (most,))]

    def oldest_end(self) -> float:
        """When the visit ended that ended first, UTC seconds; infinity when there is none."""
        (end,) = self._db.execute('SELECT min("end") FROM visits').fetchone()
        return float("inf") if end is None else float(end)

    def delete_hours(self, most: int) -> int:
        """The oldest sums; how many."""
        return self._db.execute("""
            DELETE FROM hours WHERE (camera, label, kind, name, hour) IN (
                SELECT camera, label, kind, name, hour FROM hours ORDER BY hour LIMIT ?)""", (most,)).rowcount

    def embedded_before(self, before: float | None, most: int) -> list[Gone]:
        """Visits that ended before and still have an embedding, of themselves or of their face."""
        return [] if before is None else [
            Gone(visit=row[0], model=row[1], identity=row[2], final=True) for row in self._db.execute(
                'SELECT visit, model, identity FROM visits WHERE "end" < ? AND (length(mean) > 0 '
                "OR visit IN (SELECT visit FROM faces)) LIMIT ?", (before, most))]

    def delete_paths(self, before: float | None, most: int) -> int:
        """Paths that ended before; how many parts."""
        return self._db.execute("""
            DELETE FROM paths WHERE (visit, part) IN (
                SELECT visit, part FROM paths WHERE "end" < ? LIMIT ?)""", (before, most)).rowcount

    def delete_events(self, before: float | None, most: int) -> int:
        """Events, crossings, and stays that ended before."""
        count = 0
        for table, moment in (("events", "time"), ("crossings", "time")):
            count += self._db.execute(f"""
                DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table} WHERE {moment} < ? LIMIT ?)""",
                (before, most)).rowcount
        return count + self._db.execute("""
            DELETE FROM stays WHERE (camera, run, track, zone, entered) IN (
                SELECT camera, run, track, zone, entered FROM stays WHERE coalesce("left", entered) < ? LIMIT ?)""",
            (before, most)).rowcount

    def delete_log(self, before: float | None, most: int) -> int:
        """Decisions made before."""
        return self._db.execute("DELETE FROM log WHERE entry IN (SELECT entry FROM log WHERE time < ? LIMIT ?)",
                                (before, most)).rowcount

    def delete_moments(self, most: int) -> int:
        """What linking was asked before the oldest visit that is still there, but for how it had begun and for what
        people said."""
        (oldest,) = self._db.execute("""
            SELECT coalesce((SELECT moment FROM arrivals ORDER BY arrival LIMIT 1),
                            (SELECT max(moment) FROM moments), 0)""").fetchone()
        return self._db.execute("""
            DELETE FROM moments WHERE moment IN (
                SELECT moment FROM moments WHERE moment < :oldest AND kind <> 'correct' AND moment <> coalesce((
                    SELECT moment FROM moments WHERE kind = 'start' AND moment <= :oldest
                    ORDER BY moment DESC LIMIT 1), 0)
                LIMIT :most)""", {"oldest": oldest, "most": most}).rowcount

    def used_mb(self) -> float:
        """MiB of the file that hold something."""
        size, pages, free = (self._db.execute(f"PRAGMA {name}").fetchone()[0]
                             for name in ("page_size", "page_count", "freelist_count"))
        return float(size * (pages - free) / 2**20)
