"""The names that spools go by.

A spool id is `FILE-LIFE`: FILE is made once with the spool's file, LIFE anew each time the file is opened and written.
Sequence numbers count from 1 within one id. A box that is restored from an old disk image therefore never sends new
tracklets under numbers that the aggregator has already seen: the image holds the numbers, but not the LIFE.
"""

from __future__ import annotations

import secrets


def new_file_id() -> str:
    """A name for a spool file that was just made: 16 hexadecimal digits."""
    return secrets.token_hex(8)


def new_spool_id(file_id: str) -> str:
    """A name for the entries written from this opening of the file until the next."""
    return f"{file_id}-{secrets.token_hex(6)}"


def file_of(spool: str) -> str:
    """Which file an id belongs to. Two processes cannot have one spool file open, so a second agent with the same
    file is the first one, started again (or a copy of its disk)."""
    return spool.partition("-")[0]
