"""The part of a bounce that people read: which recipients it names, and what it says about each.

Owns where the text ends and the returned message begins, and the cutting of the text into one block per
recipient. Knows no mail system by name: an address at the start of a line, or after words like "delivered
to", begins a block. Refuses codes and causes. Never fails; linear but for the number of recipients, which
is bounded.
"""

import re
from collections.abc import Iterator

from smtp.bounce import mime
from smtp.bounce.evidence import Evidence
from smtp.bounce.mime import Mail, Part

_LETTERS = 64 * 1024
RECIPIENTS = 50
_BLOCK_LINES = 60
_BLOCK_LETTERS = 6000

_MAILBOX = r"([^\s<>\"'(),;:\[\]|{}]{1,64}@[A-Za-z0-9][A-Za-z0-9.-]{0,252})"
_ANY = re.compile(_MAILBOX)
_AT_START = re.compile(rf"[ \t>*・●○■-]{{0,20}}<?(?:mailto:|rfc822;)?{_MAILBOX}(?=[>:\s(\[.,;<.]|$)")
_LABELLED = re.compile(
    r"(?:\bto|recipients?|addressee|address(?:es)?|user|mailbox|rcpt to|for|宛先|宛|メールアドレス|送信先"
    r"|full|size|unknown)"
    rf"[ \t:：=<\"'「\[(-]{{1,12}}{_MAILBOX}",
    re.IGNORECASE,
)
_RETURNED = re.compile(
    r"^[ \t]{0,4}[-=_*>~#+ ]{0,80}(?:below this line is a copy|this is a copy of|(?:the "
    r"|your )?original message(?: (?:follows|headers?|is)| *[-:=]| *$)"
    r"|the headers? of the original|message headers? follow|message header|(?:unsent|returned|undelivered"
    r"|bounced|undeliverable) message"
    r"|enclosed is a copy|message text follows|(?:a )?copy of (?:the|your) (?:original )?message"
    r"|received headers?|headers? of (?:the|your) |your message (?:reads|follows|was:)"
    r"|start of returned|the following is a copy|en-t[êe]tes de message|original-?nachricht"
    r"|[-=]{2,} ?(?:元|オリジナル|原|original message)|nachrichtenkopf)"
    r"|^(?:received|return-path|dkim-signature|x-originating-ip): ",
    re.IGNORECASE | re.MULTILINE,
)
_DELAYED = re.compile(
    r"warning message only|do not need to re-?send|will be retried|will (?:continue|keep) (?:trying"
    r"|to try)|has been delayed|is delayed|still trying"
    r"|temporary failure report|this is a warning|delivery to the following recipients? has been delayed"
    r"|不要です.{0,20}再送|再送を試み|配送が遅れ",
    re.IGNORECASE,
)
_GIVEN_UP = re.compile(
    r"giv(?:en|ing) up|failed permanently|permanent (?:error|failure)|will be deleted from queue",
    re.IGNORECASE,
)


def is_returned(part: Part) -> bool:
    """The part is the mail that came back, whole or its header."""
    if (
        part.kind.startswith(("message/rfc822", "text/rfc822", "message/global"))
        and "status" not in part.kind
    ):
        return True
    if mime.first(part.headers, "content-disposition").lower().startswith("attachment"):
        return True
    return any(name in ("received", "return-path", "message-id") for name, _ in part.headers)


def text_of(mail: Mail) -> str:
    """What the reporting system wrote, without the mail it returns."""
    single = len(mail.parts) == 1
    own = [part for part in mail.parts if single or not is_returned(part)]
    plain = [part.text for part in own if part.kind == "text/plain"]
    plain = plain or [part.text for part in own if part.kind == "text/html"]
    pieces = []
    for text in plain:
        cut = returned_at(text)
        pieces.append(text if cut is None else text[:cut])
    return "\n\n".join(pieces)[:_LETTERS]


def returned_at(text: str) -> int | None:
    """Where in a text the returned message begins."""
    match = _RETURNED.search(text)
    return None if match is None else match.start()


def recipients(mail: Mail, text: str) -> list[Evidence]:
    """One piece of evidence per recipient; one without a name where the mail names nobody."""
    names = _named(mail, text) or [""]
    return with_prose([Evidence(recipient=name) for name in names], text, mail.first("subject"))


def with_prose(found: list[Evidence], text: str, subject: str = "") -> list[Evidence]:
    """Gives each recipient its own lines of the text."""
    blocks = _blocks([evidence.recipient for evidence in found], text)
    delayed = _DELAYED.search(text) is not None and _GIVEN_UP.search(text) is None
    everything = f"{text[:_BLOCK_LETTERS]}\n{subject}"
    for evidence, block in zip(found, blocks, strict=True):
        evidence.prose = block
        evidence.everything = everything
        if delayed and not evidence.action:
            evidence.action = "delayed"
    return found


def _named(mail: Mail, text: str) -> list[str]:
    """The recipients, by the surest sign that the mail has."""
    header = [name for value in mail.each("x-failed-recipients") for name in _ANY.findall(value)]
    if header:
        return _once(header)
    senders = {name.lower() for field in ("to", "from") for name in _ANY.findall(mail.first(field))}
    lines = text.split("\n")
    for signs in (_at_start, _labelled, _anywhere):
        names = _once([name for line in lines for name in signs(line)])
        others = [name for name in names if name.lower() not in senders]
        if others:
            return others
        if names and signs is _at_start:
            return names
    return _once(_of_returned(mail))


def _at_start(line: str) -> list[str]:
    match = _AT_START.match(line)
    return [match[1]] if match else []


def _labelled(line: str) -> list[str]:
    return _LABELLED.findall(line)


def _anywhere(line: str) -> list[str]:
    return _ANY.findall(line)


def _of_returned(mail: Mail) -> Iterator[str]:
    for part in mail.parts:
        if is_returned(part):
            fields = part.headers if part.kind == "text/plain" else mime.fields(part.content)
            for name in ("x-envelope-to", "to"):
                yield from _ANY.findall(mime.first(fields, name))


def _once(names: Iterator[str] | list[str]) -> list[str]:
    cleaned = (name.rstrip(".-") for name in names)
    return list({name.lower(): name for name in cleaned}.values())[:RECIPIENTS]


def _blocks(names: list[str], text: str) -> list[str]:
    places = {name.lower(): place for place, name in reversed(list(enumerate(names))) if name}
    if len(places) <= 1:
        return [text[:_BLOCK_LETTERS]] * len(names)
    lines: list[list[str]] = [[] for _ in names]
    current = -1
    for line in text.split("\n"):
        mentioned = next(
            (places[name.lower()] for name in _ANY.findall(line) if name.lower() in places), None
        )
        current = current if mentioned is None else mentioned
        if current >= 0 and len(lines[current]) < _BLOCK_LINES:
            lines[current].append(line)
    return ["\n".join(block)[:_BLOCK_LETTERS] for block in lines]
