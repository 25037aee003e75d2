"""agent.yaml: what is wrong in it is said with file, line, key and the nearest right name."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import ConfigError
from common.settings import load
from edge_agent.settings import AgentSettings

GOOD = "cameras:\n  - id: door\n    source: door.mp4\n"


def error_of(tmp_path: Path, text: str) -> ConfigError:
    path = tmp_path / "agent.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(path, AgentSettings)
    assert caught.value.exit_code == 2
    return caught.value


def test_one_camera_is_enough(tmp_path: Path) -> None:
    path = tmp_path / "agent.yaml"
    path.write_text(GOOD)
    assert load(path, AgentSettings).cameras[0].id == "door"


def test_an_unknown_key_names_file_line_and_the_nearest_name(tmp_path: Path) -> None:
    error = error_of(tmp_path, GOOD + "    crpo: [0, 0, 5, 5]\n")
    assert f"{tmp_path / 'agent.yaml'}:4" in error.message
    assert "cameras.0.crpo" in error.message
    assert error.cure == "did you mean 'crop'?"


def test_an_unknown_key_of_a_block_names_the_nearest_name_of_that_block(tmp_path: Path) -> None:
    error = error_of(tmp_path, GOOD + "models:\n  detectr: yolov8n\n")
    assert "agent.yaml:5" in error.message
    assert error.cure == "did you mean 'detector'?"


def test_a_wrong_type_names_the_line_and_what_was_given(tmp_path: Path) -> None:
    error = error_of(tmp_path, GOOD + "tracklets:\n  part_s: soon\n")
    assert "agent.yaml:5" in error.message
    assert "tracklets.part_s" in error.message
    assert "'soon'" in error.message


def test_two_cameras_of_one_name_are_refused(tmp_path: Path) -> None:
    error = error_of(tmp_path, GOOD + "  - id: door\n    source: other.mp4\n")
    assert "two cameras are named 'door'" in error.message


def test_a_box_without_cameras_is_refused(tmp_path: Path) -> None:
    assert "'cameras' is missing" in error_of(tmp_path, "agent: box-1\n").message


def test_what_is_no_yaml_says_where(tmp_path: Path) -> None:
    assert "agent.yaml:2" in error_of(tmp_path, "agent: box\n  bad: [1\n").message


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.yaml"):
        load(tmp_path / "gone.yaml", AgentSettings)
