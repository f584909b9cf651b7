"""Domains that ask how TLS fared are told once a day, by mail or by HTTPS; nobody else is counted."""

import email
import email.policy
import gzip
import json
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
import trustme

from appliance.delivery import Kind
from appliance.keys import signing
from appliance.models import TlsReport, TlsTally
from smtp.transport import tlsrpt
from tests.support import dkim_judges
from tests.transport.town import HOST, IP, OTHER_IP, Town, answer

TODAY = datetime(2026, 4, 8, 9, 0, tzinfo=UTC)
TOMORROW = datetime(2026, 4, 9, 5, 0, tzinfo=UTC)
BY_MAIL = '_smtp._tls.city.example. 60 IN TXT "v=TLSRPTv1; rua=mailto:tls@watch.example"'
WATCH = "watch.example. 60 IN MX 10 mx2.city.example."


async def a_day(town: Town, *, good: int = 2, bad: int = 1) -> None:
    """So many sessions on the 8th of April, under a policy in testing."""
    with time_machine.travel(TODAY, tick=True):
        host = await town.host(IP, town.ca.issue_cert(HOST))
        town.policy("testing")
        for _ in range(good):
            assert (await town.deliver()).kind is Kind.ACCEPTED
        host.starttls = ""
        for _ in range(bad):
            assert (await town.deliver()).kind is Kind.ACCEPTED
        await town.transport.flush()


def expected(result: str = "starttls-not-supported") -> dict[str, object]:
    return {
        "organization-name": "Midori Ward",
        "date-range": {
            "start-datetime": "2026-04-08T00:00:00Z",
            "end-datetime": "2026-04-08T23:59:59Z",
        },
        "contact-info": "postmaster@touroku.midori.example",
        "report-id": "2026-04-08.city.example@mx.midori.example",
        "policies": [
            {
                "policy": {
                    "policy-type": "sts",
                    "policy-domain": "city.example",
                    "policy-string": [
                        "version: STSv1", "mode: testing", "mx: mx.city.example", "max_age: 86400",
                    ],
                    "mx-host": ["mx.city.example"],
                },
                "summary": {"total-successful-session-count": 2, "total-failure-session-count": 1},
                "failure-details": [
                    {
                        "result-type": result,
                        "receiving-mx-hostname": "mx.city.example",
                        "receiving-ip": IP,
                        "failed-session-count": 1,
                    }
                ],
            }
        ],
    }  # fmt: skip


async def test_the_report_by_mail(town: Town) -> None:
    """Signed, and not kept back by what it reports: here a host whose DANE records match nothing."""
    async with town:
        await town.web()
        town.names.records += BY_MAIL + "\n" + WATCH + "\n"
        watch = await town.host(OTHER_IP, trustme.CA().issue_cert("some.other.example"))
        town.tlsa("3 1 1 " + "ab" * 32, host="mx2.city.example")
        await a_day(town)
        with time_machine.travel(TODAY + timedelta(hours=10), tick=True):
            assert await town.transport.report() == 0  # the day is not over
        with time_machine.travel(TOMORROW, tick=True):
            assert await town.transport.report() == 1
            assert await town.transport.report() == 0
        (octets,) = watch.contents
        published = dkim_judges.records(
            town.config.mail.from_domain, signing.active(town.keyring.signing_keys())
        )
        assert dkim_judges.dkimpy(octets, published) == dkim_judges.signatures(octets) == len(published) > 0
        mail = email.message_from_bytes(octets, policy=email.policy.default)
        assert mail["TLS-Required"] == "No"
        assert (mail["TLS-Report-Domain"], mail["TLS-Report-Submitter"]) == (
            "city.example",
            "mx.midori.example",
        )
        assert mail["From"] == "school@mail.midori.example"
        assert mail.get_content_type() == "multipart/report"
        _, attached = mail.iter_parts()
        assert attached.get_content_type() == "application/tlsrpt+gzip"
        assert attached.get_filename() == "mx.midori.example!city.example!1775606400!1775692799!1.json.gz"
        assert json.loads(gzip.decompress(attached.get_payload(decode=True))) == expected()
        assert not TlsTally.select().exists()


async def test_the_report_by_https(town: Town) -> None:
    async with town:
        await town.web()
        town.record('_smtp._tls.city.example. 60 IN TXT "v=TLSRPTv1;rua=https://mta-sts.city.example/in?a=1"')
        await a_day(town)
        town.web_answer = answer("", status="201 Created")
        with time_machine.travel(TOMORROW, tick=True):
            assert await town.transport.report() == 1
        (posted,) = town.posted
        head, _, body = posted.partition(b"\r\n\r\n")
        assert head.startswith(b"POST /in?a=1 HTTP/1.1\r\n")
        assert b"Content-Type: application/tlsrpt+gzip" in head
        assert json.loads(gzip.decompress(body)) == expected()


