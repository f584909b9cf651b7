"""Asking and telling the carriers while they run: HTTP on loopback, JSON.

    GET  /counts         what happened, by carrier and in all
    GET  /mailboxes      how many mails were taken for each mailbox
    POST /phase/NAME     the scenario's phase of that name begins
    POST /reset          count from nothing

Owns this little protocol. Refuses addresses beyond loopback. Fails with OSError when the port is taken; a
request that is none gets 400.
"""

import asyncio
import json
from typing import Any

from demo.carriers.serving import Carriers
from demo.places import LOOPBACK

_WAIT_S = 5


class Control:
    """`async with Control(carriers, port)`."""

    def __init__(self, carriers: Carriers, port: int) -> None:
        self._carriers = carriers
        self._port = port

    async def __aenter__(self) -> "Control":
        self._server = await asyncio.start_server(self._converse, LOOPBACK, self._port)
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._server.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_WAIT_S):
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            method, _, rest = head.partition(" ")
            status, content = await self._answer(method, rest.partition(" ")[0])
            body = json.dumps(content, ensure_ascii=False).encode() + b"\n"
            writer.write(
                f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
                + body
            )
            await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, method: str, path: str) -> tuple[str, Any]:
        carriers = self._carriers
        if (method, path) == ("GET", "/counts"):
            return "200 OK", carriers.counts()
        if (method, path) == ("GET", "/mailboxes"):
            return "200 OK", carriers.mailboxes()
        if (method, path) == ("POST", "/reset"):
            carriers.reset()
            return "200 OK", {}
        if method == "POST" and path.removeprefix("/phase/") in carriers.scenario.phases:
            await carriers.turn(path.removeprefix("/phase/"))
            return "200 OK", {"phase": carriers.phase.name}
        return "400 Bad Request", {"error": f"no {method} {path}; phases: {list(carriers.scenario.phases)}"}
