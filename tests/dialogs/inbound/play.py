"""Plays a dialog script against the real listener on loopback.

A script is a text file that reads like a conversation:

    # a line for people
    G: idle_s=0.3               given: a limit of the gate, or `commit …` (see `Ledger`), or `tls`, or
                                `balancer`: the client is one that speaks the PROXY protocol
    C: EHLO phone.example       the client sends this line and CRLF; lines in a row go out in one packet
    C* 300 RCPT TO:<{n}@x.jp>   the same line many times; {n} counts from 1
    C~ b'a\\r\\n.\\r\\n'           exactly these bytes, written as a Python literal
    C+ 5000 x                   the same text many times, without any line end
    S: 250 2.1.0 *              the next line from the server; * stands for anything
    S* 10 250 2.1.5 *           so many lines in a row
    S… 250 *                    lines are skipped until one fits
    S! closed                   the server closes
    C! tls | half-close | close the client's other acts; `release` lets a held commit go on
    = kept 1                    so many empty mails are committed now (waits for it)
    = sender a..b@docomo.ne.jp  the last of them came from there
    = attempts 2                so often the database was asked
    = waiting 1                 so many mails wait for the postmaster
    = answers 1                 so many answers reached the domain
    = encrypted True            the last of them came under TLS
    = said OK                   what was newly written in it

`{code}`, `{other}` and `{third}` are security codes in shape, `{CODE}` the first in capitals;
`{bounce}` is a return path of ours, `{forged}` one that is not; `{lasting}` was made 45 days ago,
`{expired}` 47. `{answer}` is an address for answers; with `G: stranger` all come from
elsewhere.
"""

import ast
import asyncio
import fnmatch
import hashlib
import re
import ssl
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from appliance import clock
from appliance.address import Address
from appliance.answer import Answer, Done, Question
from appliance.config import Config
from appliance.errors import AnswerStranger, BudgetSpent, DatabaseUnavailable
from appliance.keys import Keyring
from appliance.registration import Request
from appliance.security_code import ALPHABET
from smtp import answer_address, inbound, return_path
from smtp.inbound import Inbound
from smtp.inbound.answering import Acts
from smtp.inbound.gate import Limits
from smtp.inbound.listener import bind
from tests.support.waiting import eventually

PATIENCE_S = 10.0
LASTING, EXPIRED = timedelta(days=45), timedelta(days=47)


def code(body: str = "sakura2") -> str:
    """A security code in shape; no school has it."""
    total = sum((place + 2) * ALPHABET.index(character) for place, character in enumerate(body))
    return body + ALPHABET[total % len(ALPHABET)]


@dataclass
class Ledger:
    """Stands for the database: keeps each digest once, and fails when told to.

    `mood`: keeps | down (DatabaseUnavailable) | raises (a fault nobody foresaw, with personal text) |
    spent (BudgetSpent) | held (waits until `release` is set) | poison (fails for one sender only).
    """

    mood: str = "keeps"
    kept: list[Request] = field(default_factory=list)
    attempts: int = 0
    release: threading.Event = field(default_factory=threading.Event)
    answers: list[Answer] = field(default_factory=list)
    strangers: bool = False

    def take(self, answer: Answer) -> Done:
        if self.mood == "down":
            raise DatabaseUnavailable("no connection")
        if self.strangers:
            raise AnswerStranger("not from the address that got this mail")
        self.answers.append(answer)
        return Done.CONFIRMED

    def inquire(self, asked: Question) -> Done:
        self.answers.append(Answer(0, asked.sender, asked.digest, encrypted=False, text=asked.text))
        return Done.INQUIRY

    def notify(self, local_part: str, sender: Address, digest: bytes) -> None:
        self.answers.append(Answer(0, sender, digest, encrypted=False, text=local_part))

    def commit(self, requests: Sequence[Request]) -> list[object]:
        self.attempts += 1
        if self.mood == "down":
            raise DatabaseUnavailable("no connection")
        if self.mood == "raises":
            raise ValueError("家族@docomo.ne.jp: secret canary")
        if self.mood == "poison" and any(item.sender.local == "poison" for item in requests):
            raise ValueError("poison")
        if self.mood == "held" and not self.release.wait(PATIENCE_S):
            raise TimeoutError
        if self.mood == "spent":
            return [BudgetSpent("often") for _ in requests]
        known = {item.digest for item in self.kept}
        for item in requests:
            if item.digest not in known:
                self.kept.append(item)
        return list(requests)


