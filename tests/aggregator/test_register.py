from __future__ import annotations

import pytest

from aggregator.register import Register, Route
from common.errors import WireError
from common.messages import Hello


def hello(agent: str = "gate", run: str = "r1", spool: str = "file1-a") -> Hello:
    return Hello(agent=agent, run=run, spool=spool, software="0", clock=0.0)


def there(route: Route) -> bool:
    return True


def gone(route: Route) -> bool:
    return False


@pytest.fixture
def register() -> Register:
    return Register(stale_after_s=6.0)


def refused(register: Register, address: bytes, greeting: Hello, now: float) -> str:
    with pytest.raises(WireError) as caught:
        register.greet(address, greeting, now, there)
    return caught.value.code


def test_who_said_hello_is_known_and_others_are_asked_to(register: Register) -> None:
    register.greet(b"1", hello(), 0.0, there)
    assert register.route(b"1", 1.0).agent == "gate"
    with pytest.raises(WireError) as caught:
        register.route(b"2", 1.0)
    assert caught.value.code == "hello_first"


def test_a_second_living_agent_of_one_name_is_refused_and_the_first_goes_on(register: Register) -> None:
    register.greet(b"1", hello(), 0.0, there)
    assert refused(register, b"2", hello(run="r2", spool="file2-a"), 1.0) == "agent_taken"
    assert register.route(b"1", 2.0).run == "r1"
    assert register.route_of("gate") is register.route(b"1", 2.0)


def test_the_name_is_free_when_the_first_is_gone_or_silent(register: Register) -> None:
    register.greet(b"1", hello(), 0.0, there)
    register.greet(b"2", hello(run="r2", spool="file2-a"), 1.0, gone)
    assert register.route(b"2", 1.0).run == "r2"
    register.greet(b"3", hello(run="r3", spool="file3-a"), 7.1, there)
    with pytest.raises(WireError):
        register.route(b"2", 7.2)


def test_silence_counts_from_the_last_word(register: Register) -> None:
    register.greet(b"1", hello(), 0.0, there)
    register.route(b"1", 5.0)
    assert refused(register, b"2", hello(run="r2", spool="file2-a"), 10.0) == "agent_taken"


def test_nobody_is_silent_while_nobody_listens(register: Register) -> None:
    register.greet(b"1", hello(), 0.0, there)
    register.forgive(100.0)
    assert refused(register, b"2", hello(run="r2", spool="file2-a"), 101.0) == "agent_taken"


def test_the_same_start_on_a_new_connection_goes_on(register: Register) -> None:
    register.greet(b"1", hello(), 0.0, there)
    register.greet(b"2", hello(), 0.1, there)
    assert register.route(b"2", 0.2).agent == "gate"
    with pytest.raises(WireError):
        register.route(b"1", 0.2)


def test_the_same_box_started_again_takes_over_at_once(register: Register) -> None:
    register.greet(b"1", hello(), 0.0, there)
    register.greet(b"2", hello(run="r2", spool="file1-b"), 0.1, there)
    assert register.route(b"2", 0.2).run == "r2"


def test_two_copies_of_one_disk_do_not_take_the_name_from_each_other_for_ever(register: Register) -> None:
    register.greet(b"1", hello(run="r1", spool="file1-a"), 0.0, there)
    register.greet(b"2", hello(run="r2", spool="file1-b"), 1.0, there)
    for second in range(2, 6):
        register.route(b"2", second)
        assert refused(register, b"1", hello(run="r1", spool="file1-a"), second) == "agent_taken"
    register.greet(b"1", hello(run="r1", spool="file1-a"), 6.0, gone)  # the other has ended
    assert register.route(b"1", 6.1).run == "r1"


def test_a_second_hello_on_the_same_connection_is_news_of_the_same_agent(register: Register) -> None:
    register.greet(b"1", hello(), 0.0, there)
    register.greet(b"1", hello(), 1.0, there)
    assert len(register.routes()) == 1


def test_a_connection_that_changes_its_name_leaves_the_old_one(register: Register) -> None:
    register.greet(b"1", hello("gate"), 0.0, there)
    register.greet(b"1", hello("door"), 1.0, there)
    assert register.route_of("gate") is None
    assert [route.agent for route in register.routes()] == ["door"]


def test_the_silent_of_years_do_not_add_up(register: Register) -> None:
    for i in range(100):
        register.greet(b"%d" % i, hello(f"a{i}"), i * 10.0, there)
        register.forget_silent(i * 10.0)
    assert len(register.routes()) <= 7


def test_there_is_a_limit_to_names() -> None:
    register = Register(stale_after_s=6.0, most_agents=2)
    register.greet(b"1", hello("a"), 0.0, there)
    register.greet(b"2", hello("b"), 0.0, there)
    assert refused(register, b"3", hello("c"), 0.0) == "too_many_agents"
    register.greet(b"4", hello("a", run="r2"), 0.0, gone)


def test_who_has_to_say_hello_is_told_once_a_second(register: Register) -> None:
    told = [register.may_remind(b"1", i / 100) for i in range(250)]
    assert told.count(True) == 3
