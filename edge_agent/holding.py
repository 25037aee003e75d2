"""What the spool could not take: held in memory, bounded, and offered again."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

from common.errors import StoreError

log = logging.getLogger("passage.agent")

LIMIT = 20_000
LIMIT_BYTES = 64 << 20


class Keeper(Protocol):
    """A spool."""

    def append(self, bodies: Sequence[bytes]) -> object:
        """Keeps them; StoreError when it cannot."""


class Holding:
    """Stands before the spool. A full disk must not blind the box nor stop it: it goes on seeing.

    Args:
        spool: where bodies belong.
        limit, limit_bytes: most bodies held, and bytes of them; beyond it the oldest are given up, counted and told.
    """

    def __init__(self, spool: Keeper, limit: int = LIMIT, limit_bytes: int = LIMIT_BYTES) -> None:
        self._spool, self._limit, self._limit_bytes = spool, limit, limit_bytes
        self._held: list[bytes] = []
        self.given_up = 0

    def __len__(self) -> int:
        return len(self._held)

    def keep(self, bodies: Sequence[bytes]) -> None:
        """Hand over what is held and `bodies`, in this order; hold them when the spool cannot take them."""
        first_failure = not self._held
        self._held += bodies
        if not self._held:
            return
        try:
            self._spool.append(self._held)
        except StoreError as error:
            excess = self._excess()
            if excess > 0:
                del self._held[:excess]
                self.given_up += excess
            if first_failure or excess > 0:
                log.error("%d messages cannot be kept on disk and wait in memory, %d were given up: %s",
                          len(self._held), self.given_up, error)
            return
        if not first_failure:
            log.warning("the spool takes messages again; %d that waited are kept", len(self._held) - len(bodies))
        self._held = []

    def _excess(self) -> int:
        """How many of the oldest are too many."""
        excess, size = max(0, len(self._held) - self._limit), sum(map(len, self._held))
        size -= sum(map(len, self._held[:excess]))
        while size > self._limit_bytes:
            size -= len(self._held[excess])
            excess += 1
        return excess
