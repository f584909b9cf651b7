"""A domain that says how its mail must come: MTA-STS against real servers with real certificates."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
import trustme

from appliance.delivery import Kind, Reason
from appliance.models import MtaStsPolicy
from tests.transport.town import HOST, IP, OTHER_IP, Town, answer

YESTERDAY = datetime.now(UTC) - timedelta(days=1)


def refused(outcome: object) -> bool:
    """Deferred because of the receiver's own policy; never bounced."""
    return (outcome.kind, outcome.reason) == (Kind.DEFERRED, Reason.INSECURE)  # type: ignore[attr-defined]


async def test_the_right_certificate_lets_the_mail_in(town: Town) -> None:
    async with town:
        host = await town.host(IP, town.ca.issue_cert(HOST))
        await town.web()
        town.policy()
        assert (await town.deliver()).kind is Kind.ACCEPTED
        assert host.mails == ["encrypted"]
        assert town.web_requests == 1


@pytest.mark.parametrize(
    ("story", "failure"),
    [
        ("another name", "certificate-host-mismatch"),
        ("expired", "certificate-expired"),
        ("signed by itself", "certificate-not-trusted"),
        ("no STARTTLS", "starttls-not-supported"),
        ("STARTTLS refused", "starttls-not-supported"),
        ("handshake broken", "validation-failure"),
    ],
)
@pytest.mark.parametrize("mode", ["enforce", "testing"])
async def test_what_is_wrong_keeps_mail_back_or_is_only_counted(
    town: Town, mode: str, story: str, failure: str
) -> None:
    """Under enforce nothing goes, least of all in the clear. Under testing all goes, and is counted."""
    certificates = {
        "another name": town.ca.issue_cert("mx.other.example"),
        "expired": town.ca.issue_cert(HOST, not_before=YESTERDAY - timedelta(9), not_after=YESTERDAY),
        "signed by itself": trustme.CA().issue_cert(HOST),
        "handshake broken": None,
    }
    replies = {"no STARTTLS": "", "STARTTLS refused": "454 4.7.0 not now"}
    async with town:
        certificate = certificates.get(story, town.ca.issue_cert(HOST))
        host = await town.host(IP, certificate, starttls=replies.get(story, "220 go"))
        await town.web()
        town.policy(mode)
        town.record('_smtp._tls.city.example. 60 IN TXT "v=TLSRPTv1; rua=mailto:tls@city.example"')
        outcome = await town.deliver()
        if mode == "enforce":
            assert refused(outcome)
            assert host.mails == []
        else:
            assert outcome.kind is Kind.ACCEPTED
            assert host.mails == [
                "encrypted" if story in ("another name", "expired", "signed by itself") else "clear"
            ]
        assert town.counted() == {failure: 1}


async def test_a_host_that_is_not_listed_gets_nothing(town: Town) -> None:
    """Somebody changed the MX records on the way; the policy says where mail may go."""
    async with town:
        host = await town.host(IP, town.ca.issue_cert(HOST))
        await town.web()
        town.policy(mx="mx2.city.example")
        assert refused(await town.deliver())
        assert host.sessions == 0


async def test_of_two_hosts_the_listed_one_is_used(town: Town) -> None:
    async with town:
        town.names.records += "city.example. 60 IN MX 20 mx2.city.example.\n"
        unlisted = await town.host(IP, town.ca.issue_cert(HOST))
        listed = await town.host(OTHER_IP, town.ca.issue_cert("mx2.city.example"))
        await town.web()
        town.policy(mx="mx2.city.example")
        assert (await town.deliver()).kind is Kind.ACCEPTED
        assert (unlisted.sessions, listed.mails) == (0, ["encrypted"])


async def test_under_testing_an_unlisted_host_gets_its_mail_and_is_counted(town: Town) -> None:
    async with town:
        host = await town.host(IP, town.ca.issue_cert(HOST))
        await town.web()
        town.policy("testing", mx="*.elsewhere.example")
        town.record('_smtp._tls.city.example. 60 IN TXT "v=TLSRPTv1; rua=mailto:tls@city.example"')
        assert (await town.deliver()).kind is Kind.ACCEPTED
        assert host.mails == ["encrypted"]
        assert town.counted() == {"validation-failure": 1}


async def test_a_policy_of_none_demands_nothing(town: Town) -> None:
    async with town:
        host = await town.host(IP, starttls="")
        await town.web()
        town.policy("none")
        assert (await town.deliver()).kind is Kind.ACCEPTED
        assert host.mails == ["clear"]


async def test_a_policy_is_fetched_once_and_survives_the_worker(town: Town) -> None:
    """The policy host is down, DNS knows of no policy any more, the worker is a new one: it still holds."""
    async with town:
        host = await town.host(IP, starttls="")
        web = await town.web()
        town.policy()
        assert refused(await town.deliver())
        assert refused(await town.deliver())
        assert town.web_requests == 1
        web.close()
        town.names.records = town.names.records.replace("v=STSv1", "v=gone")
        town.restart()
        assert refused(await town.deliver())
        assert host.mails == []


