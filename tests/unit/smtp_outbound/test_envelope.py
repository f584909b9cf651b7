"""What goes onto the wire cannot be read as anything else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance import address
from appliance.delivery.outcome import Reason
from smtp import envelope
from smtp.greeting import Offers
from smtp.terms import Message

FULL = Offers(pipelining=True, size=True, eight_bit_mime=True)


def letter(
    recipient: bytes = b"taro@docomo.ne.jp", content: bytes = b"x\r\n", sender: bytes = b"b@x.jp"
) -> Message:
    return Message(1, sender, recipient, content)


def unstuffed(wire: bytes) -> bytes:
    """What a receiver makes of it (RFC 5321 4.5.2), reading line by line up to the lone dot."""
    lines = []
    for line in wire.split(b"\r\n"):
        if line == b".":
            return b"".join(each + b"\r\n" for each in lines)
        lines.append(line[1:] if line.startswith(b".") else line)
    raise AssertionError("no end")


@given(st.lists(st.text(alphabet=". ab", max_size=5)))
def test_a_content_arrives_as_it_was(lines: list[str]) -> None:
    content = "".join(line + "\r\n" for line in lines).encode()
    assert unstuffed(envelope.stuffed(content)) == content


def test_a_content_without_a_last_line_end_gets_one() -> None:
    assert envelope.stuffed(b"abc") == b"abc\r\n.\r\n"


@given(
    st.one_of(st.binary(max_size=60), st.from_regex(rb"[ -~\r\n]{1,20}@x\.jp[ -~\r\n]{0,9}", fullmatch=True))
)
def test_no_recipient_ends_its_own_line(recipient: bytes) -> None:
    if envelope.why_unsendable(letter(recipient)) is None:
        lines = envelope.pipelined(letter(recipient), FULL).split(b"\r\n")
        assert lines[1:] == [b"RCPT TO:<%b>" % recipient, b"DATA", b""]
        assert b">" not in recipient or recipient.startswith(b'"')


@pytest.mark.parametrize(
    "text", ["taro@docomo.ne.jp", "a..b@docomo.ne.jp", ".ab@ezweb.ne.jp", '"a b"@x.jp', "o'h+1@x.jp"]
)
def test_every_address_the_domain_accepts_can_be_sent(text: str) -> None:
    parsed = address.parse(text)
    for quoted in (False, True):
        assert envelope.why_unsendable(letter(parsed.wire(quoted=quoted).encode())) is None


@pytest.mark.parametrize("content", [b"a\nb\r\n", b"a\rb\r\n", b"a\r\n.\n", b"\n.\r\n", b"a\r\r\n"])
def test_bare_line_ends_smuggle_and_are_kept_back(content: bytes) -> None:
    assert envelope.why_unsendable(letter(content=content)) is Reason.INTERNAL


def test_the_null_return_path_can_be_sent() -> None:
    assert envelope.why_unsendable(letter(sender=b"")) is None
    assert envelope.mail(letter(sender=b""), Offers()) == b"MAIL FROM:<>\r\n"


def test_what_is_offered_is_used() -> None:
    assert envelope.mail(letter(), FULL) == b"MAIL FROM:<b@x.jp> SIZE=3\r\n"
    eight_bit = letter(content="あ\r\n".encode())
    assert envelope.mail(eight_bit, FULL) == b"MAIL FROM:<b@x.jp> SIZE=5 BODY=8BITMIME\r\n"
