"""A full disk loses nothing as long as memory lasts, and says what it lost beyond."""

from __future__ import annotations

from collections.abc import Sequence

from common.errors import StoreError
from edge_agent.holding import Holding


class Disk:
    """A spool whose disk can be full."""

    def __init__(self) -> None:
        self.full = False
        self.kept: list[bytes] = []

    def append(self, bodies: Sequence[bytes]) -> None:
        if self.full:
            raise StoreError("no space left")
        self.kept += bodies


def test_what_came_while_the_disk_was_full_is_kept_in_order_once_it_is_not() -> None:
    disk = Disk()
    holding = Holding(disk)
    holding.keep([b"1"])
    disk.full = True
    holding.keep([b"2", b"3"])
    holding.keep([b"4"])
    assert (disk.kept, len(holding)) == ([b"1"], 3)
    disk.full = False
    holding.keep([])
    holding.keep([b"5"])
    assert disk.kept == [b"1", b"2", b"3", b"4", b"5"]
    assert (len(holding), holding.given_up) == (0, 0)


def test_bytes_are_bounded_too() -> None:
    disk = Disk()
    disk.full = True
    holding = Holding(disk, limit=10, limit_bytes=100)
    for i in range(5):
        holding.keep([bytes([i]) * 30])
    assert (len(holding), holding.given_up) == (3, 2)
    holding.keep([b"x" * 101])  # larger than all there is room for
    assert (len(holding), holding.given_up) == (0, 6)


def test_memory_is_bounded_and_the_oldest_go_first() -> None:
    disk = Disk()
    disk.full = True
    holding = Holding(disk, limit=3)
    for i in range(5):
        holding.keep([bytes([i])])
    assert (len(holding), holding.given_up) == (3, 2)
    disk.full = False
    holding.keep([])
    assert disk.kept == [b"\x02", b"\x03", b"\x04"]
