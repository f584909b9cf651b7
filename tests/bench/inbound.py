"""Empty mails arriving: the client side. Many phones at once, each mail on a connection of its own.

That is how carriers deliver to a small domain in the first hour of a registration campaign. A mail counts
when the server has said 250 to it, which Karamail says after its commit. Every mail comes from another
address: one address may not ask often.
"""

import asyncio
import time
from dataclasses import dataclass

import uvloop

from tests.bench.client import Client, ReplyRefused
from tests.bench.message import SITES

_CONTENT = (
    b"From: <%(sender)b>\r\nTo: <%(to)b>\r\nSubject: \r\nDate: Mon, 01 Jun 2026 10:31:00 +0900\r\n"
    b"Message-ID: <%(number)d@keitai.example>\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n\r\n.\r\n"
)


@dataclass(frozen=True, slots=True)
class Arrived:
    """How a flood of empty mails went."""

    accepted: int
    refused: int
    seconds: float
    first_refusal: str

    @property
    def per_s(self) -> float:
        return self.accepted / self.seconds


def flood(
    host: str, port: int, recipient: str, *, mails: int, connections: int = 50, first: int = 0
) -> Arrived:
    """Sends so many empty mails to `recipient` over so many connections at once, from sender `first` on."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_flood(host, port, recipient.encode(), range(first, first + mails), connections))


async def _flood(host: str, port: int, recipient: bytes, senders: range, connections: int) -> Arrived:
    numbers = iter(senders)
    accepted = 0
    refusals: list[str] = []

    async def one_after_the_other() -> None:
        nonlocal accepted
        for number in numbers:
            client = await Client.connect(host, port)
            try:
                await _empty_mail(client, number, recipient)
                accepted += 1
            except ReplyRefused as refusal:
                refusals.append(str(refusal))
            finally:
                client.close()

    begun = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(one_after_the_other())
    return Arrived(accepted, len(refusals), time.monotonic() - begun, refusals[0] if refusals else "")


async def _empty_mail(client: Client, number: int, recipient: bytes) -> None:
    sender = f"k{number:07d}@{SITES[number % len(SITES)]}".encode()
    await client.ask(b"MAIL FROM:<%b>\r\n" % sender, b"250")
    await client.ask(b"RCPT TO:<%b>\r\n" % recipient, b"250")
    await client.ask(b"DATA\r\n", b"354")
    await client.ask(_CONTENT % {b"sender": sender, b"to": recipient, b"number": number}, b"250")
    await client.ask(b"QUIT\r\n", b"221")
