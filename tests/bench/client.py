"""A small SMTP client for injecting: many connections, replies counted, nothing else.

For the measuring side only: it trusts its server, and any reply it did not ask for ends the run.
"""

import asyncio
from collections import deque
from typing import cast


class ReplyRefused(Exception):
    """The server under measurement said no; the message is its reply."""


class Client(asyncio.Protocol):
    """One connection. Write with `send`, then await `replies(n)` for n complete replies."""

    def __init__(self) -> None:
        self._buffer = b""
        self._codes: deque[bytes] = deque()
        self._wanted = 0
        self._waiting: asyncio.Future[list[bytes]] | None = None
        self._transport: asyncio.Transport | None = None
        self._lost = False

    @classmethod
    async def connect(cls, host: str, port: int) -> "Client":
        """Connected, greeted and past EHLO."""
        loop = asyncio.get_running_loop()
        _, client = await loop.create_connection(cls, host, port)
        await client.ask(b"", b"220")
        await client.ask(b"EHLO bench.example\r\n", b"250")
        return client

    async def ask(self, command: bytes, *expected: bytes) -> None:
        """Sends and awaits one reply for each code in `expected`. Raises `ReplyRefused`."""
        if command and self._transport is not None:
            self._transport.write(command)
        for code, reply in zip(expected, await self.replies(len(expected)), strict=True):
            if not reply.startswith(code):
                raise ReplyRefused(reply.decode("ascii", "replace"))

    async def replies(self, count: int) -> list[bytes]:
        """The next `count` replies (their last lines). Raises ConnectionError when the server is gone."""
        if len(self._codes) < count:
            if self._lost:
                raise ConnectionError("the server closed the connection")
            self._wanted = count
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting
        return [self._codes.popleft() for _ in range(count)]

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one only by behaviour

    def data_received(self, data: bytes) -> None:
        *lines, self._buffer = (self._buffer + data).split(b"\r\n")
        self._codes.extend(line for line in lines if line[3:4] != b"-")
        if self._waiting is not None and len(self._codes) >= self._wanted:
            waiting, self._waiting = self._waiting, None
            if not waiting.done():
                waiting.set_result([])

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(ConnectionError("the server closed the connection"))
