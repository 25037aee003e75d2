"""Boxes are asked for pictures only while somebody looks."""

from __future__ import annotations

import asyncio

import pytest

from aggregator import previews as module
from aggregator.previews import Previews, TooManyViewers
from common.messages import Message, Picture, Preview


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RENEW_S", 0.05)
    monkeypatch.setattr(module, "LINGER_S", 0.05)


class Agents:
    def __init__(self) -> None:
        self.told: list[tuple[str, Message]] = []

    def send(self, agent: str, message: Message) -> None:
        self.told.append((agent, message))

    def asked(self) -> list[tuple[str, bool, int, float]]:
        return [(m.camera, m.on, m.width, m.fps) for _, m in self.told if isinstance(m, Preview)]


def picture(camera: str = "yard") -> Picture:
    return Picture(camera=camera, number=1, time=1.0, width=8, height=8, jpeg=b"\xff\xd8")


def test_the_first_viewer_starts_it_and_the_last_one_ends_it() -> None:
    async def run() -> None:
        agents = Agents()
        previews = Previews(agents.send)
        async with previews.watch({"yard": "gate"}):
            async with previews.watch({"yard": "gate"}):
                pass
            await asyncio.sleep(0.2)
            assert all(on for _, on, _, _ in agents.asked())
            assert len(agents.told) >= 4, "asked again while somebody looks"
            assert {agent for agent, _ in agents.told} == {"gate"}
        deadline = asyncio.get_running_loop().time() + 5
        while agents.asked()[-1][1]:
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.02)
        said = len(agents.told)
        await asyncio.sleep(0.2)
        assert len(agents.told) == said, "nobody looks, nothing is said"
        await previews.close()

    asyncio.run(run())


def test_who_wants_most_decides_what_is_asked_for() -> None:
    async def run() -> None:
        agents = Agents()
        previews = Previews(agents.send)
        async with previews.watch({"yard": "gate"}, 320, 2.0):
            assert agents.asked()[-1] == ("yard", True, 320, 2.0)
            async with previews.watch({"yard": "gate"}, 960, 1.0):
                assert agents.asked()[-1] == ("yard", True, 960, 2.0)
                async with previews.watch({"yard": "gate"}):
                    assert agents.asked()[-1] == ("yard", True, 0, 0.0)
            assert agents.asked()[-1] == ("yard", True, 320, 2.0)
        await previews.close()
        assert agents.asked()[-1] == ("yard", False, 0, 0.0)

    asyncio.run(run())


def test_pictures_reach_viewers_only_from_the_agent_that_was_asked() -> None:
    async def run() -> None:
        previews = Previews(Agents().send)
        async with previews.watch({"yard": "gate"}) as viewer:
            await asyncio.to_thread(previews.take, "stranger", picture())
            await asyncio.to_thread(previews.take, "gate", picture("hall"))
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(viewer.next(), 0.1)
            await asyncio.to_thread(previews.take, "gate", picture())
            assert (await asyncio.wait_for(viewer.next(), 5)).camera == "yard"
        await previews.close()

    asyncio.run(run())


def test_there_is_an_end_to_viewers() -> None:
    async def run() -> None:
        previews = Previews(Agents().send, most=1)
        async with previews.watch({"yard": "gate"}):
            with pytest.raises(TooManyViewers):
                async with previews.watch({"yard": "gate"}):
                    pass
        async with previews.watch({"yard": "gate"}):
            assert previews.viewers == 1
        await previews.close()

    asyncio.run(run())
