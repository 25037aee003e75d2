"""Searching everybody ever seen finds what looking at everybody finds, whatever comes and goes meanwhile."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import numpy as np
import pytest

from aggregator.linking import gallery, graph
from aggregator.linking.history import HistoryIndex
from aggregator.linking.vectors import CHUNK, Vectors

MODEL = "m"
D = 32


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A graph for a few hundred visits already."""
    monkeypatch.setattr(gallery, "EXACT_BELOW", 200)
    monkeypatch.setattr(gallery, "EXACT_ROWS", 150)


class Site:
    """Visits of people, and the index over them."""

    def __init__(self, people: int = 300, each: int = 4, spread: float = 0.6, seed: int = 0) -> None:
        random = np.random.default_rng(seed)
        centre = random.normal(size=(people, D))
        self.identity = np.repeat(np.arange(1, people + 1), each)
        random.shuffle(self.identity)
        rows = centre[self.identity - 1] + spread * random.normal(size=(len(self.identity), D))
        self.vector = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
        self.camera = random.integers(0, 5, len(rows))
        self.start = np.arange(len(rows)) * 10.0 + random.uniform(0, 30, len(rows))
        self.index = HistoryIndex()

    def __len__(self) -> int:
        return len(self.identity)

    def add(self, low: int, high: int) -> None:
        part = slice(low, high)
        self.index.add(MODEL, list(range(low + 1, high + 1)), self.identity[part].tolist(), self.vector[part],
                       [f"c{k}" for k in self.camera[part]], self.start[part].tolist(),
                       (self.start[part] + 5).tolist())

    def exact(self, query: np.ndarray, k: int, allowed: np.ndarray) -> list[int]:
        rows = np.flatnonzero(allowed)
        return (rows[np.argsort(-(self.vector[rows] @ query), kind="stable")][:k] + 1).tolist()


@pytest.fixture
def site() -> Site:
    one = Site()
    one.add(0, len(one))
    return one


def found(site: Site, query: np.ndarray, k: int, **how: object) -> list[int]:
    return [visit for visit, _, _ in site.index.search(query, MODEL, k, **how)]  # type: ignore[arg-type]


def everybody(site: Site) -> np.ndarray:
    return np.ones(len(site), bool)


def test_before_there_is_a_graph_everything_is_found_exactly(site: Site) -> None:
    for row in range(0, len(site), 97):
        answer = site.index.search(site.vector[row], MODEL, 10)
        assert [visit for visit, _, _ in answer] == site.exact(site.vector[row], 10, everybody(site))
        assert answer[0] == (row + 1, int(site.identity[row]), pytest.approx(1.0, abs=1e-4))


def test_the_graph_finds_what_looking_at_all_finds_and_says_how_well(site: Site) -> None:
    assert site.index.maintain()
    assert not site.index.maintain()
    recall = site.index.measure(100)[MODEL]
    assert recall.at_10 >= 0.99
    assert recall.visits == len(site)
    figures = site.index.figures()[MODEL]
    assert figures["recall_at_10"] == round(recall.at_10, 4)
    assert figures["waiting"] == 0
    assert figures["bytes"] > len(site) * D * 2


def found_of_all(site: Site, ef: int) -> float:
    """Recall@10 over every third visit, with so many neighbours looked at."""
    part = site.index._parts[MODEL]
    part.ef, queries = ef, site.vector[::3]
    return float(np.mean([len({visit for visit, _, _ in part.search(query, 11, None, None, None)} & set(best)) - 1
                          for query, best in zip(queries, part.exact(queries, 11)[0].tolist(), strict=True)])) / 10


