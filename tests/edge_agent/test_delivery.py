from __future__ import annotations

from edge_agent.delivery import Delivery


def send(delivery: Delivery, *positions: int, now: float = 0.0) -> None:
    for position in positions:
        delivery.sent_entry(position, now)


def test_credit_bounds_what_is_on_its_way() -> None:
    delivery = Delivery(credit=3, timeout_s=10)
    send(delivery, 1, 2, 3)
    assert delivery.room == 0
    delivery.acknowledged(range(1, 3), now=1)
    assert (delivery.room, delivery.unacknowledged, delivery.position) == (2, 1, 3)


def test_positions_that_the_spool_dropped_leave_no_debt() -> None:
    delivery = Delivery(credit=3, timeout_s=10)
    send(delivery, 5, 9, 40)
    delivery.acknowledged(range(1, 40), now=1)
    assert delivery.unacknowledged == 1


def test_what_an_earlier_start_left_is_still_out_when_later_entries_are_acknowledged() -> None:
    delivery = Delivery(credit=9, timeout_s=10)
    send(delivery, 4, 5, 6, 7)
    delivery.acknowledged(range(6, 8), now=1)
    assert delivery.unacknowledged == 2
    assert delivery.overdue(100)
    delivery.acknowledged(range(1, 6), now=2)
    assert delivery.unacknowledged == 0


def test_a_rewind_begins_at_the_front_and_counts_what_goes_again() -> None:
    delivery = Delivery(credit=9, timeout_s=10)
    send(delivery, 1, 2, 3)
    delivery.acknowledged(range(1, 2), now=0)
    delivery.rewind()
    assert (delivery.position, delivery.unacknowledged) == (0, 0)
    send(delivery, 2, 3, 4)
    assert (delivery.sent, delivery.resent) == (6, 2)


def test_silence_is_overdue_and_progress_is_not() -> None:
    delivery = Delivery(credit=9, timeout_s=10)
    assert not delivery.overdue(1e9)
    send(delivery, 1, 2, now=100)
    assert not delivery.overdue(110)
    assert delivery.overdue(110.1)
    delivery.acknowledged(range(1, 2), now=109)
    assert not delivery.overdue(118)
    delivery.acknowledged(range(1, 3), now=118)
    assert not delivery.overdue(1e9)


def test_patience_doubles_in_vain_up_to_a_minute_and_is_as_before_after_an_acknowledgement() -> None:
    delivery = Delivery(credit=9, timeout_s=10)
    seen = []
    for _ in range(5):
        send(delivery, 1)
        delivery.rewind(slower=True)
        seen.append(delivery.timeout_s)
    assert seen == [20, 40, 60, 60, 60]
    send(delivery, 1)
    delivery.acknowledged(range(1, 2), now=0)
    assert delivery.timeout_s == 10


def test_nobody_sleeps_past_what_is_due() -> None:
    delivery = Delivery(credit=9, timeout_s=10)
    assert delivery.patience_ms(now=0, heartbeat_at=60, greeted=True) == 500
    assert delivery.patience_ms(now=0, heartbeat_at=0.1, greeted=True) == 100
    assert delivery.patience_ms(now=0, heartbeat_at=60, greeted=False) == 200
    send(delivery, 1, now=0)
    assert delivery.patience_ms(now=9.75, heartbeat_at=60, greeted=True) == 250
    assert delivery.patience_ms(now=99, heartbeat_at=0, greeted=True) == 5


def test_while_the_other_side_says_that_it_lives_nothing_is_sent_again() -> None:
    delivery = Delivery(credit=9, timeout_s=10)
    send(delivery, 1, 2, 3)
    delivery.patience(now=9)
    assert not delivery.overdue(18)
    assert delivery.overdue(20)
