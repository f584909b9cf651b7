"""A receiver's own policy and the queue: what it forbids waits there, and goes when it is put right."""

from datetime import timedelta

import trustme
from peewee import fn

from appliance import clock, registration, security_code
from appliance.address import parse
from appliance.config import Config
from appliance.models import Attempt, Delivery
from appliance.states import DeliveryState
from smtp.relay import Relay
from tests.flows.ward import found
from tests.support.waiting import eventually
from tests.transport.town import IP, Town, loaded, record_for


def states() -> dict[str, int]:
    rows = Delivery.select(Delivery.state, fn.COUNT(Delivery.id)).group_by(Delivery.state)
    return dict(rows.tuples())


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
        relay = Relay(town.config, keyring, "1")
        await relay.start()
        try:
            await eventually(lambda: states() == {DeliveryState.DEFERRED: 2}, why="both are deferred")
            assert host.mails == []
            reasons = {row.reason for row in Attempt.select()}
            assert reasons == {"insecure"}
            town.tlsa(record_for(3, 1, 1, loaded(certificate.cert_chain_pems[0])))
            relay._transport.resolver._cache.clear()
            for station in relay._stations.values():
                station.reroute(await relay._router.find("city.example"))
            Delivery.update(next_at=clock.now() - timedelta(seconds=1)).execute()
            await eventually(lambda: states() == {DeliveryState.ACCEPTED: 2}, why="both are accepted")
            assert host.mails == ["encrypted"] * 2
        finally:
            await relay.stop()
