"""The learned map over HTTP."""

from __future__ import annotations


def test_ways_and_clocks_are_told(site):
    answer = site.ask("/api/topology").json
    assert [(way["left"], way["entered"], way["links"], way["median_s"]) for way in answer["ways"]] == [
        ("left", "right", 40, 12.0), ("right", "left", 3, -1.0)]
    assert {row["camera"]: (row["offset_s"], row["spread_s"]) for row in answer["cameras"]} == {
        "left": (0.0, 1.5), "right": (-40.0, None)}
