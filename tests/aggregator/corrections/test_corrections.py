"""A person corrects a running aggregator: real engine, real linker, real store."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aggregator.corrections.asked import Asked, CorrectionError
from tests.aggregator.corrections.rig import NOW, Rig, walks

PEOPLE = 12


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """36 visits of 12 people, each of them known as one."""
    with Rig(tmp_path) as made:
        made.send(walks())
        made.settle()
        whose = made.identities()
        assert all(whose[v] == whose[v + PEOPLE] == whose[v + 2 * PEOPLE] for v in range(1, PEOPLE + 1))
        assert len(set(whose.values())) == PEOPLE
        yield made


def refused(rig: Rig, operation: Any, **asked: Any) -> CorrectionError:
    before = rig.identities()
    with pytest.raises(CorrectionError) as raised:
        rig.correct(operation, **asked)
    assert rig.identities() == before
    return raised.value


def settled(rig: Rig) -> dict[int, int]:
    """Identities after more people came and everything was repaired."""
    rig.send(walks(rounds=1, first=int(max(rig.identities()) / PEOPLE)))
    rig.settle()
    return rig.identities()


def test_a_merge_lasts_and_draws_later_visits_of_both(rig: Rig) -> None:
    whose = rig.identities()
    old, young = sorted((whose[1], whose[2]))
    row = rig.correct("merge", identities=(young, old), note="the same coat")
    assert (row.who, row.operation, row.note, row.folded) == ("Ann", "merge", "the same coat", (young,))
    assert {change.visit: (change.before, change.after) for change in row.changed} == {
        v: (young, old) for v, i in whose.items() if i == young}
    later = settled(rig)
    assert {later[v] for v in (1, 2, 13, 14, 25, 26)} == {old}
    assert later[37] == later[38] == old
    with rig.reader() as reader:
        assert reader.resolve(young) == old


def test_a_split_lasts_and_the_new_id_was_never_used(rig: Rig) -> None:
    whose = rig.identities()
    row = rig.correct("split", identities=(whose[3],), visit=15)
    (change,) = row.changed
    assert (change.visit, change.before) == (15, whose[3])
    assert change.after > max(whose.values())
    later = settled(rig)
    assert later[15] not in (later[3], later[27])
    assert later[3] == later[27] == whose[3]


def test_a_split_at_a_time_takes_all_that_came_after(rig: Rig) -> None:
    whose = rig.identities()
    rig.correct("split", identities=(whose[3],), after=NOW - 5000 + 300)
    now = rig.identities()
    assert now[3] == whose[3]
    assert now[15] == now[27] != whose[3]
    later = settled(rig)
    assert later[3] not in (later[15], later[27])


def test_a_visit_that_is_rejected_is_decided_again_and_never_theirs(rig: Rig) -> None:
    whose = rig.identities()
    rig.correct("reject", visit=15)
    assert rig.identities()[15] not in (0, whose[3])
    later = settled(rig)
    assert later[15] not in (later[3], later[27])
    with rig.reader() as reader:
        entry = [e for e in reader.log(visit=15) if "correction" in e.reason][-1]
        assert (entry.operation, entry.other) == ("split", whose[3])


def test_what_was_confirmed_is_certain_and_stays(rig: Rig) -> None:
    whose = rig.identities()
    rig.correct("confirm", identities=(whose[5],))
    rig.correct("confirm", identities=(whose[6],), visit=18)
    with rig.reader() as reader:
        assert {reader.visit(v).certainty for v in (5, 17, 29, 18)} == {1.0}  # type: ignore[union-attr]
    error = refused(rig, "split", identities=(whose[5],), visit=17)
    assert (error.status, error.code) == (409, "contradicts")
    assert "correction 1 (confirm by Ann)" in error.message
    assert error.cure == "undo that first: aggregator correct undo 1"
    rig.correct("undo", number=1)
    rig.correct("split", identities=(whose[5],), visit=17)


@pytest.mark.parametrize("operation", ["merge", "split", "after", "reject", "confirm"])
def test_undo_restores_the_state_before(rig: Rig, operation: str) -> None:
    with rig.reader() as reader:
        before = {v.visit: (v.identity, v.certainty) for v in reader.visits(limit=1000).rows}
    whose = rig.identities()
    asked: dict[str, Any] = {
        "merge": {"identities": (whose[1], whose[2], whose[7])}, "split": {"identities": (whose[3],), "visit": 15},
        "after": {"identities": (whose[3],), "after": NOW - 5000 + 300}, "reject": {"visit": 15},
        "confirm": {"identities": (whose[4],)}}[operation]
    row = rig.correct("split" if operation == "after" else operation, **asked)
    rig.settle()
    undo = rig.correct("undo", who="Bob")
    assert undo.undoes == row.correction
    with rig.reader() as reader:
        assert {v.visit: (v.identity, v.certainty) for v in reader.visits(limit=1000).rows} == before
        # Numbers that were seen meanwhile lead to where their visits went.
        for change in row.changed:
            assert reader.resolve(change.before) == change.before
            assert reader.identity(change.after) is not None
            if operation != "reject":
                assert reader.identity(change.after).visits > 0  # type: ignore[union-attr]
        assert reader.correction(row.correction).undone == undo.correction  # type: ignore[union-attr]
    later = settled(rig)
    assert all(later[v] == whose[v] for v in whose)


def test_what_later_corrections_touched_is_undone_after_them(rig: Rig) -> None:
    whose = rig.identities()
    a = min(whose[1], whose[2])
    rig.correct("merge", identities=(whose[1], whose[2]))
    rig.correct("merge", identities=(a, whose[3]), who="Bob")
    rig.correct("confirm", identities=(whose[9],))
    error = refused(rig, "undo", number=1)
    assert (error.status, error.code) == (409, "touched_since")
    assert "correction 2 (merge by Bob)" in error.message
    rig.correct("undo", number=2)
    rig.correct("undo", number=1)
    now = rig.identities()
    assert (now[1], now[2], now[3]) == (whose[1], whose[2], whose[3])


@pytest.mark.parametrize(("operation", "asked", "status", "code"), [
    ("merge", {"identities": (1, 999)}, 404, "not_found"),
    ("merge", {"identities": (1, 1)}, 409, "already"),
    ("split", {"identities": (1,), "visit": 999}, 404, "not_found"),
    ("split", {"identities": (1,), "visit": 2}, 409, "not_theirs"),
    ("split", {"identities": (1,), "after": NOW + 1}, 409, "nothing_to_split"),
    ("split", {"identities": (1,), "after": 0.0}, 409, "nothing_to_split"),
    ("reject", {"visit": 999}, 404, "not_found"),
    ("undo", {}, 409, "nothing_to_undo"),
    ("undo", {"number": 3}, 404, "not_found"),
])
def test_what_cannot_be_done_says_why_and_changes_nothing(
        rig: Rig, operation: str, asked: dict[str, Any], status: int, code: str) -> None:
    error = refused(rig, operation, **asked)
    assert (error.status, error.code) == (status, code), error
    with rig.reader() as reader:
        assert reader.corrections() == []


def test_undone_twice_and_an_undo_cannot_be_undone(rig: Rig) -> None:
    whose = rig.identities()
    rig.correct("merge", identities=(whose[1], whose[2]))
    rig.correct("undo")
    assert refused(rig, "undo", number=1).code == "already"
    assert refused(rig, "undo", number=2).code == "is_undo"
    assert refused(rig, "undo").code == "nothing_to_undo"


def test_what_was_said_survives_a_restart(tmp_path: Path) -> None:
    with Rig(tmp_path) as first:
        first.send(walks())
        first.settle()
        whose = first.identities()
        first.correct("merge", identities=(whose[1], whose[2]))
        first.correct("split", identities=(whose[3],), visit=15)
        first.correct("split", identities=(whose[4],), visit=16)
        first.correct("undo")
        corrected = first.identities()
    for _ in range(2):
        with Rig(tmp_path) as again:
            again.settle()
            now = again.identities()
            assert {v: now[v] for v in corrected} == corrected
            later = settled(again)
            assert later[1] == later[2] == later[14] == corrected[1]
            assert later[15] not in (later[3], later[27])
            assert refused(again, "merge", identities=(later[3], later[15])).code == "contradicts"
    with Rig(tmp_path) as last:
        last.correct("undo", number=1)
        assert last.identities()[2] == whose[2]


def test_it_is_told_with_old_and_new_ids(rig: Rig) -> None:
    whose = rig.identities()
    old, young = sorted((whose[1], whose[2]))
    rig.news.clear()
    rig.correct("merge", identities=(old, young))
    (told,) = [n for n in rig.news if n["type"] == "correction"]
    assert (told["operation"], told["who"], told["correction"]) == ("merge", "Ann", 1)
    assert {(m["before"], m["after"]) for m in told["moved"]} == {(f"G{young}", f"G{old}")}
    (link,) = [n for n in rig.news if n["type"] == "link"]
    assert (link["operation"], link["global_id"], link["other"]) == ("merge", f"G{old}", f"G{young}")


def test_many_who_correct_at_once_get_one_answer_each(rig: Rig) -> None:
    whose = rig.identities()
    answers: list[Any] = []

    def ask(visit: int) -> None:
        future = rig.engine.correct(Asked(operation="split", who=str(visit), identities=(whose[visit],), visit=visit))
        answers.append(future.exception(10) or future.result())

    threads = [threading.Thread(target=ask, args=(v,)) for v in (1, 2, 3, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    failed = [a for a in answers if isinstance(a, CorrectionError)]
    assert [f.code for f in failed] == ["not_theirs"]
    assert sorted(a.correction for a in answers if a not in failed) == [1, 2, 3]


def test_a_correction_that_cannot_be_stored_never_happened(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    from aggregator.store import StoreFullError
    whose = rig.identities()

    def full(row: object) -> None:
        raise StoreFullError("full")

    with monkeypatch.context() as patched:
        patched.setattr(rig.store.corrections, "add", full)
        with pytest.raises(StoreFullError):
            rig.correct("merge", identities=(whose[1], whose[2]))
    assert settled(rig)[1] == whose[1]
    assert rig.identities()[2] == whose[2]
    assert rig.correct("merge", identities=(whose[1], whose[2])).correction == 1


def test_after_the_end_nobody_waits_for_ever(tmp_path: Path) -> None:
    with Rig(tmp_path) as made:
        made.send(walks(people=2, rounds=1))
    error = made.engine.correct(Asked(operation="undo", who="Ann")).exception(5)
    assert isinstance(error, CorrectionError)
    assert error.status == 503
