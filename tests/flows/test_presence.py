"""Who is alive: joining, leaving, dying, waking up again."""

import time_machine

from appliance import clock, delivery
from appliance.delivery import presence
from tests.flows.ward import Ward

LEASE_S = 120.0


def report(name: str) -> None:
    delivery.report(name, name.split("/", maxsplit=1)[0], lease_s=LEASE_S, now=clock.now())


def crew(name: str) -> tuple[str, ...]:
    """Among whom this worker divides the sites."""
    return delivery.crew(name, lease_s=LEASE_S, now=clock.now())


BOTH = ("node1/1", "node2/1")


def test_the_first_worker_serves_at_once(morning: time_machine.Traveller, ward: Ward) -> None:
    assert crew("node1/1") == ()
    report("node1/1")
    assert crew("node1/1") == ("node1/1",)


def test_the_first_makes_room_before_a_second_begins(morning: time_machine.Traveller, ward: Ward) -> None:
    report("node1/1")
    morning.shift(60)
    report("node1/1")
    report("node2/1")
    assert (crew("node1/1"), crew("node2/1")) == (BOTH, ())
    morning.shift(presence.SETTLE_IN_S)
    assert (crew("node1/1"), crew("node2/1")) == (BOTH, BOTH)


def test_of_two_that_start_at_one_moment_one_waits(morning: time_machine.Traveller, ward: Ward) -> None:
    report("node2/1")
    report("node1/1")
    assert (crew("node1/1"), crew("node2/1")) == (BOTH, ())


def test_a_worker_that_dies_counts_until_its_lease_is_over(
    morning: time_machine.Traveller, ward: Ward
) -> None:
    report("node1/1")
    report("node2/1")
    morning.shift(LEASE_S - 1)
    report("node1/1")
    assert crew("node1/1") == BOTH
    morning.shift(2)
    assert crew("node1/1") == ("node1/1",)


def test_a_worker_that_leaves_is_gone_at_once(morning: time_machine.Traveller, ward: Ward) -> None:
    report("node1/1")
    report("node2/1")
    morning.shift(5)
    delivery.leave("node1/1")
    assert crew("node2/1") == ("node2/1",)


def test_a_worker_that_was_frozen_joins_anew(morning: time_machine.Traveller, ward: Ward) -> None:
    """The others have divided its share; for a moment it holds nothing."""
    report("node1/1")
    report("node2/1")
    for _ in range(3):
        morning.shift(LEASE_S / 2)
        report("node1/1")
    assert crew("node2/1") == ()
    report("node2/1")
    assert (crew("node1/1"), crew("node2/1")) == (BOTH, ())
    morning.shift(presence.SETTLE_IN_S)
    assert crew("node2/1") == BOTH


def test_a_worker_that_supervisor_starts_again_goes_on(morning: time_machine.Traveller, ward: Ward) -> None:
    report("node1/1")
    report("node2/1")
    morning.shift(30)
    report("node2/1")
    assert crew("node2/1") == BOTH
