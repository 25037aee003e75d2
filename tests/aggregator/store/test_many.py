"""Many rows go into a table in one statement, whatever their number."""

from __future__ import annotations

import sqlite3

import pytest

from aggregator.store.many import MOST, put_many


@pytest.mark.parametrize("count", [0, 1, 2, 3, MOST - 1, MOST, MOST + 1, 3 * MOST + 77])
def test_every_row_is_there_once_and_in_order(count: int) -> None:
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE t (batch INTEGER, at INTEGER, name TEXT)")
    rows = [(at, f"row {at}") for at in range(count)]
    put_many(db, "INSERT INTO t SELECT ?, v.* FROM (VALUES {rows}) AS v", rows, (7,))
    assert db.execute("SELECT * FROM t ORDER BY rowid").fetchall() == [(7, *row) for row in rows]


def test_few_statements_are_enough_for_any_number() -> None:
    db, seen = sqlite3.connect(":memory:"), set[str]()
    db.execute("CREATE TABLE t (at INTEGER)")
    db.set_trace_callback(lambda statement: seen.add(f"{statement.count('(')}"))
    for count in range(1, 2 * MOST):
        put_many(db, "INSERT INTO t VALUES {rows}", [(at,) for at in range(count)])
    assert len(seen) <= MOST.bit_length() + 1  # and the transaction's beginning
