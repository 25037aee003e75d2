"""The box itself: its clock, its disk, its spool, and whether the aggregator lets it in."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from common.errors import PassageError
from common.findings import Finding, of_error
from common.keys import read_agent_keys
from edge_agent.settings import AgentSettings
from edge_agent.uplink import probe

AGGREGATOR_S = 3.0
HALF = 0.5


def examine_aggregator(settings: AgentSettings) -> Finding:
    """Is it there, and does it know our key?"""
    try:
        keys = read_agent_keys(settings.keys) if settings.keys else None
        return Finding(what="aggregator", seen=probe(settings.aggregator, settings.agent, keys, AGGREGATOR_S))
    except PassageError as error:
        return of_error("aggregator", error, "an aggregator that lets this box in")


def examine_spool(folder: Path, max_mb: float) -> Finding:
    """Does it grow? By the size of its files: the agent that runs holds them."""
    files = [path for ending in ("", "-wal") if (path := folder / f"spool.db{ending}").exists()]
    size = sum(path.stat().st_size for path in files) / 1e6
    seen = f"{size:.1f} of {max_mb:g} MB in {folder}"
    if size > HALF * max_mb:
        return Finding(what="spool", wrong=True, seen=seen,
                       expected=f"less than half of it, while the aggregator answers; beyond {max_mb:g} MB the oldest "
                                "is "
                                "given up",
                       cure="see why the aggregator takes nothing (above, and `aggregator doctor`), or raise "
                            "'spool.max_mb'")
    aside = sorted(folder.glob("spool.db.broken-*"))
    if aside:
        return Finding(what="spool", wrong=True, seen=f"{seen}; {len(aside)} damaged before, the latest "
                                                      f"{aside[-1].name}",
                       expected="no file set aside", cure="check the disk (smartctl -a), then delete the file set "
                                                          "aside")
    return Finding(what="spool", seen=seen)


def examine_clock(said: str | None) -> Finding:
    """Is the clock kept right? `said`: see `asked_clock`."""
    if said == "no":
        return Finding(what="clock", wrong=True, seen="not synchronised",
                       expected="a clock within a second of the aggregator's: transit times are measured with both",
                       cure="timedatectl set-ntp true, or give chrony a server on this network")
    return Finding(what="clock", seen="synchronised" if said == "yes" else
                   "this system does not say whether it is synchronised; `aggregator doctor` measures it")


def asked_clock() -> str | None:
    """`yes` or `no` as systemd says; None where it does not."""
    program = shutil.which("timedatectl")
    if program is None:
        return None
    try:
        said = subprocess.run([program, "show", "--property=NTPSynchronized", "--value"], capture_output=True,
                              text=True, check=False, timeout=5).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return None
    return said if said in ("yes", "no") else None
