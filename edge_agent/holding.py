"""What the spool could not take: held in memory, bounded, and offered again."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

from common.errors import StoreError

log = logging.getLogger("passage.agent")

LIMIT = 20_000


class Keeper(Protocol):
    """A spool."""

    def append(self, bodies: Sequence[bytes]) -> object:
        """Keeps them; StoreError when it cannot."""


class Holding:
    """Stands before the spool. A full disk must not blind the box nor stop it: it goes on seeing.

    Args:
        spool: where bodies belong.
        limit: most bodies held; beyond it the oldest are given up, counted and told.
    """

    def __init__(self, spool: Keeper, limit: int = LIMIT) -> None:
        self._spool, self._limit = spool, limit
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
            excess = len(self._held) - self._limit
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
