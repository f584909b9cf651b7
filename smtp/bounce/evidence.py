"""What a bounce says about one recipient, before anybody judges it.

Owns the reading of codes out of prose: reply codes, enhanced status codes, the command that was answered and
whether the receiver itself is quoted. Refuses to know causes. Never fails; linear.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum

ENHANCED = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.]*\d)")
_AFTER_WORDS = re.compile(
    r"(?:said:?|:|returned:?|reason:|response was:?|<<<|error code ?:|code:|error:|smtp;|lmtp;|>:|\.\.\."
    r"|#|\]:|\):|status[: ]"
    r"|was:|failure:|diagnostic|mail from|^|[\"'(\[])\s{0,8}['\"#<]?([245]\d\d)(?=[\s\-#:,'\"]|\.(?!\d)|$)",
    re.IGNORECASE | re.MULTILINE,
)
_ALONE = re.compile(r"(?<![\w.:-])([45][0-5]\d)(?= [45]\.\d{1,3}\.\d|[ -][<A-Za-z])")


class Command(StrEnum):
    """What the receiver was answering."""

    CONNECT = "connect"
    HELLO = "hello"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    UNKNOWN = ""


_WORDS = {
    "connect": Command.CONNECT,
    "helo": Command.HELLO,
    "ehlo": Command.HELLO,
    "lhlo": Command.HELLO,
    "mail": Command.MAIL,
    "rcpt": Command.RCPT,
    "data": Command.DATA,
    "text": Command.DATA,
    "end": Command.DATA,
    "bdat": Command.DATA,
    "dot": Command.DATA,
}
_COMMAND = re.compile(
    r"(?:in reply to(?: the)?|smtp error from remote (?:mail )?server (?:after|for)(?: pipelined)?"
    r"|after (?:sending )?|following|our|"
    r"command was:?|for|\[|smtp command[\s-]{0,8}|response to(?: the)?|sent:?)\s{0,4}(?:end of )?"
    r"(rcpt|mail from|mail_from|data|helo|ehlo|lhlo|text command|bdat|dot\b|initial connection)",
    re.IGNORECASE,
)
_ASKED = re.compile(r"^\s{0,8}>>>\s{0,4}([A-Za-z]{4})", re.MULTILINE)
_QUOTED = re.compile(r"^\s{0,8}<<<\s{0,4}(.{0,1000})", re.MULTILINE)
_SAID = re.compile(
    r"(?:host [^\s\[]{1,255} ?\[[0-9a-f.:]{3,45}\]|said|returned|responded[^:\n]{0,60}|replied"
    r"|response was|server message|gave this error|error that the other server returned was|reason"
    r"|technical report"
    r"|error message below|error returned)[ :]{0,4}\s{0,8}['\"\[(<]{0,2}(?=[245]\d\d(?:[ :,-]|$))",
    re.IGNORECASE | re.MULTILINE,
)
_END_OF_SAID = re.compile(
    r"\n[ \t]*\n|\n(?=<)|giving up on|\(in reply to|i'm not going to try|-{5,}|original message headers",
    re.IGNORECASE,
)
_SAID_LETTERS = 800
_CONSEQUENCE = re.compile(r"503|554.{0,20} no valid recipients|.{0,30}too many errors", re.IGNORECASE)
_QMAIL = (
    ("does not like recipient", Command.RCPT),
    ("does not like sender", Command.MAIL),
    ("my name was rejected", Command.HELLO),
    ("after i sent the message", Command.DATA),
    ("failed on data command", Command.DATA),
)


@dataclass(slots=True)
class Evidence:
    """`status` and `diagnostic` are the machine's fields (RFC 3464), `prose` is what people would read."""

    recipient: str = ""
    action: str = ""
    status: str = ""
    diagnostic: str = ""
    category: str = ""  # the reporting system's own judgement (PowerMTA)
    prose: str = ""
    everything: str = field(default="", repr=False)  # the whole text and the subject

    @property
    def is_delay(self) -> bool:
        return self.action == "delayed"


def enhanced_in(text: str) -> str:
    """The first enhanced status code (RFC 3463) that a text quotes, or ""."""
    match = ENHANCED.search(text)
    return match[1] if match else ""


def code_in(text: str) -> int:
    """The reply code (RFC 5321 4.2) of the receiver that a text quotes, or 0."""
    for candidate in (quotation(text), text):
        match = _AFTER_WORDS.search(candidate) or _ALONE.search(candidate)
        if match is not None:
            return int(match[1])
    return 0


def quotation(text: str) -> str:
    """What the receiver itself said, of a transcript (`<<< 550 …`) or of a sentence (`said: 550 …`)."""
    lines = [match[1] for match in _QUOTED.finditer(text)]
    refusals = [line for line in lines if line[:1] in ("4", "5") and _CONSEQUENCE.match(line) is None]
    if refusals:
        code = next((line[:3] for line in refusals if line[:1] == "5"), refusals[0][:3])
        return "\n".join(line for line in refusals if line[:3] == code)
    match = _SAID.search(text)
    if match is None:
        return ""
    said = text[match.end() : match.end() + _SAID_LETTERS]
    return _END_OF_SAID.split(said, maxsplit=1)[0]


def command_in(text: str) -> Command:
    """Which command was refused, as far as a text tells."""
    match = _COMMAND.search(re.sub(r"\s+", " ", text))
    if match is not None:
        word = match[1].lower().split("_")[0].split()[0]
        return _WORDS.get("connect" if word == "initial" else word, Command.UNKNOWN)
    low = text.lower()
    for phrase, command in _QMAIL:
        if phrase in low:
            return command
    return _asked(text)


def _asked(text: str) -> Command:
    """Of a transcript: the command that stands before the first refusal."""
    refusal = re.search(r"^\s{0,8}<<<\s{0,4}[45]\d\d", text, re.MULTILINE)
    asked = [match for match in _ASKED.finditer(text) if refusal is None or match.start() < refusal.start()]
    return _WORDS.get(asked[-1][1].lower(), Command.UNKNOWN) if asked else Command.UNKNOWN