@pytest.mark.parametrize("before", [10, 1500])
def test_it_looks_at_as_few_neighbours_as_find_enough(before: int, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(people=300)
    site.index = HistoryIndex(ef=10)
    site.add(0, len(site))
    monkeypatch.setattr(graph, "DIMENSIONS", 8)  # few to tell people apart by
    site.index.maintain()
    site.index._parts[MODEL].ef = before
    said = site.index.settle()[MODEL]
    ef = int(site.index.figures()[MODEL]["ef"])
    truth = found_of_all(site, ef)
    assert truth >= 0.99 > found_of_all(site, ef // 2)
    assert said.at_least <= truth
    assert truth == pytest.approx(said.at_10, abs=0.004)
    assert said.sample >= 2000


def test_measured_again_and_again_it_stays_about_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(people=250)
    site.index = HistoryIndex(ef=10)
    site.add(0, len(site))
    monkeypatch.setattr(graph, "DIMENSIONS", 8)
    site.index.maintain()
    site.index.settle()
    looked = site.index.figures()[MODEL]["ef"]
    for _ in range(20):
        site.index.measure(10)
        assert site.index.figures()[MODEL]["ef"] == pytest.approx(looked, rel=0.1)


@pytest.mark.parametrize("share", [0.01, 0.3, 0.9])
def test_a_time_filter_gives_exactly_what_lies_within(site: Site, share: float) -> None:
    site.index.maintain()
    since, until = 3000.0, 3000.0 + share * 9000
    allowed = (site.start + 5 >= since) & (site.start <= until)
    hits = wanted = 0
    for row in range(0, len(site), 61):
        answer = found(site, site.vector[row], 10, since=since, until=until)
        assert all(allowed[visit - 1] for visit in answer)
        best = site.exact(site.vector[row], 10, allowed)
        assert len(answer) == len(best)
        hits, wanted = hits + len(set(answer) & set(best)), wanted + len(best)
    assert hits >= 0.98 * wanted


def test_a_camera_filter_too(site: Site) -> None:
    site.index.maintain()
    allowed = np.isin(site.camera, (1, 3))
    for row in range(0, len(site), 301):
        assert found(site, site.vector[row], 10, cameras=["c1", "c3", "c9"]) == site.exact(
            site.vector[row], 10, allowed)
    assert found(site, site.vector[0], 3, cameras=["c9"]) == []


def test_what_is_new_is_found_at_once_and_after_it_has_moved_into_the_graph() -> None:
    site = Site()
    site.add(0, 900)
    site.index.maintain()
    site.add(900, len(site))
    for _ in range(2):
        for row in (5, 899, 900, len(site) - 1):
            assert found(site, site.vector[row], 1) == [row + 1]
        site.index.maintain()
        assert site.index.figures()[MODEL]["waiting"] == 0


def test_while_few_wait_they_stay_out_of_the_graph_and_are_found_as_they_are_now() -> None:
    site = Site()
    site.add(0, 900)
    site.index.maintain()
    site.add(900, 950)
    assert not site.index.maintain(least=51)
    assert site.index.figures()[MODEL]["waiting"] == 50
    site.vector[900:910] *= -1
    site.add(895, 910)  # some of these are in the graph, the others grow where they are
    for row in range(895, 910):
        assert found(site, site.vector[row], 1) == [row + 1]
    assert site.index.figures()[MODEL]["waiting"] == 55
    assert site.index.maintain(least=51)
    assert site.index.figures()[MODEL]["waiting"] == 0
    for row in range(895, 910):
        assert found(site, site.vector[row], 1) == [row + 1]


def test_what_was_removed_leaves_the_graph_however_few_wait() -> None:
    site = Site()
    site.add(0, 900)
    site.index.maintain()
    site.index.remove(MODEL, [5])
    assert site.index.maintain(least=1 << 20)
    assert not site.index.maintain(least=1 << 20)
    assert 5 not in found(site, site.vector[4], 900)


def test_a_visit_that_grew_is_found_as_it_is_now_and_not_twice(site: Site) -> None:
    site.index.maintain()
    old, site.vector[7] = site.vector[7].copy(), -site.vector[7]
    for _ in range(2):
        site.add(7, 8)
        assert found(site, site.vector[7], 1) == [8]
        assert 8 not in found(site, old, 20)
        assert found(site, site.vector[7], len(site)).count(8) == 1
        assert len(site.index) == len(site)
        site.index.maintain()


def test_who_belongs_to_another_identity_now_is_found_as_that(site: Site) -> None:
    site.index.maintain()
    site.index.reassign(MODEL, {1: 9999, 77777: 1})
    assert site.index.search(site.vector[0], MODEL, 1)[0][:2] == (1, 9999)


def test_who_is_forgotten_is_gone_at_once_and_from_the_graph_with_the_next_maintenance(site: Site) -> None:
    site.index.maintain()
    site.index.remove(MODEL, [1, 2, 3, 77777])
    assert not {1, 2, 3} & set(found(site, site.vector[0], 50))
    assert len(site.index) == len(site) - 3
    part = site.index._parts[MODEL]
    assert not part.vectors.take(np.array([0, 1, 2])).any()
    before = part.graph
    assert site.index.maintain()
    assert part.graph is not before
    assert part.graph is not None
    assert len(part.graph) <= len(site) - 3
    assert not {1, 2, 3} & set(found(site, site.vector[0], 50))


def test_when_most_are_gone_their_memory_is_too(site: Site) -> None:
    site.index.maintain()
    site.index.remove(MODEL, list(range(1, 901)))
    site.index.maintain()
    part = site.index._parts[MODEL]
    assert part.rows == len(site) - 900
    allowed = np.arange(len(site)) >= 900
    assert found(site, site.vector[1000], 10) == site.exact(site.vector[1000], 10, allowed)
    site.index.reassign(MODEL, {1001: 5})
    assert site.index.search(site.vector[1000], MODEL, 1)[0][:2] == (1001, 5)
    assert found(site, site.vector[1000], 10, since=float(site.start[1000]), until=float(site.start[1000])).count(1001)


def test_visits_that_come_and_go_for_ever_need_no_more_memory_than_a_day_of_them() -> None:
    random = np.random.default_rng(3)
    index, sizes = HistoryIndex(), []
    for hour in range(40):
        rows = random.normal(size=(200, D)).astype(np.float32)
        names = list(range(200 * hour, 200 * hour + 200))
        index.add("m", names, names, rows, ["hall"] * 200, [float(hour)] * 200, [float(hour)] * 200)
        index.remove("m", [name - 200 for name in names])
        index.maintain()
        sizes.append(index.figures()["m"]["bytes"])
    assert len(index) == 200
    assert max(sizes[3:]) <= max(sizes[:3])


def test_somebody_who_is_there_all_day_does_not_hide_the_others() -> None:
    site = Site(people=200, each=2)
    clerk = np.tile(site.vector[0], (1000, 1)) + 0.02 * np.random.default_rng(1).normal(size=(1000, D))
    clerk = (clerk / np.linalg.norm(clerk, axis=1, keepdims=True)).astype(np.float32)
    n = len(site)
    site.index.add(MODEL, list(range(n + 1, n + 1001)), [int(site.identity[0])] * 1000, clerk, ["c0"] * 1000,
                   [9e4] * 1000, [9e4] * 1000)
    site.add(0, n)
    site.index.maintain()
    points = site.index._parts[MODEL].graph
    assert points is not None
    assert len(points) < 500  # a thousand sights of the clerk are a few points
    assert len(found(site, site.vector[0], 1001)) == 1001
    assert site.index.measure(80)[MODEL].at_10 >= 0.99


def test_searching_while_others_add_and_build_anew() -> None:
    site = Site(people=600)
    site.add(0, 600)
    site.index.maintain()
    ended, troubles = threading.Event(), []

    def search(seed: int) -> None:
        random = np.random.default_rng(seed)
        while not ended.is_set():
            row = int(random.integers(0, 600))
            try:
                answer = found(site, site.vector[row], 5)
                assert answer[0] == row + 1, (row, answer)
            except BaseException as trouble:
                troubles.append(trouble)
                return

    threads = [threading.Thread(target=search, args=(k,)) for k in range(3)]
    for thread in threads:
        thread.start()
    for low in range(600, len(site), 50):
        site.add(low, low + 50)
        site.index.maintain()
    site.index.remove(MODEL, [len(site)])
    site.index.maintain()
    ended.set()
    for thread in threads:
        thread.join()
    assert not troubles


def test_models_do_not_meet_and_wrong_shapes_are_said(site: Site) -> None:
    assert site.index.search(site.vector[0], "other", 5) == []
    with pytest.raises(ValueError, match=r"expected shape \(32,\)"):
        site.index.search(np.ones(7, np.float32), MODEL, 5)
    with pytest.raises(ValueError, match="expected embeddings of 32"):
        site.index.add(MODEL, [1], [1], np.ones((1, 8), np.float32), ["c"], [0.0], [1.0])


def test_vectors_in_sixteen_bits_are_as_exact_as_the_wire() -> None:
    random = np.random.default_rng(0)
    rows = random.normal(size=(CHUNK + 700, 16)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    vectors = Vectors(16)
    for part in np.array_split(rows, 7):
        vectors.append(part)
    query = rows[3]
    some = np.sort(random.choice(len(rows), 5000, replace=False))
    np.testing.assert_allclose(vectors.dot(some, query), rows[some] @ query, atol=1e-4)
    everything = np.arange(len(rows))
    np.testing.assert_allclose(vectors.dot(everything, rows[:2].T), rows @ rows[:2].T, atol=1e-4)
    np.testing.assert_allclose(vectors.take(some), rows[some], atol=2e-5)
    np.testing.assert_allclose(vectors.kept(some).take(np.arange(9)), rows[some[:9]], atol=4e-5)


def test_several_search_the_graph_at_once_and_adding_waits_until_they_are_done() -> None:
    rows = np.eye(64, dtype=np.float32)
    points = graph.Graph(rows, 64)
    points.add(rows[:32], np.arange(32))
    index, inside, go_on, log = points._index, threading.Barrier(3, timeout=20), threading.Event(), list[str]()

    class Slow:
        """Answers when it is told to."""

        element_count, max_elements = index.element_count, index.max_elements

        def knn_query(self, *given: Any, **how: Any) -> Any:
            inside.wait()
            assert go_on.wait(20)
            log.append("searched")
            return index.knn_query(*given, **how)

        def add_items(self, *given: Any, **how: Any) -> None:
            log.append("added")
            index.add_items(*given, **how)

    points._index = Slow()
    with ThreadPoolExecutor(3) as threads:
        searches = [threads.submit(points.nearest, rows[k], 1) for k in range(2)]
        inside.wait()  # breaks where one waits for the other
        adding = threads.submit(points.add, rows[32:40], np.arange(32, 40))
        assert not wait([adding], timeout=0.2).done
        go_on.set()
        adding.result(20)
        assert [one.result(20).tolist() for one in searches] == [[0], [1]]
    assert log == ["searched", "searched", "added"]
