"""A site on loopback: the real programs on real sockets, a real database, and videos of `blobs`."""

from __future__ import annotations

import socket
import time
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from common.http_client import Api
from deploy.demo.programs import Programs
from tests.support.blobs import write_detector


def free_port() -> int:
    """A port of loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(url: str) -> Any:
    """One JSON answer."""
    parts = urllib.parse.urlsplit(url)
    return Api(f"{parts.scheme}://{parts.netloc}").get(parts.path, **urllib.parse.parse_qs(parts.query))


def wait_for(what: Callable[[], bool], seconds: float, told: str) -> None:
    """Waits until `what` is true; fails with `told` when it never is."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if what():
            return
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {told}")


class Site:
    """One aggregator and one box in `folder`; ports stay the same over restarts."""

    def __init__(self, folder: Path, programs: Programs) -> None:
        self.folder, self.programs = folder, programs
        self.listen, self.http = f"tcp://127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        self.detector = write_detector(folder / "blobs.onnx")
        self.aggregators = 0
        self.config: Path | None = None  # aggregator.yaml for what the command line cannot say

    @property
    def api(self) -> str:
        return f"http://{self.http}/api"

    @property
    def database(self) -> Path:
        return self.folder / "data" / "passage.db"

    def start_aggregator(self) -> str:
        """Returns its name among the programs once it answers."""
        self.aggregators += 1
        name, ready = f"aggregator-{self.aggregators}", self.folder / "ready.json"
        ready.unlink(missing_ok=True)
        self.programs.start(name, "aggregator", "serve", "--listen", self.listen, "--http", self.http,
                            "--data", str(self.folder / "data"), "--ready-file", str(ready),
                            *(("-c", str(self.config)) if self.config else ()))
        self.programs.wait_ready(name, ready)
        return name

    def start_agent(self, cameras: list[dict[str, Any]], speed: float = 0.0, name: str = "box",
                    *options: str, keys: Path | None = None,
                    streams: dict[str, float] | None = None) -> str:
        """A box with these cameras."""
        settings = self.folder / f"{name}.yaml"
        settings.write_text(yaml.safe_dump({
            "agent": name, "aggregator": self.listen, **({"keys": str(keys)} if keys else {}),
            "data": str(self.folder / f"spool-{name}"),
            "models": {"detector": str(self.detector), "embedder": "osnet_generated", "device": "cpu", "threads": 1},
            "detector": {"iou": 0.25, "size": 320, "confidence": 0.3},
            "replay": {"speed": speed}, "streams": streams or {},
            "cameras": cameras,
        }))
        self.programs.start(name, "edge-agent", "run", "-c", str(settings), *options)
        return name

    def wait_ended(self, name: str, seconds: float = 60) -> None:
        wait_for(lambda: self.programs.ended(name), seconds, f"{name} ends")
