"""A database that is not whole any more: found at the start, mended, and nothing else lost."""

from __future__ import annotations

import logging
import os
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from aggregator.store import open_store, store_file
from aggregator.store.mend import problems, suspect
from common.tracklet import Tracklet
from tests.faults.flip import flip_bit

VISITS = 800


@pytest.fixture
def database(tmp_path: Path, tracklet: Callable[..., Tracklet]) -> Path:
    """A store of many visits, closed."""
    with open_store(tmp_path) as store, store.transaction():
        for track in range(1, VISITS + 1):
            store.record_tracklet("box", tracklet(track, start=1000.0 + track))
        store.advance("box", "spool", VISITS)
    return store_file(tmp_path)


def visits(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("SELECT count(*) FROM visits").fetchone()[0])


def pages(path: Path, name: str) -> list[int]:
    """First bytes of the leaf pages of a table or index."""
    with closing(sqlite3.connect(path)) as db:
        size = int(db.execute("PRAGMA page_size").fetchone()[0])
        found = db.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (name,)).fetchone()[0]
    data, leaves, open_ = path.read_bytes(), [], [int(found)]
    while open_:
        at = (open_.pop() - 1) * size
        if data[at] in (2, 5):  # an inner page: follow its children
            cells = int.from_bytes(data[at + 3:at + 5], "big")
            for k in range(cells):
                cell = at + int.from_bytes(data[at + 12 + 2 * k:at + 14 + 2 * k], "big")
                open_.append(int.from_bytes(data[cell:cell + 4], "big"))
            open_.append(int.from_bytes(data[at + 8:at + 12], "big"))
        else:
            leaves.append(at)
    return leaves


def overwrite(path: Path, at: int, count: int = 2048) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(bytes(random.Random(1).randrange(256) for _ in range(count)))


def test_a_damaged_table_is_moved_to_a_new_file_but_for_what_lay_there(
        database: Path, caplog: pytest.LogCaptureFixture) -> None:
    leaves = pages(database, "visits")
    assert len(leaves) > 8
    overwrite(database, leaves[len(leaves) // 2])
    assert problems(database)
    with caplog.at_level(logging.ERROR), open_store(database.parent) as store:
        assert store.through("box", "spool") == VISITS
    assert not problems(database)
    # All but the visits of one page, from before and behind it.
    assert VISITS - 2 * VISITS / len(leaves) < visits(database) < VISITS
    assert "set aside" in caplog.text
    assert [path.name for path in database.parent.glob("*.broken-*")]
    with open_store(database.parent):  # and it stays so
        pass
    assert len(list(database.parent.glob("*.broken-*"))) == 1


def test_damaged_copies_do_not_pile_up(database: Path) -> None:
    for turn in range(4):
        overwrite(database, pages(database, "visits")[2])
        os.utime(database, (1000.0 + turn, 1000.0 + turn))
        with open_store(database.parent):
            pass
    assert len(list(database.parent.glob("*.broken-*"))) == 2


def test_a_damaged_index_costs_nothing(database: Path, caplog: pytest.LogCaptureFixture) -> None:
    # One cell fewer, as a flipped bit in the page's header makes it.
    with database.open("r+b") as file:
        leaf = pages(database, "visits_by_start")[0]
        file.seek(leaf + 3)
        cells = int.from_bytes(file.read(2), "big")
        file.seek(leaf + 3)
        file.write((cells - 1).to_bytes(2, "big"))
    assert any("index" in line for line in problems(database))
    with caplog.at_level(logging.ERROR), open_store(database.parent):
        pass
    assert not problems(database)
    assert visits(database) == VISITS
    assert "made anew" in caplog.text
    assert not list(database.parent.glob("*.broken-*"))


def test_a_large_database_is_looked_at_only_when_in_doubt(database: Path) -> None:
    overwrite(database, pages(database, "paths")[3])
    with open_store(database.parent, check_bytes=0) as store:
        assert problems(database)
        store.doubt()
    assert suspect(database).exists()
    with open_store(database.parent, check_bytes=0):
        pass
    assert not problems(database)
    assert not suspect(database).exists()
    assert visits(database) == VISITS


@pytest.mark.parametrize("seed", range(12))
def test_whatever_bit_flips_most_of_it_stays_and_the_rest_is_told(
        database: Path, seed: int, caplog: pytest.LogCaptureFixture) -> None:
    rng = random.Random(seed)
    path, at = flip_bit(database.parent, rng, "passage.db", ("",))
    assert path == database
    if at < 100:
        pytest.skip("the file's head: such a database is refused, with the cure")
    with caplog.at_level(logging.ERROR), open_store(database.parent):
        pass
    assert not problems(database)
    assert visits(database) == VISITS or (visits(database) > 0.8 * VISITS and "set aside" in caplog.text)


@pytest.mark.parametrize("line", ["visits", "log", "exemplars"])
@pytest.mark.parametrize("where", [0, 5, 30], ids=["its kind", "its name", "its columns"])
def test_a_flipped_bit_in_the_schema_hides_no_table(database: Path, line: str, where: int) -> None:
    at = database.read_bytes().index(f"table{line}{line}".encode()) + where
    with database.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 0x80]))
    with open_store(database.parent) as store:
        assert store.through("box", "spool") == VISITS
    assert not problems(database)
    assert visits(database) == VISITS
    with closing(sqlite3.connect(database)) as db:
        assert db.execute("SELECT count(*) FROM exemplars").fetchone()[0] >= VISITS
