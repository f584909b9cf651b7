"""A receiver's own policy and the queue: what it forbids waits there, and goes when it is put right."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import trustme
from peewee import fn

from appliance import clock, registration, security_code
from appliance.address import parse
from appliance.config import Config
from appliance.keys import Keyring
from appliance.models import Attempt, Delivery
from appliance.states import DeliveryState
from smtp.relay import Relay
from tests.flows.ward import found
from tests.support.waiting import eventually
from tests.transport.town import IP, Town, loaded, record_for


def states() -> dict[str, int]:
    rows = Delivery.select(Delivery.state, fn.COUNT(Delivery.id)).group_by(Delivery.state)
    return dict(rows.tuples())


@asynccontextmanager
async def working(config: Config, keyring: Keyring) -> AsyncIterator[None]:
    """A worker's relay, until the block ends."""
    relay = Relay(config, keyring, "1")
    await relay.start()
    try:
        yield
    finally:
        await relay.stop()


async def test_what_a_policy_forbids_is_deferred_never_bounced_and_goes_when_it_is_put_right(
    town: Town, database: Config
) -> None:
    certificate = trustme.CA().issue_cert("some.other.example")
    ward = found(database)
    keyring = town.keyring
    for name in ("hanako", "taro"):
        registration.request(
            keyring,
            local_part=security_code.current(ward.school.id).code,
            sender=parse(f"{name}@city.example"),
            digest=name.encode().ljust(32),
            now=clock.now(),
            budget=10,
        )
    async with town:
        host = await town.host(IP, certificate)
        town.tlsa("3 1 1 " + "ab" * 32)
        async with working(town.config, keyring):
            await eventually(lambda: states() == {DeliveryState.DEFERRED: 2}, why="both are deferred")
        assert host.mails == []
        assert {row.reason for row in Attempt.select()} == {"insecure"}
        town.tlsa(record_for(3, 1, 1, loaded(certificate.cert_chain_pems[0])))
        Delivery.update(next_at=clock.now() - timedelta(seconds=1)).execute()
        async with working(town.config, keyring):
            await eventually(lambda: states() == {DeliveryState.ACCEPTED: 2}, why="both are accepted")
        assert host.mails == ["encrypted"] * 2
