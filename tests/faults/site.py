"""A site of two boxes and an aggregator: processes that are forked, killed and forked again."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple

from aggregator.store.database import FILE_NAME
from common.keys import AuthorisedKeys, new_pair, write_agent_keys, write_server_keys
from tests.faults import box, journal, middle, scene
from tests.faults.before import history
from tests.faults.child import Clockwork
from tests.faults.proxy import Wire

ROOT = Path(__file__).parents[2]
MIDDLE = "middle"
UP_S = 5.0
_GIVE_UP_S = 20.0


def begin_forking(environment: dict[str, str]) -> Any:
    """A process that has everything imported and forks the others: a start takes milliseconds instead of a second.

    Args:
        environment: what it and all of them have in theirs, beside what this process has.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.box", "tests.faults.middle"])
    before = dict(os.environ)
    os.environ |= {"PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [before.get("PYTHONPATH")])]),
                   "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", **environment}
    try:
        forkserver.ensure_running()
    finally:
        os.environ.clear()
        os.environ.update(before)
    return context


class State(NamedTuple):
    """What a box last said of itself."""

    sent: int = 0
    depth: int = 0
    held: int = 0
    connected: int = 0
    finished: int = 0
    dropped: int = 0
    time: float = 0.0


class Site:
    """One round's site. Ports stay the same over restarts.

    Args:
        folder: of the round, empty.
        seed: which scene.
        context: from `begin_forking`.
        disks: where `box-1`, `box-2` or `middle` keep their files instead of in `folder`.
        curve: whether the wire is encrypted, with a key for each box.
        at: the write to die in, for rounds that do so; 0 for any.
    """

    def __init__(self, folder: Path, seed: int, context: Any, disks: dict[str, Path] | None = None, *,
                 curve: bool = False, at: int = 0) -> None:
        self.folder, self.seed, self._context, self.at = folder, seed, context, at
        self.running: dict[str, BaseProcess] = {}
        self.restarts = 0
        self.on_exit: list[Callable[[], None]] = []
        self.retired: set[str] = set()  # boxes that are not started again
        self.kill_at: dict[str, int] = {}
        self.clocks = {name: Clockwork(folder / f"{name}.clock") for name in (*scene.BOXES, MIDDLE)}
        listen, http = _free_port(), _free_port()
        self.wire = Wire(listen)
        self.api = f"http://127.0.0.1:{http}"
        self.disk = {name: (disks or {}).get(name, folder / f"disk-{name}") for name in (*scene.BOXES, MIDDLE)}
        for path in self.disk.values():
            path.mkdir(exist_ok=True)
        shutil.copy(history(), self.disk[MIDDLE] / FILE_NAME)
        self._go = folder / "go"
        self._middle = middle.Order(endpoint=f"tcp://127.0.0.1:{listen}", http=f"127.0.0.1:{http}",
                                    folder=self.disk[MIDDLE], ready=folder / "ready", log=folder / "middle.log",
                                    clock=self.clocks[MIDDLE].path,
                                    settings={"keys": folder / "keys"} if curve else {})
        keys = _make_keys(folder / "keys") if curve else {}
        self.orders = {name: box.Order(
            box=name, endpoint=self.wire.endpoint, folder=self.disk[name], journal=folder / f"{name}.journal",
            status=folder / f"{name}.status", go=self._go, log=folder / f"{name}.log",
            clock=self.clocks[name].path, seed=seed, keys=keys.get(name)) for name in scene.BOXES}
        self.target = self._middle.endpoint

    def __enter__(self) -> Site:
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self.running):
            self.kill(name)
        for leave in self.on_exit:
            leave()
        self.wire.close()

    def start(self, *names: str) -> None:
        """Start these, all when none is named. Does not wait."""
        for name in names or (MIDDLE, *self.orders):
            at = self.kill_at.pop(name, 0)
            if name == MIDDLE:
                self._middle.ready.unlink(missing_ok=True)
                process = self._context.Process(target=middle.main, args=(replace(self._middle, kill_at=at),),
                                                daemon=True)
            else:
                process = self._context.Process(target=box.main, args=(replace(self.orders[name], kill_at=at),),
                                                daemon=True)
            process.start()
            self.running[name] = process

    def ready(self) -> None:
        """Wait until the aggregator is up."""
        self.wait(self._middle.ready.exists, "the aggregator comes up")

    def kill(self, name: str) -> None:
        """As the power does."""
        process = self.running.pop(name)
        process.kill()
        process.join(5)

    def stop(self, name: str) -> None:
        """As an operator does."""
        process = self.running.pop(name)
        process.terminate()
        process.join(8)
        process.kill()

    @contextlib.contextmanager
    def frozen(self, name: str) -> Any:
        """Stands still inside the block."""
        pid = self.running[name].pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def state(self, name: str) -> State:
        """What a box said of itself last; nothing when it does not run."""
        path = self.orders[name].status
        data = path.read_bytes() if path.exists() else b""
        return State(*box.STATUS.unpack(data)) if len(data) == box.STATUS.size else State()

    def told(self, name: str) -> journal.Told:
        """A box's journal."""
        return journal.read(self.orders[name].journal)

    def wait(self, what: Callable[[], bool], told: str, seconds: float = _GIVE_UP_S) -> float:
        """Wait for it, starting again who died by itself, as systemd would; how long it took."""
        began = time.monotonic()
        while not what():
            if time.monotonic() - began > seconds:
                raise AssertionError(f"not within {seconds:g} s: {told}")
            self.revive()
            time.sleep(0.004)
        return time.monotonic() - began

    def revive(self) -> None:
        """Start again who died by itself."""
        for name, process in list(self.running.items()):
            if not process.is_alive():
                self.restarts += 1
                self.running.pop(name)
                self.start(name)

    def begin_last(self) -> None:
        """Boxes send all they have from now on."""
        self._go.touch()

    def finish(self) -> float:
        """The fault is over: the boxes send the rest. Seconds until all of it was acknowledged."""
        self.begin_last()
        boxes = [name for name in self.orders if name not in self.retired]
        for name in (MIDDLE, *boxes):
            if name not in self.running:
                self.start(name)
        # Said since now: what a killed box said before it died does not count.
        began = time.monotonic()
        return self.wait(lambda: all((s := self.state(name)).finished and s.time > began for name in boxes),
                         "everything is acknowledged after the fault")

    def sent(self, share: float) -> None:
        """Wait until the first box has sent this share of what it sends before the fault's end."""
        name = next(iter(self.orders))
        items = len(scene.make(self.seed).items[self.orders[name].plays or name])
        self.wait(lambda: self.state(name).sent >= share * 0.8 * items, "a box sends")

    def log(self, name: str) -> str:
        """What a process logged."""
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""


def _make_keys(folder: Path) -> dict[str, Path]:
    """A pair for the aggregator and one for each box; the boxes' files."""
    public, secret = new_pair()
    write_server_keys(folder / "server.key", public, secret)
    found = {}
    for name in scene.BOXES:
        mine = new_pair()
        AuthorisedKeys(folder / "agents").add(name, mine[0])
        found[name] = folder / f"{name}.key"
        write_agent_keys(found[name], name, mine[0], mine[1], public)
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
