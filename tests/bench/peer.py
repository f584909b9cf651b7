"""What the peers have in common: many messages are injected, one recipient each, and the receivers count.

Owns the injecting client and the clock. Seconds run from the first injection to the moment at which the
receivers have counted the last message.
"""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import uvloop
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.bench import message
from tests.bench.client import Client

INJECTORS = 20
WARM_UP = 200


class Counting(Protocol):
    """The receivers, plain or over STARTTLS."""

    def counted(self) -> int:
        """Messages taken so far, all receivers together."""

    def wait(self, messages: int, *, within_s: float) -> float:
        """The monotonic time at which they had counted so many. Raises TimeoutError."""


@dataclass(frozen=True, slots=True)
class PeerRun:
    """One blast through a peer."""

    seconds: float
    injected_s: float


def blast(port: int, messages: int, sinks: Counting, *, within_s: float) -> PeerRun:
    """So many messages through the server on that port, after a warm-up."""
    _through(port, WARM_UP, sinks, within_s)
    return _through(port, messages, sinks, within_s)


def _through(port: int, messages: int, sinks: Counting, within_s: float) -> PeerRun:
    before = sinks.counted()
    begun = time.monotonic()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_inject(port, messages))
    injected_s = time.monotonic() - begun
    ended = sinks.wait(before + messages, within_s=within_s)
    return PeerRun(seconds=ended - begun, injected_s=injected_s)


async def _inject(port: int, messages: int) -> None:
    """Persistent connections side by side; sender, recipient and DATA in one write."""
    numbers = iter(range(messages))
    sender = message.SENDER.encode()

    async def one_connection() -> None:
        client = await Client.connect("127.0.0.1", port)
        for number in numbers:
            to = message.recipient(number).encode()
            envelope = b"MAIL FROM:<%b>\r\nRCPT TO:<%b>\r\nDATA\r\n" % (sender, to)
            await client.ask(envelope, b"250", b"250", b"354")
            await client.ask(message.wire(number) + b".\r\n", b"250")
        await client.ask(b"QUIT\r\n", b"221")
        client.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(INJECTORS):
            group.create_task(one_connection())


def write_key(path: Path) -> None:
    """A fresh RSA-2048 key, readable for its owner only."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