@dataclass
class Stage:
    """The listener and what stands around it."""

    config: Config
    keyring: Keyring
    ledger: Ledger = field(default_factory=Ledger)
    limits: Limits = field(default_factory=Limits)
    client_tls: ssl.SSLContext | None = None
    commit_deadline_s: float = 25.0
    inbound: Inbound | None = None

    async def open(self) -> int:
        """Starts the listener; returns its port."""
        self.inbound = await inbound.start(
            self.config,
            self.keyring,
            sockets=bind(["127.0.0.1:0"]),
            commit=self.ledger.commit,
            acts=Acts(self.ledger.take, self.ledger.inquire, self.ledger.notify),
            limits=self.limits,
            commit_deadline_s=self.commit_deadline_s,
        )
        return self.inbound.endpoints[0][1]

    async def close(self) -> None:
        self.ledger.release.set()
        if self.inbound is not None:
            await self.inbound.close(grace_s=1)

    def fill_in(self, text: str) -> str:
        key = self.keyring.secret(inbound.RETURN_PATH_KEY)
        return (
            text.replace("{code}", code())
            .replace("{CODE}", code().upper())
            .replace("{other}", code("asagaya"))
            .replace("{third}", code("tanpp25"))
            .replace("{answer}", answer_address.mint(key, 4711))
            .replace("{bounce}", return_path.mint(key, 4711, clock.now()))
            .replace("{forged}", return_path.mint(hashlib.sha256(b"not ours").digest(), 4711, clock.now()))
            .replace("{expired}", return_path.mint(key, 4711, clock.now() - EXPIRED))
            .replace("{lasting}", return_path.mint(key, 4711, clock.now() - LASTING))
        )


class Peer:
    """The client's side of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def dial(cls, port: int) -> "Peer":
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=1 << 20))

    async def send(self, octets: bytes) -> None:
        self.writer.write(octets)
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self.writer.drain()
        except ConnectionError:
            pass  # the server hung up in the middle; what it said is still to be read

    async def line(self) -> str:
        """The next line from the server, without its end; "" at the end of the connection."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                return (await self.reader.readline()).decode("ascii").removesuffix("\r\n")
        except ConnectionError:
            return ""

    async def rest(self) -> list[str]:
        """All lines until the server closes."""
        lines = []
        while line := await self.line():
            lines.append(line)
        return lines

    async def ask(self, line: str) -> str:
        """One command, its one-line reply."""
        await self.send(line.encode() + b"\r\n")
        return await self.line()

    async def greet(self) -> None:
        """Banner and EHLO."""
        assert (await self.line()).startswith("220 ")
        await self.send(b"EHLO phone.example\r\n")
        while not (await self.line()).startswith("250 "):
            pass

    def close(self) -> None:
        self.writer.close()


class DialogFailed(AssertionError):
    """Names the script's line, what it wanted and what came."""


async def play(script: Path, stage: Stage) -> None:
    """Plays one script from its first line to its last."""
    lines = script.read_text(encoding="utf-8").splitlines()  # noqa: ASYNC240 - a test may
    for text in lines:
        if text.startswith("G: "):
            _given(stage, text[3:].strip())
    port = await stage.open()
    peer = await Peer.dial(port)
    pending = bytearray()
    try:
        for number, raw in enumerate(lines, start=1):
            text = stage.fill_in(raw.rstrip())
            if not text or text.startswith(("#", "G: ")):
                continue
            if text.startswith(("C:", "C*", "C~", "C+")):
                pending += _octets(text)
                continue
            if pending:
                await peer.send(bytes(pending))
                pending.clear()
            try:
                await _step(text, peer, stage)
            except (DialogFailed, TimeoutError) as problem:
                raise DialogFailed(f"{script.name}:{number}: {text}\n  {problem!r}") from problem
    finally:
        peer.close()
        await stage.close()


