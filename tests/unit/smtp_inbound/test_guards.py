"""A person's mail is told from a machine's, whatever its header looks like."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.address import Address, parse
from smtp.inbound import guards, replies

OURS = frozenset({"touroku.midori.example", "bounce.midori.example"})
PARENT = parse("hanako@docomo.ne.jp")


@pytest.mark.parametrize(
    "header",
    [
        b"Auto-Submitted: auto-replied",
        b"auto-submitted:auto-generated (rejected)",
        b"Auto-Submitted:\r\n\tauto-notified; owner=x",
        b"Auto-Submitted:",
        b"Precedence: bulk",
        b"Precedence: Junk (spam)",
        b"PRECEDENCE : list",
        b"List-Id: <x.example>",
        b"List-Unsubscribe: <mailto:x@x.jp>",
        b"Subject: x\nList-Help: <x>",
    ],
)
def test_automatic_mail_is_not_answered(header: bytes) -> None:
    assert guards.refusal(PARENT, header + b"\r\n\r\n", OURS) is replies.NOT_ANSWERED


@pytest.mark.parametrize(
    "sender",
    [
        "MAILER-DAEMON@docomo.ne.jp", "owner-parents@x.jp", "parents-request@x.jp", "parents-owner@x.jp",
        "parents-bounces@x.jp", "anything@touroku.midori.example", "b2345@bounce.midori.example",
    ],
)  # fmt: skip
def test_machines_and_we_ourselves_are_not_answered(sender: str) -> None:
    assert guards.refusal(parse(sender), b"Subject: x\r\n\r\n", OURS) is replies.NOT_ANSWERED


def test_nobody_is_not_answered() -> None:
    assert guards.refusal(None, b"", OURS) is replies.NOT_ANSWERED


@pytest.mark.parametrize(
    "beginning",
    [
        b"",
        b"\r\n",
        b"Auto-Submitted: no\r\n\r\n",
        b"Auto-Submitted: No; because\r\n\r\n",
        b"Precedence: first-class\r\n\r\n",
        b"Subject: x\r\n\r\nAuto-Submitted: auto-replied\r\nList-Id: in the body\r\n",
        b"not a header\r\nAuto-Submitted: auto-replied\r\n\r\n",
        b"Subject: \x1b$B6u%a!<%k\x1b(B\r\n\r\n",
        b"Subject: \x93o\x98^\r\nX-Listing: 1\r\n\r\n",
        b": no name\r\n\r\n",
    ],
)
def test_a_persons_mail_is_taken(beginning: bytes) -> None:
    assert guards.refusal(PARENT, beginning, OURS) is None


def test_a_mail_that_has_been_everywhere_loops() -> None:
    assert guards.refusal(PARENT, b"Received: from a by b\r\n" * 51 + b"\r\n", OURS) is replies.LOOP


@pytest.mark.parametrize(
    "bomb",
    [
        b"X: y\r\n" * 10_000,
        b"Subject: " + b"x" * 66_000,
        b"Subject: x\r\n" + b" y\r\n" * 17_000,
        b"Subject: " + b"=?utf-8?q?" * 6_600,
        (b"a" * 76 + b" " * 60_000) + b"x" * 6_000,
    ],
)
def test_header_bombs_cost_little(bomb: bytes) -> None:
    begun = time.perf_counter()
    guards.refusal(PARENT, bomb, OURS)
    assert time.perf_counter() - begun < 0.5


@given(st.binary(max_size=400) | st.lists(st.sampled_from(
    [b"\r\n", b"\n", b"\r", b":", b" ", b"Auto-Submitted", b"List-", b"no", b"\xff", b"\t"]
), max_size=60).map(b"".join))  # fmt: skip
def test_no_bytes_make_it_fail(beginning: bytes) -> None:
    assert guards.refusal(PARENT, beginning, OURS) in {None, replies.NOT_ANSWERED}
    guards.is_traced(beginning)


def test_a_mail_with_a_trace_is_known() -> None:
    assert guards.is_traced(b"Subject: x\r\nMessage-Id: <1@x.jp>\r\n\r\n")
    assert not guards.is_traced(b"Subject: x\r\n\r\nDate: in the body")


def test_the_sender_may_be_anything_that_parses() -> None:
    assert guards.refusal(Address("a b", "x.jp"), b"", OURS) is None
