"""A DSN in the standard form is understood; anything else is nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtp.inbound import dsn
from smtp.inbound.dsn import Failure

HEADER = b'From: x\r\nContent-Type: multipart/report; report-type=delivery-status;\r\n boundary="=_"\r\n\r\n'
PART = b"--=_\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\n"


def report(*lines: bytes) -> bytes:
    return HEADER + PART + b"\r\n".join(lines) + b"\r\n--=_--\r\n"


def test_a_permanent_failure() -> None:
    lines = (b"Action: failed", b"Status: 5.1.1", b"Diagnostic-Code: smtp; 550 Unknown user x@docomo.ne.jp")
    assert dsn.read(report(*lines)) == Failure(550, "5.1.1")


def test_a_failure_without_the_receivers_reply() -> None:
    assert dsn.read(report(b"ACTION: Failed (given up)", b"Status: 5.4.7")) == Failure(0, "5.4.7")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"Subject: out of office\r\n\r\nAction: failed\r\nStatus: 5.1.1\r\n",
        report(b"Action: delayed", b"Status: 4.4.1"),
        report(b"Action: relayed", b"Status: 2.0.0"),
        report(b"Action: failed", b"Status: 4.4.1"),
        HEADER + b"--=_\r\nContent-Type: message/rfc822\r\n\r\nAction: failed\r\nStatus: 5.1.1\r\n",
        report(b"Action: delayed", b"Status: 4.4.1")
        + b"--=_\r\nContent-Type: message/rfc822\r\n\r\nAction: failed\r\nStatus: 5.1.1\r\n",
    ],
)
def test_anything_else_is_nothing(content: bytes) -> None:
    assert dsn.read(content) is None


@given(st.binary(max_size=300))
def test_no_bytes_make_it_fail(octets: bytes) -> None:
    dsn.read(octets)
    dsn.read(report(octets))
