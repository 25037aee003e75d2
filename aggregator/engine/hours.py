"""`Hours`: adds hours up once nothing new comes in for them. A little at a time, when there is nothing else to do."""

from __future__ import annotations

from aggregator.store.count_writer import CountWriter

_LOOK_EVERY_S = 10.0


class Hours:
    """What is due, and since when it has been quiet. Nothing of it needs to outlast the process.

    Args:
        counting: to read from and write to, inside transactions of the caller.
        quiet_s: an hour is added up when nothing new came in for it for so long.
    """

    def __init__(self, counting: CountWriter, quiet_s: float) -> None:
        self._counting = counting
        self._quiet_s = quiet_s
        self._seen: dict[tuple[str, int], tuple[int, float]] = {}
        self._ready: list[tuple[str, int]] = []
        self._look_at = 0.0

    def ready(self, now: float) -> bool:
        """Whether there is something to add up; `now` in seconds of a clock that only runs forward."""
        if now >= self._look_at and not self._ready:
            self._look_at = now + min(_LOOK_EVERY_S, max(self._quiet_s, 0.05))
            due = self._counting.due()
            self._seen = {
                key: self._seen[key] if key in self._seen and self._seen[key][0] == marks else (marks, now)
                for key, marks in due.items()}
            self._ready = sorted(key for key, (_, since) in self._seen.items() if now - since >= self._quiet_s)
        return bool(self._ready)

    def step(self, hours: int) -> None:
        """Add up so many hours. If the transaction fails they are due still, and looked for again."""
        now, self._ready = self._ready[:hours], self._ready[hours:]
        for key in now:
            self._counting.add_up(*key)
