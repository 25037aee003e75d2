"""One round: a site, a fault, a count."""

from __future__ import annotations

import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.check import Verdict, check
from tests.faults.rounds import FAULTS, Fault
from tests.faults.site import UP_S, Site

SCENES = 16
DISK_KB = 8192


@dataclass
class Outcome:
    """What came of a round.

    Attributes:
        up_s: from the fault's end until everything was acknowledged.
        curve: whether the wire was encrypted.
        died: how many processes ended by themselves.
        at: the write that it was to die in, in a sweep; 0 for others.
    """

    fault: str
    seed: int
    up_s: float = 0.0
    seconds: float = 0.0
    curve: bool = False
    died: int = 0
    at: int = 0
    verdict: Verdict = field(default_factory=Verdict)
    folder: Path | None = None

    @property
    def good(self) -> bool:
        return self.verdict.good


def play(name: str, seed: int, context: Any, keep: Path | None = None, at: int = 0) -> Outcome:
    """Play round `seed` of fault `name`, half of them over CURVE.

    Args:
        context: of `begin_forking`.
        keep: where the files of a round that went wrong are left.
        at: the write to die in, for faults that do so; 0 for any.
    """
    fault, rng = FAULTS[name], random.Random(f"{name} {seed}")
    outcome, began = Outcome(name, seed, at=at), time.monotonic()
    base = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
    folder = Path(tempfile.mkdtemp(prefix=f"passage-{name}-{seed}-", dir=base))
    try:
        outcome.curve = rng.random() < 0.5 and not fault.plain
        with _disk(fault, folder) as disks, Site(folder, rng.randrange(SCENES), context, disks, curve=outcome.curve,
                                                 at=at) as site:
            try:
                fault.run(site, rng)
                outcome.up_s = site.finish()
                outcome.verdict = check(site, may_miss=fault.may_miss)
                if outcome.up_s > UP_S:
                    outcome.verdict.problems.append(f"up again only after {outcome.up_s:.1f} s")
            except Exception as error:
                states = " ".join(f"{box}={tuple(site.state(box)[:6])}" for box in site.orders)
                outcome.verdict.problems.append(f"{type(error).__name__}: {error} ({states})")
            outcome.died = site.restarts
            if not outcome.good and keep is not None:
                shutil.copytree(folder, keep / f"{name}-{seed}", dirs_exist_ok=True)
                outcome.folder = keep / f"{name}-{seed}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    outcome.seconds = time.monotonic() - began
    return outcome


def can_mount() -> bool:
    """Whether small file systems can be made here."""
    with tempfile.TemporaryDirectory() as folder:
        made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], capture_output=True,
                              check=False)
        if made.returncode == 0:
            subprocess.run(["umount", folder], check=True)
        return made.returncode == 0


@contextmanager
def _disk(fault: Fault, folder: Path) -> Iterator[dict[str, Path]]:
    """A small file system of its own for whom the fault wants one."""
    if not fault.disk:
        yield {}
        return
    place = folder / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_KB}k", "tmpfs", str(place)], check=True)
    try:
        yield {fault.disk: place}
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)
