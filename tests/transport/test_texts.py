"""What strangers write: records, policies, certificates. Anything may come, nothing may break us."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance import config
from appliance.errors import OperatorError
from demo import certificate
from demo import settings as demo_settings
from demo.places import Places
from smtp.transport import tlsrpt
from smtp.transport.judge import authorities, judge
from smtp.transport.mta_sts import Mode, PolicyInvalid, StsPolicy, record_id
from smtp.transport.policy import Failure, Kind, Level, Policy
from smtp.transport.tlsa import Record
from tests.transport.town import loaded

CA = trustme.CA()
LEAF = loaded(CA.issue_cert("mx.city.example").cert_chain_pems[0]).public_bytes(Encoding.DER)


@pytest.mark.parametrize(
    ("texts", "id_"),
    [
        (["v=STSv1; id=20160831085700Z;"], "20160831085700Z"),
        (["v=STSv1;id=a"], "a"),
        (["v=spf1 -all", "v=STSv1; id=1;"], "1"),
        (["v=STSv1; id=1;", "v=STSv1; id=2;"], None),
        (["v=STSv1; id=no-dashes;"], None),
        (["v=STSv1"], None),
        (["v=STSv10; id=1"], None),
        ([], None),
    ],
)
def test_the_record_that_tells_of_a_policy(texts: list[str], id_: str | None) -> None:
    assert record_id(texts) == id_


def test_a_policy_as_it_stands_in_the_rfc() -> None:
    body = (
        b"version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\nmax_age: 604800\r\n"
    )
    policy = StsPolicy.parse("1", body)
    assert (policy.mode, policy.max_age_s) == (Mode.ENFORCE, 604_800)
    for host, listed in {
        "mail.example.com": True,
        "a.example.net": True,
        "a.b.example.net": False,
        "example.net": False,
        "example.com": False,
        "mail.example.com.evil.example": False,
    }.items():
        assert policy.lists(host) is listed, host


@pytest.mark.parametrize(
    "body",
    [
        "mode: enforce\nmx: a.example\nmax_age: 1",
        "version: STSv2\nmode: enforce\nmx: a.example\nmax_age: 1",
        "version: STSv1\nmode: strict\nmx: a.example\nmax_age: 1",
        "version: STSv1\nmode: enforce\nmx: a.example",
        "version: STSv1\nmode: enforce\nmx: a.example\nmax_age: -1",
        "version: STSv1\nmode: enforce\nmx: a.*.example\nmax_age: 1",
        "version: STSv1\nmode: enforce\nmx: *\nmax_age: 1",
        "version: STSv1\nmode: enforce\nmx a.example\nmax_age: 1",
        "<html>",
        "",
    ],
)
def test_what_is_no_policy(body: str) -> None:
    with pytest.raises(PolicyInvalid):
        StsPolicy.parse("1", body.encode())


@given(st.binary(max_size=300))
def test_whatever_a_policy_host_says_is_a_policy_or_refused(body: bytes) -> None:
    try:
        StsPolicy.parse("1", body)
    except PolicyInvalid:
        pass


@given(st.lists(st.text(max_size=60), max_size=3))
def test_whatever_stands_in_dns_is_read_or_passed_over(texts: list[str]) -> None:
    record_id(texts)
    tlsrpt.destinations(texts)
    for uri in tlsrpt.destinations([f"v=TLSRPTv1; rua={text}" for text in texts[:1]]):
        assert uri.isascii()
        assert uri.isprintable()
        assert " " not in uri


@settings(deadline=None)
@given(st.dictionaries(st.integers(0, 5000), st.integers(1, 255), min_size=1, max_size=4))
def test_a_damaged_certificate_is_a_failed_check(damage: dict[int, int]) -> None:
    """Every byte of a good certificate may be another one."""
    leaf = bytearray(LEAF)
    for place, difference in {place % len(leaf): by for place, by in damage.items()}.items():
        leaf[place] ^= difference
    record = Record(2, 0, 0, loaded(CA.cert_pem).public_bytes(Encoding.DER))
    policy = Policy(Kind.TLSA, Level.AUTHENTICATED, (record,), ("mx.city.example",))
    now = datetime.now(UTC)
    assert isinstance(judge(policy, [bytes(leaf)], Path("unused"), now), Failure)
    assert judge(policy, [LEAF], Path("unused"), now) is None


@given(st.lists(st.binary(max_size=100), max_size=3))
def test_noise_is_no_certificate(chain: list[bytes]) -> None:
    record = Record(3, 1, 1, b"x" * 32)
    policy = Policy(Kind.TLSA, Level.AUTHENTICATED, (record,), ("mx.city.example",))
    assert judge(policy, chain, Path("unused"), datetime.now(UTC)) is Failure.VALIDATION


def test_a_file_with_a_servers_own_certificate_will_do(tmp_path: Path) -> None:
    """As in the demo town, where nobody signs for anybody."""
    places = Places(tmp_path)
    certificate.ensure(places)
    demo_settings.write(places)
    authorities(config.load(places.config_file).relay.ca_file)


def test_authorities_that_are_not_there_are_said_at_start(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    for path in (empty, tmp_path / "nowhere.pem"):
        with pytest.raises(OperatorError, match=r"relay\.ca_file"):
            authorities(path)
