"""Faces at the edge. The reader here sees blocks of one colour: what is looked for is whose they are."""

from __future__ import annotations

import numpy as np

from edge_agent.capture.frame import Frame
from edge_agent.faces import ENOUGH, FaceSettings, FaceWatch, head_regions
from edge_agent.tracking import TrackedFrame
from models.faces import NO_FACES, Faces

ANNA, BERT = 1, 2


class Blocks:
    """A face is a block of 12 × 12 pixels or more whose blue says whose it is; its size says how good it is."""

    name, fingerprint, dimensions = "blocks", "f" * 16, 8

    def __init__(self) -> None:
        self.looks = self.embedded = 0

    def find(self, image: np.ndarray, long_side: int = 0) -> Faces:
        self.looks += 1
        found = []
        for who in (ANNA, BERT):
            y, x = np.nonzero(image[..., 0] == who)
            if len(x) >= 144:
                found.append((x.min(), y.min(), x.max() + 1, y.max() + 1))
        if not found:
            return NO_FACES
        xyxy = np.array(found, np.float32)
        apart = (xyxy[:, 2] - xyxy[:, 0])[:, None] / 2
        left = (xyxy[:, :2] + xyxy[:, 2:]) / 2 - apart * [0.5, 0]
        eyes = np.stack([left, left + apart * [1, 0], left + apart * [0.5, 0.5], left + apart * [0, 1],
                         left + apart * [1, 1]], axis=1)
        return Faces(xyxy, eyes.astype(np.float32), np.ones(len(xyxy), np.float32))

    def embed(self, image: np.ndarray, faces: Faces) -> np.ndarray:
        self.embedded += len(faces)
        x, y = ((faces.xyxy[:, :2] + faces.xyxy[:, 2:]) / 2).astype(int).T
        return np.eye(8, dtype=np.float32)[image[y, x, 0]]


def watch(**settings: float) -> tuple[FaceWatch, Blocks]:
    blocks = Blocks()
    return FaceWatch(["door"], blocks, FaceSettings(**settings), person=0), blocks


def picture(*faces: tuple[int, int, int, int]) -> np.ndarray:
    """Grey, with faces (left, top, side, whose)."""
    image = np.full((400, 600, 3), 128, np.uint8)
    for left, top, side, who in faces:
        image[top:top + side, left:left + side] = who
    return image


def seen(time: float, *boxes: tuple[float, float, float, float], labels: tuple[int, ...] = ()) -> TrackedFrame:
    n = len(boxes)
    no = np.zeros(n, np.bool_)
    return TrackedFrame(camera="door", time=time, track=np.arange(1, n + 1), xyxy=np.array(boxes, np.float32),
                        confidence=np.ones(n, np.float32), class_id=np.array(labels or (0,) * n, np.int32),
                        detection=np.arange(n, dtype=np.int32), started=no, re_entered=no, ended=np.zeros(0, np.int64))


def look(one: FaceWatch, image: np.ndarray, tracked: TrackedFrame, camera: str = "door") -> None:
    one.look(Frame(camera=camera, index=0, time=tracked.time, image=image), tracked)


def test_a_face_belongs_to_the_person_in_whose_upper_part_it_is() -> None:
    one, _ = watch()
    look(one, picture((120, 60, 40, ANNA), (420, 60, 40, BERT)), seen(0, (100, 50, 200, 350), (400, 50, 500, 350)))
    first, second = one.of("door", 1), one.of("door", 2)
    assert first is not None
    assert second is not None
    assert first.mean[ANNA] == second.mean[BERT] == 1
    assert first.model == "f" * 16
    assert first.seen == 1
    assert 0.9 < first.quality <= 1


def test_a_face_that_might_be_of_two_people_is_nobodys() -> None:
    one, _ = watch()
    look(one, picture((140, 60, 40, ANNA)), seen(0, (100, 50, 200, 350), (120, 40, 220, 340)))
    assert one.of("door", 1) is None
    assert one.of("door", 2) is None


def test_a_face_on_a_shirt_or_of_a_car_does_not_count() -> None:
    one, blocks = watch()
    look(one, picture((120, 250, 40, ANNA)), seen(0, (100, 50, 200, 350)))
    assert one.of("door", 1) is None, "below the head"
    before = blocks.looks
    look(one, picture((120, 60, 40, ANNA)), seen(9, (100, 50, 200, 350), labels=(2,)))
    assert one.of("door", 1) is None
    assert blocks.looks == before, "only people have faces"


def test_small_faces_are_not_embedded_and_better_ones_weigh_more() -> None:
    one, blocks = watch()
    look(one, picture((120, 60, 16, ANNA)), seen(0, (100, 50, 200, 350)))
    assert one.of("door", 1) is None
    assert blocks.embedded == 0
    for k, side in enumerate((26, 40)):
        look(one, picture((120, 60, side, (ANNA, BERT)[k])), seen(1 + k, (100, 50, 200, 350)))
    face = one.of("door", 1)
    assert face is not None
    assert face.mean[BERT] > face.mean[ANNA] > 0
    assert abs(float(np.linalg.norm(face.mean)) - 1) < 1e-5


def test_it_looks_now_and_then_and_embeds_no_more_than_is_of_use() -> None:
    one, blocks = watch(every_s=0.5)
    for k in range(100):
        look(one, picture((120, 60, 40, ANNA)), seen(k * 0.1, (100, 50, 200, 350)))
    assert blocks.looks == 20
    assert blocks.embedded == ENOUGH


def test_a_camera_that_was_not_told_to_never_looks_and_who_has_gone_is_forgotten() -> None:
    one, blocks = watch()
    look(one, picture((120, 60, 40, ANNA)), seen(0, (100, 50, 200, 350)), camera="yard")
    assert blocks.looks == 0
    assert one.of("yard", 1) is None
    look(one, picture((120, 60, 40, ANNA)), seen(0, (100, 50, 200, 350)))
    one.forget("door", [1])
    assert one.of("door", 1) is None


def test_who_is_cut_off_below_may_have_the_face_anywhere() -> None:
    upright, near = head_regions(np.array([[0, 0, 100, 250], [0, 0, 100, 90]], np.float32))
    assert upright[3] == 100
    assert near[3] == 90
