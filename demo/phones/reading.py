"""A mail as the phone shows it: subject, sender, text with its links, and what DKIM says.

Owns decoding for people, tolerant of everything. Refuses HTML: shells are reduced to their text. Cannot fail:
what cannot be decoded is shown with replacement marks.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import dns.exception
import dns.resolver

from demo.phones.posting import resolver
from demo.places import Places

_LINK = re.compile(r"https?://[^\s<>\"'）」】]+")
_TAG = re.compile(r"<[^>]{0,2000}>")


@dataclass(frozen=True, slots=True)
class Letter:
    """What the phone's screen shows."""

    subject: str
    sender: str
    answer_to: str  # where a reply goes
    date: str
    message_id: str
    text: str


def decode(content: bytes) -> Letter:
    """The mail for people."""
    message = message_from_bytes(content, policy=default)
    assert isinstance(message, EmailMessage)
    return Letter(
        subject=_field(message, "Subject"),
        sender=_field(message, "From"),
        answer_to=_bare(_field(message, "Reply-To") or _field(message, "From")),
        date=_field(message, "Date"),
        message_id=_field(message, "Message-ID"),
        text=_text(message),
    )


def _field(message: EmailMessage, name: str) -> str:
    try:
        return str(message.get(name) or "")
    except (
        ValueError,
        IndexError,
        AttributeError,
        LookupError,
    ):  # the header parser trips over odd addresses
        return ""


def _bare(text: str) -> str:
    within = re.search(r"<([^<>]+)>\s*\Z", text)
    return (within[1] if within else text).strip()


def _text(message: EmailMessage) -> str:
    part = message.get_body(("plain", "html"))
    if part is None:
        return ""
    payload = part.get_payload(decode=True)
    raw = payload if isinstance(payload, bytes) else b""
    try:
        text = raw.decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:
        text = raw.decode("utf-8", "replace")
    return _TAG.sub("", text) if part.get_content_subtype() == "html" else text


def pieces(text: str) -> Iterator[tuple[bool, str]]:
    """The text cut into (is a link, piece)."""
    at = 0
    for link in _LINK.finditer(text):
        yield False, text[at : link.start()]
        yield True, link[0]
        at = link.end()
    yield False, text[at:]


def dkim_verdict(places: Places, content: bytes) -> str:
    """pass, fail or none, by an independent verifier; "" where dkimpy is not installed."""
    try:
        import dkim
    except ImportError:
        return ""
    if b"\ndkim-signature:" not in content.lower():
        return "none"
    without_trace = content.split(b"\r\n", 2)[2]  # Return-Path and Delivered-To are the carrier's

    def txt(name: bytes, timeout: float = 5) -> bytes | None:  # noqa: ARG001
        try:
            found = resolver(places).resolve(name.decode("ascii"), "TXT")
        except dns.exception.DNSException:
            return None
        return b"".join(next(iter(found)).strings)

    try:
        judge = dkim.DKIM(without_trace)
        signatures = sum(name.lower() == b"dkim-signature" for name, _ in judge.headers)
        sound = all(judge.verify(idx, dnsfunc=txt) for idx in range(signatures))
        return "pass" if sound else "fail"
    except dkim.DKIMException:
        return "fail"
