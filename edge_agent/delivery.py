"""`Delivery`: which entries are on their way, how many more may go, when to send them again. No socket, no clock."""

from __future__ import annotations

from collections import deque

_SLOWEST_S = 60.0


class Delivery:
    """A window over the spool's positions.

    Args:
        credit: most entries unacknowledged.
        timeout_s: seconds without progress after which everything unacknowledged is due again; doubles with every
            time in vain, up to a minute.
    """

    def __init__(self, credit: int, timeout_s: float) -> None:
        self.credit = credit
        self.timeout_s = timeout_s
        self._least_s = timeout_s
        self.position = 0  # sent up to here since the last rewind
        self.sent = 0
        self.resent = 0
        self._highest = 0
        self._flying: deque[int] = deque()
        self._progress = 0.0

    @property
    def unacknowledged(self) -> int:
        """Entries sent and not yet acknowledged."""
        return len(self._flying)

    @property
    def room(self) -> int:
        """How many entries may be sent now."""
        return max(0, self.credit - len(self._flying))

    def sent_entry(self, position: int, now: float) -> None:
        """The entry at `position` went out."""
        if not self._flying:
            self._progress = now
        self._flying.append(position)
        self.position = position
        self.sent += 1
        if position <= self._highest:
            self.resent += 1
        else:
            self._highest = position

    def acknowledged(self, positions: range, now: float) -> None:
        """What was sent from these positions arrived."""
        before = len(self._flying)
        while self._flying and self._flying[0] in positions:
            self._flying.popleft()
        if self._flying and self._flying[0] < positions.start:  # what an earlier start of the agent left is still out
            self._flying = deque(position for position in self._flying if position not in positions)
        if len(self._flying) < before:
            self._progress = now
            self.timeout_s = self._least_s

    def patience(self, now: float) -> None:
        """The other side lives: what is on its way is waited for from now on, and not sent again yet."""
        self._progress = now

    def overdue(self, now: float) -> bool:
        """Whether something is unacknowledged for too long."""
        return bool(self._flying) and now - self._progress > self.timeout_s

    def rewind(self, slower: bool = False) -> None:
        """Send everything unacknowledged again; `slower` waits longer the next time."""
        self._flying.clear()
        self.position = 0
        if slower:
            self.timeout_s = min(self.timeout_s * 2, max(_SLOWEST_S, self._least_s))

    def patience_ms(self, now: float, heartbeat_at: float, greeted: bool) -> int:
        """How long nothing needs doing unless somebody wakes us."""
        due = heartbeat_at if greeted else now + 0.2
        if self._flying:
            due = min(due, self._progress + self.timeout_s)
        return int(min(max(due - now, 0.005), 0.5) * 1000)
