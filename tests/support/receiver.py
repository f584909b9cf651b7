"""A receiving mail server under the test's control, in a process of its own.

`with Receiver("127.0.0.31", port, folder) as receiver:` starts it; `receiver.obey(...)` changes what it does;
`receiver.mails()` is what it has taken, in the order in which it took it. Each mail is written to a file when
its last byte is in, before any reply: what stands there was received, whatever the sender believes.

Offers PIPELINING, and STARTTLS when it has a certificate. What it can be told:

    delay_s      wait so long before the reply to the final dot
    rcpt         {local part or "*": reply} instead of 250 to RCPT
    rcpt_once    {local part or "*": reply}, the first time that recipient comes, then 250
    dot          reply instead of 250 to the final dot; the mail is not kept
    dot_once     {local part: reply}, at the first body for that recipient, which is not kept
    reset_at     reset the connection instead of replying to every n-th body; the mail IS kept
    banner       instead of 220; the connection is closed after it
    connections  so many at once from everybody; more are told 421 at the banner
    reset_door   True: every new connection is reset before a word is said
    silent       True: connections are taken, nothing is ever said
"""

import asyncio
import base64
import itertools
import json
import os
import socket
import ssl
import struct
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, cast

import uvloop

from tests.support.waiting import listening, until

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Mail:
    """One that was taken."""

    at_s: float
    sender: str
    to: str
    content: bytes

    def header(self, name: str) -> str:
        """The raw value, folded as it came; "" where there is none."""
        value = ""
        for line in self.content.split(b"\r\n\r\n", 1)[0].decode("ascii").split("\r\n"):
            if value and line[:1] in " \t":
                value += "\r\n" + line
            elif value:
                break
            elif line.lower().startswith(name.lower() + ":"):
                value = line.split(":", 1)[1]
        return value.strip()


