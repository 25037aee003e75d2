"""Starts the real programs, and ends only what it started."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

from common.errors import PassageError

READY_S = 60.0
STOP_S = 8.0


class Programs:
    """The demo's processes; a log file each in `folder`. Leaving the block ends those that still run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Programs:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.stop(*self.running)

    def start(self, name: str, program: str, *arguments: str) -> None:
        """Starts one of our commands; both its outputs go to `NAME.log`."""
        command = [str(Path(sys.executable).with_name(program)), *arguments]
        with (self.folder / f"{name}.log").open("wb") as log:
            # Its own group, so that Ctrl-C reaches it once, through us, in the right order.
            self.running[name] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                                  start_new_session=True)

    def wait_ready(self, name: str, ready: Path) -> dict[str, str]:
        """The addresses that the aggregator wrote once it was up."""
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            if ready.exists():
                addresses: dict[str, str] = json.loads(ready.read_text(encoding="utf-8"))
                return addresses
            self.check(name)
            time.sleep(0.05)
        raise PassageError(f"{name} did not come up within {READY_S:.0f} s", f"read {self.folder / name}.log")

    def check(self, *names: str) -> None:
        """Raises PassageError with the last lines of its log when one of them failed."""
        for name in names:
            code = self.running[name].poll()
            if code:
                tail = (self.folder / f"{name}.log").read_text(errors="replace").strip().splitlines()[-6:]
                raise PassageError(f"{name} ended with code {code}:\n" + "\n".join(tail),
                                   f"the whole log is {self.folder / name}.log")

    def ended(self, *names: str) -> bool:
        """Whether all of them have ended; raises as `check` when one failed."""
        self.check(*names)
        return all(self.running[name].poll() is not None for name in names)

    def stop(self, *names: str) -> None:
        """Asks them to end, as Ctrl-C does, and waits."""
        for name in names:
            if self.running[name].poll() is None:
                self.running[name].send_signal(signal.SIGINT)
        deadline = time.monotonic() + STOP_S
        while any(self.running[name].poll() is None for name in names) and time.monotonic() < deadline:
            time.sleep(0.05)
        for name in names:
            if self.running[name].poll() is None:
                self.running[name].kill()
            self.running[name].wait()
