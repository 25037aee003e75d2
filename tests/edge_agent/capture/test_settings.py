from __future__ import annotations

import json
from pathlib import Path

import pytest

from common.errors import ConfigError
from common.places.geojson import as_geojson
from common.settings import Settings, from_mapping, load
from edge_agent.capture.address import Address
from edge_agent.capture.settings import CameraSettings


class Box(Settings):
    cameras: tuple[CameraSettings, ...] = ()


def camera(**more: object) -> CameraSettings:
    return from_mapping({"id": "door", "source": "door.mp4"} | more, CameraSettings, "test")


@pytest.mark.parametrize(("text", "kind", "value"), [
    ("street.mp4", "file", "street.mp4"),
    ("/data/a:b.mp4", "file", "/data/a:b.mp4"),
    ("C:\\videos\\a.mp4", "file", "C:\\videos\\a.mp4"),
    ("rtsp://10.0.0.7:554/live", "stream", "rtsp://10.0.0.7:554/live"),
    ("https://host/cam.m3u8", "stream", "https://host/cam.m3u8"),
    ("webcam:0", "webcam", "0"),
    ("webcam:/dev/video2", "webcam", "/dev/video2"),
    ("folder:/data/img1", "folder", "/data/img1"),
])
def test_source_names_its_kind(text: str, kind: str, value: str) -> None:
    assert Address.parse(text) == Address(kind, value)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["ftp://host/a.mp4", "webcam:", "webcam:front", "folder:"])
def test_source_that_is_none(text: str) -> None:
    with pytest.raises(ConfigError, match="source"):
        camera(source=text)


def test_password_is_never_shown_and_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    address = camera(source="rtsp://admin:hunter2@10.0.0.7/live").address
    assert "hunter2" not in address.shown
    assert address.shown.endswith("@10.0.0.7/live")
    address = camera(source="rtsp://admin:${DOOR_PASSWORD}@10.0.0.7/live").address
    with pytest.raises(ConfigError, match="DOOR_PASSWORD"):
        address.resolve()
    monkeypatch.setenv("DOOR_PASSWORD", "hunter2")
    assert address.resolve() == "rtsp://admin:hunter2@10.0.0.7/live"


@pytest.mark.parametrize("start", ["2026-03-01T08:30:00Z", "2026-03-01T09:30:00+01:00", "2026-03-01 08:30:00",
                                   "1772353800", 1772353800])
def test_start_of_a_file_is_a_time_or_seconds(start: str | int) -> None:
    assert camera(clock={"start": start}).clock.start == 1772353800


def test_start_may_stand_unquoted_in_yaml(tmp_path: Path) -> None:
    path = tmp_path / "agent.yaml"
    path.write_text("cameras:\n- {id: a, source: a.mp4, clock: {start: 2026-03-01T08:30:00Z}}\n"
                    "- {id: b, source: b.mp4, clock: {start: 2026-03-01 08:30:00}}\n"
                    "- {id: c, source: c.mp4, clock: {start: 2026-03-01}}\n")
    starts = [each.clock.start for each in load(path, Box).cameras]
    assert starts == [1772353800, 1772353800, 1772323200]


def test_start_that_is_no_time() -> None:
    with pytest.raises(ConfigError, match=r"clock\.start.*no time such as"):
        camera(clock={"start": "half past eight"})


@pytest.mark.parametrize("crop", [[10, 0, 10, 5], [0, 9, 10, 5], [-1, 0, 10, 5], [0, 0, 10]])
def test_crop_must_hold_something(crop: list[int]) -> None:
    with pytest.raises(ConfigError, match="crop"):
        camera(crop=crop)


@pytest.mark.parametrize(("mask", "said"), [
    ([[[0, 0], [1, 1]]], "three points"),
    ([[[0, 0], [640, 0], [640, 480]]], "from 0 to 1"),
    ([[0, 0], [1, 0], [1, 1]], "list of polygons"),
    ([], "list of polygons"),
    (7, "list of polygons"),
])
def test_mask_that_is_none(mask: object, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        camera(mask=mask)


def test_misspelt_key_gets_the_right_one(tmp_path: Path) -> None:
    path = tmp_path / "agent.yaml"
    path.write_text("cameras:\n- id: a\n  source: a.mp4\n  max_fsp: 5\n")
    with pytest.raises(ConfigError, match=r"agent\.yaml:4: unknown key.*max_fsp") as error:
        load(path, Box)
    assert error.value.cure == "did you mean 'max_fps'?"


@pytest.mark.parametrize("name", ["", "..", "a/b", "a b"])
def test_camera_names_are_fit_for_folders(name: str) -> None:
    with pytest.raises(ConfigError, match="id"):
        camera(id=name)


def test_zones_and_lines_stand_in_the_settings_or_in_a_geojson_file(tmp_path: Path) -> None:
    zone = {"name": "till", "polygon": [[0.1, 0.1], [0.5, 0.1], [0.5, 0.5]]}
    listed = camera(zones=[zone], lines=[{"name": "door", "points": [[0, 0.5], [1, 0.5]]}])
    path = tmp_path / "hall.geojson"
    path.write_text(json.dumps(as_geojson(*listed.read_places())))
    assert camera(zones=str(path), lines=str(path)).read_places() == listed.read_places()
    assert camera().read_places() == ((), ())


@pytest.mark.parametrize(("zones", "told"), [
    ([{"name": "till", "polygon": [[0, 0], [640, 0], [640, 480]]}], "0 to 1"),
    ([{"name": "till", "polygon": [[0, 0], [1, 0]]}], "three points"),
    ([{"name": "a", "polygon": [[0, 0], [1, 0], [1, 1]]}] * 2, "two are named 'a'"),
    ([{"name": "a", "polygn": [[0, 0], [1, 0], [1, 1]]}], "polygon"),
])
def test_a_zone_that_is_none_is_explained(zones: list[dict[str, object]], told: str) -> None:
    with pytest.raises(ConfigError) as raised:
        camera(zones=zones)
    assert told in f"{raised.value} {raised.value.cure}"
