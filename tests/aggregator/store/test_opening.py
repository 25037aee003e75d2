"""What can be wrong with the file, its folder or its disk, and what is said about it."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from aggregator.store import (
    StoreDamagedError,
    StoreFullError,
    StoreLockedError,
    StoreReader,
    StoreVersionError,
    StoreWriter,
    database,
    open_store,
    store_file,
)
from aggregator.store.database import MIGRATIONS
from common.errors import StoreError
from common.tracklet import Tracklet


def change(path: Path, *statements: str) -> None:
    db = sqlite3.connect(path)
    with db:
        for statement in statements:
            db.execute(statement)
    db.close()


def test_a_new_store_is_made_with_its_folder_and_opened_again(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    with open_store(folder) as store:
        assert store.path == store_file(folder)
        with store.transaction():
            store.advance("box", "s", 5)
    assert sorted(p.name for p in folder.iterdir()) == ["passage.db", "passage.db.lock"]
    with open_store(store_file(folder)) as store:
        assert store.through("box", "s") == 5


def test_it_is_durable_as_promised(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        ask = store._db.execute
        assert ask("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert ask("PRAGMA synchronous").fetchone()[0] == 2
        assert ask("PRAGMA foreign_keys").fetchone()[0] == 1
        assert ask("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)


def test_its_files_are_their_owners_only(tmp_path: Path) -> None:
    """Whatever the account's umask lets others read."""
    folder, before = tmp_path / "data", os.umask(0o022)
    try:
        with open_store(folder) as store:
            with store.transaction():
                store.agent_seen("box", 1.0)
            modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
        for path in folder.iterdir():  # as an older release made them
            path.chmod(0o644)
        with open_store(folder):
            assert (folder / "passage.db").stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(before)
    assert set(modes) == {"passage.db", "passage.db-wal", "passage.db-shm", "passage.db.lock"}
    assert set(modes.values()) == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_newer_schema_is_left_alone(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    change(store_file(tmp_path), "PRAGMA user_version = 99")
    for opening in (open_store, StoreReader):
        with pytest.raises(StoreVersionError, match=f"99.*{len(MIGRATIONS)}") as raised:
            opening(tmp_path)
        assert "upgrade" in (raised.value.cure or "")
    db = sqlite3.connect(store_file(tmp_path))
    assert db.execute("PRAGMA user_version").fetchone() == (99,)
    db.close()


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    change(store_file(tmp_path), "CREATE TABLE recipes (name TEXT)")
    before = store_file(tmp_path).read_bytes()
    with pytest.raises(StoreVersionError, match="another program"):
        open_store(tmp_path)
    assert store_file(tmp_path).read_bytes() == before


@pytest.mark.parametrize("spoil", [
    lambda data: b"this is no database, whatever its name says" * 100,
    lambda data: data[:100] + b"\xff" * (len(data) - 100),
    lambda data: data[: len(data) // 2],
])
def test_a_damaged_file_is_named(tmp_path: Path, spoil: Callable[[bytes], bytes]) -> None:
    open_store(tmp_path).close()
    path = store_file(tmp_path)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises((StoreDamagedError, StoreVersionError), match=r"passage\.db") as raised:
        open_store(tmp_path)
    assert raised.value.cure


def test_a_second_aggregator_is_told_who_has_it(tmp_path: Path) -> None:
    with open_store(tmp_path):
        with pytest.raises(StoreLockedError, match=str(os.getpid())):
            open_store(tmp_path)
        StoreReader(tmp_path).close()
    open_store(tmp_path).close()


def test_no_space_is_found_at_once(tmp_path: Path) -> None:
    with pytest.raises(StoreFullError, match="MiB free") as raised:
        open_store(tmp_path / "new", min_free_bytes=1 << 60)
    assert "--data" in (raised.value.cure or "")
    assert not store_file(tmp_path / "new").exists()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be made"):
        open_store(tmp_path / "file" / "data")


def test_a_reader_without_a_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no such store") as raised:
        StoreReader(tmp_path)
    assert "aggregator serve" in (raised.value.cure or "")
    assert not any(tmp_path.iterdir())


def test_readers_cannot_write(tmp_path: Path) -> None:
    with open_store(tmp_path) as store, store.reader() as reader, pytest.raises(sqlite3.OperationalError):
        reader._connection.execute("DELETE FROM visits")


def fill(folder: Path, make: Callable[..., Tracklet]) -> int:
    """Writes visits until the disk is full; how many were committed."""
    done = 0

    def write(store: StoreWriter) -> None:
        nonlocal done
        while done < 5000:
            with store.transaction():
                store.record_tracklet("box", make(track=done, attributes={"note": "x" * 5000}))
            done += 1

    with open_store(folder, min_free_bytes=0) as store:
        with pytest.raises(StoreFullError, match="full") as raised:
            write(store)
        assert raised.value.cure
        assert not store._db.in_transaction
        with store.reader() as reader:
            assert reader.counts().visits == done
    return done


def check(folder: Path, visits: int) -> None:
    db = sqlite3.connect(store_file(folder))
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert db.execute("SELECT count(*) FROM visits").fetchone() == (visits,)
    db.close()


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mount"), reason="mounting a small disk needs root")
def test_a_disk_that_fills_up(tmp_path: Path, tracklet: Callable[..., Tracklet]) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("this container may not mount")
    try:
        with pytest.raises(StoreFullError):
            open_store(disk)  # 16 MiB are wanted
        check(disk, fill(disk, tracklet))
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    """A quota, by way of the limit on the size of files."""
    script = textwrap.dedent("""
        import resource, sys
        from pathlib import Path
        from aggregator.store import StoreFullError, open_store
        from common.messages import Event
        store = open_store(Path(sys.argv[1]))
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_200_000, 1_200_000))
        done = 0
        try:
            while done < 500:
                with store.transaction():
                    store.record_events([Event(camera="c", run="r", kind="k", time=1.0, data={"x": "y" * 5000})])
                done += 1
        except StoreFullError as error:
            print(done, store.reader().counts().events, error.cure is not None)
    """)
    out = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, timeout=60)
    done, stored, cure = out.stdout.split()
    assert done == stored
    assert 0 < int(done) < 500
    assert cure == "True"


def test_what_was_committed_outlives_a_kill(tmp_path: Path) -> None:
    """A child commits and then says so, as an acknowledgement would; it is killed in the middle of its work."""
    script = textwrap.dedent("""
        import sys
        from pathlib import Path
        from aggregator.store import open_store
        from common.messages import Event
        store = open_store(Path(sys.argv[1]))
        seq = store.through("box", "s")
        while True:
            seq += 1
            with store.transaction():
                store.advance("box", "s", seq)
                store.record_events([Event(camera="c", run="r", kind="k", time=float(seq + i)) for i in range(20)])
            print(seq, flush=True)
    """)
    said = 0
    for round_ in range(3):
        child = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        for _ in range(30 + 11 * round_):
            said = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
        rest = child.stdout.read().split("\n")
        child.stdout.close()
        child.wait()
        said = max([said, *(int(line) for line in rest[:-1] if line)])
        with open_store(tmp_path) as store, store.reader() as reader:
            through = store.through("box", "s")
            assert through >= said
            assert reader.counts().events == 20 * through


def test_an_older_store_is_brought_up_to_date_or_left_as_it_was(tmp_path: Path,
                                                                monkeypatch: pytest.MonkeyPatch) -> None:
    with open_store(tmp_path) as store, store.transaction():
        store.advance("box", "s", 5)
    now = len(MIGRATIONS)
    steps = {"next.sql": "ALTER TABLE agents ADD COLUMN place TEXT;\nCREATE TABLE x (y);\n"
                         "INSERT INTO nowhere VALUES (1);"}
    monkeypatch.setattr(database, "MIGRATIONS", (*MIGRATIONS, "next.sql"))
    monkeypatch.setattr(database, "_script", steps.__getitem__)
    with pytest.raises(StoreVersionError, match="serve"):
        StoreReader(tmp_path)
    with pytest.raises(StoreError, match="nowhere"):
        open_store(tmp_path)
    db = sqlite3.connect(store_file(tmp_path))
    assert db.execute("PRAGMA user_version").fetchone() == (now,)
    assert db.execute("SELECT count(*) FROM pragma_table_info('agents') WHERE name = 'place'").fetchone() == (0,)
    db.close()
    steps["next.sql"] = steps["next.sql"].replace("INSERT INTO nowhere", "INSERT INTO x")
    with open_store(tmp_path) as store, store.reader() as reader:
        assert store.through("box", "s") == 5
        assert reader.counts().visits == 0
    with open_store(tmp_path):
        pass
    db = sqlite3.connect(store_file(tmp_path))
    assert db.execute("PRAGMA user_version").fetchone() == (now + 1,)
    assert db.execute("SELECT y FROM x").fetchall() == [(1,)]
    db.close()
