"""One SMTP session at a carrier: fast, pipelined, all answers to one read in one write.

Owns the server side of RFC 5321 with PIPELINING, 8BITMIME, SIZE and STARTTLS, and applies the carrier's
habits. Refuses to know what a mail says. What a sender does wrong gets a 5xx; a line without end or a flood
of commands that fail ends the session.
"""

import asyncio
import socket
import ssl
import struct
from collections import deque

from appliance.address import Address, parse_path
from appliance.errors import AddressInvalid
from demo.carriers.exchange import Exchange
from demo.carriers.manners import RESET
from demo.people import Condition

_LONGEST_COMMAND = 2048
_FAILURES_ALLOWED = 100
_LINGER_NOT = struct.pack("ii", 1, 0)  # close with RST instead of FIN


class Dialog(asyncio.Protocol):
    """One connection."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._brand = exchange.brand
        self._buffer = bytearray()
        self._outbox: deque[tuple[float, bytes | None, bool]] = deque()  # when, what (None: reset), the last
        self._posting: asyncio.TimerHandle | None = None
        self._encrypted = False
        self._upgrading: asyncio.Task[None] | None = None
        self._closing = False
        self._failures = 0
        self._messages = 0
        self._in_content = False
        self._oversized = False
        self._searched = 0
        self._verbs = {
            "EHLO": self._ehlo, "HELO": self._helo, "MAIL": self._mail, "RCPT": self._rcpt,
            "DATA": self._data, "RSET": self._rset, "NOOP": self._noop, "QUIT": self._quit,
            "STARTTLS": self._starttls,
        }  # fmt: skip
        self._reset()

    def _reset(self) -> None:
        self._sender: str | None = None
        self._recipients: list[tuple[str, str]] = []  # box, and its spelling on the wire

    # --- the connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._peer = transport.get_extra_info("peername")[0]
        exchange = self._exchange
        exchange.sessions.add(self)
        exchange.counts.connected()
        turned_away = exchange.door.enter(self._peer, self._loop.time())
        if exchange.manners.silent:
            self._closing = True
        elif turned_away:
            kind, refusal = turned_away
            exchange.refuse(kind)
            self._closing = True
            self._answer(refusal)
        else:
            self._answer(f"220 {self._brand.mx[0]} ESMTP")

    def connection_lost(self, _error: Exception | None) -> None:
        self._closing = True
        self._outbox.clear()
        if self._posting is not None:
            self._posting.cancel()
        self._exchange.sessions.discard(self)
        self._exchange.counts.disconnected()
        self._exchange.door.leave(self._peer)

    def cut(self) -> None:
        """The carrier goes down: RST, whatever was under way."""
        self._closing = True
        self._outbox.clear()
        end = self._transport.get_extra_info("socket")
        if end is not None:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        self._buffer += data
        if self._upgrading is None:
            self._work()

    def _work(self) -> None:
        """Everything that the buffer holds; the answers leave in one write."""
        answers: list[str] = []
        while not self._closing and self._upgrading is None:
            answer = self._content() if self._in_content else self._command()
            if answer is None:
                break
            if answer[0] == "5" and not self._in_content:
                self._failures += 1
                if self._failures > _FAILURES_ALLOWED:
                    answer, self._closing = "421 4.7.0 Too many errors", True
            if answer == RESET and answers:
                self._post("\r\n".join(answers).encode("ascii", "replace") + b"\r\n", last=False)
                answers.clear()
            answers.append(answer)
        if answers:
            self._answer("\r\n".join(answers))

    def _answer(self, text: str) -> None:
        written = None if text == RESET else text.encode("ascii", "replace") + b"\r\n"
        self._post(written, last=self._closing)

    def _post(self, written: bytes | None, *, last: bool) -> None:
        """Now, or after this carrier's latency; always in order."""
        if self._upgrading is not None or not self._outbox and not self._exchange.manners.latency_ms[1]:
            self._write(written, last)
            return
        due_s = self._loop.time() + self._exchange.latency_s()
        if self._outbox:
            due_s = max(due_s, self._outbox[-1][0])
        self._outbox.append((due_s, written, last))
        if self._posting is None:
            self._posting = self._loop.call_at(due_s, self._send_due)

    def _send_due(self) -> None:
        self._posting = None
        soon_s = self._loop.time() + 0.001
        while self._outbox and self._outbox[0][0] <= soon_s:
            _, written, last = self._outbox.popleft()
            self._write(written, last)
        if self._outbox:
            self._posting = self._loop.call_at(self._outbox[0][0], self._send_due)

    def _write(self, written: bytes | None, last: bool) -> None:
        if written is None:
            self.cut()
            return
        self._transport.write(written)
        if last:
            self._transport.close()

    # --- commands

    def _command(self) -> str | None:
        end = self._buffer.find(b"\n")
        if end < 0:
            if len(self._buffer) <= _LONGEST_COMMAND:
                return None
            self._closing = True
            return "500 5.5.2 Line too long"
        line = bytes(self._buffer[:end]).rstrip(b"\r").decode("latin-1")
        del self._buffer[: end + 1]
        verb, _, argument = line.partition(" ")
        act = self._verbs.get(verb.upper())
        return act(argument) if act else "502 5.5.2 Command not recognised"

    def _ehlo(self, argument: str) -> str:
        if not argument.strip():
            return "501 5.5.4 Host name missing"
        self._reset()
        manners = self._exchange.manners
        offers = [self._brand.mx[0], "8BITMIME", f"SIZE {manners.size_limit}"]
        if manners.pipelining:
            offers.insert(1, "PIPELINING")
        if self._exchange.tls and not self._encrypted:
            offers.append("STARTTLS")
        return "\r\n".join([*(f"250-{offer}" for offer in offers[:-1]), f"250 {offers[-1]}"])

    def _helo(self, argument: str) -> str:
        self._reset()
        return f"250 {self._brand.mx[0]}" if argument.strip() else "501 5.5.4 Host name missing"

    def _turned_away(self) -> str | None:
        """The carrier has had enough of this session, or of this sender."""
        limit = self._exchange.manners.messages_per_connection
        if limit and self._messages >= limit:
            self._exchange.refuse("session_limit")
            self._closing = True
            return "421 4.7.0 Too many messages in this session"
        found = self._exchange.door.message(self._peer, self._loop.time())
        if found is None:
            return None
        kind, refusal = found
        self._exchange.refuse(kind)
        self._closing = refusal == RESET or refusal.startswith("421")
        return refusal

    def _mail(self, argument: str) -> str:
        if self._sender is not None:
            return "503 5.5.1 Sender already given"
        if refusal := self._turned_away():
            return refusal
        try:
            address, parameters = parse_path(_after("FROM:", argument))
        except AddressInvalid:
            return "501 5.1.7 Bad sender address syntax"
        for parameter in parameters.upper().split():
            if parameter.startswith("SIZE=") and parameter[5:].isdigit():
                if int(parameter[5:]) > self._exchange.manners.size_limit:
                    self._exchange.refuse("too_big")
                    return "552 5.3.4 Message too big"
            elif parameter not in {"BODY=8BITMIME", "BODY=7BIT"}:
                return "555 5.5.4 Unsupported parameter"
        self._sender = address.canonical if address else ""
        return "250 2.1.0 Ok"

    def _rcpt(self, argument: str) -> str:
        if self._sender is None:
            return "503 5.5.1 MAIL first"
        try:
            address, _ = parse_path(_after("TO:", argument))
        except AddressInvalid:
            return "553 5.1.3 Bad recipient address syntax"
        if address is None:
            return "553 5.1.3 Bad recipient address syntax"
        if address.domain not in self._brand.domains:
            self._exchange.refuse("relaying")
            return "550 5.7.1 Relaying denied"
        if not self._brand.accepts_syntax(address):
            self._exchange.refuse("syntax")
            return "553 5.1.3 Bad recipient address syntax"
        return self._recipient(address)

    def _recipient(self, address: Address) -> str:
        exchange, box = self._exchange, self._brand.box(address)
        if exchange.manners.defer:
            exchange.refuse("deferred")
            return exchange.manners.defer
        if exchange.door.greylists(self._peer, self._sender or "", box, self._loop.time()):
            exchange.refuse("greylisted")
            return "450 4.7.1 Greylisted, try again later"
        refusal = None if self._brand.refuses_after_data else self._refusal(box, address.canonical)
        if refusal:
            return refusal
        if len(self._recipients) >= 100:
            return "452 4.5.3 Too many recipients"
        self._recipients.append((box, address.canonical))
        return "250 2.1.5 Ok"

    def _refusal(self, box: str, spelled: str) -> str | None:
        """The carrier's no about this mailbox, counted."""
        found = self._exchange.refusal(box, spelled)
        if found is None:
            return None
        kind, words = found
        self._exchange.refuse(kind)
        if kind != "full":  # to the carrier a filter's refusal is one of ours, too
            self._exchange.door.unknown_user(self._peer, self._loop.time())
        return words

    def _data(self, _argument: str) -> str:
        if not self._recipients:
            return "554 5.5.1 No valid recipients" if self._sender is not None else "503 5.5.1 MAIL first"
        self._in_content = True
        self._searched = 0
        self._oversized = False
        return "354 End data with <CR><LF>.<CR><LF>"

    def _rset(self, _argument: str) -> str:
        self._reset()
        return "250 2.0.0 Ok"

    def _noop(self, _argument: str) -> str:
        return "250 2.0.0 Ok"

    def _quit(self, _argument: str) -> str:
        self._closing = True
        return "221 2.0.0 Bye"

    # --- STARTTLS

    def _starttls(self, argument: str) -> str:
        if self._exchange.tls is None or self._encrypted:
            return "502 5.5.1 Not offered"
        if argument.strip():
            return "501 5.5.4 No parameters"
        self._transport.pause_reading()
        self._buffer.clear()  # what came in the clear is nobody's command (RFC 3207 section 4.2)
        self._upgrading = asyncio.get_running_loop().create_task(self._upgrade(self._exchange.tls))
        return "220 2.0.0 Ready to start TLS"

    async def _upgrade(self, tls: ssl.SSLContext) -> None:
        try:
            upgraded = await asyncio.get_running_loop().start_tls(
                self._transport, self, tls, server_side=True, ssl_handshake_timeout=10
            )
        except (OSError, ssl.SSLError):
            self._transport.abort()
            return
        if upgraded is None:
            return
        self._transport = upgraded
        self._encrypted = True
        self._reset()
        self._exchange.counts.happened["encrypted"] += 1
        self._upgrading = None
        self._work()

    # --- content

    def _content(self) -> str | None:
        buffer = self._buffer
        if self._searched == 0 and buffer.startswith(b".\r\n") and not self._oversized:
            end, after = 0, 3
        else:
            found = buffer.find(b"\r\n.\r\n", self._searched)
            if found < 0:
                if len(buffer) > self._exchange.manners.size_limit:  # forget it, but wait for its end
                    self._oversized = True
                    del buffer[:-4]
                self._searched = max(0, len(buffer) - 4)
                return None
            end, after = found + 2, found + 5
        content = bytes(buffer[:end])
        del buffer[:after]
        self._in_content = False
        answer = self._taken(content)
        self._reset()
        return answer

    def _taken(self, content: bytes) -> str:
        """The reply to the final dot. One recipient who is refused refuses the mail for all."""
        self._messages += 1
        exchange = self._exchange
        if fault := self._fault(content):
            kind, words = fault
            exchange.refuse(kind)
            return words
        if exchange.manners.defer_dot:
            exchange.refuse("deferred")
            return exchange.manners.defer_dot
        if self._brand.refuses_after_data:
            for box, spelled in self._recipients:
                if refusal := self._refusal(box, spelled):
                    return refusal
        for box, _ in self._recipients:
            exchange.take(box, content)
            if exchange.residents.is_phone(box) and exchange.condition(box) is not Condition.FILTERED:
                self._deposit(box, content)
        return "250 2.0.0 Ok: queued"

    def _fault(self, content: bytes) -> tuple[str, str] | None:
        """What this carrier cannot bear about the mail itself: (kind, words), or None."""
        manners = self._exchange.manners
        if self._oversized or len(content) > manners.size_limit:
            return "too_big", "552 5.3.4 Message too big"
        if manners.header_limit and content.find(b"\r\n\r\n") > manners.header_limit:
            return "header_too_big", "552 5.3.4 Header too big"
        if manners.line_limit and len(max(content.split(b"\r\n"), key=len)) > manners.line_limit - 2:
            return "line_too_long", "554 5.6.0 Line too long"
        return None

    def _deposit(self, box: str, content: bytes) -> None:
        if content.startswith(b"."):
            content = content[1:]
        content = content.replace(b"\r\n.", b"\r\n")
        trace = f"Return-Path: <{self._sender}>\r\nDelivered-To: {box}\r\n".encode("ascii", "replace")
        self._exchange.residents.deposit(box, self._sender or "", trace + content, encrypted=self._encrypted)


def _after(keyword: str, argument: str) -> str:
    if argument[: len(keyword)].upper() != keyword:
        raise AddressInvalid("keyword missing")
    return argument[len(keyword) :]
