"""Many rows in one statement.

Python lets its other threads run with every step of a statement, and `executemany` makes one step for each row: the
thread that listens for agents was woken thousands of times a second, for the few microseconds that a row takes. In a
step of many rows it does its work on the other core.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

STATEMENTS = 256
MOST = 128
"""Rows of one statement; what is left over goes in halves, so that few statements are enough for any number."""


def put_many(db: sqlite3.Connection, statement: str, rows: Sequence[tuple[Any, ...]],
             before: tuple[Any, ...] = ()) -> None:
    """Put rows in, in their order.

    Args:
        statement: with `{rows}` in the place of what comes after VALUES.
        rows: all of one length.
        before: values for what stands in `statement` before the rows, each time.
    """
    at, count = 0, MOST
    while at < len(rows):
        while count > len(rows) - at:
            count //= 2
        some = rows[at:at + count]
        db.execute(_with(statement, count, len(rows[0])), (*before, *chain.from_iterable(some)))
        at += count


@lru_cache(STATEMENTS)
def _with(statement: str, count: int, width: int) -> str:
    return statement.format(rows=", ".join([f"({', '.join('?' * width)})"] * count))
