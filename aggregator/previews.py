"""`Previews`: asks boxes for pictures while somebody looks, and passes them on. Nothing is kept."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass

from common.errors import PassageError
from common.messages import Message, Picture, Preview
from common.pictures import Shown, Viewer

log = logging.getLogger("previews")

RENEW_S = 3.0  # agents stop by themselves some time after they were last asked
LINGER_S = 2.0  # who turns a page comes back


class TooManyViewers(PassageError):  # noqa: N818
    """There is no room for one more."""


@dataclass(frozen=True, slots=True)
class _Wish:
    width: int
    fps: float


class Previews:
    """Everybody who looks at a camera now. In the event loop's thread, but for `take`.

    Args:
        send: sends a message to an agent.
        most: viewers at one time.
    """

    def __init__(self, send: Callable[[str, Message], None], most: int = 100) -> None:
        self._send, self._most = send, most
        self._shown = Shown()
        self._wishes: dict[Viewer, _Wish] = {}
        self._agents: dict[str, str] = {}  # camera → its agent, of all that were asked for pictures
        self._unwatched: dict[str, float] = {}
        self._renewing: asyncio.Task[None] | None = None

    def take(self, agent: str, picture: Picture) -> None:
        """A picture came from an agent; from any thread. Only of a camera that it was asked for."""
        if self._agents.get(picture.camera) == agent:
            self._shown.publish(picture)

    @property
    def viewers(self) -> int:
        """How many look."""
        return len(self._wishes)

    @contextlib.asynccontextmanager
    async def watch(self, cameras: Mapping[str, str], width: int = 0, fps: float = 0.0) -> AsyncIterator[Viewer]:
        """Look at some cameras.

        Args:
            cameras: each with the name of its agent.
            width: pixels across that are of use; 0 leaves it to the agent.
            fps: pictures a second that are of use; 0 leaves it to the agent.

        Raises:
            TooManyViewers: try again later.
        """
        if len(self._wishes) >= self._most:
            raise TooManyViewers(f"{self._most} viewers look at cameras already",
                                 "close one, or raise max_viewers in the aggregator's api settings")
        self._shown.attach()
        viewer = Viewer(cameras, fps)
        self._agents.update(cameras)
        self._wishes[viewer] = _Wish(width, fps)
        self._shown.add(viewer)
        for camera in cameras:
            self._unwatched.pop(camera, None)
        self._ask(cameras)
        if self._renewing is None:
            self._renewing = asyncio.create_task(self._renew())
        try:
            yield viewer
        finally:
            self._shown.remove(viewer)
            del self._wishes[viewer]
            now = asyncio.get_running_loop().time()
            watched = self._watched()
            for camera in viewer.cameras - watched:
                self._unwatched[camera] = now
            self._ask(viewer.cameras & watched)

    async def close(self) -> None:
        """Nobody looks any more."""
        if self._renewing is not None:
            self._renewing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._renewing
        for camera in list(self._agents):
            self._end(camera)

    def _watched(self) -> set[str]:
        return {camera for viewer in self._wishes for camera in viewer.cameras}

    def _ask(self, cameras: Collection[str]) -> None:
        """Tell the cameras' agents what the most demanding viewer can use; who leaves it open wants all there is."""
        for camera in cameras:
            wishes = [wish for viewer, wish in self._wishes.items() if camera in viewer.cameras]
            if wishes:
                widths, rates = [wish.width for wish in wishes], [wish.fps for wish in wishes]
                self._send(self._agents[camera], Preview(
                    camera=camera, on=True, width=max(widths) if all(widths) else 0,
                    fps=max(rates) if all(rates) else 0.0))

    def _end(self, camera: str) -> None:
        self._send(self._agents.pop(camera), Preview(camera=camera, on=False))
        self._unwatched.pop(camera, None)

    async def _renew(self) -> None:
        """Asks again and again: a box that was away hears of it when it is back."""
        try:
            while self._agents:
                await asyncio.sleep(RENEW_S)
                now = asyncio.get_running_loop().time()
                for camera, since in list(self._unwatched.items()):
                    if now - since >= LINGER_S:
                        self._end(camera)
                self._ask(self._watched())
        except Exception:
            log.exception("asking agents for pictures failed")
        finally:
            self._renewing = None
