"""Between two threads: in order, bounded, many at a time."""

from __future__ import annotations

import threading
import time

from aggregator.mailbox import Mailbox


def test_what_is_put_in_comes_out_in_order_and_no_more_than_asked_for() -> None:
    box: Mailbox[int] = Mailbox(10)
    box.put_all([1, 2, 3])
    box.put(4)
    assert (box.room, box.take(3, 0.0, 0.0), box.room) == (6, [1, 2, 3], 9)
    assert box.take(3, 0.0, 0.0) == [4]


def test_nothing_comes_of_nothing_and_patience_is_kept() -> None:
    box: Mailbox[int] = Mailbox(10)
    began = time.monotonic()
    assert box.take(5, 0.05, 5.0) == []
    assert 0.04 < time.monotonic() - began < 2.0


def test_after_the_first_it_waits_for_as_many_as_are_wanted_and_no_longer() -> None:
    box: Mailbox[int] = Mailbox()

    def put() -> None:
        for number in range(6):
            box.put_all([number])
            time.sleep(0.01)

    thread = threading.Thread(target=put)
    thread.start()
    began = time.monotonic()
    assert box.take(6, 10.0, 30.0) == list(range(6))
    assert time.monotonic() - began < 10
    thread.join()


def test_what_there_is_comes_when_the_time_to_gather_is_over() -> None:
    box: Mailbox[int] = Mailbox()
    box.put_all([1])
    assert box.take(6, 10.0, 0.05) == [1]


def test_large_messages_fill_it_too() -> None:
    box: Mailbox[int] = Mailbox(100, 1000)
    box.put_all([1, 2, 3, 4], 800)
    assert box.room == 96
    box.put_all([5], 200)
    assert (box.room, box.bytes) == (0, 1000)
    box.take(1, 0.0, 0.0)
    assert (box.room, box.bytes) == (96, 800)
    box.take(4, 0.0, 0.0)
    box.put(6)
    assert (box.get(), box.bytes, box.room) == (6, 0, 100)


def test_who_waits_for_room_by_himself_gets_it() -> None:
    box: Mailbox[int] = Mailbox(1)
    box.put(1)
    thread = threading.Thread(target=box.put, args=(2,))
    thread.start()
    assert box.take(1, 1.0, 0.0) == [1]
    assert box.take(1, 5.0, 0.0) == [2]
    thread.join()


def test_how_high_it_stood_is_known_after_it_was_emptied() -> None:
    box: Mailbox[int] = Mailbox(10)
    box.put_all([1, 2, 3])
    box.take(3, 1.0, 0.0)
    box.put_all([4])
    assert (box.peak(), box.peak()) == (3, 1)
    box.take(1, 1.0, 0.0)
    assert (box.peak(), box.peak()) == (1, 0)
