"""A host that says by DNSSEC which certificate it has: DANE for SMTP against real servers."""

from datetime import UTC, datetime, timedelta

import pytest
import trustme

from appliance.delivery import Kind, Reason
from tests.transport.town import HOST, IP, OTHER_IP, Town, loaded, record_for, server_side

YESTERDAY = datetime.now(UTC) - timedelta(days=1)
NONSENSE = "3 1 1 " + "ab" * 32


@pytest.mark.parametrize(("selector", "matching"), [(1, 1), (0, 1), (1, 2), (0, 2), (1, 0), (0, 0)])
async def test_a_certificate_from_nobody_is_good_where_dns_says_so(
    town: Town, selector: int, matching: int
) -> None:
    """DANE-EE: neither name nor date matters (RFC 7672 3.1.1)."""
    certificate = trustme.CA().issue_cert(
        "some.other.example", not_before=YESTERDAY - timedelta(9), not_after=YESTERDAY
    )
    async with town:
        host = await town.host(IP, certificate)
        town.tlsa(NONSENSE, record_for(3, selector, matching, loaded(certificate.cert_chain_pems[0])))
        assert (await town.deliver()).kind is Kind.ACCEPTED
        assert host.mails == ["encrypted"]


async def test_another_certificate_than_dns_says_gets_nothing(town: Town) -> None:
    """Not even one that every authority vouches for."""
    async with town:
        host = await town.host(IP, town.ca.issue_cert(HOST))
        town.tlsa(NONSENSE)
        outcome = await town.deliver()
        assert (outcome.kind, outcome.reason) == (Kind.DEFERRED, Reason.INSECURE)
        assert host.mails == []


async def test_a_host_that_lost_its_starttls_gets_nothing(town: Town) -> None:
    async with town:
        host = await town.host(IP, starttls="")
        town.tlsa(NONSENSE)
        assert (await town.deliver()).reason is Reason.INSECURE
        assert host.mails == []


@pytest.mark.parametrize(
    ("name", "dated", "accepted"),
    [
        (HOST, False, True),
        ("city.example", False, True),
        ("mx.other.example", False, False),
        (HOST, True, False),
    ],
    ids=["the host", "the domain", "another name", "expired"],
)
@pytest.mark.parametrize(("selector", "matching"), [(1, 1), (0, 1)])
async def test_an_authority_of_their_own(
    town: Town, selector: int, matching: int, name: str, dated: bool, accepted: bool
) -> None:
    """DANE-TA: the authority stands in DNS and comes with the chain; names and dates matter (3.1.2)."""
    theirs = trustme.CA()
    when = {"not_before": YESTERDAY - timedelta(9), "not_after": YESTERDAY} if dated else {}
    certificate = theirs.issue_cert(name, **when)
    async with town:
        host = await town.host(IP, certificate)
        context = server_side(certificate)
        chain = certificate.private_key_and_cert_chain_pem.bytes() + theirs.cert_pem.bytes()
        with trustme.Blob(chain).tempfile() as path:
            context.load_cert_chain(path)
        host.context = context
        town.tlsa(record_for(2, selector, matching, loaded(theirs.cert_pem)))
        assert ((await town.deliver()).kind is Kind.ACCEPTED) is accepted
        assert host.mails == ["encrypted"] * accepted


async def test_an_authority_published_whole_need_not_come_with_the_chain(town: Town) -> None:
    theirs = trustme.CA()
    async with town:
        host = await town.host(IP, theirs.issue_cert(HOST))
        town.tlsa(record_for(2, 0, 0, loaded(theirs.cert_pem)))
        assert (await town.deliver()).kind is Kind.ACCEPTED
        assert host.mails == ["encrypted"]


@pytest.mark.parametrize(
    "record", ["1 1 1 " + "ab" * 32, "0 0 1 " + "ab" * 32, "3 1 9 abcd", "3 9 1 " + "ab" * 32]
)
async def test_records_that_smtp_cannot_use_demand_encryption_and_no_more(town: Town, record: str) -> None:
    async with town:
        host = await town.host(IP, trustme.CA().issue_cert("some.other.example"))
        town.tlsa(record)
        assert (await town.deliver()).kind is Kind.ACCEPTED
        host.starttls = ""
        assert (await town.deliver()).reason is Reason.INSECURE
        assert host.mails == ["encrypted"]


