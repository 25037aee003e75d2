"""Programs that end while a camera does not answer. Without care they abort, exit code 134."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

PROGRAM = """
import sys
from common.clock import SystemClock
from edge_agent.capture.group import CaptureGroup
from edge_agent.capture.leaving import leave_hanging_reads
from edge_agent.capture.settings import CameraSettings

class Late:  # the read returns while Python shuts down
    def __del__(self, sleep=__import__("time").sleep, seconds=float(sys.argv[4])):
        sleep(seconds)

def main():
    camera = CameraSettings(id="mute", source=sys.argv[1])
    group = CaptureGroup([camera], SystemClock(), open_timeout_s=float(sys.argv[3]))
    group.start()
    group.next_batch(timeout=0.3)
    assert not group.stop()
    print("stopped", flush=True)
    sys.exit(7)

sys.modules["late"] = Late()
if sys.argv[2] == "leave":
    with leave_hanging_reads():
        main()
main()
"""

pytestmark = pytest.mark.system


@pytest.fixture
def mute() -> Iterator[str]:
    """The address of a camera that takes a connection and never says a word."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(5)
        yield f"rtsp://127.0.0.1:{server.getsockname()[1]}/live"


def run(*arguments: str) -> tuple[int, float]:
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, timeout=60)
    assert "stopped" in done.stdout, done.stderr
    return done.returncode, time.monotonic() - began


def test_the_program_leaves_at_once_with_its_own_exit_code(mute: str) -> None:
    code, took = run(mute, "leave", "30", "0")
    assert code == 7
    assert took < 8


def test_without_that_it_waits_rather_than_aborts(mute: str) -> None:
    code, _ = run(mute, "wait", "2", "1.5")
    assert code == 7
