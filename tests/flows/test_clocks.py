"""A node's clock is wrong by a minute and a half: the workers of all nodes still mean the same by a lease."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from appliance import clock, db, delivery
from appliance.config import Zone
from appliance.models import Worker
from smtp.relay import Relay
from tests.flows.ward import Ward, states, take

WRONG = timedelta(seconds=90)
A_MOMENT = timedelta(seconds=20)


@pytest.mark.parametrize("wrong", [WRONG, -WRONG], ids=["ahead", "behind"])
def test_a_relay_on_a_wrong_clock_is_seen_at_the_right_time_and_takes_nothing(
    ward: Ward, wrong: timedelta
) -> None:
    """On SQLite all workers are on one machine, with one clock, right or wrong."""
    ward.broadcast_to(2, sites=("docomo",))
    assert len(take("elsewhere", "docomo", lease_s=60)) == 2
    true = datetime.now(UTC)
    with time_machine.travel(true + wrong):
        seen_at, taken_over = asyncio.run(upkeep(ward))
    if db.engine() == "sqlite":
        assert abs(seen_at - true - wrong) < A_MOMENT
    else:
        assert abs(seen_at - true) < A_MOMENT
        assert taken_over == 0
        assert states() == {"sending": 2}


async def upkeep(ward: Ward) -> tuple[datetime, int]:
    """When a relay that has just started was seen, and whose claims it takes over."""
    relay = Relay(ward.config, ward.keyring(Zone.MAIL), "1")
    await relay.start()
    try:
        return Worker.get().seen_at, delivery.take_over(clock.now())
    finally:
        await relay.stop()
