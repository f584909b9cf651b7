"""The machine's part of a bounce: delivery status notifications (RFC 3464, RFC 6533) and feedback (RFC 5965).

Owns finding the per-recipient fields, in their own part or, where a gateway flattened the mail, in its text.
Refuses to interpret them. Never fails; linear.
"""

import re
from collections.abc import Iterator
from itertools import islice

from smtp.bounce import mime
from smtp.bounce.evidence import Evidence, enhanced_in
from smtp.bounce.mime import Headers, Mail

_STATUS_PARTS = frozenset({"message/delivery-status", "message/global-delivery-status"})
_FLATTENED = re.compile(r"^[ \t]{0,8}(?:final|original)-recipient[ \t]*:", re.IGNORECASE | re.MULTILINE)
_QUOTE = re.compile(r"^>[ \t]?", re.MULTILINE)
_FIELD_LINE = re.compile(r"^[ \t]{0,8}[A-Za-z][A-Za-z0-9-]{1,60}[ \t]*:", re.MULTILINE)
_BLANK = re.compile(r"\n[ \t]*\n")
_LETTERS = 128 * 1024
_NAMES = ("final-recipient", "original-recipient", "x-actual-recipient")
RECIPIENTS = 50


def recipients(mail: Mail) -> list[Evidence]:
    """What the status fields say, per recipient; empty where there are none."""
    texts = [mime.decoded(part.content, part.charset) for part in mail.parts if part.kind in _STATUS_PARTS]
    if not any(_FLATTENED.search(text) for text in texts):
        flat = [_QUOTE.sub("", text) for text in _texts(mail)]
        texts += [text[found.start() :] for text in flat if (found := _FLATTENED.search(text))]
    return list(islice((evidence for text in texts for evidence in _groups(text)), RECIPIENTS))


def _texts(mail: Mail) -> Iterator[str]:
    return (part.text for part in mail.parts if part.kind in ("text/plain", "text/html"))


def _groups(text: str) -> Iterator[Evidence]:
    for block in _BLANK.split(text[:_LETTERS].replace("\r", "")):
        if not _FIELD_LINE.match(block.lstrip("\n")):
            continue
        fields = mime.fields(
            re.sub(r"^[ \t]{1,8}(?=[A-Za-z-]{3,30}-[A-Za-z]{2,20}:)", "", block.lstrip("\n")).encode()
        )
        for group in _split(fields):
            evidence = _evidence(group)
            if evidence is not None:
                yield evidence


def _split(fields: Headers) -> Iterator[Headers]:
    """One group per recipient, where the empty line between two is missing."""
    group: list[tuple[str, str]] = []
    for name, value in fields:
        if name in ("final-recipient", "action") and any(known == name for known, _ in group):
            yield tuple(group)
            group = []
        group.append((name, value))
    yield tuple(group)


def _evidence(group: Headers) -> Evidence | None:
    names = [mailbox(value) for name in _NAMES if (value := mime.first(group, name))]
    if not names:
        return None
    recipient = next(
        (name for name in names if "@" in name and not name.startswith(("|", '"', "/"))), names[0]
    )
    status = mime.first(group, "status")
    category = mime.first(group, "x-powermta-bouncecategory").replace("-", " ")
    diagnostics = [value for name, value in group if name == "diagnostic-code"]
    return Evidence(
        recipient=recipient,
        action=mime.first(group, "action").split("(")[0].split(";")[0].strip().lower(),
        status=enhanced_in(status),
        category=category,
        diagnostic=_diagnostic(diagnostics) or status.partition("(")[2].rstrip(")"),
    )


def _diagnostic(values: list[str]) -> str:
    """The receiver's reply without its type (`smtp;`); of several, those that say something."""
    return "\n".join(value for value in values if value.strip(" ;"))


def mailbox(value: str) -> str:
    """The address of `rfc822; <a@b>`, `a@b` or `@relay:a@b`."""
    kind, semicolon, rest = value.partition(";")
    text = (rest if semicolon and len(kind) < 20 else value).strip()
    if (angle := re.search(r"<([^<>\s]{1,320})>", text)) is not None:
        text = angle[1]
    if text.startswith("@") and ":" in text:
        text = text.partition(":")[2]
    return text


def complaints(mail: Mail) -> list[str] | None:
    """Of a feedback report (RFC 5965) the recipients it names, maybe none; None where it is no such
    report."""
    for part in mail.parts:
        if part.kind == "message/feedback-report":
            fields = mime.fields(part.content)
            named = [mailbox(v) for k, v in fields if k in ("original-rcpt-to", "removal-recipient")]
            return named[:RECIPIENTS]
    if "feedback-report" in mail.first("content-type").lower():
        return []
    if mail.first("x-apple-unsubscribe"):
        return []
    returned = [part for part in mail.parts if part.kind.startswith(("message/rfc822", "text/rfc822"))]
    reported = [mime.first(mime.fields(part.content), "x-hmxmroriginalrecipient") for part in returned]
    return [name for name in reported if name] or None
