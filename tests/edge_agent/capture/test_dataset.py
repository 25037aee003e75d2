"""A re-identification data set, played as the cameras of a site."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from common.clock import SystemClock
from common.errors import ConfigError, SourceError
from common.settings import from_mapping
from common.tracklet import Tracklet
from edge_agent.build import build_pipeline, load_needed
from edge_agent.capture.dataset import Dataset, every_camera
from edge_agent.capture.group import CaptureGroup
from edge_agent.capture.settings import CameraSettings
from edge_agent.no_detector import NoDetector
from edge_agent.settings import ModelSettings
from edge_agent.tracking import TrackerSettings
from edge_agent.tracklets import TrackletSettings
from models.detector import DetectorSettings
from models.load import load_embedder
from tests.support.reid import person, write_market, write_mars


def camera(source: str, **more: object) -> CameraSettings:
    return CameraSettings.model_validate({"id": "site", "source": source, **more})


def play(cameras: tuple[CameraSettings, ...]) -> tuple[list[Tracklet], list[str]]:
    """Through capture and pipeline; all final tracklets, and kinds of events."""
    networks = load_needed(cameras, ModelSettings(detector="not-there", device="cpu", threads=1), DetectorSettings())
    pipeline = build_pipeline(cameras, networks, TrackerSettings(), TrackletSettings(), "run")
    capture = CaptureGroup(cameras, clock=SystemClock())
    capture.start()
    tracklets, kinds = list[Tracklet](), list[str]()
    while not capture.finished:
        for result in pipeline.step(frames) if (frames := capture.next_batch(5.0)) else ():
            tracklets += result.tracklets
            kinds += [event.kind for event in result.events]
    capture.stop()
    assert all(status.last_error is None for status in capture.status().values())
    last, events = pipeline.finish()
    return [part for part in tracklets + last if part.final], kinds + [event.kind for event in events]


def test_a_whole_set_becomes_a_camera_each(tmp_path: Path) -> None:
    write_market(tmp_path, [2, 3], cameras=3)
    site, door = camera(f"market1501:{tmp_path}", clock={"offset": 5}), camera("door.avi")
    cameras = every_camera((site, door))
    assert [one.id for one in cameras] == ["site-c1", "site-c2", "site-c3", "site"]
    assert cameras[1].source == f"market1501:{tmp_path}#2"
    assert cameras[1].clock.offset == 5
    assert every_camera(cameras) == cameras


@pytest.mark.parametrize("layout", ["market1501", "mars"])
def test_every_visit_is_a_tracklet_of_the_crop_as_it_is(tmp_path: Path, layout: str) -> None:
    people = [2, 3, 5, 8]
    if layout == "mars":
        write_mars(tmp_path, people, cameras=2, images=30, tracklets=1)
    else:
        write_market(tmp_path, people, cameras=2, images=4)
    final, kinds = play(every_camera((camera(f"{layout}:{tmp_path}", clock={"start": 1000}),)))
    assert sorted((part.camera, part.track) for part in final) == [
        (f"site-c{c}", track) for c in (1, 2) for track in (1, 2, 3, 4)]
    assert kinds.count("track_started") == kinds.count("track_ended") == 8
    assert {part.frames for part in final} == {30 if layout == "mars" else 4}
    assert min(part.start for part in final) == pytest.approx(1000, abs=0.1)
    assert {part.label for part in final} == {"person"}
    # What is embedded is the picture itself, not what lies around it.
    size = (128, 256) if layout == "mars" else (64, 128)
    embedder = load_embedder("osnet_generated", device="cpu")
    direct = embedder.embed([person(who, 1, 10 if layout == "mars" else 0, size) for who in people])
    likeness = np.stack([part.mean for part in final if part.camera == "site-c1"]) @ direct.T
    assert (likeness.max(1) > 0.97).all()
    assert sorted(likeness.argmax(1).tolist()) == [0, 1, 2, 3]


def test_people_stand_side_by_side_and_leave(tmp_path: Path) -> None:
    folder = tmp_path / "bounding_box_test"
    folder.mkdir()
    for who, frames in ((1, (0, 25, 50)), (2, (25, 50, 75)), (3, (100,))):
        for frame in frames:
            cv2.imwrite(str(folder / f"{who:04d}_c1s1_{frame:06d}_00.png"), np.full((128, 64, 3), 60 * who, np.uint8))
    source = Dataset(camera(f"market1501:{tmp_path}#1").address)
    seen = []
    while (seconds := source.grab()) is not None:
        image = source.picture()
        given = source.given()
        assert image is not None
        assert given is not None
        for x1, y1, x2, y2 in given.xyxy.astype(int).tolist():
            assert (x2 - x1, y2 - y1) == (128, 256)
            assert image[y1:y2, x1:x2].std() == 0
        seen.append((seconds, given.track.tolist(), given.ended.tolist(), sorted(set(image.ravel().tolist()))))
    assert seen == [
        (0.0, [1], [], [32, 60]), (1.0, [1, 2], [], [32, 60, 120]), (2.0, [1, 2], [1], [32, 60, 120]),
        (3.0, [2], [2], [32, 120]), (4.0, [3], [3], [32, 180]),
    ]
    assert source.frames == 5


def test_frames_that_are_skipped_end_their_visits(tmp_path: Path) -> None:
    write_market(tmp_path, range(2, 8), cameras=1, images=6)
    cameras = every_camera((camera(f"market1501:{tmp_path}", max_fps=1),))
    final, kinds = play(cameras)
    assert kinds.count("track_started") == kinds.count("track_ended") == 6
    assert all(part.end - part.start < 4 for part in final)


def test_pictures_that_cannot_be_read_are_skipped_and_named(tmp_path: Path) -> None:
    write_market(tmp_path, [2, 3], cameras=1)
    broken = sorted((tmp_path / "bounding_box_test").glob("0003*"))[1]
    broken.write_bytes(b"no picture")
    source = Dataset(camera(f"market1501:{tmp_path}#c1").address)
    while source.grab() is not None:
        source.picture()
    assert broken.name in str(source.problem())


def test_no_detector_is_opened_where_nobody_need_be_found(tmp_path: Path) -> None:
    write_market(tmp_path, [2], cameras=1)
    models = ModelSettings(detector="not-there", device="cpu")
    assert isinstance(load_needed((camera(f"market1501:{tmp_path}"),), models, DetectorSettings())[0], NoDetector)


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such folder"):
        every_camera((camera("market1501:gone"),))
    write_market(tmp_path, [2], cameras=2)
    with pytest.raises(ConfigError, match=r"which of its cameras\? it has 1, 2") as caught:
        Dataset(camera(f"market1501:{tmp_path}").address)
    assert str(caught.value.cure).endswith("#1")
    with pytest.raises(SourceError, match="has no camera 7; it has 1, 2"):
        Dataset(camera(f"market1501:{tmp_path}#7").address)
    with pytest.raises(ConfigError, match="no camera's number"):
        Dataset(camera(f"market1501:{tmp_path}#hall").address)
    for wrong in ({"crop": [0, 0, 9, 9]}, {"loop": True}, {"mask": [[[0, 0], [1, 0], [1, 1]]]}):
        with pytest.raises(ConfigError, match=f"has no '{next(iter(wrong))}'"):
            from_mapping({"id": "site", "source": "mars:x", **wrong}, CameraSettings, "test")
    with pytest.raises(ConfigError, match="expected a path after 'mars:'"):
        from_mapping({"id": "site", "source": "mars:"}, CameraSettings, "test")