async def test_a_report_that_nobody_takes_is_tried_again_and_then_given_up(town: Town) -> None:
    async with town:
        await town.web()
        town.record('_smtp._tls.city.example. 60 IN TXT "v=TLSRPTv1;rua=https://mta-sts.city.example/in"')
        await a_day(town)
        town.web_answer = answer("", status="503 Busy")
        moment = TOMORROW
        for hour in range(30):
            with time_machine.travel(moment + timedelta(hours=hour, minutes=hour), tick=True):
                assert await town.transport.report() == 0
                assert await town.transport.report() == 0  # not again at once
        assert len(town.posted) == 24
        assert not TlsTally.select().exists()


async def test_two_workers_send_one_report(town: Town) -> None:
    """Both have counted, one sends it all."""
    async with town:
        await town.web()
        town.record('_smtp._tls.city.example. 60 IN TXT "v=TLSRPTv1;rua=https://mta-sts.city.example/in"')
        await a_day(town, good=1, bad=0)
        first = town.transport
        town.restart()
        with time_machine.travel(TODAY, tick=True):
            await town.deliver()
            await town.deliver()
            await town.transport.flush()
        town.web_answer = answer("", status="200 OK")
        with time_machine.travel(TOMORROW, tick=True):
            assert await first.report() + await town.transport.report() == 1
        (posted,) = town.posted
        report = json.loads(gzip.decompress(posted.partition(b"\r\n\r\n")[2]))
        summaries = [policy["summary"] for policy in report["policies"]]
        assert summaries == [{"total-successful-session-count": 1, "total-failure-session-count": 2}]


async def test_who_asks_for_nothing_is_not_counted(town: Town) -> None:
    async with town:
        await town.web()
        await a_day(town)
        assert not TlsTally.select().exists()


async def test_the_domain_does_not_lie_open(town: Town) -> None:
    """A family's own domain names the family."""
    async with town:
        await town.web()
        town.record(BY_MAIL)
        await a_day(town)
        (row,) = TlsTally.select(TlsTally)
        assert b"city" not in bytes(row.sealed) + bytes(row.domain_index)


async def test_counters_nobody_fetches_are_forgotten(town: Town) -> None:
    async with town:
        await town.web()
        town.record(BY_MAIL)
        await a_day(town)
        town.names.records = ""
        town.names.servfail = frozenset({"_smtp._tls.city.example"})
        with time_machine.travel(TOMORROW + timedelta(days=10), tick=True):
            town.forget_dns()
            await town.transport.report()
        assert not TlsTally.select().exists()
        assert not TlsReport.select().exists()


@pytest.mark.parametrize(
    ("texts", "uris"),
    [
        (["v=TLSRPTv1; rua=mailto:tls@city.example"], ("mailto:tls@city.example",)),
        (
            ["v=TLSRPTv1;rua=https://a.example/x,mailto:b@b.example;"],
            ("https://a.example/x", "mailto:b@b.example"),
        ),
        (["other", "v=TLSRPTv1; rua=mailto:a@a.example"], ("mailto:a@a.example",)),
        (["v=TLSRPTv1; rua=mailto:a@a.example"] * 2, ()),
        (["v=TLSRPTv1; rua=ftp://a.example, http://b.example"], ()),
        (["v=TLSRPTv1"], ()),
        (["v=TLSRPTv2; rua=mailto:a@a.example"], ()),
        ([], ()),
    ],
)
def test_the_record_that_asks_for_reports(texts: list[str], uris: tuple[str, ...]) -> None:
    assert tlsrpt.destinations(texts) == uris


async def test_a_report_goes_to_no_inner_service(town: Town) -> None:
    """Neither to a port of the reporter's choice nor into our network."""
    async with town:
        web = await town.web()
        port = web.sockets[0].getsockname()[1]
        town.record(
            f'_smtp._tls.city.example. 60 IN TXT "v=TLSRPTv1;rua=https://mta-sts.city.example:{port}/"'
        )
        await a_day(town)
        with time_machine.travel(TOMORROW, tick=True):
            assert await town.transport.report() == 0
        town.transport.https._private = False
        town.record('_smtp._tls.city.example. 60 IN TXT "v=TLSRPTv1;rua=https://mta-sts.city.example/"')
        with time_machine.travel(TOMORROW + timedelta(hours=2), tick=True):
            assert await town.transport.report() == 0
        assert town.posted == []
