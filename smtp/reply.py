"""SMTP replies: bytes from a receiver into `Reply`, strictly and in linear time (RFC 5321 4.2).

Owns the reply grammar, the limits on its size and the enhanced status code (RFC 2034, RFC 3463). Refuses to
know what a reply means: `smtp.verdict` decides. Fails with `ReplyMalformed`; after that the bytes that follow
cannot be trusted and the connection has to go.

Deviations: octets above 126 are taken in the text, because Japanese receivers send them (nobody reads it), a
code may stand alone on its line without the space, and lines may be longer than the 512 octets of 4.5.3.1.5.
"""

import re
from dataclasses import dataclass

LINE_OCTETS = 2048  # without CR LF
REPLY_LINES = 128

_LINE = re.compile(rb"([2-5][0-5][0-9])(?:([ -])([^\r\n\x00]*))?\Z")
_ENHANCED = re.compile(rb"([245]\.(?:0|[1-9][0-9]{0,2})\.(?:0|[1-9][0-9]{0,2}))(?:[ \t]|\Z)")
_REMEMBERED = 64


class ReplyMalformed(Exception):
    """The peer sent something that is no SMTP reply. The message is fixed and never quotes the bytes."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One whole reply. `enhanced` is "" where none was sent or its class contradicts the code."""

    code: int
    enhanced: str = ""
    lines: tuple[bytes, ...] = (b"",)

    @property
    def is_positive(self) -> bool:
        """2xx: the command was done."""
        return 200 <= self.code < 300

    @property
    def is_permanent(self) -> bool:
        """5xx: asking again brings the same answer."""
        return self.code >= 500


class ReplyParser:
    """Cuts a stream of bytes into replies: `feed`, then `next` until it returns None."""

    def __init__(self) -> None:
        self._pending = b""
        self._at = 0  # where the unread part begins
        self._scanned = 0  # no line end begins before it
        self._code = b""
        self._lines: list[bytes] = []
        self._remembered: dict[bytes, Reply] = {}

    @property
    def is_empty(self) -> bool:
        """No byte waits: after STARTTLS's 220 anything else was slipped in by somebody in the middle."""
        return self._at == len(self._pending) and not self._lines

    def feed(self, received: bytes) -> None:
        """Appends what arrived. What is still unread stays short, so that copying it does not add up."""
        self._pending = self._pending[self._at :] + received
        self._scanned -= self._at
        self._at = 0

    def next(self) -> Reply | None:
        """The next whole reply, or None while it is incomplete.

        Raises `ReplyMalformed` on anything outside the grammar or past the limits.
        """
        while True:
            end = self._pending.find(b"\r\n", self._scanned)
            if (end if end >= 0 else len(self._pending)) - self._at > LINE_OCTETS:
                raise ReplyMalformed("line too long")
            if end < 0:
                self._scanned = max(self._at, len(self._pending) - 1)  # the last may be a CR
                return None
            line = self._pending[self._at : end]
            self._at = self._scanned = end + 2
            reply = None if self._lines else self._remembered.get(line)
            if reply is None:
                reply = self._take(line)
            if reply is not None:
                return reply

    def _take(self, line: bytes) -> Reply | None:
        match = _LINE.match(line)
        if match is None:
            raise ReplyMalformed("not a reply line")
        code, separator, text = match.groups(b"")
        if self._lines and code != self._code:
            raise ReplyMalformed("code changes between the lines of one reply")
        if len(self._lines) >= REPLY_LINES:
            raise ReplyMalformed("too many lines")
        self._code = code
        self._lines.append(text)
        if separator == b"-":
            return None
        lines, self._lines = tuple(self._lines), []
        reply = Reply(int(code), _enhanced(code, lines), lines)
        if len(lines) == 1 and len(self._remembered) < _REMEMBERED:
            self._remembered[line] = reply
        return reply


def _enhanced(code: bytes, lines: tuple[bytes, ...]) -> str:
    """The status code of the first line that has one; its class must be the reply's (RFC 2034 4)."""
    for text in lines:
        match = _ENHANCED.match(text)
        if match is not None:
            return match[1].decode("ascii") if match[1][0] == code[0] else ""
    return ""
