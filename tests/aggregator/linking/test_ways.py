"""The learned map is the one that people walk, and a layout file that says so is read back."""

from __future__ import annotations

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
