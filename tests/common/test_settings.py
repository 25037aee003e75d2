from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field, ValidationError, field_validator

from common.errors import ConfigError
from common.settings import Settings, from_mapping, load


class Camera(Settings):
    """A camera."""

    id: str = Field(description="name")
    fps: float = Field(25.0, gt=0, description="frames a second")
    kind: Literal["file", "stream"] = Field("file", description="what it is")


class Box(Settings):
    """A box."""

    agent: str = Field("edge-1", description="name")
    cameras: tuple[Camera, ...] = Field((), description="cameras")
    spare: Camera | None = Field(None, description="another one")

    @field_validator("agent")
    @classmethod
    def _no_blank(cls, agent: str) -> str:
        if " " in agent:
            raise ValueError("The name holds a blank")
        return agent


def write(folder: Path, text: str) -> Path:
    path = folder / "agent.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def refused(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(write(folder, text), Box)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_values_and_defaults_are_read(tmp_path: Path) -> None:
    box = load(write(tmp_path, "agent: gate\ncameras:\n  - id: yard\n    fps: 12\n"), Box)
    assert box == Box(agent="gate", cameras=(Camera(id="yard", fps=12.0),))
    assert box.cameras[0].kind == "file"


@pytest.mark.parametrize("text", ["", "# nothing but a remark\n", "---\n"])
def test_an_empty_file_gives_the_defaults(tmp_path: Path, text: str) -> None:
    assert load(write(tmp_path, text), Box) == Box()


def test_nothing_changes_after_reading() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Box().agent = "other"  # type: ignore[misc]


def test_an_unknown_key_names_file_line_and_the_nearest_name(tmp_path: Path) -> None:
    says = refused(tmp_path, "agent: gate\ncamera:\n  - id: yard\n")
    assert "agent.yaml:2: unknown key 'camera'" in says
    assert "did you mean 'cameras'?" in says


def test_an_unknown_key_deep_inside_names_its_line_and_block(tmp_path: Path) -> None:
    says = refused(tmp_path, "cameras:\n  - id: yard\n  - id: door\n    fsp: 3\n")
    assert "agent.yaml:4: unknown key 'cameras.1.fsp'" in says
    assert "did you mean 'fps'?" in says


def test_an_unknown_key_in_an_optional_block_is_found(tmp_path: Path) -> None:
    assert "did you mean 'kind'?" in refused(tmp_path, "spare:\n  id: x\n  kidn: file\n")


def test_an_unknown_key_that_is_near_nothing_lists_what_there_is(tmp_path: Path) -> None:
    assert "known keys here: agent, cameras, spare" in refused(tmp_path, "zzz: 1\n")


def test_a_wrong_type_names_line_key_and_value(tmp_path: Path) -> None:
    says = refused(tmp_path, "cameras:\n  - id: yard\n    fps: quick\n")
    assert "agent.yaml:3: 'cameras.0.fps'" in says
    assert "got 'quick'" in says


def test_a_value_out_of_bounds_names_the_bound(tmp_path: Path) -> None:
    assert "greater than 0" in refused(tmp_path, "cameras:\n  - {id: yard, fps: 0}\n")


def test_a_missing_key_names_the_line_of_its_block(tmp_path: Path) -> None:
    assert "agent.yaml:2: 'cameras.0.id' is missing" in refused(tmp_path, "cameras:\n  - fps: 3\n")


def test_a_check_of_our_own_is_told_without_pydantics_words(tmp_path: Path) -> None:
    assert "agent.yaml:1: 'agent': the name holds a blank (got 'a b')" in refused(tmp_path, "agent: a b\n")


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    says = refused(tmp_path, "agnet: x\ncameras:\n  - id: 3\n    kind: radio\n")
    assert all(word in says for word in ("agent.yaml:1", "agent.yaml:3", "agent.yaml:4"))


def test_a_list_where_keys_belong(tmp_path: Path) -> None:
    assert "expected keys and values, found list" in refused(tmp_path, "- a\n- b\n")


@pytest.mark.parametrize("text", ["agent: [\n", "a: b: c\n", "agent: \"x\n", "\tagent: x\n"])
def test_what_is_no_yaml_names_the_line(tmp_path: Path, text: str) -> None:
    says = refused(tmp_path, text)
    assert "agent.yaml:" in says
    assert "is not YAML" in says


def test_a_python_object_in_yaml_is_not_made(tmp_path: Path) -> None:
    assert "is not YAML" in refused(tmp_path, "agent: !!python/object/apply:os.system ['true']\n")


def test_a_file_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: No such file"):
        load(tmp_path / "nowhere.yaml", Box)
    path = tmp_path / "agent.yaml"
    path.write_bytes(b"agent: \xff\n")
    with pytest.raises(ConfigError, match="is not UTF-8"):
        load(path, Box)


def test_values_from_elsewhere_name_where_they_come_from() -> None:
    assert from_mapping({"agent": "x"}, Box, "the command line").agent == "x"
    with pytest.raises(ConfigError, match="the command line: unknown key 'agnt'"):
        from_mapping({"agnt": "x"}, Box, "the command line")
