"""Which mail must not be answered (RFC 3834), and which cannot be taken at all.

Owns reading just enough of a header to tell a person's mail from a machine's. The decision: automatic mail is
refused inside the dialogue with 550 5.7.1, never taken and dropped and never bounced later. So a person who
was mistaken for a machine learns of it from his own server, a mailing list unsubscribes us, and a bounce of a
bounce dies where it arose. Content is ignored (R04): whatever charset, HTML, signature or advert comes, it is
not looked at. Linear in the header, bounded in bytes and fields, never fails on any bytes.
"""

import re
from collections.abc import Collection, Iterator

from appliance.address import Address
from smtp.inbound import replies
from smtp.inbound.replies import Reply

HEADER_OCTETS = 64 * 1024
HEADER_FIELDS = 500
RECEIVED_FIELDS = 50  # RFC 5321 6.3 wants a hundred at most; an empty mail is never that far from home

_LINE_END = re.compile(rb"\r\n|\n|\r")
_FIELD_NAME = re.compile(rb"([\x21-\x39\x3b-\x7e]{1,76})[ \t]*:")
_WORD = re.compile(rb"[a-z0-9-]+")
_MACHINES = frozenset({"mailer-daemon", "postmaster", "listserv", "majordomo", "mdaemon"})
_BULK = frozenset({b"bulk", b"list", b"junk"})


class HeaderTooLarge(Exception):
    """More octets or fields than any person's mail has."""


def refusal(sender: Address | None, beginning: bytes, our_domains: Collection[str]) -> Reply | None:
    """Why a mail to a registration address is not taken, or None.

    `beginning` is the content's first octets, longer than `HEADER_OCTETS` if there are as many.
    """
    if sender is None or sender.domain in our_domains or _is_machine(sender):
        return replies.NOT_ANSWERED
    received = 0
    try:
        for name, value in header_fields(beginning):
            received += name == b"received"
            if _says_automatic(name, value):
                return replies.NOT_ANSWERED
    except HeaderTooLarge:
        return replies.HEADER_TOO_LARGE
    return replies.LOOP if received > RECEIVED_FIELDS else None


def header_fields(beginning: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Field names in lower case with their unfolded values. Raises `HeaderTooLarge`.

    The header ends at the first empty line, or at a line that cannot be one of its own.
    """
    name, value = b"", [b""]
    at = count = 0
    while at < len(beginning):
        if at > HEADER_OCTETS or count > HEADER_FIELDS:
            raise HeaderTooLarge
        end = _LINE_END.search(beginning, at)
        line = beginning[at : end.start() if end else len(beginning)]
        at = end.end() if end else len(beginning)
        if line[:1] in (b" ", b"\t"):
            value.append(line)
            continue
        if name:
            yield name, b"".join(value).strip()
        match = _FIELD_NAME.match(line)
        if match is None:
            return
        count += 1
        name, value = match[1].lower(), [line[match.end() :]]
    if at > HEADER_OCTETS:  # cut off before its end
        raise HeaderTooLarge
    if name:
        yield name, b"".join(value).strip()


def is_traced(beginning: bytes) -> bool:
    """The mail carries a field that tells it from its sender's next mail with the same content."""
    try:
        return any(name in (b"message-id", b"date", b"received") for name, _ in header_fields(beginning))
    except HeaderTooLarge:
        return True


def _is_machine(sender: Address) -> bool:
    local_part = sender.local.lower()
    return (
        local_part in _MACHINES
        or local_part.startswith("owner-")
        or local_part.endswith(("-request", "-owner", "-bounces"))
    )


def _says_automatic(name: bytes, value: bytes) -> bool:
    word = _WORD.match(value.lower())
    keyword = word[0] if word else b""
    if name == b"auto-submitted":
        return keyword != b"no"
    if name == b"precedence":
        return keyword in _BULK
    return name.startswith(b"list-")
