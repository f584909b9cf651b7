"""The gate counts; the clock is passed in."""

import pytest

from smtp.inbound import replies
from smtp.inbound.gate import BALANCER, Allowance, Gate, Limits, network_of


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("203.0.113.7", "203.0.113.250", True),
        ("203.0.113.7", "203.0.114.7", False),
        ("2001:db8:1:2::1", "2001:db8:1:ffff::9", True),
        ("2001:db8:1::1", "2001:db8:2::1", False),
        ("::ffff:203.0.113.7", "203.0.113.9", True),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("local", "local", True),
    ],
)
def test_neighbours_count_as_one_network(one: str, other: str, same: bool) -> None:
    assert (network_of(one) == network_of(other)) is same


def test_the_width_of_a_network_can_be_chosen() -> None:
    assert network_of("203.0.113.7", ipv4_bits=32) != network_of("203.0.113.8", ipv4_bits=32)
    assert network_of("2001:db8::1", ipv6_bits=64) != network_of("2001:db8:0:1::1", ipv6_bits=64)


def test_a_refused_session_was_not_counted() -> None:
    gate = Gate(Limits(sessions=3, sessions_per_network=2))
    assert [gate.enter("a", 0), gate.enter("a", 0)] == [None, None]
    assert gate.enter("a", 0) is replies.TOO_MANY_FROM_NETWORK
    assert gate.enter("b", 0) is None
    assert gate.enter("c", 0) is replies.TOO_MANY_SESSIONS
    gate.leave("a")
    assert gate.sessions == 2
    assert gate.enter("a", 0) is None


def test_everyone_has_left_and_nothing_is_remembered() -> None:
    gate = Gate(Limits())
    for _ in range(3):
        gate.enter("a", 0)
    for _ in range(3):
        gate.leave("a")
    assert (gate.sessions, len(gate._per_network)) == (0, 0)


def test_a_network_that_knocks_too_often_waits_for_the_next_minute() -> None:
    gate = Gate(Limits(arrivals_per_network_per_minute=2))
    assert [gate.enter("a", now) for now in (100, 110)] == [None, None]
    assert gate.enter("a", 120) is replies.TOO_MANY_ARRIVALS
    assert gate.enter("b", 120) is None
    assert gate.enter("a", 160) is None


def test_networks_behind_the_balancer_have_their_own_limits() -> None:
    gate = Gate(Limits(sessions=4, sessions_per_network=1))
    assert [gate.enter(BALANCER, 0) for _ in range(4)] == [None] * 4
    assert gate.enter(BALANCER, 0) is replies.TOO_MANY_SESSIONS
    assert gate.move("a", 0) is None
    assert gate.move("a", 0) is replies.TOO_MANY_FROM_NETWORK
    gate.leave(BALANCER)  # the refused one goes
    assert gate.move("b", 0) is None
    for network in ("a", "b", BALANCER):
        gate.leave(network)
    assert (gate.sessions, len(gate._per_network)) == (0, 0)


def test_only_strangers_wait_for_the_greeting() -> None:
    gate = Gate(Limits(greet_pause_s=1.5))
    assert gate.pause_s("a") == 1.5
    gate.prove("a")
    assert (gate.pause_s("a"), gate.pause_s("b")) == (0.0, 1.5)


def test_a_million_networks_are_not_remembered() -> None:
    gate = Gate(Limits())
    for number in range(60_000):
        gate.prove(str(number))
        gate.enter(str(number), 0)
        gate.leave(str(number))
    assert len(gate._proven) <= 4096
    assert len(gate._arrivals) <= 50_000


def test_moving_bytes_push_back_the_idle_end_only() -> None:
    used = Allowance(Limits(session_s=100, idle_s=10), now=0)
    assert used.due() == 10
    used.moved(9)
    assert used.overdue(18.9) is None
    assert used.overdue(19) is replies.IDLE_TOO_LONG
    used.moved(95)
    assert used.due() == 100
    assert used.overdue(100) is replies.SESSION_TOO_LONG


def test_a_commit_under_way_is_waited_for() -> None:
    used = Allowance(Limits(session_s=10, idle_s=10), now=0)
    used.committing = True
    assert used.overdue(1000) is None
    used.committing = False
    assert used.overdue(1000) is replies.SESSION_TOO_LONG


def test_idle_commands_are_few_unless_mail_goes_through() -> None:
    used = Allowance(Limits(commands=100, idle_commands=2), now=0)
    assert [used.command(idle=True), used.command(idle=True)] == [None, None]
    assert used.command(idle=False) is None
    assert used.command(idle=True) is replies.TOO_MANY_COMMANDS
    used.forwarded()
    assert used.command(idle=True) is None


def test_commands_and_errors_are_counted_in_all() -> None:
    used = Allowance(Limits(commands=2, errors=1), now=0)
    assert [used.command(idle=False) for _ in range(3)] == [None, None, replies.TOO_MANY_COMMANDS]
    assert [used.refused(), used.refused()] == [None, replies.TOO_MANY_ERRORS]
