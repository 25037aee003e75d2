"""A real RTSP server in a process of its own, which can be killed and started again."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

PYTHON = "/usr/bin/python3"
SERVER = Path(__file__).with_name("rtsp_server.py")


def skip_without_server() -> None:
    """Skips the test, with what to install, where GStreamer's RTSP server is not there."""
    if not Path(PYTHON).exists():
        pytest.skip(f"{PYTHON} is not there to run the RTSP server")
    probe = subprocess.run([PYTHON, str(SERVER)], capture_output=True, text=True, timeout=60)
    if probe.returncode:
        reason = (probe.stderr.strip().splitlines() or ["it does not start"])[-1]
        pytest.skip(f"no GStreamer RTSP server ({reason}): apt-get install gir1.2-gst-rtsp-server-1.0 python3-gi "
                    "gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-ugly")


class Server:
    """One RTSP server on a port that stays the same over restarts."""

    def __init__(self, video: Path) -> None:
        self.video, self.port = video, 0
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/camera"

    def start(self) -> None:
        for _ in range(50):  # the port may take a moment to become free again
            self._process = subprocess.Popen([PYTHON, str(SERVER), str(self.video), str(self.port)],
                                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            assert self._process.stdout
            line = self._process.stdout.readline()
            if line:
                self.port = int(line)
                return
            self.kill()
            time.sleep(0.2)
        raise AssertionError("the RTSP server does not start")

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.communicate()
            self._process = None
