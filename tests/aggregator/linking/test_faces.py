"""Faces as evidence: they join who has changed clothes, and keep apart who wears the same."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from aggregator.linking import IdAllocator, Linker, LinkingSettings
from aggregator.linking.faces import EVEN, FaceRows
from aggregator.visit import Visit
from common.tracklet import Face
from tests.aggregator.linking.stream import groups, walks

NETWORK, OTHER = "f" * 16, "0" * 16


def face(person: int, view: int = 0, *, model: str = NETWORK, quality: float = 0.9) -> Face:
    """A person's face: 0.8 of it is the person, the rest the view."""
    rows = np.stack([np.random.default_rng(seed).normal(size=128) for seed in (person, 1000 + view)])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    mean = 0.8 * rows[0] + 0.6 * rows[1]
    return Face(model=model, mean=(mean / np.linalg.norm(mean)).astype(np.float32), quality=quality, seen=5)


def linked(visits: list[Visit]) -> dict[int, int]:
    linker = Linker(LinkingSettings(), None, IdAllocator())
    for group in groups(visits):
        linker.observe(group, group[-1].end)
    linker.resolve(visits[-1].end, whole=True)
    return {visit: identity for visit, identity, _ in linker.standing()}


def right(found: dict[int, int], person: dict[int, int]) -> tuple[float, float]:
    """Of pairs of one person, how many are linked; of linked pairs, how many are of one person."""
    visits = sorted(found)
    a = np.array([person[v] for v in visits])
    b = np.array([found[v] for v in visits])
    same, one = a[:, None] == a, b[:, None] == b
    np.fill_diagonal(same, False)
    np.fill_diagonal(one, False)
    return float((same & one).sum() / same.sum()), float((same & one).sum() / max(1, one.sum()))


def test_what_two_faces_say_grows_with_how_alike_they_are_and_how_well_they_were_seen() -> None:
    rows = FaceRows()
    for row, one in enumerate((face(1), face(1, 1), face(2, 9), face(1, 2, quality=0.3), face(1, model=OTHER))):
        rows.put(row, one)
    said = np.zeros((5, 6), np.float32)
    rows.add_to(said, np.arange(5), np.arange(6))
    assert said[0, 1] > 1 > 0 > -1 > said[0, 2]
    assert 0 < said[0, 3] < said[0, 1], "a poor view says less"
    assert (said[:4, 4] == 0).all(), "networks are not compared with one another"
    assert (said[:, 5] == 0).all(), "row 5 has no face"
    assert np.allclose(said[:, :5], said[:, :5].T)


def test_rows_that_are_forgotten_take_their_faces_with_them() -> None:
    rows = FaceRows()
    for row in range(0, 200, 2):
        rows.put(row, face(row))
    rows.keep(np.arange(50, 200, 5))
    kept = np.arange(50, 200, 5)
    for new, old in enumerate(kept.tolist()):
        alike = rows.likest(new, np.array([new]))
        assert (alike is None) == bool(old % 2)
        if alike is not None:
            assert alike == pytest.approx(1, abs=1e-5)
    rows.put(3, face(7))
    rows.put(9, face(7, 1))
    alike = rows.likest(3, np.array([9]))
    assert alike == pytest.approx(float(face(7).mean @ face(7, 1).mean), abs=1e-6)
    assert alike > EVEN


def test_faces_make_links_right_that_looks_leave_open() -> None:
    visits, person = walks(60, seed=3, noise=1.3, every_s=6)
    seen = [dataclasses.replace(visit, face=face(person[visit.visit], visit.visit)) if visit.camera != "dock" else visit
            for visit in visits]
    without, with_faces = right(linked(visits), person), right(linked(seen), person)
    assert with_faces[0] > without[0] + 0.05
    assert with_faces[1] > without[1]


def test_the_reason_of_a_link_names_the_faces() -> None:
    visits, person = walks(30, seed=1, noise=0.3)
    linker = Linker(LinkingSettings(), None, IdAllocator())
    decisions = [decision for visit in visits for decision in linker.observe(
        [dataclasses.replace(visit, face=face(person[visit.visit], visit.visit))], visit.end)]
    links = [decision for decision in decisions if decision.operation == "link"]
    assert links
    assert all(isinstance(decision.reason["face"], float) for decision in links)
