from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.clock import SystemClock
from common.keys import read_agent_keys
from common.messages import CameraInfo, Hello, Stats
from deploy.demo.programs import Programs
from edge_agent.spool import Spool
from edge_agent.uplink import Uplink


class Started:
    """The real aggregator, and agents' uplinks in this process."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self.folder, self.stack = folder, stack
        self.programs = stack.enter_context(Programs(folder))

    def aggregator(self, config: Path) -> None:
        ready = self.folder / "ready.json"
        self.programs.start("aggregator", "aggregator", "serve", "-c", str(config), "--ready-file", str(ready))
        self.programs.wait_ready("aggregator", ready)

    def agent(self, name: str, endpoint: str, key: Path, clock_ahead_s: float = 0.0) -> None:
        def hello() -> Hello:
            return Hello(agent=name, run="r1", spool="", software="test", clock=time.time() + clock_ahead_s,
                         cameras=(CameraInfo(camera=f"{name}-hall", width=64, height=48),))

        def stats() -> Stats:
            return Stats(clock=time.time() + clock_ahead_s, cameras={f"{name}-hall": {"fps": 10.0, "up": 1.0}})

        spool = self.stack.enter_context(Spool(self.folder / f"{name}.db"))
        self.stack.enter_context(Uplink(endpoint, name, hello, spool, SystemClock(), stats=stats, heartbeat_s=0.2,
                                        keys=read_agent_keys(key)))


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Started]:
    with contextlib.ExitStack() as stack:
        yield Started(tmp_path, stack)
