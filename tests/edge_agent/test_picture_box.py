from __future__ import annotations

from common.messages import Picture
from edge_agent.picture_box import MOST_FLYING_BYTES, PATIENCE_S, PictureBox


def picture(camera: str, time: float = 0.0, size: int = 60_000) -> Picture:
    return Picture(camera=camera, number=1, time=time, width=8, height=8, jpeg=b"\xff\xd8" + bytes(size - 2))


def send(box: PictureBox, now: float = 0.0) -> Picture | None:
    found = box.next(now)
    if found is not None:
        box.handed_over(found, now)
    return found


def test_only_the_newest_of_a_camera_waits() -> None:
    box = PictureBox()
    for time in (1.0, 2.0, 3.0):
        box.put(picture("yard", time))
    sent = send(box)
    assert sent is not None
    assert sent.time == 3.0
    assert box.skipped == 2
    assert send(box) is None


def test_cameras_take_turns() -> None:
    box = PictureBox()
    order = []
    for _ in range(3):
        for camera in ("yard", "hall"):
            box.put(picture(camera))
        sent = send(box)
        assert sent is not None
        order.append(sent.camera)
        box.taken(sent.number)
    assert order == ["yard", "hall", "yard"]


def test_little_is_on_the_wire_before_it_is_taken() -> None:
    box = PictureBox()
    sent = []
    for i in range(10):
        box.put(picture(f"c{i}"))
        if (one := send(box)) is not None:
            sent.append(one)
    assert sum(len(one.jpeg) for one in sent) <= MOST_FLYING_BYTES
    box.taken(sent[-1].number)
    assert send(box) is not None


def test_one_that_is_larger_than_all_that_may_fly_goes_alone() -> None:
    box = PictureBox()
    box.put(picture("a", size=2 * MOST_FLYING_BYTES))
    box.put(picture("b"))
    assert send(box) is not None
    assert send(box) is None


def test_an_answer_that_never_comes_holds_it_up_for_a_while_only() -> None:
    box = PictureBox()
    box.put(picture("a", size=MOST_FLYING_BYTES))
    box.put(picture("b"))
    assert send(box, 0.0) is not None
    assert send(box, 1.0) is None
    assert send(box, PATIENCE_S + 1) is not None
    box.put(picture("c", size=MOST_FLYING_BYTES))
    box.forget_flying()
    assert send(box, PATIENCE_S + 1) is not None
