"""`Limiter`: who shows wrong tokens again and again is not listened to for a while."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

MOST_ADDRESSES = 10_000


@dataclass(slots=True)
class _Failures:
    count: int
    since: float
    until: float = 0.0


class Limiter:
    """Counts failures by address. Times in seconds of any clock that does not jump.

    Args:
        most: failures within `window_s` after which an address is refused for as long.
        window_s: see above.
    """

    def __init__(self, most: int, window_s: float = 60.0) -> None:
        self._most, self._window_s = most, window_s
        self._failures: OrderedDict[str, _Failures] = OrderedDict()

    def wait_s(self, address: str, now: float) -> float:
        """How long this address is still refused; 0 when it is not."""
        entry = self._failures.get(address)
        return 0.0 if entry is None else max(0.0, entry.until - now)

    def failed(self, address: str, now: float) -> None:
        """One more failure."""
        entry = self._failures.get(address)
        if entry is None or now - entry.since > self._window_s:
            entry = self._failures[address] = _Failures(0, now)
        self._failures.move_to_end(address)
        entry.count += 1
        if entry.count >= self._most:
            entry.until = now + self._window_s
        while len(self._failures) > MOST_ADDRESSES:
            self._failures.popitem(last=False)