class Receiver:
    """The test's side."""

    def __init__(
        self, host: str, port: int, folder: Path, *, tls: tuple[Path, Path] | None = None, **rules: object
    ) -> None:
        self.host, self.port = host, port
        folder.mkdir(parents=True, exist_ok=True)
        self._taken_file = folder / f"taken-{host}.jsonl"
        self._door_file = folder / f"taken-{host}.jsonl.door"
        self._tls = tls
        self._rules = rules
        self._process: subprocess.Popen[bytes] | None = None
        self._read = 0
        self._mails: list[Mail] = []

    def __enter__(self) -> "Receiver":
        self.start()
        return self

    def start(self) -> None:
        """Starts it; what it took before stays."""
        tls = [str(path) for path in self._tls or ()]
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.support.receiver",
                self.host,
                str(self.port),
                self._taken_file,
                *tls,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        self.obey(**self._rules)
        until(lambda: listening(self.port, self.host), why="the receiver")

    def obey(self, **rules: object) -> None:
        """From now on these rules, and no others."""
        self._rules = rules
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(rules).encode() + b"\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == b"obeyed\n"

    def mails(self) -> list[Mail]:
        """Everything taken so far."""
        if self._taken_file.exists():
            with self._taken_file.open("rb") as file:
                file.seek(self._read)
                whole, newline, _ = file.read().rpartition(b"\n")
            self._read += len(whole) + len(newline)
            for line in whole.splitlines():
                at_s, sender, to, content = json.loads(line)
                self._mails.append(Mail(at_s, sender, to, base64.b64decode(content)))
        return self._mails

    def door(self) -> tuple[int, int]:
        """The most connections that were open at once since the last rules, and how many came in all."""
        most, came = self._door_file.read_text().split() if self._door_file.exists() else ("0", "0")
        return int(most), int(came)

    def copies(self) -> Counter[str]:
        """How often each recipient got something."""
        return Counter(mail.to for mail in self.mails())

    def stop(self) -> None:
        """Gone, as a server that crashed."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self._process is not None:
            cast("Any", self._process.stdin).close()
            cast("Any", self._process.stdout).close()


# --- the server's side


class _House:
    def __init__(self, path: str, context: ssl.SSLContext | None) -> None:
        self.context = context
        self.rules: dict[str, Any] = {}
        self.seen: set[tuple[str, str]] = set()
        self.bodies = itertools.count(1)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._door = os.open(path + ".door", os.O_WRONLY | os.O_CREAT, 0o600)
        self.inside = self._most = self._came = 0

    def obey(self, rules: dict[str, Any]) -> None:
        self.rules = rules
        self._most = self.inside
        self._note_door()

    def enter(self) -> None:
        self.inside += 1
        self._came += 1
        self._most = max(self._most, self.inside)
        self._note_door()

    def _note_door(self) -> None:
        os.pwrite(self._door, f"{self._most:9} {self._came:9}".encode(), 0)

    def keep(self, at_s: float, sender: str, to: str, content: bytes) -> None:
        line = json.dumps([at_s, sender, to, base64.b64encode(content).decode()])
        os.write(self._file, line.encode() + b"\n")

    def said(self, rule: str, to: str) -> str | None:
        """The reply that a rule has for this recipient."""
        table = self.rules.get(rule, {})
        local = to.rpartition("@")[0]
        reply = cast("str | None", table.get(local, table.get("*")))
        if rule.endswith("_once"):
            if reply is None or (rule, to) in self.seen:
                return None
            self.seen.add((rule, to))
        return reply


class _Session(asyncio.Protocol):
    def __init__(self, house: _House) -> None:
        self._house = house
        self._buffer = b""
        self._in_body = False
        self._held = False
        self._encrypted = False
        self._sender = ""
        self._to: list[str] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if not self._encrypted:
            self._house.enter()
        if self._house.rules.get("reset_door"):
            self._reset()
            return
        if self._house.inside > self._house.rules.get("connections", 1_000_000):
            self._say("421 4.7.0 too many connections from your address")
            self._transport.close()
            return
        if self._encrypted or self._house.rules.get("silent"):
            self._held = not self._encrypted
            return
        banner = self._house.rules.get("banner")
        self._say(banner or "220 receiver.example ESMTP")
        if banner:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._house.inside -= 1

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._work()

    def _say(self, text: str) -> None:
        self._transport.write(text.encode() + b"\r\n")

    def _work(self) -> None:
        while not self._held:
            end = self._buffer.find(b"\r\n.\r\n" if self._in_body else b"\r\n")
            if end < 0:
                return
            if self._in_body:
                content, self._buffer = self._buffer[2 : end + 2], self._buffer[end + 5 :]
                self._in_body = False
                self._taken(content.replace(b"\r\n..", b"\r\n."))
            else:
                line, self._buffer = self._buffer[:end], self._buffer[end + 2 :]
                self._command(line.decode("ascii", "replace"))

    def _command(self, line: str) -> None:
        verb = line[:4].upper()
        if verb == "EHLO":
            tls = "250-STARTTLS\r\n" if self._house.context and not self._encrypted else ""
            self._say(f"250-receiver.example\r\n250-PIPELINING\r\n{tls}250 SIZE 10000000")
        elif verb == "STAR":
            self._held = True
            self._say("220 2.0.0 go")
            self._handshake = asyncio.ensure_future(self._encrypt())
        elif verb == "MAIL":
            self._sender = line[line.index("<") + 1 : line.index(">")]
            self._to = []
            self._say("250 2.1.0 ok")
        elif verb == "RCPT":
            self._recipient(line[line.index("<") + 1 : line.rindex(">")])
        elif verb == "DATA":
            self._in_body = bool(self._to)
            if self._in_body:
                self._buffer = b"\r\n" + self._buffer
            self._say("354 go" if self._to else "503 5.5.1 nobody to give it to")
        elif verb == "QUIT":
            self._say("221 2.0.0 bye")
            self._transport.close()
        else:
            self._say("250 2.0.0 ok")

    def _recipient(self, to: str) -> None:
        reply = self._house.said("rcpt", to) or self._house.said("rcpt_once", to)
        if reply is None:
            self._to.append(to)
        self._say(reply or "250 2.1.5 ok")

    def _taken(self, content: bytes) -> None:
        rules, to = self._house.rules, self._to[0]
        reply = rules.get("dot") or self._house.said("dot_once", to)
        if reply is None:
            now = asyncio.get_running_loop().time()
            self._house.keep(now, self._sender, to, content)
        every = rules.get("reset_at")
        if every and next(self._house.bodies) % every == 0:
            self._reset()
            return
        self._held = True
        asyncio.get_running_loop().call_later(
            rules.get("delay_s", 0), self._answer, reply or "250 2.0.0 taken"
        )

    def _answer(self, reply: str) -> None:
        self._held = False
        if not self._transport.is_closing():
            self._say(reply)
            self._work()

    def _reset(self) -> None:
        """RST instead of FIN."""
        end = self._transport.get_extra_info("socket")
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._held = True
        self._transport.abort()

    async def _encrypt(self) -> None:
        self._encrypted = True
        assert self._house.context is not None
        loop = asyncio.get_running_loop()
        self._transport = cast(
            "asyncio.Transport",
            await loop.start_tls(self._transport, self, self._house.context, server_side=True),
        )
        self._held = False
        self._work()


async def _serve(host: str, port: str, path: str, *tls: str) -> None:
    context = None
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
    house = _House(path, context)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Session(house), host, int(port), backlog=1000)

    def rules() -> None:
        line = sys.stdin.buffer.readline()
        if not line:
            server.close()
            stop.set()
            return
        house.obey(json.loads(line))
        sys.stdout.write("obeyed\n")
        sys.stdout.flush()

    stop = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), rules)
    await stop.wait()


if __name__ == "__main__":
    uvloop.run(_serve(*sys.argv[1:]))
