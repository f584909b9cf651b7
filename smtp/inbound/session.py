"""One inbound session: aiosmtpd's engine, our protocol behaviour.

Owns the command loop, the flow of bytes and the end of a session. From aiosmtpd come the connection, the
reader and the STARTTLS upgrade (which drops whatever was sent ahead in clear text); commands, replies,
addresses, limits and DATA are ours, because its own answer permanently to faults, decode RFC 2047 words in
addresses and cancel a commit on half-close. Its constructor is not called: it looks through all attributes
of two objects for AUTH mechanisms that we do not have, 250 µs of every session.

Replies are gathered and written when the loop next turns, so pipelined commands (RFC 2920) are answered in
one packet. Refuses to know what mails mean. A fault nobody foresaw is logged by type and place and answered
451 4.3.0; the peer never hears more.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import ClassVar, cast

from aiosmtpd.smtp import SMTP, TLSSetupException

from appliance import log
from smtp.inbound import command, proxy, replies
from smtp.inbound.authenticity import KEPT_OCTETS, Origin
from smtp.inbound.body import READ_AHEAD_OCTETS, BodyTooLong, MailReader
from smtp.inbound.certificate import Certificate
from smtp.inbound.gate import BALANCER, Allowance, Gate, network_of
from smtp.inbound.intake import InboundMail, Intake
from smtp.inbound.recipients import Recipients
from smtp.inbound.replies import Reply
from smtp.inbound.transaction import Transaction

_FLOOD_FACTOR = 8  # a peer that goes on so far beyond the size limit is cut off instead of waited for
_LINGER_S = 2.0


@dataclass(frozen=True, slots=True)
class Door:
    """What all sessions of a worker share."""

    hostname: str
    gate: Gate
    recipients: Recipients
    intake: Intake
    tls: Certificate | None
    balancers: tuple[proxy.Network, ...]
    sessions: "set[Session]"


class Session(SMTP):
    """The protocol object of one connection."""

    def __init__(self, door: Door, loop: asyncio.AbstractEventLoop) -> None:
        self._input = MailReader(limit=READ_AHEAD_OCTETS, loop=loop)
        asyncio.StreamReaderProtocol.__init__(
            self, self._input, client_connected_cb=self._cb_client_connected, loop=loop
        )
        # what the inherited methods read
        self.loop = loop
        self.tls_context = None  # whichever is in use at STARTTLS
        self.session = self.envelope = self.transport = None
        self._handle_hooks = {}
        self._timeout_handle = self._handler_coroutine = None
        self._tls_protocol = self._original_transport = None
        # ours
        self._door = door
        self._limits = door.gate.limits
        self._host = ""
        self._network: str | None = None
        self._transaction = Transaction(door.recipients, self._limits)
        self._greeted = False
        self._called = ""
        self._ended = False
        self._draining = False
        self._out: list[bytes] = []
        self.finished: asyncio.Future[None] = loop.create_future()

    # --- connection, as asyncio tells it

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._original_transport is not None:  # TLS is up: all is forgotten (RFC 3207 4.2)
            self._greeted = False
            self._transaction.reset()
            super().connection_made(transport)
            return
        plain = cast(asyncio.Transport, transport)  # uvloop's have no such base class
        peer = plain.get_extra_info("peername")
        self._host = str(peer[0]) if isinstance(peer, tuple) else "local"
        speaks_for_others = proxy.is_balancer(self._host, self._door.balancers)
        network = BALANCER if speaks_for_others else network_of(self._host)
        refusal = self._door.gate.enter(network, self.loop.time())
        if refusal is not None:
            log.inbound_refused("sessions")
            self._ended = True
            plain.write(refusal.wire)
            plain.close()
            return
        self._network = network
        self._door.sessions.add(self)
        self._allowance = Allowance(self._limits, self.loop.time())
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        self._allowance.moved(self.loop.time())
        super().data_received(data)

    def eof_received(self) -> bool | None:
        """A half-close is no reason to drop what was sent before it: the loop answers it, then ends."""
        if self._network is None:
            return False
        if self._ended and self.transport is not None:
            self.transport.close()
            return False
        return asyncio.StreamReaderProtocol.eof_received(self) and self._tls_protocol is None

    def connection_lost(self, error: Exception | None) -> None:
        if self._network is None:
            return
        self._ended = True
        self._door.sessions.discard(self)
        self._door.gate.leave(self._network)
        self._network = None
        self.finished.set_result(None)
        handler = cast("asyncio.Task[None]", self._handler_coroutine)
        super().connection_lost(error)
        handler.add_done_callback(self._let_go)

    def _let_go(self, handler: "asyncio.Task[None]") -> None:
        """Cuts what refers back to this session, so that its memory, a quarter of a megabyte under TLS, is
        free at once and not when the collector comes round, which in this process it seldom does.
        """
        if not handler.cancelled() and (error := handler.exception()) is not None:
            log.unexpected(error)
        self._handler_coroutine = self._timeout_handle = self._client_connected_cb = None
        self._tls_protocol = self._original_transport = None
        del self._writer

    def _reset_timeout(self, duration: float | None = None) -> None:
        """Arms the one timer of the session, at the moment at which it may be overdue."""
        if self._timeout_handle is not None:
            self._timeout_handle.cancel()
        wait_s = max(self._allowance.due() - self.loop.time(), 0.05) if duration is None else duration
        self._timeout_handle = self.loop.call_later(wait_s, self._timeout_cb)

    def _timeout_cb(self) -> None:
        if self._ended:
            self.abandon()  # it was told goodbye and does not hang up
            return
        reason = self._allowance.overdue(self.loop.time())
        if reason is not None:
            self.end(reason)
        else:
            self._reset_timeout(1.0 if self._allowance.committing else None)

    # --- writing and ending

    def _say(self, wire: bytes) -> None:
        if not self._out:
            self.loop.call_soon(self._flush)
        self._out.append(wire)

    def _flush(self) -> None:
        if self._out and self.transport is not None and not self.transport.is_closing():
            self._writer.write(b"".join(self._out))
        self._out.clear()

    async def push(self, status: str | bytes) -> None:
        """What aiosmtpd itself would say; the only thing it says here is that TLS may start."""
        is_tls = str(status).startswith("220")
        self._say((replies.TLS_READY if is_tls else replies.NOT_NOW).wire)
        self._flush()
        await self._writer.drain()

    def end(self, reason: Reply | None) -> None:
        """Ends the session now; a reason is said first, and heard even by a peer that is still sending."""
        if self._ended or self.transport is None:
            return
        if reason is not None:
            self._say(reason.wire)
            if reason.code == 421 and reason is not replies.SHUTTING_DOWN:
                log.inbound_ended(reason.enhanced, reason.text)
        self._flush()
        self._ended = True
        if self._handler_coroutine is not None:
            self._handler_coroutine.cancel()
        lingers = reason is not None and self._tls_protocol is None and self._half_closed()
        if not lingers:
            self.transport.close()
        self._reset_timeout(_LINGER_S)

    def _half_closed(self) -> bool:
        """Ends only our half, and drops what still comes in.

        Closing with unread bytes would reset the connection and take our last reply with it.
        """
        transport = cast(asyncio.Transport, self.transport)
        try:
            transport.write_eof()
        except OSError:  # the peer is gone already
            return False
        if not transport.is_reading():
            transport.resume_reading()
        return True

    def abandon(self) -> None:
        """Closes at once, whatever is under way; in a TLS handshake asyncio would not even tell us."""
        lowest = self._original_transport or self.transport
        if lowest is not None:
            cast(asyncio.Transport, lowest).abort()
        self.connection_lost(None)

    def drain(self) -> None:
        """The worker is stopping: an idle session ends, one with a mail under way ends after it."""
        self._draining = True
        if not (self._transaction.begun or self._allowance.committing):
            self.end(replies.SHUTTING_DOWN)

    # --- the command loop

    async def _handle_client(self) -> None:
        try:
            if refusal := await self._unwelcome():
                self.end(refusal)
                return
            self._say(replies.banner(self._door.hostname))
            while not self._ended:
                try:
                    line = await self._input.command_line()
                except asyncio.IncompleteReadError:
                    break
                await self._obey(line)
                await self._writer.drain()
        except ConnectionError:
            pass
        except TLSSetupException:
            self.abandon()
        finally:
            self._flush()
            if not self._ended:
                self.end(None)

    async def _unwelcome(self) -> Reply | None:
        """What comes before the greeting: the balancer's header, and the pause in which a peer is silent."""
        if self._network == BALANCER and (refusal := await self._name_peer()):
            log.inbound_refused("proxy")
            return refusal
        pause_s = self._door.gate.pause_s(self._network or "")
        if pause_s and await self._input.speaks(pause_s):
            log.inbound_refused("early")
            return replies.TOO_EARLY
        return None

    async def _name_peer(self) -> Reply | None:
        try:
            async with asyncio.timeout(proxy.HEADER_S):
                header = await self._input.parsed(proxy.read)
        except (TimeoutError, asyncio.IncompleteReadError, proxy.HeaderInvalid):
            return replies.NO_PROXY_HEADER
        self._input.drop(header.octets)
        if header.source is None:
            return None
        self._host = header.source
        network = network_of(header.source)
        refusal = self._door.gate.move(network, self.loop.time())
        if refusal is None:
            self._network = network
        return refusal

    async def _obey(self, line: bytes | None) -> None:
        """One command and its reply. Whatever goes wrong in it, the peer may try again."""
        verb, argument, complaint = command.parse(line)
        exhausted = self._allowance.command(idle=verb in command.IDLE)
        exhausted = command.SHOWN_OUT.get(verb, exhausted)
        if exhausted is not None:
            self.end(exhausted)
            return
        try:
            answer = complaint or await self._answer_to(verb, argument)
        except asyncio.IncompleteReadError:
            raise ConnectionResetError from None
        except (ConnectionError, TLSSetupException):
            raise
        except BodyTooLong:
            self.end(replies.FLOODED)
            return
        except Exception as error:  # noqa: BLE001 - the edge: a fault of ours costs the peer a retry, no mail
            log.unexpected(error)
            self._transaction.reset()
            answer = replies.NOT_NOW
        self._answer(answer)

    async def _answer_to(self, verb: str, argument: str) -> Reply | bytes | None:
        handler = self._VERBS.get(verb)
        return (
            await handler(self, argument) if handler else command.CONSTANT.get(verb, replies.UNKNOWN_COMMAND)
        )

    def _answer(self, answer: Reply | bytes | None) -> None:
        if self._ended or answer is None:
            return
        if isinstance(answer, bytes):
            self._say(answer)
            return
        self._say(answer.wire)
        if answer.is_protest and (too_many := self._allowance.refused()) is not None:
            self.end(too_many)
        elif self._draining and not self._transaction.begun:
            self.end(replies.SHUTTING_DOWN)

    # --- commands

    async def _ehlo(self, argument: str) -> Reply | bytes:
        if not argument:
            return replies.BAD_HELLO
        self._greeted, self._called = True, argument
        self._transaction.reset()
        offers_tls = self._door.tls is not None and self._tls_protocol is None
        return replies.extended_hello(self._door.hostname, self._limits.size_bytes, starttls=offers_tls)

    async def _helo(self, argument: str) -> Reply | bytes:
        if not argument:
            return replies.BAD_HELLO
        self._greeted, self._called = True, argument
        self._transaction.reset()
        return replies.hello(self._door.hostname)

    async def _mail(self, argument: str) -> Reply:
        return self._transaction.mail(argument) if self._greeted else replies.HELLO_FIRST

    async def _rcpt(self, argument: str) -> Reply:
        return self._transaction.rcpt(argument) if self._greeted else replies.HELLO_FIRST

    async def _data(self, argument: str) -> Reply:
        refusal = replies.NO_ARGUMENT if argument else self._transaction.not_ready()
        if refusal is not None:
            return refusal
        self._say(replies.GO_AHEAD.wire)
        limit = self._limits.size_bytes
        body = await self._input.body(
            keep_octets=limit if self._transaction.is_for_people else KEPT_OCTETS,
            flood_octets=limit * _FLOOD_FACTOR,
        )
        origin = Origin(self._host, self._network or "", self._called)
        encrypted = self._tls_protocol is not None
        mail = InboundMail(self._transaction.sender, tuple(self._transaction.routes), body, origin, encrypted)
        self._transaction.reset()
        if body.size_octets > limit:
            return replies.TOO_LARGE
        self._allowance.committing = True
        try:
            answer = await self._door.intake.take(mail)
        finally:
            self._allowance.committing = False
            self._allowance.moved(self.loop.time())
        if answer is replies.TAKEN:
            self._allowance.forwarded()
            self._door.gate.prove(self._network or "")
        return answer

    async def _rset(self, argument: str) -> Reply:
        if argument:
            return replies.NO_ARGUMENT
        self._transaction.reset()
        return replies.OK

    async def _quit(self, argument: str) -> Reply | None:
        if argument:
            return replies.NO_ARGUMENT
        self._say(replies.BYE.wire)
        self.end(None)
        return None

    async def _starttls(self, argument: str) -> Reply | None:
        if self._door.tls is None:
            return replies.NOT_IMPLEMENTED
        if self._tls_protocol is not None:
            return replies.TLS_ALREADY
        if argument:
            return replies.NO_ARGUMENT
        self.tls_context = self._door.tls.context
        try:
            await self.smtp_STARTTLS("")
        except TLSSetupException as error:
            if error.__cause__ is not None:  # held by the waiter in a frame that it holds: a circle around us
                error.__cause__.__traceback__ = None
            raise
        return None

    _VERBS: ClassVar[dict[str, Callable[["Session", str], Awaitable[Reply | bytes | None]]]] = {
        "EHLO": _ehlo,
        "HELO": _helo,
        "MAIL": _mail,
        "RCPT": _rcpt,
        "DATA": _data,
        "RSET": _rset,
        "QUIT": _quit,
        "STARTTLS": _starttls,
    }