async def test_records_that_nobody_signed_count_for_nothing(town: Town) -> None:
    async with town:
        host = await town.host(IP, trustme.CA().issue_cert("some.other.example"))
        town.tlsa(NONSENSE)
        town.names.secure = frozenset({"city.example", HOST})
        town.forget_dns()
        assert (await town.deliver()).kind is Kind.ACCEPTED
        town.names.secure = frozenset()  # nor are they asked for where the address is not signed
        asked = sum(count for (_, kind), count in town.names.asked.items() if kind == "TLSA")
        town.forget_dns()
        assert (await town.deliver()).kind is Kind.ACCEPTED
        assert sum(count for (_, kind), count in town.names.asked.items() if kind == "TLSA") == asked
        assert host.mails == ["encrypted", "encrypted"]


async def test_a_host_whose_records_cannot_be_looked_up_is_passed_over(town: Town) -> None:
    """SERVFAIL is what a resolver says to a broken signature, and what an attacker would arrange."""
    async with town:
        town.names.records += "city.example. 60 IN MX 20 mx2.city.example.\n"
        town.tlsa(NONSENSE)
        first = await town.host(IP, town.ca.issue_cert(HOST))
        second = await town.host(OTHER_IP, town.ca.issue_cert("mx2.city.example"))
        town.names.servfail = frozenset({f"_{town.port}._tcp.{HOST}"})
        assert (await town.deliver()).kind is Kind.ACCEPTED
        assert (first.sessions, second.mails) == (0, ["encrypted"])
        town.record('_smtp._tls.city.example. 60 IN TXT "v=TLSRPTv1; rua=mailto:tls@city.example"')
        town.names.servfail |= {f"_{town.port}._tcp.mx2.city.example"}
        town.forget_dns()
        outcome = await town.deliver()
        assert (outcome.kind, outcome.enhanced) == (Kind.DEFERRED, "4.4.3")
        assert town.counted() == {"dnssec-invalid": 2}


async def test_dane_goes_before_mta_sts(town: Town) -> None:
    """The certificate that DANE means is none that MTA-STS would take, and the policy lists no such host."""
    certificate = trustme.CA().issue_cert("some.other.example")
    async with town:
        host = await town.host(IP, certificate)
        await town.web()
        town.policy(mx="mx.other.example")
        town.tlsa(record_for(3, 1, 1, loaded(certificate.cert_chain_pems[0])))
        assert (await town.deliver()).kind is Kind.ACCEPTED
        assert host.mails == ["encrypted"]


async def test_where_the_mx_records_are_not_signed_the_policy_still_says_which_hosts(town: Town) -> None:
    certificate = trustme.CA().issue_cert("some.other.example")
    async with town:
        host = await town.host(IP, certificate)
        await town.web()
        town.policy(mx="mx.other.example")
        town.tlsa(record_for(3, 1, 1, loaded(certificate.cert_chain_pems[0])))
        town.names.secure -= {"city.example"}
        town.forget_dns()
        assert (await town.deliver()).reason is Reason.INSECURE
        assert host.sessions == 0


async def test_the_records_behind_an_alias_come_first(town: Town) -> None:
    certificate = trustme.CA().issue_cert("some.other.example")
    async with town:
        host = await town.host(OTHER_IP, certificate)
        town.names.records = town.names.records.replace(
            f"mx.city.example. 60 IN A {IP}", "mx.city.example. 60 IN CNAME mx2.city.example."
        )
        town.tlsa(NONSENSE)
        town.tlsa(record_for(3, 1, 1, loaded(certificate.cert_chain_pems[0])), host="mx2.city.example")
        town.names.secure |= {f"_{town.port}._tcp.{HOST}"}
        assert (await town.deliver()).kind is Kind.ACCEPTED
        assert host.mails == ["encrypted"]
