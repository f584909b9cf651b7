"""Opens the doors of the six carriers and keeps their tally written.

Owns listening sockets and shutdown. Refuses to know SMTP. Fails with OSError when an address is taken.
"""

import asyncio
import ssl

from demo.carriers.brands import BRANDS
from demo.carriers.dialog import Dialog, Exchange
from demo.carriers.mailboxes import Mailboxes

_FLUSH_S = 0.5


class Carriers:
    """`async with Carriers(…)`: all six listen on `port`, each on its own loopback address."""

    def __init__(
        self, boxes: Mailboxes, port: int, *, tls: ssl.SSLContext | None = None, latency_s: float = 0.0
    ) -> None:
        self._boxes = boxes
        self._port = port
        self._exchanges = [Exchange(brand, boxes, tls, latency_s) for brand in BRANDS]
        self._servers: list[asyncio.Server] = []

    async def __aenter__(self) -> "Carriers":
        loop = asyncio.get_running_loop()
        for exchange in self._exchanges:
            self._servers.append(
                await loop.create_server(
                    lambda exchange=exchange: Dialog(exchange), exchange.brand.ip, self._port, backlog=512
                )
            )
        self._flushing = loop.create_task(self._flush())
        return self

    async def _flush(self) -> None:
        while True:
            await asyncio.sleep(_FLUSH_S)
            self._boxes.flush()

    async def __aexit__(self, *_error: object) -> None:
        self._flushing.cancel()
        for server in self._servers:
            server.close()
        self._boxes.flush()
