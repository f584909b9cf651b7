"""Whatever bytes come, `bounce.read` answers with a list, soon."""

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smtp import bounce
from smtp.bounce import Finding, mime
from tests.support.bounces import FORMS, mail, postfix

ENOUGH_S = 5.0  # a slow, busy machine; a regex that runs away needs hours
PIECES = st.sampled_from([
    b"\r\n", b"\n", b"\n\n", b"--b\n", b"--b--", b"Content-Type: multipart/report; boundary=b\n",
    b"Content-Type: message/delivery-status\n", b"Final-Recipient: rfc822; ", b"a@b.example",
    b"Action: failed\n",
    b"Status: 5.1.1\n", b"Diagnostic-Code: smtp; 550 ", b"From: MAILER-DAEMON\n", b"Return-Path: <>\n",
    b"<<< 550 ",
    b">>> RCPT TO:<", b"said: ", b"\x1b$B", b"\x1b(B", b"=?utf-8?b?", b"?=", b"\xff\xfe", b"<html>",
    b"<style", b"{",
    b'"notificationType":', b"Received: ", b"user ", b"mailbox ", b"is full",
    b"Content-Transfer-Encoding: base64\n",
])  # fmt: skip


def read(octets: bytes) -> list[Finding]:
    began = time.process_time()
    found = bounce.read(octets)
    assert time.process_time() - began < ENOUGH_S
    assert isinstance(found, list)
    return found


@given(st.binary(max_size=2000))
@example(b"")
@example(
    b'From: MAILER-DAEMON\n\n{"notificationType":"Bounce","bounce":{"bouncedRecipients":[{"status":[]}]}}'
)
def test_any_bytes(octets: bytes) -> None:
    read(octets)
    read(mail() + octets)


@given(st.lists(PIECES | st.binary(max_size=20), max_size=60))
@settings(max_examples=200)
def test_any_sequence_of_things_that_bounces_are_made_of(pieces: list[bytes]) -> None:
    for found in read(b"".join(pieces)):
        assert len(found.recipient) <= 320
        assert found.recipient.isprintable()


@given(st.binary(max_size=40), st.integers(0, 2000), st.sampled_from(sorted(FORMS)))
def test_a_bounce_damaged_anywhere(damage: bytes, place: int, form: str) -> None:
    whole = FORMS[form]("550 5.1.1 user unknown", "a@x.example")
    read(whole[:place] + damage + whole[place + len(damage) :])
    read(whole[:place])


@pytest.mark.parametrize("unit", [
    b"user ", b"mailbox is ", b"a@", b"@a", b"a@b.c ", b"<", b"<style", b"<a@b.c>:\n", b"5.1.1 ",
    b"550 ", b">", b"> ", b"\n>>> ",
    b"\n<<< 550 ", b"\n--b\n", b"\n\n", b"\nX: ", b"\n ", b"=?a?b?", b"=?", b"sender from ", b"not ",
    b"could not be delivered ",
    b"host a.b[", b"http://", b"\nFinal-Recipient: rfc822;a@b.c\n", b"a.", b"exceeded quota ", b"(",
    b"\x1b$B", b"reason: 550 ",
    b"\nReturn-Path: <>\ndelivery-status", b";a=", b"over over ", b"no such ", b"is was been ", b"{",
    b"[", "。宛先".encode(),
], ids=repr)  # fmt: skip
def test_the_same_thing_over_and_over_is_read_in_linear_time(unit: bytes) -> None:
    many = unit * (mime.READ_OCTETS // len(unit))
    read(many)
    read(mail(content_type="multipart/report; boundary=b") + many)
    read(mail("Delivery failed:", "") + many)
    read(postfix("550 " + unit.decode("utf-8", "replace").replace("\n", " ") * 3000, "a@x.example"))
