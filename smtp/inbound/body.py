"""The bytes of a mail as they come in: lines before DATA, one body after it.

Owns finding the end of a body: exactly CRLF . CRLF, so that no other sequence of line ends smuggles a second
mail in (RFC 5321 4.1.1.4). A body is read in whatever pieces arrive, never line by line: a line may be as
long as it likes, and 10 MB cost the loop no more than their copying. Only the beginning is kept; the rest is
hashed and dropped. Refuses to know what is in it. Fails with `IncompleteReadError` where the peer goes away,
with `BodyTooLong` where it does not stop.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

_END = b"\r\n.\r\n"
_EMPTY = b".\r\n"
READ_AHEAD_OCTETS = 64 * 1024
Parsed = TypeVar("Parsed")


class BodyTooLong(Exception):
    """So far beyond the limit that waiting for its end is waste."""


@dataclass(frozen=True, slots=True)
class Body:
    """One mail's content. `beginning` has its dots unstuffed; `digest` is SHA-256 of what came."""

    beginning: bytes
    size_octets: int
    digest: bytes

    @property
    def is_whole(self) -> bool:
        """Nothing was dropped."""
        return len(self.beginning) >= self.size_octets


class _Collector:
    def __init__(self, keep_octets: int) -> None:
        self._keep = keep_octets
        self._kept = bytearray()
        self._hash = hashlib.sha256()
        self.size = 0

    def add(self, piece: bytes) -> None:
        self._hash.update(piece)
        self.size += len(piece)
        room = self._keep - len(self._kept)
        if room > 0:
            self._kept += piece[:room]

    def body(self) -> Body:
        stuffed = b"\r\n" + bytes(self._kept)
        beginning = stuffed.replace(b"\r\n.", b"\r\n")[2:]
        removed = len(stuffed) - 2 - len(beginning)
        return Body(beginning, self.size - removed, self._hash.digest())


class MailReader(asyncio.StreamReader):
    """A StreamReader that also reads bodies. Works on the inherited buffer, as aiosmtpd itself does."""

    _buffer: bytearray
    _eof: bool
    _wait_for_data: Callable[[str], Awaitable[None]]
    _maybe_resume_transport: Callable[[], None]

    async def command_line(self) -> bytes | None:
        """One line without its end, or None if it was longer than the read-ahead (it is dropped whole)."""
        overlong = False
        while True:
            try:
                line = await self.readuntil(b"\n")
            except asyncio.LimitOverrunError as error:
                overlong = True
                await self.readexactly(error.consumed)
                continue
            return None if overlong else line.rstrip(b"\r\n")

    async def parsed(self, parse: Callable[[bytes], Parsed | None]) -> Parsed:
        """What `parse` makes of the first bytes, asked again whenever more have come. They stay unread."""
        while True:
            if self._buffer and (found := parse(bytes(self._buffer))) is not None:
                return found
            await self._more()

    def drop(self, octets: int) -> None:
        """Takes so many bytes that have been read otherwise."""
        del self._buffer[:octets]

    async def speaks(self, within_s: float) -> bool:
        """Whether the peer sends anything, or hangs up, within that time. Costs a timer, no thread."""
        if not self._buffer:
            try:
                async with asyncio.timeout(within_s):
                    await self._more()
            except TimeoutError:
                return False
        return True

    async def body(self, *, keep_octets: int, flood_octets: int) -> Body:
        """Everything up to the final dot; of it, the first `keep_octets` are kept.

        Raises `BodyTooLong` after `flood_octets`, `IncompleteReadError` if the peer closes before the end.
        """
        collector = _Collector(keep_octets)
        while len(self._buffer) < len(_EMPTY):
            await self._more()
        if self._buffer.startswith(_EMPTY):
            return self._finish(collector, 0, len(_EMPTY))
        while True:
            end = self._buffer.find(_END)
            if end >= 0:
                return self._finish(collector, end + 2, end + len(_END))
            # the last four octets may be the beginning of the end
            whole = len(self._buffer) - len(_END) + 1
            if whole > 0:
                collector.add(bytes(self._buffer[:whole]))
                del self._buffer[:whole]
            if collector.size > flood_octets:
                raise BodyTooLong
            await self._more()

    def _finish(self, collector: _Collector, content: int, consumed: int) -> Body:
        collector.add(bytes(self._buffer[:content]))
        del self._buffer[:consumed]
        self._maybe_resume_transport()
        return collector.body()

    async def _more(self) -> None:
        if self._eof:
            raise asyncio.IncompleteReadError(bytes(self._buffer[-1:]), None)
        await self._wait_for_data("body")
