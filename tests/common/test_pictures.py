from __future__ import annotations

import asyncio
import threading

from common.messages import Picture
from common.pictures import Shown, Viewer


def picture(camera: str, number: int) -> Picture:
    return Picture(camera=camera, number=number, time=float(number), width=8, height=8, jpeg=b"\xff\xd8")


def test_a_slow_viewer_gets_the_newest_and_a_quick_one_all() -> None:
    async def run() -> None:
        shown, slow, quick = Shown(), Viewer(["yard"]), Viewer(["yard"])
        shown.attach()
        shown.add(slow)
        shown.add(quick)
        got = []
        for number in range(1, 6):
            await asyncio.to_thread(shown.publish, picture("yard", number))
            got.append((await asyncio.wait_for(quick.next(), 5)).number)
        assert got == [1, 2, 3, 4, 5]
        assert (await slow.next()).number == 5
        assert slow.skipped == 4

    asyncio.run(run())


def test_many_threads_publish_and_each_camera_is_seen() -> None:
    async def run() -> None:
        names = [f"c{i}" for i in range(20)]
        shown, viewer = Shown(), Viewer(names)
        shown.attach()
        shown.add(viewer)
        threads = [threading.Thread(target=lambda n=name: [shown.publish(picture(n, k)) for k in range(1, 50)])
                   for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            await asyncio.to_thread(thread.join)
        last: dict[str, int] = {}
        while len(last) < 20 or min(last.values()) < 49:
            one = await asyncio.wait_for(viewer.next(), 5)
            last[one.camera] = one.number

    asyncio.run(run())


def test_a_viewer_is_offered_only_its_cameras_and_only_as_often_as_it_wants() -> None:
    async def run() -> None:
        now = [0.0]
        viewer = Viewer(["yard"], fps=2.0, monotonic=lambda: now[0])
        shown = Shown()
        shown.attach()
        shown.add(viewer)
        got = 0
        for number in range(1, 31):  # three seconds of ten a second
            now[0] += 0.1
            shown.publish(picture("yard", number))
            shown.publish(picture("hall", number))
            await asyncio.sleep(0)
            if viewer._waiting:
                assert (await viewer.next()).camera == "yard"
                got += 1
        assert 6 <= got <= 7
        shown.remove(viewer)
        shown.publish(picture("yard", 99))
        await asyncio.sleep(0)
        assert not viewer._waiting

    asyncio.run(run())


def test_publishing_before_and_after_anybody_listens_is_no_error() -> None:
    shown = Shown()
    shown.publish(picture("yard", 1))

    async def run() -> None:
        shown.attach()

    asyncio.run(run())
    shown.publish(picture("yard", 2))
