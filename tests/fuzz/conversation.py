"""One conversation with a daemon: drawn from a seed, so that what went wrong can be said again."""

import asyncio
import random
import ssl
from collections import Counter
from dataclasses import dataclass, field

from tests.support.dialogue import RECIPIENT_PLACE, is_ours

BALANCER = "127.0.0.2"
_ANSWER_S = 30.0


class Strange(Exception):
    """The daemon said something that is none of its replies, or neither answered nor closed."""


@dataclass
class Heard:
    """What all conversations together heard."""

    conversations: int = 0
    unheard: int = 0  # ended before the daemon had said its last word, which may have been a 250
    lines: Counter[str] = field(default_factory=Counter)


class Conversation:
    """Plays one seed."""

    def __init__(self, seed: int, port: int, words: list[bytes], heard: Heard) -> None:
        self._draw = random.Random(seed)
        self._seed = seed
        self._port = port
        self._words = words
        self._heard = heard
        self._heard_out = False

    async def play(self) -> None:
        """Raises `Strange`."""
        source = BALANCER if self._draw.random() < 0.3 else f"127.0.{self._draw.randrange(3, 40)}.1"
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, local_addr=(source, 0))
        listening = asyncio.create_task(self._listen(reader))
        try:
            await self._speak(source, reader, writer)
            async with asyncio.timeout(_ANSWER_S):
                await listening
        except TimeoutError:
            raise Strange(f"seed {self._seed}: neither answered nor closed") from None
        except (OSError, ssl.SSLError):
            pass  # it hung up on us
        finally:
            self._heard.unheard += not self._heard_out
            listening.cancel()
            writer.transport.abort()
        if listening.done() and not listening.cancelled() and (error := listening.exception()):
            raise error
        self._heard.conversations += 1

    async def _speak(self, source: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del reader
        if source == BALANCER and self._draw.random() < 0.8:
            writer.write(b"PROXY TCP4 203.0.%d.9 192.0.2.8 40000 25\r\n" % self._draw.randrange(50))
        if self._draw.random() < 0.6:
            await asyncio.sleep(0.1)  # the greeting
        if self._draw.random() < 0.3:  # a transaction in earnest, whose mail is nonsense
            await asyncio.sleep(0.1)
            sender = b"a%d@%s" % (
                self._draw.randrange(50),
                self._draw.choice((b"x.jp", b"y.jp", b"docomo.ne.jp")),
            )
            writer.write(b"EHLO x\r\nMAIL FROM:<%s>\r\n%sDATA\r\n" % (sender, self._words[RECIPIENT_PLACE]))
            writer.write(b"".join(self._piece() for _ in range(self._draw.randrange(12))) + b"\r\n.\r\n")
        for _ in range(self._draw.randrange(1, 30)):
            writer.write(self._piece())
            if self._draw.random() < 0.2:
                await writer.drain()
                await asyncio.sleep(0)
        if self._draw.random() < 0.1:
            writer.transport.abort()
        elif writer.can_write_eof():
            writer.write_eof()

    def _piece(self) -> bytes:
        piece = self._draw.choice(self._words)
        kind = self._draw.random()
        if kind < 0.6:
            return piece
        if kind < 0.75:
            return self._draw.randbytes(self._draw.randrange(60))
        changed = bytearray(piece)
        for _ in range(self._draw.randrange(1, 4)):
            place = self._draw.randrange(len(changed))
            changed[place : place + self._draw.randrange(3)] = self._draw.randbytes(self._draw.randrange(3))
            if not changed:
                break
        return bytes(changed)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                if not (line := await reader.readline()):
                    self._heard_out = True
                    return
                text = line.decode("latin-1")
                if not text.endswith("\r\n"):
                    return  # cut off by the end of the connection
                if not is_ours(text.removesuffix("\r\n")):
                    raise Strange(f"seed {self._seed}: the daemon said {text!r}")
                self._heard.lines[text.removesuffix("\r\n")] += 1
                if text.startswith("220 2.0.0"):
                    return  # what follows is TLS, which `Handshake` has for itself
        except (OSError, ValueError):
            return


class Handshake(Conversation):
    """STARTTLS first, a real handshake, and nonsense under TLS; or nonsense in place of the handshake."""

    async def play(self) -> None:
        """Raises `Strange`."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self._port, local_addr=(f"127.0.{self._draw.randrange(3, 40)}.2", 0)
        )
        try:
            async with asyncio.timeout(_ANSWER_S):
                await reader.readline()
                writer.write(
                    b"EHLO x\r\nSTARTTLS\r\n" if self._draw.random() < 0.9 else b"STARTTLS\r\nNOOP\r\n"
                )
                while (line := await reader.readline()) and not line.startswith(b"220"):
                    pass
                if self._draw.random() < 0.3:
                    writer.write(b"".join(self._piece() for _ in range(5)))
                    writer.write_eof()
                    await reader.read()
                    return
                await writer.start_tls(context)
                writer.write(
                    b"".join(self._piece() for _ in range(self._draw.randrange(1, 30))) + b"\r\n.\r\nQUIT\r\n"
                )
                await self._listen(reader)
        except TimeoutError:
            raise Strange(f"seed {self._seed}: neither answered nor closed under TLS") from None
        except (OSError, ssl.SSLError):
            pass
        finally:
            self._heard.unheard += not self._heard_out
            writer.transport.abort()
        self._heard.conversations += 1
