from __future__ import annotations

import select
import threading
import time

import pytest

from common.wakeup import WakeUp


def roused(wake: WakeUp, seconds: float = 0.0) -> bool:
    return bool(select.select([wake], [], [], seconds)[0])


def test_a_sleeper_is_roused_and_sleeps_again() -> None:
    wake = WakeUp()
    wake.open()
    threading.Timer(0.05, wake.rouse).start()
    began = time.monotonic()
    assert roused(wake, 5.0)
    assert time.monotonic() - began < 2.0
    wake.clear()
    assert not roused(wake)
    wake.close()


def test_a_call_before_it_is_open_is_not_lost_and_many_are_one() -> None:
    wake = WakeUp()
    for _ in range(10_000):
        wake.rouse()
    wake.open()
    for _ in range(10_000):
        wake.rouse()
    assert roused(wake)
    wake.clear()
    assert not roused(wake)
    wake.close()


def test_closed_it_is_quiet() -> None:
    wake = WakeUp()
    wake.open()
    wake.close()
    wake.close()
    wake.rouse()
    wake.clear()
    with pytest.raises(ValueError, match="not open"):
        wake.fileno()
