"""The learned map is the one that people walk, and a layout file that says so is read back."""

from __future__ import annotations

import dataclasses

import pytest

from aggregator.linking import (
    IdAllocator,
    Linker,
    LinkingSettings,
    SiteMap,
    Topology,
    parse_layout,
    write_lines,
    write_matrices,
)
from aggregator.linking.ways import Clock, Way
from aggregator.visit import Visit
from tests.aggregator.linking.stream import CAMERAS, groups, walks


@pytest.fixture(scope="module")
def learned() -> Linker:
    linker = Linker(LinkingSettings(), None, IdAllocator())
    visits, _ = walks(150, seed=1, noise=0.3)
    for group in groups(visits, within_s=10):
        linker.observe(group, group[-1].end)
    linker.resolve(visits[-1].end, whole=True)
    return linker


def test_every_way_is_there_both_directions_and_as_long(learned: Linker) -> None:
    site = learned.site_map()
    ways = {(way.left, way.entered): way for way in site.ways}
    assert set(ways) == {(a, b) for a in CAMERAS for b in CAMERAS if a != b}
    for (a, b), way in ways.items():
        assert abs(way.median - ways[b, a].median) < 4
        assert 5 < way.low <= way.median <= way.high
        assert way.overlap == 0
    for camera in CAMERAS:
        assert sum(way.share for way in site.ways if way.left == camera) == pytest.approx(1)


@pytest.mark.parametrize("kind", ["lines", "matrices", "matrices without scales"])
def test_a_layout_file_says_what_was_learned(learned: Linker, kind: str) -> None:
    layout = learned.site_map().layout()
    text = write_lines(layout) if kind == "lines" else write_matrices(layout, scales=kind == "matrices")
    read = parse_layout(text)
    assert dict(read.windows) == dict(layout.windows)
    assert {camera: read.offsets.get(camera, 0.0) for camera in CAMERAS} == {
        camera: layout.offsets.get(camera, 0.0) for camera in CAMERAS}
    # And who links by it finds the same ways.
    linker = Linker(LinkingSettings(), read, IdAllocator())
    visits, _ = walks(40, seed=2, noise=0.3)
    for group in groups(visits):
        linker.observe(group, group[-1].end)
    assert len(linker.site_map().ways) >= 8


def test_overlap_and_clocks_are_written_down() -> None:
    way = Way(left="a", entered="b", links=30, share=1.0, median=-2.0, low=-4.0, high=6.0, overlap=0.7)
    rare = Way(left="b", entered="a", links=1, share=1.0, median=3.0, low=3.0, high=3.0, overlap=0.0)
    clocks = (Clock(camera="a", offset=0.0, spread=1.0), Clock(camera="b", offset=-41.26, spread=1.0))
    layout = SiteMap(ways=(way, rare), clocks=clocks).layout(Topology(windows={("b", "a"): (1.0, 9.0)}))
    assert layout.windows == {("a", "b"): (-9.0, 11.0), ("b", "a"): (1.0, 9.0)}
    assert layout.offsets == {"b": -41.3}


DOORS = """
hall/left yard/steps 5 60
hall/right yard/ramp 5 60
yard/steps hall/left 5 60
yard/ramp hall/right 5 60
hall shop 5 60
shop hall 5 60
yard shop 5 60
shop yard 5 60
"""


def test_ways_from_door_to_door_are_read_written_and_summed_up() -> None:
    layout = parse_layout(DOORS)
    assert layout.cameras == ("hall", "yard", "shop")
    assert layout.window("hall/left", "yard/steps") == (5, 60)
    assert layout.window("hall/left", "yard/ramp") is None
    assert layout.window("hall", "yard") == layout.window("hall", "yard/ramp") == (5, 60)
    assert layout.window("hall/left", "shop") == (5, 60)
    assert dict(parse_layout(write_lines(layout)).windows) == dict(layout.windows)
    assert parse_layout(write_matrices(layout)).window("hall", "yard") == (5, 60)
    assert layout.doors_of("hall", ("queue", "left", "right")) == (1, 3)
    assert layout.doors_of("hall", ("left",)) == (0, 0), "did they come in there, or go out?"
    assert layout.doors_of("hall", ("queue",)) == layout.doors_of("shop", ("left",)) == (0, 0)


def test_what_a_layout_leaves_open() -> None:
    layout = parse_layout(DOORS)
    assert layout.leaves_open("hall/left", "hall/right"), "people may come back by another door"
    assert layout.leaves_open("hall/left", "garage")
    assert not layout.leaves_open("hall/left", "yard/ramp")
    strict = parse_layout(DOORS + "hall/left hall/left 1 600")
    assert not strict.leaves_open("hall/left", "hall/right")


@pytest.mark.parametrize("crossed", [False, True])
def test_who_left_by_a_door_comes_in_where_it_leads(crossed: bool) -> None:
    """Two who look the same are told apart by their doors, whichever of them is first."""
    linker = Linker(LinkingSettings(), parse_layout(DOORS), IdAllocator())
    visits, _ = walks(80, seed=4, cameras=("hall", "yard", "shop"), noise=0.3)
    for group in groups(visits):
        linker.observe(group, group[-1].end)
    last = visits[-1]
    after = last.end + 3600

    def twin(number: int, camera: str, start: float, *zones: str) -> Visit:
        return dataclasses.replace(last, visit=number, camera=camera, start=start, end=start + 5, zones=zones)

    doors = ("ramp", "steps") if crossed else ("steps", "ramp")
    first, second = linker.observe([twin(9001, "hall", after, "right", "left"),
                                    twin(9002, "hall", after, "left", "right")], after)
    assert first.identity != second.identity
    later = linker.observe([twin(9003, "yard", after + 25, *doors),
                            twin(9004, "yard", after + 25, *doors[::-1])], after)
    expected = [first.identity, second.identity]
    assert [one.identity for one in later] == (expected[::-1] if crossed else expected)
