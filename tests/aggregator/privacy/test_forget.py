"""Somebody is forgotten: neither the files, read as bytes, nor any answer hold anything of them."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import struct
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp.test_utils import TestClient, TestServer

from aggregator.api.app import create_app
from aggregator.api.guard import LOCAL, Guard
from aggregator.api.settings import ApiSettings
from aggregator.audit import AuditLog
from aggregator.audit.log import AuditReader
from aggregator.engine import Bus
from aggregator.privacy.receipt import NobodyError
from aggregator.store import StoreReader
from aggregator.store.errors import StoreFullError
from aggregator.visit import global_id, parse_global_id
from tests.aggregator.corrections.rig import FACE_MODEL, MODEL, Rig, face, walks


def needles(reader: StoreReader, visits: list[int]) -> dict[str, bytes]:
    """Bytes that stand in the files only because of these visits."""
    found = {}
    for visit in visits:
        looks = reader.embeddings(visit)
        assert looks is not None
        found[f"mean of {visit}"] = reader.rows("SELECT mean FROM visits WHERE visit = :v", {"v": visit})[0][0]
        for (blob,) in reader.rows("SELECT mean FROM faces WHERE visit = :v", {"v": visit}):
            found[f"face of {visit}"] = blob
        for n, (blob,) in enumerate(reader.rows("SELECT embedding FROM exemplars WHERE visit = :v", {"v": visit})):
            found[f"exemplar {n} of {visit}"] = blob
        for n, moment in enumerate(reader.visit_path(visit).times):
            found[f"path time {n} of {visit}"] = struct.pack("<d", moment)
    return found


def held(folder: Path, wanted: dict[str, bytes]) -> set[str]:
    data = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {f"{name} in {file}" for name, needle in wanted.items() for file, text in data.items() if needle in text}


def answers(folder: Path, rig: Rig, paths: list[str], method: str = "GET", guard: Guard | None = None) -> list[Any]:
    async def run() -> list[Any]:
        app = create_app(rig.store.reader, rig.engine, Bus(), ApiSettings(check_answers=True),
                         guard=guard or Guard(ApiSettings(), everybody=LOCAL), clock=rig.clock)
        told = []
        async with TestClient(TestServer(app)) as client:
            for path in paths:
                async with client.request(method, path) as answer:
                    told.append((answer.status, await answer.json()))
        return told

    return asyncio.run(run())


@pytest.fixture
def rig(tmp_path):
    with Rig(tmp_path / "data") as made:
        made.send(walks())
        made.settle()
        yield made


def test_nothing_of_somebody_forgotten_is_left_in_files_or_answers(rig, tmp_path):
    folder = tmp_path / "data"
    with rig.store.reader() as reader:
        person = next(row for row in reader.identities().rows if row.visits == 3)
        visits = reader.visits_of(person.identity)
        theirs = needles(reader, visits)
        others = needles(reader, [visit.visit for visit in reader.visits().rows if visit.identity != person.identity])
        alike = reader.embeddings(visits[0])
    name = global_id(person.identity)
    assert held(folder, theirs), "the test looks for what is really there"

    audit = AuditLog(folder)
    guard = Guard(ApiSettings(), everybody=LOCAL, audit=audit, clock=rig.clock)
    ((status, receipt),) = answers(folder, rig, [f"/api/identities/{name}/forget"], "POST", guard)
    audit.close()
    assert status == 200
    assert receipt["global_id"] == name
    assert any(needle.startswith("face") for needle in theirs)
    assert (receipt["removed"]["visits"], receipt["removed"]["faces"]) == (3, 1)
    assert receipt["removed"]["index_entries"] == 4, "three by their looks, one by the face"
    assert receipt["scrubbed"]

    assert held(folder, theirs) == set()
    with rig.store.reader() as reader:
        assert needles(reader, []) == {}
        assert len({entry.split(" in ")[0] for entry in held(folder, others)}) == len(others), "others are kept"

    asked = [f"/api/identities/{name}", f"/api/identities/{name}/trajectory", f"/api/identities/{name}/where",
             f"/api/identities/{name}/why", f"/api/visits/{visits[0]}", f"/api/visits?identity={name}",
             f"/api/search?visit={visits[0]}"]
    assert [status for status, _ in answers(folder, rig, asked)] == [404] * len(asked)
    lists = ["/api/identities?limit=1000", "/api/visits?limit=1000", "/api/events?limit=1000", "/api/stats",
             "/api/identities/G2/why", "/api/corrections"]
    for path, (status, told) in zip(lists, answers(folder, rig, lists), strict=True):
        assert status in (200, 404), path
        assert f'"{name}"' not in str(told).replace("'", '"'), path
    found = rig.engine.history.search(alike.mean, MODEL, 1000)
    assert not {visit for visit, _, _ in found} & set(visits)
    by_face = rig.engine.history.search(face(1), FACE_MODEL, 1000)
    assert by_face
    assert not {visit for visit, _, _ in by_face} & set(visits)
    assert person.identity not in {identity for _, identity, _ in found}

    log = AuditReader(folder)
    entries = log.entries()
    log.close()
    assert [entry.look.action for entry in entries] == ["forget_identity", "forgotten"]
    assert receipt["entry"] == 2


def test_damaged_copies_of_the_database_hold_them_too_and_go(rig, tmp_path):
    folder = tmp_path / "data"
    with rig.store.reader() as reader:
        theirs = needles(reader, reader.visits_of(1))
    for name in ("passage.db.broken-20260301T000000Z", "passage.db.broken-20260301T000000Z-wal"):
        (folder / name).write_bytes(b"".join(theirs.values()))
    receipt = rig.engine.forget(1).result(20)
    assert receipt.removed["damaged_copies"] == 1
    assert held(folder, theirs) == set()


def test_while_somebody_reads_bytes_are_left_and_go_once_they_do_not(rig, tmp_path, monkeypatch):
    from aggregator.engine import forgetter

    folder = tmp_path / "data"
    monkeypatch.setattr(forgetter, "_SCRUB_TRIES", 1)
    monkeypatch.setattr(forgetter, "_SCRUB_AGAIN_S", 0.2)
    rig.store._db.execute("PRAGMA busy_timeout = 1")
    with rig.store.reader() as reader:
        theirs = needles(reader, reader.visits_of(1))
    with contextlib.closing(sqlite3.connect(folder / "passage.db", isolation_level=None)) as long:
        long.execute("BEGIN")
        long.execute("SELECT count(*) FROM visits").fetchall()
        receipt = rig.engine.forget(1).result(20)
        assert not receipt.scrubbed
        assert held(folder, theirs)
    deadline = time.monotonic() + 60
    while left := held(folder, theirs):
        assert time.monotonic() < deadline, left
        time.sleep(0.02)


def test_what_could_not_be_scrubbed_is_scrubbed_after_a_restart(tmp_path, monkeypatch):
    from aggregator.store import StoreWriter

    folder = tmp_path / "data"
    with Rig(folder) as rig:
        rig.send(walks(people=3))
        with rig.store.reader() as reader:
            theirs = needles(reader, reader.visits_of(1))
        with monkeypatch.context() as patched:
            def full(self):
                raise StoreFullError("no room to write it anew")

            patched.setattr(StoreWriter, "scrub", full)
            assert not rig.engine.forget(1).result(20).scrubbed
            with rig.store.reader() as reader:
                assert reader.identity(1) is None
    with Rig(folder) as rig:
        rig.send(walks(people=3, rounds=1, first=5))
        deadline = time.monotonic() + 60
        while rig.store.eraser.owes_scrub():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert held(folder, theirs) == set()


def test_a_merged_person_goes_under_all_numbers_and_corrections_say_nothing_of_them(rig):
    row = rig.correct(operation="merge", identities=(1, 2), note="the same coat")
    with rig.store.reader() as reader:
        assert reader.identity(2).identity == 1
    receipt = rig.engine.forget(2).result(20)
    assert (receipt.identity, receipt.also) == (1, (2,))
    assert receipt.removed["corrections"] == 1
    with rig.store.reader() as reader:
        assert reader.identity(1) is None
        assert reader.identity(2) is None
        (left,) = reader.corrections()
        assert left.correction == row.correction
        assert (left.note, left.together, left.changed, left.folded) == ("", (), (), ())
        assert not [entry for entry in reader.log() if {entry.identity, entry.other} & {1, 2}]
        assert not [rival for entry in reader.log() for rival in entry.rivals if rival.identity in (1, 2)]


def test_numbers_of_somebody_forgotten_are_never_given_again(rig, tmp_path):
    with rig.store.reader() as reader:
        last = max(row.identity for row in reader.identities(limit=1000).rows)
        most = max(row.visit for row in reader.visits(limit=1000).rows)
        visits = reader.visits_of(last)
    rig.engine.forget(last).result(20)
    rig.send(walks(people=14, rounds=1, first=4))
    rig.settle()
    with rig.store.reader() as reader:
        assert reader.identity(last) is None
        fresh = [row for row in reader.visits(limit=1000).rows if row.visit > most]
        assert fresh
        assert not {row.visit for row in reader.visits(limit=1000).rows} & set(visits)
        assert max(row.identity for row in fresh) > last


def test_linking_goes_on_with_the_others_after_somebody_was_forgotten(rig):
    with rig.store.reader() as reader:
        before = {row.visit: row.identity for row in reader.visits(limit=1000).rows}
    rig.engine.forget(1).result(20)
    rig.send(walks(people=12, rounds=1, first=3))
    rig.settle()
    with rig.store.reader() as reader:
        rows = reader.visits(limit=1000).rows
        assert all(before[row.visit] == row.identity for row in rows if row.visit in before)
        grown = [identity for identity in set(before.values()) if identity != 1
                 and len(reader.visits_of(identity)) == 4]
    assert len(grown) >= 8, "most are recognised when they come again"


def test_nobody_cannot_be_forgotten(rig):
    with pytest.raises(NobodyError, match="G999"):
        rig.engine.forget(999).result(20)
    rig.engine.forget(1).result(20)
    with pytest.raises(NobodyError):
        rig.engine.forget(parse_global_id("G1")).result(20)


def test_a_failed_erasure_takes_nothing(rig, monkeypatch):
    from aggregator.store.eraser import Eraser

    with rig.store.reader() as reader:
        before = reader.counts()
    monkeypatch.setattr(Eraser, "record_again", lambda self: self._db.execute("SELECT * FROM nowhere"))
    with pytest.raises(Exception, match="nowhere"):
        rig.engine.forget(1).result(20)
    monkeypatch.undo()
    with rig.store.reader() as reader:
        assert reader.counts() == before
    assert rig.engine.forget(1).result(20).removed["visits"] == 3
    assert np.isfinite(rig.clock.now())
