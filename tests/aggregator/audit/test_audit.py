from __future__ import annotations

import asyncio
import json
import sqlite3
import stat

import pytest
from typer.testing import CliRunner

from aggregator.audit import AuditLog, Look
from aggregator.audit.log import AuditReader
from aggregator.cli import app
from common.clock import ManualClock
from common.errors import StoreError

NOON = 1_772_366_400.0


def write(folder, count: int, **options) -> AuditLog:
    log = AuditLog(folder, **options)

    async def run() -> list[int]:
        return await asyncio.gather(*(log.note(Look(
            time=NOON + n, who="anna", role="viewer", action="get_identity", subject=f'{{"id": {n}}}', peer="::1"))
            for n in range(count)))

    assert asyncio.run(run()) == list(range(log.number - count + 1, log.number + 1))
    return log


def verify(folder, *more: str) -> tuple[int, dict]:
    result = CliRunner().invoke(app, ["audit", "verify", "--json", "--data", str(folder), *more])
    return result.exit_code, json.loads(result.output)


def tamper(folder, sql: str) -> None:
    with sqlite3.connect(folder / "audit.db") as db:
        db.execute(sql)
    db.close()


def test_a_log_goes_on_where_it_ended_and_is_whole(tmp_path):
    write(tmp_path, 5).close()
    write(tmp_path, 3).close()
    code, told = verify(tmp_path)
    assert (code, told["whole"], told["entries"]) == (0, True, 8)
    assert told["last"].startswith("8:")
    assert stat.S_IMODE((tmp_path / "audit.db").stat().st_mode) == 0o600


@pytest.mark.parametrize(("sql", "said"), [
    ("UPDATE looks SET subject = '{\"id\": 99}' WHERE entry = 4", "entry 4 was changed"),
    ("UPDATE looks SET time = time + 1 WHERE entry = 4", "entry 4 was changed"),
    ("UPDATE looks SET who = 'eve' WHERE entry = 1", "entry 1 was changed"),
    ("DELETE FROM looks WHERE entry = 4", "entry 4 is missing"),
    ("DELETE FROM looks WHERE entry = 1", "entry 1 is missing"),
    ("INSERT INTO looks SELECT 9, time, who, role, action, subject, peer, previous, hash FROM looks WHERE entry = 8",
     "entry 9 does not follow"),
])
def test_whatever_is_changed_taken_out_or_put_in_is_found(tmp_path, sql, said):
    write(tmp_path, 8).close()
    tamper(tmp_path, sql)
    code, told = verify(tmp_path)
    assert code == 1
    assert said in told["problem"]


def test_a_log_whose_end_was_cut_is_found_and_stays_found(tmp_path, caplog):
    write(tmp_path, 8).close()
    tamper(tmp_path, "DELETE FROM looks WHERE entry > 5")
    code, told = verify(tmp_path)
    assert code == 1
    assert "was 8, and it ends with entry 5" in told["problem"]
    log = AuditLog(tmp_path)  # to go on with it as if nothing were hides nothing
    assert "its end was cut off" in caplog.text
    log.close()
    write(tmp_path, 2).close()
    code, told = verify(tmp_path)
    assert (code, told["problem"]) == (1, "entry 6 is missing: 9 follows 5")


def test_who_cuts_it_with_knowledge_is_found_by_what_was_kept_elsewhere(tmp_path, caplog):
    with caplog.at_level("INFO"):
        write(tmp_path, 8).close()
    last = verify(tmp_path)[1]["last"]
    assert f"the audit log's last entry is {last}" in caplog.text
    tamper(tmp_path, "DELETE FROM looks WHERE entry > 5")
    tamper(tmp_path, "UPDATE head SET (entry, hash) = (SELECT entry, hash FROM looks WHERE entry = 5)")
    assert verify(tmp_path)[0] == 0, "the chain itself cannot know"
    code, told = verify(tmp_path, "--expect", last)
    assert code == 1
    assert told["problem"] == "entry 8 is not there any more"


def test_a_log_of_an_older_release_gets_its_end_written_down(tmp_path):
    write(tmp_path, 3).close()
    tamper(tmp_path, "DROP TABLE head")
    tamper(tmp_path, "PRAGMA user_version = 1")
    assert verify(tmp_path)[0] == 0
    write(tmp_path, 2).close()
    assert verify(tmp_path)[0] == 0
    tamper(tmp_path, "DELETE FROM head")
    assert "not known any more" in verify(tmp_path)[1]["problem"]


def test_too_much_goes_oldest_first_and_the_chain_goes_on(tmp_path, caplog):
    log = AuditLog(tmp_path, most_mb=0.2)
    for _ in range(12):
        asyncio.run(_many(log, 100))
    log.close()
    assert (tmp_path / "audit.db").stat().st_size < 0.4 * 2**20
    code, told = verify(tmp_path)
    assert (code, told["whole"]) == (0, True)
    assert 100 < told["entries"] < 1000
    assert told["pruned"]["through"] == 1200 - told["entries"]
    assert "as much as it may" in caplog.text
    code, told = verify(tmp_path, "--expect", f"1:{'0' * 64}")
    assert "retention deleted all up to" in told["problem"]


async def _many(log: AuditLog, count: int) -> None:
    await asyncio.gather(*(log.note(Look(time=NOON, who="anna", role="viewer", action="get_identity",
                                         subject=f'{{"id": {n}}}', peer="::1")) for n in range(count)))


def test_retention_takes_from_the_beginning_and_the_chain_goes_on(tmp_path):
    log = write(tmp_path, 8)
    assert log.prune(NOON + 5, NOON + 100) == 5
    log.close()
    write(tmp_path, 2).close()
    code, told = verify(tmp_path)
    assert (code, told["entries"]) == (0, 5)
    tamper(tmp_path, "DELETE FROM looks WHERE entry = 6")
    assert verify(tmp_path)[0] == 1


def test_old_entries_go_by_themselves_but_the_last_stays(tmp_path):
    write(tmp_path, 8).close()
    log = write(tmp_path, 1, keep_s=10.0, clock=ManualClock(NOON + 1000))
    log.close()
    code, told = verify(tmp_path)
    assert code == 0
    assert 1 <= told["entries"] <= 2


def test_what_cannot_be_written_is_said_to_who_asks(tmp_path):
    log = write(tmp_path, 1)
    log._db.execute("PRAGMA query_only = 1")
    with pytest.raises(StoreError, match="cannot be written"):
        asyncio.run(log.note(Look(time=0.0, who="a", role="viewer", action="x", subject="{}", peer="")))
    log._db.execute("PRAGMA query_only = 0")
    assert asyncio.run(log.note(Look(time=0.0, who="a", role="viewer", action="x", subject="{}", peer=""))) == 2
    log.close()
    assert verify(tmp_path)[0] == 0


def test_the_list_shows_who_looked_at_whom(tmp_path):
    write(tmp_path, 3).close()
    result = CliRunner().invoke(app, ["audit", "list", "--data", str(tmp_path), "--limit", "2"])
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert len(lines) == 2
    assert "anna (viewer, ::1)  get_identity" in lines[-1]
    assert AuditReader(tmp_path).entries(who="eve") == []
