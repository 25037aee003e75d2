"""Choosing between embedders by halves of people: luck with some of them must not look like skill."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from common.errors import ConfigError
from models.training import choosing
from models.training.choosing import choose

PEOPLE = "ABCDEF"
Image = NDArray[np.uint8]


class Looks:
    """An embedder that knows some people by their shade of grey and guesses at the others."""

    def __init__(self, knows: str = "") -> None:
        self._knows, self._random = knows, np.random.default_rng(0)

    def embed(self, crops: list[Image]) -> NDArray[np.float32]:
        who = np.clip([round(float(crop.mean()) / 40) - 1 for crop in crops], 0, len(PEOPLE) - 1)
        guesses = np.array([PEOPLE[i] not in self._knows for i in who])
        rows = np.eye(len(PEOPLE), dtype=np.float32)[who]
        rows[guesses] = self._random.normal(size=(int(guesses.sum()), len(PEOPLE)))
        return rows


@pytest.fixture
def filmed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Six people, each a shade of grey, each in two tracks; other cameras show them as they are."""
    video, labels = tmp_path / "v.avi", tmp_path / "people.csv"
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 64))
    rows = ["frame,track,person,x1,y1,x2,y2"]
    for frame in range(2 * len(PEOPLE) * 4):
        track = frame // 4
        writer.write(np.full((64, 64, 3), 40 * (track % len(PEOPLE) + 1), np.uint8))
        rows.append(f"{frame},{track},{PEOPLE[track % len(PEOPLE)]},0,0,32,64")
    writer.release()
    labels.write_text("\n".join(rows))
    monkeypatch.setattr(choosing, "develop", lambda eye, random, image: np.uint8(image * 255 + 0.5))
    return video, labels


def test_whoever_knows_everybody_is_chosen(filmed: tuple[Path, Path]) -> None:
    choice = choose({"all": Looks(PEOPLE), "half": Looks("ABC"), "none": Looks()}, *filmed)  # type: ignore[dict-item]
    assert choice.name == "all"
    assert choice.standings["all"].filmed == choice.standings["all"].elsewhere == 1
    assert choice.standings["none"].filmed < choice.standings["half"].filmed < 1
    assert choice.promised == choice.kept == 1
    assert sum(found.chosen for found in choice.standings.values()) == pytest.approx(1)


def test_luck_with_some_people_is_seen_through(filmed: tuple[Path, Path]) -> None:
    """Each candidate knows other people: the half that chooses is promised more than the other half gets."""
    candidates = {name: Looks(name) for name in ("ABC", "DEF", "ACE", "BDF")}
    choice = choose(candidates, *filmed)  # type: ignore[arg-type]
    assert choice.promised > choice.kept + 0.1


def test_choosing_needs_people_to_choose_by(filmed: tuple[Path, Path]) -> None:
    video, labels = filmed
    few = [row for row in labels.read_text().splitlines() if row.split(",")[2] in ("person", "A", "B", "C")]
    labels.write_text("\n".join(few))
    with pytest.raises(ConfigError, match="needs four"):
        choose({"a": Looks(PEOPLE)}, video, labels)  # type: ignore[dict-item]


def test_the_command_says_which_to_take(filmed: tuple[Path, Path]) -> None:
    from edge_agent.train_cli import app

    video, labels = filmed
    result = CliRunner().invoke(app, ["choose", "osnet_generated", "--video", str(video), "--labels", str(labels)])
    assert result.exit_code == 0, result.output
    assert "Take osnet_generated." in result.output
