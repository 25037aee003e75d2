"""What somebody drew in the dashboard is kept on the box's disk."""

from __future__ import annotations

from pathlib import Path

from common.places import Zone
from edge_agent.zones.drawn import DrawnPlaces


def zone(name: str) -> Zone:
    return Zone(name=name, polygon=((0.1, 0.1), (0.9, 0.1), (0.9, 0.9)))


def test_what_was_drawn_is_there_after_a_restart(tmp_path: Path) -> None:
    drawn = DrawnPlaces(tmp_path / "places")
    drawn.put("hall", ((zone("door"),), ()))
    assert list(drawn.take()) == [("hall", ((zone("door"),), ()))]
    assert list(drawn.take()) == []
    assert DrawnPlaces(tmp_path / "places").load(["hall", "yard"]) == {"hall": ((zone("door"),), ())}


def test_of_a_thousand_drawings_of_one_camera_the_last_waits_and_no_other(tmp_path: Path) -> None:
    drawn = DrawnPlaces(tmp_path / "places")
    for number in range(1000):
        drawn.put("hall", ((zone(f"z{number}"),), ()))
    drawn.put("yard", ((zone("gate"),), ()))
    assert list(drawn.take()) == [("hall", ((zone("z999"),), ())), ("yard", ((zone("gate"),), ()))]
