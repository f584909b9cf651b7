"""Hosts of which nothing is demanded: encrypted where it works, in the clear where it does not."""

import pytest
import trustme

from appliance import clock
from appliance.delivery import Kind
from smtp.transport.broken import BrokenHosts
from smtp.transport.policy import Failure
from tests.transport.town import IP, Town, server_side


async def test_any_certificate_is_better_than_none(town: Town) -> None:
    async with town:
        host = await town.host(IP, trustme.CA().issue_cert("some.other.example"))
        assert (await town.deliver()).kind is Kind.ACCEPTED
        assert host.mails == ["encrypted"]


@pytest.mark.parametrize("reply", ["220 go", "454 4.7.0 not now"], ids=["hangs up", "refuses"])
async def test_a_host_with_broken_tls_gets_its_mail_in_the_clear_and_is_remembered(
    town: Town, reply: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first connection pays for the attempt, the next ones do not. It is tried again after a minute, and

    after two minutes when it was still broken; once it works, it is used.
    """
    async with town:
        host = await town.host(IP, starttls=reply)
        for _ in range(3):
            assert (await town.deliver()).kind is Kind.ACCEPTED
        assert (host.mails, host.tls_attempts) == (["clear"] * 3, 1)
        began_s = clock.monotonic()
        for after_s, attempts in ((61, 2), (122, 2), (182, 3)):
            monkeypatch.setattr(clock, "monotonic", lambda after_s=after_s: began_s + after_s)
            assert (await town.deliver()).kind is Kind.ACCEPTED
            assert host.tls_attempts == attempts
        host.context, host.starttls = server_side(town.ca.issue_cert("any.example")), "220 go"
        for after_s in (500, 501):
            monkeypatch.setattr(clock, "monotonic", lambda after_s=after_s: began_s + after_s)
            await town.deliver()
        assert host.mails[-2:] == ["encrypted"] * 2
        assert len(town.transport.approach.broken) == 0


async def test_a_host_that_does_not_offer_tls_may_begin_to(town: Town) -> None:
    async with town:
        host = await town.host(IP, trustme.CA().issue_cert("some.other.example"), starttls="")
        await town.deliver()
        host.starttls = "220 go"
        await town.deliver()
        assert host.mails == ["clear", "encrypted"]


async def test_domains_with_terms_of_their_own_do_not_share_connections(town: Town) -> None:
    """A stranger's policy for hosts that are not his changes nothing for anybody else there."""
    async with town:
        town.names.records += (
            "stranger.example. 60 IN MX 10 mx.city.example.\nguest.example. 60 IN MX 10 mx.city.example.\n"
        )
        await town.web(town.ca.issue_cert("mta-sts.stranger.example"))
        town.policy()
        town.names.records += town.names.records.replace(
            "city.example. 60 IN TXT", "stranger.example. 60 IN TXT"
        )
        town.names.records = town.names.records.replace("_mta-sts.city", "_mta-sts.nobody")
        town.names.records += "mta-sts.stranger.example. 60 IN A 127.0.0.43\n"
        city, guest, stranger = [
            await town.router.find(f"{name}.example") for name in ("city", "guest", "stranger")
        ]
        assert city.pool == guest.pool == city.site == stranger.site
        assert stranger.pool != city.pool
        assert stranger.targets[0].policy.demands_tls
        assert not city.targets[0].policy.demands_tls


def test_the_memory_of_broken_hosts_is_bounded() -> None:
    broken = BrokenHosts()
    for number in range(3000):
        broken.remember(f"198.51.{number // 256}.{number % 256}", Failure.VALIDATION)
    assert len(broken) == 1000
    assert broken.failure("198.51.0.0") is None
    assert broken.failure("198.51.11.183") is Failure.VALIDATION