async def test_a_policy_ends_with_its_age(town: Town) -> None:
    async with town:
        host = await town.host(IP, starttls="")
        web = await town.web()
        town.policy(max_age=3600)
        assert refused(await town.deliver())
        web.close()
        with time_machine.travel(datetime.now(UTC) + timedelta(seconds=3601), tick=True):
            town.restart()
            assert (await town.deliver()).kind is Kind.ACCEPTED
        assert host.mails == ["clear"]


async def test_a_new_id_is_a_new_policy(town: Town) -> None:
    async with town:
        host = await town.host(IP, starttls="")
        await town.web()
        town.policy(id_="20260401")
        assert refused(await town.deliver())
        town.policy("none", id_="20260402")
        assert (await town.deliver()).kind is Kind.ACCEPTED
        assert (town.web_requests, host.mails) == (2, ["clear"])


async def test_a_new_policy_that_cannot_be_fetched_leaves_the_old_one(town: Town) -> None:
    """And it is not asked for again with every letter."""
    async with town:
        host = await town.host(IP, starttls="")
        await town.web()
        town.policy()
        assert refused(await town.deliver())
        town.policy("none", id_="2")
        town.web_answer = answer("", status="500 No")
        for _ in range(3):
            assert refused(await town.deliver())
        assert (town.web_requests, host.mails) == (2, [])


@pytest.mark.parametrize(
    "broken",
    [
        answer("version: STSv1\nmode: enforce\nmx: mx.other.example\nmax_age: 60\n", status="301 Moved",
               more="Location: https://mta-sts.city.example/elsewhere\r\n"),
        answer("version: STSv1\nmode: enforce\nmx: mx.other.example\nmax_age: 60\n", kind="text/html"),
        answer("version: STSv1\nmode: enforce\nmax_age: 60\n"),
        answer("version: STSv1\nmode: enforce\nmx: mx.other.example\nmax_age: 60\n" + "x: y\n" * 20_000),
        b"HTTP/1.1 200 OK\r\n",
        b"",
        b"\xff" * 500_000,
    ],
    ids=["redirect", "html", "no mx", "too long", "cut off", "nothing", "noise"],
)  # fmt: skip
async def test_what_is_no_policy_counts_as_none(town: Town, broken: bytes) -> None:
    async with town:
        host = await town.host(IP, town.ca.issue_cert(HOST))
        await town.web()
        town.policy()
        town.web_answer = broken
        assert (await town.deliver()).kind is Kind.ACCEPTED
        assert host.mails == ["encrypted"]


async def test_a_policy_host_with_another_name_is_not_believed(town: Town) -> None:
    async with town:
        await town.host(IP, town.ca.issue_cert(HOST))
        await town.web(town.ca.issue_cert("www.city.example"))
        town.policy(mx="mx.other.example")
        town.record('_smtp._tls.city.example. 60 IN TXT "v=TLSRPTv1; rua=mailto:tls@city.example"')
        assert (await town.deliver()).kind is Kind.ACCEPTED
        assert town.counted() == {"sts-webpki-invalid": 1, "": 1}


async def test_a_policy_host_inside_the_ward_is_not_asked(town: Town) -> None:
    """Whoever owns a domain says where its policy host is: not in our own network."""
    async with town:
        await town.host(IP, town.ca.issue_cert(HOST))
        await town.web()
        town.policy()
        town.transport.https._private = False
        assert (await town.deliver()).kind is Kind.ACCEPTED
        assert town.web_requests == 0


async def test_policies_are_fetched_again_long_before_they_expire(town: Town) -> None:
    async with town:
        await town.host(IP, town.ca.issue_cert(HOST))
        await town.web()
        town.policy(max_age=7 * 86_400)
        await town.deliver()
        await town.transport.policies.refresh()
        assert town.web_requests == 1
        row = MtaStsPolicy.get()
        later = datetime.now(UTC) + timedelta(days=2)
        with time_machine.travel(later, tick=True):
            town.policy("testing", id_="2", max_age=7 * 86_400)
            await town.transport.policies.refresh()
            assert town.web_requests == 2
            await town.transport.policies.refresh()  # another worker, a moment later
            assert town.web_requests == 2
        assert MtaStsPolicy.get().expires_at - row.expires_at > timedelta(days=1)


async def test_neither_domain_nor_hosts_lie_open_in_the_row(town: Town) -> None:
    async with town:
        await town.host(IP, town.ca.issue_cert(HOST))
        await town.web()
        town.policy()
        await town.deliver()
        (row,) = MtaStsPolicy.select(MtaStsPolicy).dicts()
        assert b"city" not in b"".join(
            bytes(value) for value in row.values() if not isinstance(value, (int, datetime))
        )
