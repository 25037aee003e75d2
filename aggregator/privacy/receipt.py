"""`Receipt`: what forgetting somebody took away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from common.errors import PassageError


class NobodyError(PassageError):
    """There is no such identity (any more)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What went.

    Attributes:
        identity: that was to be forgotten, as it was known at last.
        also: identities that had been merged into it, which went too.
        time: UTC seconds.
        removed: how many of each kind.
        going_on: tracks that had not ended: what cameras see of them from now on is somebody new.
        scrubbed: the files were written anew, so that their bytes hold nothing of it.
    """

    identity: int
    also: tuple[int, ...]
    time: float
    removed: Mapping[str, int]
    going_on: int
    scrubbed: bool
