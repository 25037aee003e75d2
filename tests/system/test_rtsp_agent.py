"""A box that looks at a real RTSP camera: the camera dies, comes back, and people are followed again."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from deploy.demo.programs import Programs
from tests.support.blobs import Walker, write_video
from tests.support.rtsp import Server, skip_without_server
from tests.support.site import Site, get, wait_for

pytestmark = pytest.mark.system


def test_the_agent_goes_on_when_its_camera_comes_back(tmp_path: Path) -> None:
    skip_without_server()
    people = [Walker(first, first + 40, -10, 330, foot=200) for first in range(5, 500, 50)]
    server = Server(write_video(tmp_path / "camera.avi", people, 500))
    server.start()
    try:
        with Programs(tmp_path) as programs:
            site = Site(tmp_path, programs)
            site.start_aggregator()
            agent = site.start_agent([{"id": "gate", "source": server.url}],
                                     streams={"read_timeout_s": 1.5, "retry_first_s": 0.2, "retry_longest_s": 0.5})

            def seen() -> int:
                return len(get(f"{site.api}/visits")["visits"])

            wait_for(lambda: seen() >= 1, 40, "somebody is seen")
            server.kill()
            before = seen()
            wait_for(lambda: "gate" in (tmp_path / f"{agent}.log").read_text(), 20, "the log names the camera")
            server.start()
            wait_for(lambda: seen() >= before + 2, 60, "people are seen again")
            programs.running[agent].send_signal(signal.SIGINT)
            assert programs.running[agent].wait(timeout=5) == 0
    finally:
        server.kill()
