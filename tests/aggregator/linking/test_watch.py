"""A clock that jumps and a camera that is moved are spoken of, once."""

from __future__ import annotations

import pytest

from aggregator.linking import IdAllocator, Linker, LinkingSettings
from tests.aggregator.linking.stream import START, groups, walks

pytestmark = pytest.mark.slow

WHEN = START + 20 * 160


def notices(visits: list) -> tuple[Linker, list]:
    linker, out = Linker(LinkingSettings(), None, IdAllocator()), []
    for group in groups(visits, within_s=60.0):
        for few in groups(group):
            linker.observe(few, few[-1].end)
        linker.resolve(group[-1].end)
        out += linker.notices()
    return linker, out


def test_a_clock_that_jumps_is_spoken_of_once_and_put_right() -> None:
    visits, _ = walks(300, seed=1, clock={"shop": lambda time: 60.0 if time > WHEN else 0.0})
    _, said = notices(visits)
    assert [(kind, camera) for kind, camera, _ in said] == [("clock_jumped", "shop")]
    assert abs(said[0][2]["seconds"] - 60) <= 5
    assert abs(said[0][2]["after"] - WHEN) <= 200


def test_a_camera_that_was_moved_is_spoken_of_once() -> None:
    visits, _ = walks(400, seed=2, farther=lambda camera, time: 40.0 if camera == "dock" and time > WHEN else 0.0)
    _, said = notices(visits)
    assert [(kind, camera) for kind, camera, _ in said] == [("camera_moved", "dock")]
    assert said[0][2]["seconds"] > 15


def test_of_a_site_as_it_always_was_nothing_is_said() -> None:
    assert notices(walks(300, seed=3)[0])[1] == []
