"""Receivers over STARTTLS: they take everything and count it, because smtp-sink speaks no TLS.

A few processes of uvloop, each on some of the addresses. They do as little as a receiver can: no limits, no
latency, PIPELINING, one certificate of a private authority, TLS 1.3. Whoever sends in the clear is refused,
so that nobody is faster by leaving TLS out. Every side of a comparison sends to the same ones. They cost
more of the machine than smtp-sink does, for all sides alike.
"""

import argparse
import asyncio
import mmap
import signal
import ssl
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import trustme
import uvloop

from tests.bench.message import SITES
from tests.bench.receivers import Receivers

_PROCESSES = 2
_COUNT = struct.Struct("<q")
_EHLO = b"250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n%b250 SIZE 10000000\r\n"


class TlsSinks(Receivers):
    """A few processes, each on some of the addresses."""

    def _start(self) -> Iterator[subprocess.Popen[bytes]]:
        issued = trustme.CA().issue_cert(*(f"mx.{site}" for site in SITES))
        issued.private_key_and_cert_chain_pem.write_to_path(self._folder / "pair.pem")
        self._counts.write_bytes(bytes(_COUNT.size * _PROCESSES))
        for number in range(_PROCESSES):
            hosts = [sink.host for sink in self.all[number::_PROCESSES]]
            yield subprocess.Popen(
                [sys.executable, "-m", "tests.bench.tls_sinks", str(self._folder), str(number),
                 str(self.all[0].port), *hosts]
            )  # fmt: skip

    @property
    def _counts(self) -> Path:
        return self._folder / "counts"

    def counted(self) -> int:
        return sum(number for (number,) in _COUNT.iter_unpack(self._counts.read_bytes()))


class _Tally:
    """This process's count, where the bench reads it."""

    def __init__(self, path: Path, number: int) -> None:
        with path.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), 0)
        self._at = number * _COUNT.size
        self._taken = 0

    def one_more(self) -> None:
        self._taken += 1
        _COUNT.pack_into(self._shared, self._at, self._taken)


class _Session(asyncio.Protocol):
    """One connection."""

    def __init__(self, context: ssl.SSLContext, tally: _Tally) -> None:
        self._context = context
        self._tally = tally
        self._buffer = b""
        self._in_data = False
        self._encrypted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if not self._encrypted:
            transport.write(b"220 sink.example ESMTP\r\n")  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        replies: list[bytes] = []
        while self._buffer:
            if self._in_data:
                end = self._buffer.find(b"\r\n.\r\n")
                if end < 0:
                    break
                self._buffer = self._buffer[end + 5 :]
                self._in_data = False
                self._tally.one_more()
                replies.append(b"250 2.0.0 Taken\r\n")
                continue
            line, found, rest = self._buffer.partition(b"\r\n")
            if not found:
                break
            self._buffer = rest
            replies.append(self._reply(line[:4].upper()))
        if replies:
            self._transport.write(b"".join(replies))

    def _reply(self, verb: bytes) -> bytes:
        if verb in (b"EHLO", b"HELO"):
            return _EHLO % (b"" if self._encrypted else b"250-STARTTLS\r\n")
        if verb == b"STAR" and not self._encrypted:
            asyncio.get_running_loop().create_task(self._encrypt())
            return b"220 2.0.0 Ready\r\n"
        if verb == b"QUIT":
            asyncio.get_running_loop().call_soon(self._transport.close)
            return b"221 2.0.0 Bye\r\n"
        if not self._encrypted:
            return b"530 5.7.0 STARTTLS first\r\n"
        if verb == b"DATA":
            self._in_data = True
            return b"354 Go on\r\n"
        return b"250 2.0.0 Ok\r\n"

    async def _encrypt(self) -> None:
        self._encrypted = True
        loop = asyncio.get_running_loop()
        upgraded = await loop.start_tls(self._transport, self, self._context, server_side=True)
        if upgraded is None:
            self._transport.close()
        else:
            self._transport = upgraded


async def _serve(folder: Path, number: int, port: int, hosts: list[str]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "pair.pem")
    tally = _Tally(folder / "counts", number)
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    for host in hosts:
        await loop.create_server(lambda: _Session(context, tally), host, port, backlog=1024)
    await stop.wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.tls_sinks")
    parser.add_argument("folder", type=Path)
    parser.add_argument("number", type=int)
    parser.add_argument("port", type=int)
    parser.add_argument("hosts", nargs="+")
    arguments = parser.parse_args()
    uvloop.run(_serve(arguments.folder, arguments.number, arguments.port, arguments.hosts))


if __name__ == "__main__":
    main()
