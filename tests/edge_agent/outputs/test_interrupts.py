"""Ctrl-C at the worst moment."""

from __future__ import annotations

import signal
import threading

import pytest

from edge_agent.outputs.interrupts import held_interrupts


def interrupted(done: list[str]) -> None:
    with held_interrupts():
        for what in ("rows", "counts"):
            signal.raise_signal(signal.SIGINT)
            done.append(what)


def test_an_interrupt_comes_when_what_belongs_together_is_done() -> None:
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        interrupted(done)
    assert done == ["rows", "counts"]
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_without_an_interrupt_nothing_comes_and_a_fault_stays_one() -> None:
    with held_interrupts():
        pass
    with pytest.raises(OSError, match="full"), held_interrupts():
        raise OSError("full")


def test_other_threads_get_no_signals_and_need_not_wait() -> None:
    handlers = []

    def work() -> None:
        with held_interrupts():
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert handlers == [signal.getsignal(signal.SIGINT)]
