r"""Plays a receiver's part against the real courier on loopback, from a script like a conversation.

    # a line for people
    G: letter taro@docomo.ne.jp      given: a letter that waits at the source; they are numbered from 1
    G: letter a@x.jp | ..dot | end   the same with these lines as its content
    G: carrier au                    whose server this is
    G: settings messages_per_connection=1 dot_timeout_s=0.2
    G: lockstep                      no byte may have arrived ahead of a reply (nothing is pipelined)
    G: fault take | committing | settle    what the source does wrong at the second letter
    S: 250 ok                        the server says this line and CRLF; lines in a row go out in one packet
    S~ b"250 a\r\n25"                exactly these bytes, written as a Python literal
    S! tls                           the server's side of the handshake
    S! close | reset | silence       it hangs up, it resets, it says nothing any more
    S! settled                       wait until everything taken is settled
    S! cancel | wake N | stop        meanwhile we: cancel the run, bring N more letters and wake, close
    C: MAIL FROM:<*>                 the next line from the courier; * stands for anything
    C{ 1 }                           letter 1's content and the dot, as they must look on the wire
    C! closed                        the courier hangs up, having said nothing more
    = 1 accepted 250 2.0.0           outcome of letter 1: kind, code, enhanced code and words of
                                     `reason`, `uncertain`, `throttled`, in this order, absent where empty
    = ended limit throttled reset    why the run ended
    = unreachable network throttled  there was no session
    = fault                          `run` raised what the source raised
    = committed 1 2                  bodies handed to the transport, in this order

A server that waits for a `C:` line waits at most `PATIENCE_S`. Every letter taken must
be settled once, said or not.
"""

import ast
import asyncio
import fnmatch
import socket
import ssl
import struct
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from appliance.address import Carrier
from appliance.delivery.outcome import Outcome
from smtp.courier import Courier, CourierSettings, Message, Target, Unreachable
from tests.support.waiting import eventually

PATIENCE_S = 5.0
SENDER = b"b1@bounce.midori.example"
CONTENT = b"Subject: hello\r\n\r\nschool closes at 11\r\n"


class SourceBroke(Exception):
    """What a faulty source raises."""


@dataclass
class Letters:
    """The source: hands out letters in order and writes down what the courier says."""

    waiting: list[Message] = field(default_factory=list)
    taken: list[Message] = field(default_factory=list)
    committed: list[int] = field(default_factory=list)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    fault: str = ""
    carried: Courier | None = None

    def add(self, recipient: str, content: bytes = CONTENT) -> None:
        number = len(self.waiting) + len(self.taken) + 1
        self.waiting.append(Message(number, SENDER, recipient.encode(), content))

    def take(self) -> Message | None:
        if self.fault == "take" and self.taken:
            raise SourceBroke
        if not self.waiting:
            return None
        self.taken.append(self.waiting.pop(0))
        return self.taken[-1]

    def committing(self, message: Message) -> None:
        assert message.delivery_id not in self.outcomes, "committing after it was settled"
        if self.fault == "committing" and self.committed:
            raise SourceBroke
        self.committed.append(message.delivery_id)

    def settle(self, message: Message, outcome: Outcome) -> None:
        assert message in self.taken, "settled but never taken"
        assert message.delivery_id not in self.outcomes, "settled twice"
        self.outcomes[message.delivery_id] = outcome
        if self.fault == "settle" and len(self.outcomes) > 1:
            raise SourceBroke


@dataclass
class Script:
    """A parsed file."""

    letters: Letters
    settings: CourierSettings
    carrier: Carrier
    lockstep: bool
    acts: list[tuple[str, str]]
    claims: list[str]

    @classmethod
    def read(cls, path: Path) -> "Script":
        script = cls(Letters(), CourierSettings("relay.midori.example"), Carrier.OTHER, False, [], [])
        for line in path.read_text(encoding="utf-8").splitlines():
            mark, _, rest = line.partition(" ")
            if mark == "G:":
                script._given(rest)
            elif mark == "=":
                script.claims.append(rest)
            elif mark and not mark.startswith("#"):
                script.acts.append((mark, rest))
        return script

    def _given(self, rest: str) -> None:
        what, _, value = rest.partition(" ")
        if what == "letter":
            recipient, *lines = value.split(" | ")
            self.letters.add(recipient, "\r\n".join([*lines, ""]).encode() if lines else CONTENT)
        elif what == "carrier":
            self.carrier = Carrier(value)
        elif what == "settings":
            named = dict(pair.split("=") for pair in value.split())
            self.settings = replace(
                self.settings, **{name: ast.literal_eval(number) for name, number in named.items()}
            )
        elif what == "fault":
            self.letters.fault = value
        else:
            assert what == "lockstep", rest
            self.lockstep = True


