"""Only what is allowed, only while somebody looks, and never in the pipeline's way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from common.detections import Detections
from common.messages import Picture
from edge_agent.capture.frame import Frame
from edge_agent.preview.previewer import LEASE_S, Previewer
from edge_agent.preview.settings import PreviewSettings
from tests.edge_agent.preview.test_blur import tracked


class Box:
    def __init__(self, **settings) -> None:
        self.now = 1000.0
        self.shown: list[Picture] = []
        self.hold = threading.Event()
        self.hold.set()
        self.previewer = Previewer(
            {"yard": PreviewSettings(allow=True, **settings), "hall": PreviewSettings()},
            lambda: ["person"], lambda: None, lambda: self.now)
        self.previewer.add_sink("up", self.take)
        self.previewer.start()

    def take(self, picture: Picture) -> None:
        assert self.hold.wait(5)
        self.shown.append(picture)

    def frame(self, camera: str = "yard", seconds: float = 0.1) -> None:
        self.now += seconds
        image = np.zeros((90, 160, 3), np.uint8)
        self.previewer.offer(Frame(camera, 0, self.now, image), Detections.empty(), tracked(), {})

    def wait(self, what: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 5
        while not what():
            assert time.monotonic() < deadline
            time.sleep(0.005)

    def settled(self) -> int:
        """How many pictures there are when no more come."""
        self.wait(lambda: not self.previewer._waiting)
        time.sleep(0.1)
        return len(self.shown)


@pytest.fixture
def box() -> Iterator[Box]:
    box = Box()
    yield box
    box.previewer.stop()


def test_nothing_is_painted_while_nobody_looks(box: Box) -> None:
    for _ in range(5):
        box.frame()
    assert box.settled() == 0


def test_who_looks_gets_pictures_until_they_say_so(box: Box) -> None:
    box.previewer.ask("up", "yard", True)
    box.frame()
    box.wait(lambda: len(box.shown) == 1)
    box.previewer.ask("up", "yard", False)
    box.frame()
    assert box.settled() == 1


def test_a_camera_that_does_not_allow_it_is_never_shown(box: Box) -> None:
    box.previewer.ask("up", "hall", True)
    box.frame("hall")
    assert box.settled() == 0
    assert box.previewer.allowed == {"yard"}


def test_an_aggregator_that_died_while_somebody_looked_ends_it(box: Box) -> None:
    box.previewer.ask("up", "yard", True)
    box.now += LEASE_S + 1
    box.frame()
    assert box.settled() == 0


def test_no_more_pictures_a_second_than_are_wanted(box: Box) -> None:
    box.previewer.ask("up", "yard", True, fps=2.0)
    for _ in range(30):  # three seconds of ten a second
        box.frame()
        box.wait(lambda: not box.previewer._waiting)
    assert 6 <= box.settled() <= 8


def test_no_larger_than_anybody_can_use_and_never_larger_than_allowed(box: Box) -> None:
    for wanted, got in ((80, 80), (4000, 160), (0, 160)):
        box.previewer.ask("up", "yard", True, width=wanted)
        n = len(box.shown)
        box.frame(seconds=1.0)
        box.wait(lambda n=n: len(box.shown) > n)
        assert box.shown[-1].width == got


def test_a_viewer_that_blocks_costs_the_pipeline_nothing(box: Box) -> None:
    box.previewer.ask("up", "yard", True)
    box.hold.clear()
    began = time.perf_counter()
    for _ in range(200):
        box.frame()
    assert time.perf_counter() - began < 1.0
    box.hold.set()
    assert box.settled() <= 3, "only the newest waited"


def test_a_picture_that_cannot_be_blurred_is_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def find(self, image: np.ndarray) -> np.ndarray:
            raise RuntimeError("the network broke")

    box = Box()
    box.previewer._faces = Broken  # type: ignore[assignment]
    broken = Previewer({"yard": PreviewSettings(allow=True)}, lambda: ["person"], Broken, lambda: box.now)
    broken.add_sink("up", box.take)
    broken.start()
    broken.ask("up", "yard", True)
    for _ in range(3):
        broken.offer(Frame("yard", 0, box.now, np.zeros((90, 160, 3), np.uint8)), Detections.empty(), tracked(), {})
        box.now += 1
        box.wait(lambda: not broken._waiting)
    broken.stop()
    box.previewer.stop()
    assert box.shown == []
    assert "the network broke" in caplog.text
