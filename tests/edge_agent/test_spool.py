from __future__ import annotations

import logging
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from common.clock import ManualClock
from common.errors import StoreError
from common.spool_id import file_of
from edge_agent import spool as spool_module
from edge_agent.spool import MAX_BODY_BYTES, Entry, Spool


def waiting(spool: Spool) -> list[tuple[str, int, bytes]]:
    return [(entry.spool, entry.seq, entry.body) for entry in spool.pending(limit=10_000)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "spool.db"


def test_entries_come_out_in_the_order_they_came_in(path: Path) -> None:
    with Spool(path) as spool:
        assert spool.append([b"a", b"b"]) == range(1, 3)
        assert spool.append([b"c"]) == range(3, 4)
        assert waiting(spool) == [(spool.id, 1, b"a"), (spool.id, 2, b"b"), (spool.id, 3, b"c")]
        assert (spool.depth, spool.bytes) == (3, 3)


def test_an_empty_append_is_nothing(path: Path) -> None:
    with Spool(path) as spool:
        assert len(spool.append([])) == 0
        assert spool.depth == 0


def test_pending_goes_on_after_a_position(path: Path) -> None:
    with Spool(path) as spool:
        spool.append([b"%d" % i for i in range(10)])
        first = spool.pending(limit=4)
        then = spool.pending(after=first[-1].position, limit=4)
        assert [entry.body for entry in (*first, *then)] == [b"%d" % i for i in range(8)]


def test_an_acknowledgement_lets_go_up_to_its_number_and_no_further(path: Path) -> None:
    with Spool(path) as spool:
        spool.append([b"a", b"bb", b"ccc"])
        spool.ack(spool.id, 2)
        assert waiting(spool) == [(spool.id, 3, b"ccc")]
        assert (spool.depth, spool.bytes) == (1, 3)
        spool.ack(spool.id, 1)  # an old one changes nothing
        spool.ack("another", 99)
        assert spool.depth == 1


def test_an_acknowledgement_of_what_was_never_written_takes_nothing_of_the_future(path: Path) -> None:
    with Spool(path) as spool:
        spool.append([b"a"])
        assert spool.ack(spool.id, 500) == range(1, 2)
        spool.append([b"b"])
        assert waiting(spool) == [(spool.id, 2, b"b")]


def test_an_acknowledgement_speaks_of_its_own_start_of_the_agent_only(path: Path) -> None:
    with Spool(path) as spool:
        old = spool.id
        spool.append([b"a", b"b"])
    with Spool(path) as spool:
        spool.append([b"c"])
        assert spool.ack(spool.id, 1) == range(3, 4)
        assert [body for _, _, body in waiting(spool)] == [b"a", b"b"]
        assert spool.ack(old, 500) == range(1, 3)
        assert spool.depth == 0


def test_all_is_there_after_a_restart_under_its_old_name(path: Path) -> None:
    with Spool(path) as spool:
        spool.append([b"a", b"b"])
        before = waiting(spool)
    with Spool(path) as spool:
        assert waiting(spool) == before
        assert (spool.depth, spool.bytes) == (2, 2)


def test_no_name_and_number_is_used_twice(path: Path) -> None:
    used: set[tuple[str, int]] = set()
    for _ in range(3):
        with Spool(path) as spool:
            for _ in range(2):
                numbers = spool.append([b"x", b"y"])
                names = {(spool.id, number) for number in numbers}
                assert not names & used
                used |= names
                spool.ack(spool.id, numbers[-1])  # nothing is left, and still no number comes again


def test_a_disk_image_put_back_sends_nothing_new_under_an_old_name(path: Path, tmp_path: Path) -> None:
    with Spool(path) as spool:
        spool.append([b"kept"])
    image = path.read_bytes()
    with Spool(path) as spool:
        sent = {(spool.id, number) for number in spool.append([b"new"] * 5)}
        spool.ack(spool.id, 5)
        first = spool.id
    path.write_bytes(image)
    with Spool(path) as spool:
        again = {(spool.id, number) for number in spool.append([b"newer"] * 5)}
        assert not sent & again
        assert file_of(spool.id) == file_of(first)
        assert waiting(spool)[0][2] == b"kept"


def test_the_oldest_go_when_it_is_full_and_it_says_so_once(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Spool(path, max_bytes=1000) as spool, caplog.at_level(logging.ERROR):
        for i in range(50):
            spool.append([b"%03d" % i * 30 + b"0123456789"])  # 100 bytes each
        assert spool.bytes <= 1000
        assert [number for _, number, _ in waiting(spool)] == list(range(41, 51))
        assert (spool.dropped_messages, spool.dropped_bytes) == (40, 4000)
        assert spool.figures()["dropped_messages"] == 40
        assert len([r for r in caplog.records if "dropping" in r.message]) == 1
    with Spool(path, max_bytes=1000) as spool:
        assert spool.dropped_messages == 40


def test_a_smaller_bound_holds_from_the_start(path: Path) -> None:
    with Spool(path) as spool:
        spool.append([b"x" * 100] * 10)
    with Spool(path, max_bytes=250) as spool:
        assert [number for _, number, _ in waiting(spool)] == [9, 10]


def test_what_is_too_old_goes(path: Path) -> None:
    clock = ManualClock(1000.0)
    with Spool(path, max_age_s=60.0, clock=clock) as spool:
        spool.append([b"old"])
        clock.time += 50
        spool.append([b"young"])
        clock.time += 20
        spool.append([b"new"])
        assert [body for _, _, body in waiting(spool)] == [b"young", b"new"]
        assert spool.dropped_messages == 1


def test_setting_the_computers_clock_makes_nothing_old(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1.7e9
    monkeypatch.setattr(spool_module.time, "time", lambda: now)
    with Spool(path, max_age_s=3600.0) as spool:
        spool.append([b"a"])
        now += 86400
        spool.append([b"b"])
        now -= 2 * 86400
        spool.append([b"c"])
        assert spool.depth == 3


def test_a_box_that_wakes_in_1970_drops_nothing_and_ages_on(path: Path) -> None:
    with Spool(path, max_age_s=60.0, clock=ManualClock(1.7e9)) as spool:
        spool.append([b"a"])
    clock = ManualClock(5.0)
    with Spool(path, max_age_s=60.0, clock=clock) as spool:
        spool.append([b"b"])
        assert spool.depth == 2
        clock.time += 61
        spool.append([b"c"])
        assert [body for _, _, body in waiting(spool)] == [b"c"]


def test_a_body_that_no_aggregator_takes_is_left_out_and_counted(path: Path) -> None:
    with Spool(path) as spool:
        assert spool.append([b"a", bytes(MAX_BODY_BYTES + 1), b"b"]) == range(1, 3)
        assert [body for _, _, body in waiting(spool)] == [b"a", b"b"]
        assert spool.dropped_messages == 1
        assert spool.bytes == 2


def test_two_agents_cannot_have_one_spool(path: Path) -> None:
    with Spool(path), pytest.raises(StoreError, match=r"in use by another process[\s\S]*data folder of its own"):
        Spool(path)
    with Spool(path) as spool:  # and it is free afterwards
        spool.append([b"a"])


def test_a_newer_schema_is_left_alone(path: Path) -> None:
    with Spool(path) as spool:
        spool.append([b"a"])
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version=99")
    db.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"version 99, this release knows 1"):
        Spool(path)
    assert path.read_bytes() == before
    assert not list(path.parent.glob("*.broken-*"))


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be made"):
        Spool(tmp_path / "file" / "spool.db")


def test_a_full_disk_is_told_and_nothing_is_half_kept(path: Path) -> None:
    with Spool(path) as spool:
        spool.append([b"a"])
        pages = spool._db.execute("PRAGMA page_count").fetchone()[0]
        spool._db.execute(f"PRAGMA max_page_count={pages}")
        with pytest.raises(StoreError, match="no space left"):
            spool.append([b"b", b"x" * 100_000])
        assert [body for _, _, body in waiting(spool)] == [b"a"]
        assert (spool.depth, spool.bytes) == (1, 1)
        spool._db.execute("PRAGMA max_page_count=100000")
        assert spool.append([b"c"]) == range(2, 3)


@pytest.mark.parametrize("content", [b"this is no database" * 500, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_file_that_is_no_spool_is_set_aside(path: Path, content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with caplog.at_level(logging.ERROR), Spool(path) as spool:
        assert spool.append([b"a"]) == range(1, 2)
    aside = list(path.parent.glob("spool.db.broken-*"))
    assert len(aside) == 1
    assert aside[0].read_bytes() == content
    assert str(aside[0]) in caplog.text


def filled(path: Path, count: int = 300) -> str:
    with Spool(path) as spool:
        spool.append([b"%05d" % i + bytes(1000) for i in range(count)])
        return spool.id


def test_a_damaged_page_costs_its_entries_and_the_others_keep_their_names(path: Path) -> None:
    old = filled(path)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2 // 4096 * 4096
    data[middle : middle + 4096] = b"\xff" * 4096
    path.write_bytes(data)
    with Spool(path) as spool:
        left = waiting(spool)
        assert 200 < len(left) < 300
        assert all(name == old and int(body[:5]) == number - 1 for name, number, body in left)
        assert {1, 300} <= {number for _, number, _ in left}  # from both sides of the damage
        assert spool.depth == len(left)
        assert file_of(spool.id) != file_of(old)
        assert spool.append([b"new"]) == range(1, 2)
        spool.ack(old, 300)
        assert waiting(spool) == [(spool.id, 1, b"new")]


def test_a_flipped_bit_in_a_body_is_noticed(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    filled(path, 20)
    data = bytearray(path.read_bytes())
    data[data.index(b"00007") + 500] ^= 1
    path.write_bytes(data)
    with Spool(path) as spool, caplog.at_level(logging.ERROR):
        assert [number for _, number, _ in waiting(spool)] == [n for n in range(1, 21) if n != 8]
        assert spool.dropped_messages == 1
        assert "damaged" in caplog.text


def test_damage_that_shows_up_in_use_is_mended_in_use(path: Path) -> None:
    filled(path)
    with Spool(path) as spool:
        before = spool.append([b"last"])[-1]
        assert before == 1
        spool._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        spool._db.execute("PRAGMA cache_size=0")
        spool._db.execute("PRAGMA shrink_memory")
        with path.open("r+b") as file:
            file.seek(path.stat().st_size // 2 // 4096 * 4096)
            file.write(b"\xff" * 4096)
        assert 200 < len(spool.pending(limit=1000)) < 301
        spool.append([b"after"])
        assert waiting(spool)[-1][2] == b"after"
    assert list(path.parent.glob("*.broken-*"))


@pytest.mark.parametrize("seed", range(12))
def test_a_flipped_bit_anywhere_never_stops_the_agent(path: Path, seed: int) -> None:
    filled(path, 60)
    data = bytearray(path.read_bytes())
    data[random.Random(seed).randrange(len(data) if seed % 3 else 4096)] ^= 1 << seed % 8
    path.write_bytes(data)
    with Spool(path) as spool:
        left = waiting(spool)
        assert all(int(body[:5]) == number - 1 and body[5:] == bytes(1000) for _, number, body in left)
        spool.append([b"new"])
        for name in {name for name, _, _ in waiting(spool)}:
            spool.ack(name, 1000)
        assert spool.depth == 0


def test_the_file_shrinks_after_a_long_absence(path: Path) -> None:
    with Spool(path) as spool:
        for _ in range(10):
            spool.append([bytes(10_000)] * 100)
        for number in range(10, 1001, 10):
            spool.ack(spool.id, number)
    assert path.stat().st_size < 6_000_000


@pytest.mark.parametrize("size", [(200, 600), (1500, 3000), (6000, 20000)])
def test_nothing_of_what_was_acknowledged_is_left_in_the_files(path: Path, size: tuple[int, int]) -> None:
    """It is people's looks; somebody may be forgotten, or the box be stolen."""
    rng = random.Random(size[0])
    with Spool(path) as spool:
        gone, seq = [], 0
        for _ in range(100):
            bodies = [rng.randbytes(rng.randint(*size)) for _ in range(rng.randint(1, 6))]
            gone += bodies
            seq = spool.append(bodies).stop - 1
            if rng.random() < 0.4:
                spool.ack(spool.id, rng.randint(0, seq))
        spool.ack(spool.id, seq)
        spool.append([b"what waits is kept"])
        spool.tidy()
        data = b"".join(file.read_bytes() for file in path.parent.iterdir())
        assert b"what waits is kept" in data
        assert not [body for body in gone if body[50:82] in data]


def test_its_files_are_their_owners_only(path: Path) -> None:
    before = os.umask(0o022)
    try:
        with Spool(path) as spool:
            spool.append([b"x"])
            modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
        path.chmod(0o644)  # of an older release
        with Spool(path):
            pass
    finally:
        os.umask(before)
    assert set(modes.values()) == {0o600}
    assert len(modes) == 2
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_damaged_copies_do_not_pile_up_nor_outlast_what_may_wait(path: Path) -> None:
    for turn in range(4):
        with Spool(path) as spool:
            spool.append([b"x"])
        path.write_bytes(b"no database" + bytes([turn]) * 5000)
        os.utime(path, (1000.0 + turn, 1000.0 + turn))
    with Spool(path, max_age_s=3600.0) as spool:
        left = sorted(file.stat().st_mtime for file in path.parent.glob("*.broken-*"))
        assert left == [1002.0, 1003.0]
        spool.tidy()
        assert not list(path.parent.glob("*.broken-*"))


def test_appending_wakes_who_listens(path: Path) -> None:
    heard = []
    with Spool(path, on_append=lambda: heard.append(1)) as spool:
        spool.append([b"a"])
        spool.append([])
    assert heard == [1]


def test_a_closed_spool_says_so(path: Path) -> None:
    spool = Spool(path)
    spool.close()
    spool.close()
    with pytest.raises(StoreError, match="is closed"):
        spool.append([b"a"])


def test_threads_share_it(path: Path) -> None:
    taken: list[Entry] = []
    with Spool(path) as spool:
        def write(who: int) -> None:
            for i in range(40):
                spool.append([b"%d-%d" % (who, i)] * 3)

        writers = [threading.Thread(target=write, args=(who,)) for who in range(3)]
        for thread in writers:
            thread.start()
        while len(taken) < 360:
            found = spool.pending(after=taken[-1].position if taken else 0, limit=50)
            taken += found
            if found:
                spool.ack(spool.id, found[-1].seq)
        for thread in writers:
            thread.join()
        assert spool.depth == 0
    assert [entry.seq for entry in taken] == list(range(1, 361))
    for who in range(3):
        mine = [entry.body for entry in taken if entry.body.startswith(b"%d-" % who)]
        assert mine == [b"%d-%d" % (who, i) for i in range(40) for _ in range(3)]


CHILD = """
import sys
from pathlib import Path
from edge_agent.spool import Spool
spool = Spool(Path(sys.argv[1]))
while True:
    numbers = spool.append([b"x" * 1500] * 3)
    print(numbers[-1], flush=True)
"""


def test_what_append_returned_survives_a_kill(path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    last = 0
    for line in child.stdout:
        last = int(line)
        if last >= 150:
            os.kill(child.pid, signal.SIGKILL)
            break
    last = max([last, *(int(line) for line in child.stdout if line.endswith("\n"))])
    child.wait()
    child.stdout.close()
    with Spool(path) as spool:
        numbers = [number for _, number, _ in waiting(spool)]
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) >= last


class SpoolAgainstAList(RuleBasedStateMachine):
    """Whatever is done in whatever order, the spool holds what a list would."""

    def __init__(self) -> None:
        super().__init__()
        self.home = tempfile.TemporaryDirectory()
        self.path = Path(self.home.name) / "spool.db"
        self.spool = Spool(self.path, max_bytes=400)
        self.model: list[tuple[str, int, bytes]] = []
        self.count = 0

    @rule(sizes=st.lists(st.integers(0, 150), max_size=4))
    def append(self, sizes: list[int]) -> None:
        bodies = [os.urandom(size) for size in sizes]
        numbers = self.spool.append(bodies)
        self.model += [(self.spool.id, number, body) for number, body in zip(numbers, bodies, strict=True)]
        while sum(len(body) for _, _, body in self.model) > 400:
            self.model.pop(0)

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def ack(self, data: st.DataObject) -> None:
        name, number, _ = data.draw(st.sampled_from(self.model))
        self.spool.ack(name, number)
        self.model = [(n, s, b) for n, s, b in self.model if n != name or s > number]

    @rule()
    def restart(self) -> None:
        self.spool.close()
        self.spool = Spool(self.path, max_bytes=400)

    @invariant()
    def holds_what_the_list_holds(self) -> None:
        assert waiting(self.spool) == self.model
        assert self.spool.depth == len(self.model)
        assert self.spool.bytes == sum(len(body) for _, _, body in self.model)

    def teardown(self) -> None:
        self.spool.close()
        self.home.cleanup()


TestSpoolAgainstAList = SpoolAgainstAList.TestCase
TestSpoolAgainstAList.settings = settings(max_examples=10, stateful_step_count=20, deadline=None)