class Receiver:
    """The server's side: one connection, one script."""

    def __init__(self, script: Script, server_tls: ssl.SSLContext) -> None:
        self._script = script
        self._tls = server_tls
        self.served: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.running: asyncio.Task[Any] | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._play(reader, writer)
            self.served.set_result(None)
        except Exception as error:  # noqa: BLE001  (handed to the test)
            self.served.set_exception(error)
        finally:
            writer.transport.abort()

    async def _play(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for mark, rest in self._together():
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await self._act(mark, rest, reader, writer)
            except (TimeoutError, asyncio.IncompleteReadError) as error:
                raise AssertionError(f"{mark} {rest}: {type(error).__name__}") from None

    def _together(self) -> list[tuple[str, str]]:
        """Lines of the server that follow each other become one packet."""
        acts: list[tuple[str, str]] = []
        for mark, rest in self._script.acts:
            if mark == "S:" and acts and acts[-1][0] == "S:":
                acts[-1] = (mark, f"{acts[-1][1]}\r\n{rest}")
            else:
                acts.append((mark, rest))
        return acts

    async def _act(
        self, mark: str, rest: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if mark in ("S:", "S~"):
            ahead = bytes(reader._buffer)
            assert not (self._script.lockstep and ahead), f"before {rest!r} came {ahead!r}"
            octets = f"{rest}\r\n".encode() if mark == "S:" else ast.literal_eval(rest)
            writer.write(octets)
            await writer.drain()
        elif mark == "C:":
            line = (await reader.readuntil(b"\r\n")).decode("ascii").removesuffix("\r\n")
            assert fnmatch.fnmatchcase(line, rest.replace("[", "[[]")), f"expected {rest!r}, got {line!r}"
        elif mark == "C{":
            content = self._letter(int(rest.removesuffix("}"))).content
            wire = b"".join(
                b"." + line if line.startswith(b".") else line for line in content.splitlines(keepends=True)
            )
            got = await reader.readexactly(len(wire) + 3)
            assert got == wire + b".\r\n", got
        elif mark == "C!":
            rest_of_it = await reader.read()
            assert rest_of_it == b"", f"said before closing: {rest_of_it!r}"
        else:
            await self._move(rest, reader, writer)

    def _letter(self, number: int) -> Message:
        return self._script.letters.taken[number - 1]

    async def _move(self, rest: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        what, _, value = rest.partition(" ")
        assert self.running is not None
        letters = self._script.letters
        match what:
            case "tls":
                await writer.start_tls(self._tls)
            case "close":
                writer.close()
            case "reset":
                _reset(writer)
            case "silence":
                await reader.read()
            case "cancel":
                self.running.cancel()
            case "settled":
                await eventually(lambda: len(letters.outcomes) == len(letters.taken))
            case "wake":
                for _ in range(int(value)):
                    letters.add("late@docomo.ne.jp")
                assert letters.carried is not None
                letters.carried.wake()
            case "stop":
                assert letters.carried is not None
                letters.carried.close()
            case _:
                raise AssertionError(rest)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with a TCP RST: linger zero."""
    line = writer.get_extra_info("socket")
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def play(path: Path, server_tls: ssl.SSLContext) -> None:
    """Runs the courier against the script and holds its outcomes to the claims."""
    script = Script.read(path)
    receiver = Receiver(script, server_tls)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        receiver.running = asyncio.create_task(_carry(script, port))
        ended = await asyncio.wait_for(asyncio.shield(receiver.running), PATIENCE_S * 2)
        await asyncio.wait_for(receiver.served, PATIENCE_S)
    finally:
        server.close()
        receiver.running.cancel()
    _judge(script, ended)


async def _carry(script: Script, port: int) -> str:
    target = Target("mx.docomo.example", "127.0.0.1", port, script.carrier)
    try:
        courier = await Courier.connect(target, script.settings, script.letters)
    except Unreachable as error:
        assert not script.letters.taken, "taken without a session"
        return f"unreachable {_told(error.outcome).partition(' ')[2]}".strip()
    script.letters.carried = courier
    try:
        ended = await courier.run()
    except asyncio.CancelledError:
        return "cancelled"
    except SourceBroke:
        return "fault"
    words = ("ended", ended.why.value, "throttled" * ended.throttled, "reset" * ended.reset)
    accepted = sum(outcome.kind == "accepted" for outcome in script.letters.outcomes.values())
    assert (ended.accepted, ended.refused) == (accepted, len(script.letters.outcomes) - accepted)
    return " ".join(filter(None, words))


def _told(outcome: Outcome) -> str:
    words = (
        outcome.kind.value,
        str(outcome.code or ""),
        outcome.enhanced,
        outcome.reason.value,
        "uncertain" * outcome.uncertain,
        "throttled" * outcome.throttled,
    )
    return " ".join(filter(None, words))


def _judge(script: Script, ended: str) -> None:
    letters = script.letters
    found = [f"{number} {_told(outcome)}" for number, outcome in letters.outcomes.items()]
    assert sorted(letters.outcomes) == sorted(message.delivery_id for message in letters.taken), "unsettled"
    for claim in script.claims:
        if claim[0].isdigit():
            assert claim in found, f"{claim!r} not in {found}"
        elif claim.startswith("committed"):
            assert claim == " ".join(["committed", *map(str, letters.committed)])
        else:
            assert claim == ended, f"expected {claim!r}, it was {ended!r}"
    told = {claim for claim in script.claims if claim[0].isdigit()}
    assert told == set(found), f"the script forgot {set(found) - told}"
