"""The synthetic city is what was asked for, and its truth is true."""

from __future__ import annotations

import numpy as np
import pytest

from aggregator.linking.topology import Topology
from aggregator.simulate.city import City, simulate
from aggregator.simulate.plan import cosines
from aggregator.simulate.settings import CitySettings
from aggregator.simulate.world import FAST


def made(**options: float) -> City:
    return simulate(CitySettings(**{"cameras": 10, "people": 300, "hours": 4.0, "dimensions": 64, **options}))


@pytest.fixture(scope="module")
def city() -> City:
    return made(overlap=0.3, skew=20.0)


def successive(city: City) -> tuple[np.ndarray, np.ndarray]:
    """Rows of passings: one, and the same person's next."""
    order = np.lexsort((city.passings.start, city.passings.who))
    same = city.passings.who[order][1:] == city.passings.who[order][:-1]
    return order[:-1][same], order[1:][same]


def test_the_same_seed_gives_the_same_bytes_and_another_another_city() -> None:
    one, again, other = made(seed=3), made(seed=3), made(seed=4)
    for name, column in one.arrays().items():
        assert column.tobytes() == again.arrays()[name].tobytes(), name
    assert len(other) != len(one) or (other.seen.start != one.seen.start).any()


def test_another_error_changes_nobodys_way() -> None:
    plain, bad = made(error=0.0), made(error=2.0)
    np.testing.assert_array_equal(plain.seen.start, bad.seen.start)
    assert (plain.embedding != bad.embedding).any()


def test_everybody_comes_every_camera_sees_somebody_and_the_world_is_connected(city: City) -> None:
    assert len(city.world) == 10
    assert set(city.passings.who.tolist()) == set(range(300))
    assert set(city.passings.camera.tolist()) == set(range(10))
    reach = np.isfinite(city.world.gap) | np.eye(10, dtype=bool)
    for _ in range(10):
        reach = reach @ reach
    assert reach.all()


def test_nobody_is_in_two_places_unless_the_views_overlap(city: City) -> None:
    one, then = successive(city)
    at_once = city.passings.start[then] < city.passings.end[one]
    assert at_once.any()
    assert city.world.overlapping[city.passings.camera[one], city.passings.camera[then]][at_once].all()
    # Nor in three: who overlaps the next is gone from there before the one after.
    order = np.lexsort((city.passings.start, city.passings.who))
    who, start, end = (getattr(city.passings, name)[order] for name in ("who", "start", "end"))
    third = who[2:] == who[:-2]
    assert (start[2:][third] >= end[:-2][third]).all()
    apart = made(overlap=0.0)
    one, then = successive(apart)
    assert (apart.passings.start[then] > apart.passings.end[one]).all()


def test_ways_are_walked_and_not_flown(city: City) -> None:
    one, then = successive(city)
    gap = city.world.gap[city.passings.camera[one], city.passings.camera[then]]
    walked = np.isfinite(gap) & (gap > 0)
    seconds = city.passings.start[then] - city.passings.end[one]
    assert (seconds[walked] >= gap[walked] / FAST / 1.5).all()
    # From where there is no way, people come only after they were away.
    assert (seconds[~np.isfinite(gap)] >= 290).all()


def test_the_layout_holds_for_nearly_every_walk(city: City) -> None:
    topology: Topology = city.world.topology()
    one, then = successive(city)
    inside = []
    for a, b in zip(one.tolist(), then.tolist(), strict=True):
        names = city.world.names[city.passings.camera[a]], city.world.names[city.passings.camera[b]]
        window = topology.window(*names)
        seconds = city.passings.start[b] - city.passings.end[a]
        if window is not None and seconds < 290:
            inside.append(window[0] <= seconds <= window[1])
    assert np.mean(inside) > 0.98
    for k, name in enumerate(city.world.names):
        assert topology.offsets[name] == pytest.approx(-city.world.offset[k], abs=0.001)


def test_clocks_are_off_as_asked_and_by_the_same_everywhere(city: City) -> None:
    np.testing.assert_allclose(city.seen.start - city.seen.true_start, city.world.offset[city.seen.camera], atol=1e-6)
    assert 8 < city.world.offset.std() < 40
    assert (made(skew=0.0).world.offset == 0).all()
    assert (np.diff(city.seen.end) >= 0).all()


def test_visits_are_missed_and_broken_in_two_as_often_as_asked() -> None:
    whole = made(missed=0.0, split=0.0, dropped=0.0)
    assert len(whole) == len(whole.passings.who)
    fewer = made(missed=0.3, split=0.0, dropped=0.0)
    assert len(fewer) == pytest.approx(0.7 * len(whole), rel=0.06)
    long = float((whole.passings.end - whole.passings.start > 4.0).mean())
    broken = made(missed=0.0, split=0.4, dropped=0.0)
    assert len(broken) == pytest.approx((1 + 0.4 * long) * len(whole), rel=0.05)
    half = made(missed=0.0, split=0.0, dropped=0.5)
    assert half.seen.frames.sum() == pytest.approx(0.5 * whole.seen.frames.sum(), rel=0.06)


def test_groups_walk_together_and_are_dressed_alike() -> None:
    city = made(groups=0.5, error=0.5)
    party = city.party.of_person
    share = float((city.party.size[party] > 1).mean())
    assert share == pytest.approx(0.5, abs=0.03)
    rows, who, camera = city.embedding.astype(np.float32), city.seen.who, city.seen.camera
    a, b = np.triu_indices(len(rows), 1)
    cosine = (rows @ rows.T)[a, b]
    person, group, apart = who[a] == who[b], party[who[a]] == party[who[b]], camera[a] != camera[b]
    same, alike, strangers = (float(cosine[mask & apart].mean()) for mask in (person, group & ~person, ~group))
    assert same - 0.05 > alike > strangers + 0.1
    one = np.flatnonzero(party == int(np.flatnonzero(city.party.size > 1)[0]))
    times = [city.passings.start[city.passings.who == member] for member in one]
    assert all(len(t) == len(times[0]) and np.abs(t - times[0]).max() < 8 for t in times)


def test_the_more_the_network_errs_the_less_a_person_is_alike() -> None:
    means = []
    for error in (0.0, 0.5, 1.0, 2.0):
        same, other = cosines(made(error=error, dimensions=256))
        means.append(float(same.mean() - other.mean()))
        if error == 0.0:
            assert same.min() > 0.999
        if error == 1.0:  # as of public networks on cameras they do not know: far apart in the mean, mixed at the edges
            assert 0.55 < same.mean() < 0.8
            assert 0.15 < other.mean() < 0.5
            assert 0.6 < (same > np.quantile(other, 0.99)).mean() < 0.92
    assert means == sorted(means, reverse=True)


@pytest.mark.parametrize("cameras", [1, 2, 3])
def test_small_sites_work_too(cameras: int) -> None:
    city = made(cameras=cameras, people=20)
    assert len(city) >= 15
    assert np.isfinite(city.embedding).all()
    np.testing.assert_allclose(np.linalg.norm(city.embedding.astype(np.float32), axis=1), 1, atol=2e-3)
