"""The bytes of one transaction: MAIL, RCPT, DATA and the body with its dots stuffed.

Owns the form of what goes onto the wire, and the last gate before it: an address or a content that could be
read as a command is never written (`why_unsendable`). Refuses to know replies. Cannot fail.
"""

import re

from appliance.delivery.outcome import Reason
from smtp.greeting import Offers
from smtp.terms import Message

DATA = b"DATA\r\n"
RSET = b"RSET\r\n"
QUIT = b"QUIT\r\n"
DOT = b".\r\n"

_PATH_OCTETS = 320  # generous: RFC 5321 4.5.3.1 allows 256 with the brackets
# Printable ASCII; blanks and brackets only inside a quoted local part.
_QUOTED = rb'"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\[\x20-\x7e])*"'
_BARE = rb"[\x21\x23-\x3b\x3d\x3f\x41-\x5b\x5d-\x7e]+"
_PATH = re.compile(rb"(?:%b|%b)@[A-Za-z0-9._-]{1,253}" % (_QUOTED, _BARE))


def why_unsendable(message: Message) -> Reason | None:
    """Why this message must not be written, or None. Bare CR or LF in a content smuggles (CVE-2023-51764)."""
    if len(message.recipient) > _PATH_OCTETS or _PATH.fullmatch(message.recipient) is None:
        return Reason.ADDRESS_SYNTAX
    if message.sender and _PATH.fullmatch(message.sender) is None:
        return Reason.INTERNAL
    content = message.content
    ends = content.count(b"\r\n")
    if ends != content.count(b"\n") or ends != content.count(b"\r"):
        return Reason.INTERNAL
    return None


def mail(message: Message, offers: Offers) -> bytes:
    """`MAIL FROM` with what the receiver offers to hear."""
    size = b" SIZE=%d" % len(message.content) if offers.size else b""
    if offers.eight_bit_mime and not message.content.isascii():
        size += b" BODY=8BITMIME"
    return b"MAIL FROM:<%b>%b\r\n" % (message.sender, size)


def rcpt(message: Message) -> bytes:
    """`RCPT TO`."""
    return b"RCPT TO:<%b>\r\n" % message.recipient


def pipelined(message: Message, offers: Offers) -> bytes:
    """The three commands in one piece."""
    return b"%bRCPT TO:<%b>\r\nDATA\r\n" % (mail(message, offers), message.recipient)


def stuffed(content: bytes) -> bytes:
    """The content as DATA wants it, with the final dot (RFC 5321 4.5.2)."""
    if b"\r\n." in content:
        content = content.replace(b"\r\n.", b"\r\n..")
    if content[:1] == b".":
        content = b"." + content
    if content and not content.endswith(b"\r\n"):
        return content + b"\r\n.\r\n"
    return content + DOT
