"""One TCP connection to a receiver: bytes out, whole replies in, and the moment it is gone.

Owns the transport, the reply parser, the one deadline and the switch to TLS. Refuses to know what is being
said: while a session is set up `ask` returns one reply to one command; afterwards an attached `Listener`
gets every reply as it comes. Fails with `Lost`, or by calling the listener's `lost`; either happens once, and
nothing is delivered after it.
"""

import asyncio
import ssl
from typing import Protocol, cast

from smtp.reply import Reply, ReplyMalformed, ReplyParser
from smtp.transport.judge import peer_chain
from smtp.verdict import Loss

_TLS_SHUTDOWN_S = 2.0  # for the peer's close_notify, in the background


class Lost(Exception):
    """The connection is gone, or must not be used any more."""

    def __init__(self, loss: Loss) -> None:
        super().__init__(loss.value)
        self.loss = loss


class Listener(Protocol):
    """Who takes over after the session is set up."""

    def replied(self, reply: Reply) -> None:
        """A whole reply arrived."""

    def lost(self, loss: Loss) -> None:
        """The connection is gone."""


class Wire(asyncio.Protocol):
    """The client's end of one SMTP connection. Make it with `Wire.open`.

    Nothing here limits what is written: a courier has one body in flight at most, and the deadline ends a
    peer that does not read it.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._replies = ReplyParser()
        self._waiter: asyncio.Future[Reply] | None = self._loop.create_future()  # the banner comes unasked
        self._listener: Listener | None = None
        self._loss: Loss | None = None
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @classmethod
    async def open(cls, ip: str, port: int, *, source_address: str, timeout_s: float) -> "Wire":
        """Connects. Raises `Lost` (unreachable, reset or timeout)."""
        local = (source_address, 0) if source_address else None
        try:
            async with asyncio.timeout(timeout_s):
                _, wire = await asyncio.get_running_loop().create_connection(cls, ip, port, local_addr=local)
        except TimeoutError:
            raise Lost(Loss.TIMEOUT) from None
        except ConnectionResetError:
            raise Lost(Loss.RESET) from None
        except OSError:
            raise Lost(Loss.UNREACHABLE) from None
        return wire

    async def ask(self, command: bytes, timeout_s: float) -> Reply:
        """Writes a command line (none for the banner) and returns its reply. Raises `Lost`."""
        if self._waiter is None:
            self._waiter = self._loop.create_future()
        waiter = self._waiter
        self.arm(timeout_s)
        if command:
            self.write(command)
        if self._loss is not None:
            raise Lost(self._loss)
        try:
            return await waiter
        finally:
            self._waiter = None
            self.disarm()

    async def start_tls(self, context: ssl.SSLContext, hostname: str, timeout_s: float) -> None:
        """The handshake, right after the 220 to STARTTLS. Raises `Lost`.

        Bytes that came with the 220 in the clear are an injection (as CVE-2021-38371): the connection goes.
        """
        if not self._replies.is_empty:
            self.drop(Loss.PROTOCOL)
        if self._loss is not None or self._transport is None:
            raise Lost(self._loss or Loss.CLOSED)
        self._replies = ReplyParser()
        try:
            upgraded = await self._loop.start_tls(
                self._transport,
                self,
                context,
                server_hostname=hostname,
                ssl_handshake_timeout=timeout_s,
                ssl_shutdown_timeout=_TLS_SHUTDOWN_S,
            )
        except (OSError, EOFError):  # ssl.SSLError and timeouts are OSError
            upgraded = None
        if upgraded is None:
            self.drop(Loss.TLS)
            raise Lost(Loss.TLS)
        self._transport = upgraded

    def peer_chain(self) -> list[bytes]:
        """The certificates (DER) that the peer showed in its handshake; none where there was no TLS."""
        session = None if self._transport is None else self._transport.get_extra_info("ssl_object")
        return [] if session is None else peer_chain(session)

    def attach(self, listener: Listener) -> Loss | None:
        """From now on `listener` hears everything. Returns the loss if the connection is gone already."""
        self._listener = listener
        return self._loss

    def write(self, octets: bytes) -> None:
        """Hands bytes to the transport; into the void when the connection is gone."""
        if self._loss is None and self._transport is not None:
            self._transport.write(octets)

    def arm(self, timeout_s: float) -> None:
        """Sets the one deadline. Cheap: the timer of an earlier, nearer deadline is left to find out."""
        if self._loss is not None:
            return
        self._deadline = self._loop.time() + timeout_s
        timer = self._timer
        if timer is None or timer.when() > self._deadline:
            if timer is not None:
                timer.cancel()
            self._timer = self._loop.call_at(self._deadline, self._ring)

    def disarm(self) -> None:
        """No reply is due."""
        self._deadline = 0.0

    def close(self) -> None:
        """Leaves after everything written has gone out."""
        self._gone(Loss.CLOSED)
        if self._transport is not None:
            self._transport.close()

    def drop(self, loss: Loss) -> None:
        """Ends the connection at once for the reason given; the listener hears it before this returns."""
        if self._transport is not None:
            self._transport.abort()
        self._gone(loss)

    # --- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._loss is not None:
            return
        try:
            self._replies.feed(data)
            while self._loss is None and (reply := self._replies.next()) is not None:
                self._deliver(reply)
        except ReplyMalformed:
            self.drop(Loss.PROTOCOL)

    def connection_lost(self, exc: Exception | None) -> None:
        reset = isinstance(exc, (ConnectionResetError, BrokenPipeError, ConnectionAbortedError))
        self._gone(Loss.RESET if reset else Loss.CLOSED)

    # --- inside

    def _deliver(self, reply: Reply) -> None:
        if self._listener is not None:
            self._listener.replied(reply)
        elif self._waiter is None or self._waiter.done():
            raise ReplyMalformed("unsolicited reply")
        else:
            self._waiter.set_result(reply)

    def _ring(self) -> None:
        self._timer = None
        if self._loss is not None or not self._deadline:
            return
        if self._loop.time() >= self._deadline:
            self.drop(Loss.TIMEOUT)
        else:
            self._timer = self._loop.call_at(self._deadline, self._ring)

    def _gone(self, loss: Loss) -> None:
        if self._loss is not None:
            return
        self._loss = loss
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(Lost(loss))
            self._waiter.exception()  # read here, so that a cancelled set-up leaves no complaint behind
        if self._listener is not None:
            self._listener.lost(loss)
