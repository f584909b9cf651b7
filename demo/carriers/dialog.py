"""One SMTP session at a carrier: fast, pipelined, all answers to one read in one write.

Owns the server side of RFC 5321 with PIPELINING, 8BITMIME, SIZE and STARTTLS, and applies the carrier's
habits. Refuses to know what a mail says. What a sender does wrong gets a 5xx; a line without end or a flood
of commands that fail ends the session.
"""

import asyncio
import ssl
from dataclasses import dataclass, field

from appliance.address import Address, parse_path
from appliance.errors import AddressInvalid
from demo.carriers.brands import BY_DOMAIN, Brand, Filtering
from demo.carriers.mailboxes import Mailboxes
from demo.people import Condition

_LONGEST_COMMAND = 2048
_FAILURES_ALLOWED = 100


@dataclass(slots=True)
class Exchange:
    """What the sessions of one carrier share."""

    brand: Brand
    boxes: Mailboxes
    tls: ssl.SSLContext | None = None
    latency_s: float = 0.0  # from a read to its answer
    sessions: dict[str, int] = field(default_factory=dict)  # by address of the peer


class Dialog(asyncio.Protocol):
    """One connection."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._brand = exchange.brand
        self._buffer = bytearray()
        self._encrypted = False
        self._upgrading: asyncio.Task[None] | None = None
        self._closing = False
        self._failures = 0
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
        self._peer = transport.get_extra_info("peername")[0]
        sessions = self._exchange.sessions
        sessions[self._peer] = sessions.get(self._peer, 0) + 1
        if sessions[self._peer] > self._brand.connections:
            transport.write(b"421 4.7.0 Too many connections from your address\r\n")
            self._closing = True
            transport.close()
            return
        self._answer(f"220 {self._brand.mx[0]} ESMTP")

    def connection_lost(self, _error: Exception | None) -> None:
        sessions = self._exchange.sessions
        sessions[self._peer] -= 1
        if not sessions[self._peer]:
            del sessions[self._peer]

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
            answers.append(answer)
        if answers:
            self._answer("\r\n".join(answers))

    def _answer(self, text: str) -> None:
        written = text.encode("ascii", "replace") + b"\r\n"
        if self._exchange.latency_s and self._upgrading is None:
            asyncio.get_running_loop().call_later(
                self._exchange.latency_s, self._write, written, self._closing
            )
        else:
            self._write(written, self._closing)

    def _write(self, written: bytes, last: bool) -> None:
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
        offers = [self._brand.mx[0], "PIPELINING", "8BITMIME", f"SIZE {self._brand.size_limit}"]
        if self._exchange.tls and not self._encrypted:
            offers.append("STARTTLS")
        return "\r\n".join([*(f"250-{offer}" for offer in offers[:-1]), f"250 {offers[-1]}"])

    def _helo(self, argument: str) -> str:
        self._reset()
        return f"250 {self._brand.mx[0]}" if argument.strip() else "501 5.5.4 Host name missing"

    def _mail(self, argument: str) -> str:
        if self._sender is not None:
            return "503 5.5.1 Sender already given"
        try:
            address, parameters = parse_path(_after("FROM:", argument))
        except AddressInvalid:
            return "501 5.1.7 Bad sender address syntax"
        for parameter in parameters.upper().split():
            if parameter.startswith("SIZE=") and parameter[5:].isdigit():
                if int(parameter[5:]) > self._brand.size_limit:
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
        if BY_DOMAIN.get(address.domain) is not self._brand:
            return "550 5.7.1 Relaying denied"
        if not self._brand.accepts_syntax(address):
            return "553 5.1.3 Bad recipient address syntax"
        return self._recipient(address)

    def _recipient(self, address: Address) -> str:
        box = self._brand.box(address)
        refusal = None if self._brand.refuses_after_data else self._refusal(box, address.canonical)
        if refusal:
            self._count("refused")
            return refusal
        if len(self._recipients) >= 100:
            return "452 4.5.3 Too many recipients"
        self._recipients.append((box, address.canonical))
        return "250 2.1.5 Ok"

    def _refusal(self, box: str, spelled: str) -> str | None:
        """Why the mailbox takes nothing, in the carrier's words, or None."""
        condition = self._exchange.boxes.condition(box)
        if condition is Condition.FULL:
            return self._brand.full.format(address=spelled)
        unreachable = condition is None or condition is Condition.GONE
        if unreachable or (
            condition is Condition.FILTERED and self._brand.filtering is Filtering.LIKE_UNKNOWN
        ):
            return self._brand.unknown.format(address=spelled)
        return None

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
                if len(buffer) > self._brand.size_limit:  # forget it, but wait for its end
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
        brand = self._brand
        if self._oversized or len(content) > brand.size_limit:
            return "552 5.3.4 Message too big"
        if brand.header_limit and content.find(b"\r\n\r\n") > brand.header_limit:
            return "552 5.3.4 Header too big"
        if brand.line_limit and len(max(content.split(b"\r\n"), key=len)) > brand.line_limit - 2:
            return "554 5.6.0 Line too long"
        refusal = None
        for box, spelled in self._recipients:
            refused = self._refusal(box, spelled) if brand.refuses_after_data else None
            if refused:
                refusal = refused
                self._count("refused")
            elif self._exchange.boxes.condition(box) is Condition.FILTERED:
                self._count("dropped")
            else:
                self._count("accepted")
                if self._exchange.boxes.is_phone(box):
                    self._deposit(box, content)
        return refusal or "250 2.0.0 Ok: queued"

    def _deposit(self, box: str, content: bytes) -> None:
        if content.startswith(b"."):
            content = content[1:]
        content = content.replace(b"\r\n.", b"\r\n")
        trace = f"Return-Path: <{self._sender}>\r\nDelivered-To: {box}\r\n".encode("ascii", "replace")
        self._exchange.boxes.deposit(box, self._sender or "", trace + content, encrypted=self._encrypted)

    def _count(self, happened: str) -> None:
        self._exchange.boxes.count(self._brand.carrier, happened)


def _after(keyword: str, argument: str) -> str:
    if argument[: len(keyword)].upper() != keyword:
        raise AddressInvalid("keyword missing")
    return argument[len(keyword) :]