def _given(stage: Stage, what: str) -> None:
    if what.startswith("commit "):
        stage.ledger.mood = what.removeprefix("commit ")
    elif what == "balancer":
        mail = stage.config.mail.model_copy(update={"balancers": ["127.0.0.0/8"]})
        stage.config = stage.config.model_copy(update={"mail": mail})
    elif what == "stranger":
        stage.ledger.strangers = True
    elif what != "tls":
        name, _, value = what.partition("=")
        kind = type(getattr(stage.limits, name))
        stage.limits = replace(stage.limits, **{name: kind(value)})


def _octets(text: str) -> bytes:
    if text.startswith("C~"):
        return bytes(ast.literal_eval(text[2:].strip()))
    if text.startswith("C+"):
        count, _, piece = text[2:].strip().partition(" ")
        return piece.encode() * int(count)
    if text.startswith("C*"):
        count, _, line = text[2:].strip().partition(" ")
        return "".join(f"{line}\r\n".replace("{n}", str(n + 1)) for n in range(int(count))).encode()
    return text[2:].removeprefix(" ").encode() + b"\r\n"


def _fits(line: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(line, re.sub(r"([\[?])", r"[\1]", pattern))


async def _step(text: str, peer: Peer, stage: Stage) -> None:
    mark, _, rest = text.partition(" ")
    if mark == "S:":
        await _expect(peer, rest, 1)
    elif mark == "S*":
        count, _, pattern = rest.partition(" ")
        await _expect(peer, pattern, int(count))
    elif mark == "S…":
        while not _fits(line := await peer.line(), rest):
            if not line:
                raise DialogFailed("the server closed")
    elif mark == "S!":
        if said := await peer.rest():
            raise DialogFailed(f"the server said {said} instead of closing")
    elif mark == "C!":
        await _act(peer, rest, stage)
    elif mark == "=":
        await _check(rest, stage)
    else:
        raise DialogFailed("not a line of a dialog script")


async def _expect(peer: Peer, pattern: str, count: int) -> None:
    for _ in range(count):
        line = await peer.line()
        if not _fits(line, pattern):
            raise DialogFailed(f"the server said {line or '(it closed)'!r}")


async def _act(peer: Peer, what: str, stage: Stage) -> None:
    if what == "tls":
        await peer.writer.start_tls(stage.client_tls or trusting(), server_hostname="mx.midori.example")
    elif what == "half-close":
        peer.writer.write_eof()
    elif what == "close":
        peer.close()
    elif what == "release":
        stage.ledger.release.set()
    else:
        raise DialogFailed("no such act")


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _check(what: str, stage: Stage) -> None:
    name, _, value = what.partition(" ")
    waiting = stage.config.relay.spool_dir / "postmaster"
    found: dict[str, Callable[[], str]] = {
        "kept": lambda: str(len(stage.ledger.kept)),
        "attempts": lambda: str(stage.ledger.attempts),
        "sender": lambda: stage.ledger.kept[-1].sender.canonical if stage.ledger.kept else "",
        "code": lambda: stage.ledger.kept[-1].local_part if stage.ledger.kept else "",
        "answers": lambda: str(len(stage.ledger.answers)),
        "encrypted": lambda: str(stage.ledger.answers[-1].encrypted),
        "said": lambda: stage.ledger.answers[-1].text,
        "waiting": lambda: str(len(list(waiting.glob("*.eml")))),
    }
    try:
        await eventually(lambda: found[name]() == value, within_s=5)
    except TimeoutError:
        raise DialogFailed(f"it is {found[name]()}") from None
