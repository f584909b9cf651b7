"""The listening side of a mail worker: sockets, start and drain.

Owns the sockets (SO_REUSEPORT: the workers of a node share each port and the kernel spreads connections) and
the life of the inbound half. Runs in the loop that calls it. Refuses to know commands. Fails with `PortBusy`
before anything is served.
"""

import asyncio
import socket
from collections.abc import Sequence

from appliance.errors import PortBusy
from smtp.inbound.batcher import Batcher
from smtp.inbound.certificate import LOOK_EVERY_S
from smtp.inbound.session import Door, Session

_BACKLOG = 1024


class Inbound:
    """The running inbound half of one worker."""

    def __init__(self, door: Door, batcher: Batcher) -> None:
        self._door = door
        self._batcher = batcher
        self._servers: list[asyncio.Server] = []
        self._watching: asyncio.Task[None] | None = None

    async def listen(self, sockets: Sequence[socket.socket]) -> None:
        """Serves bound sockets from now on."""
        loop = asyncio.get_running_loop()
        for listening in sockets:
            server = await loop.create_server(
                lambda: Session(self._door, loop), sock=listening, backlog=_BACKLOG
            )
            self._servers.append(server)
        if self._door.tls is not None and self._watching is None:
            self._watching = loop.create_task(self._watch_certificate())

    @property
    def endpoints(self) -> list[tuple[str, int]]:
        """Where it listens, with the real port numbers."""
        return [
            (str(listening.getsockname()[0]), int(listening.getsockname()[1]))
            for server in self._servers
            for listening in server.sockets
        ]

    @property
    def sessions(self) -> int:
        """Open sessions."""
        return self._door.gate.sessions

    def renew_certificate(self) -> bool:
        """Later handshakes use files that have changed; running sessions do not notice. Never raises."""
        return self._door.tls is not None and self._door.tls.renew()

    async def _watch_certificate(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self.renew_certificate()

    async def close(self, grace_s: float = 30.0) -> None:
        """Stops listening, lets mails under way end and be committed, then closes what is left."""
        if self._watching is not None:
            self._watching.cancel()
        for server in self._servers:
            server.close()
        for session in tuple(self._door.sessions):
            session.drain()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + grace_s
        if self._door.sessions:
            await asyncio.wait({session.finished for session in self._door.sessions}, timeout=grace_s)
        self._door.intake.judge.close()
        await self._batcher.close(max(deadline - loop.time(), 1.0))
        for session in tuple(self._door.sessions):
            session.abandon()


def bind(endpoints: Sequence[str]) -> list[socket.socket]:
    """Bound sockets for `host:port` texts, shareable between workers. Raises `PortBusy`."""
    return [_bind_one(endpoint) for endpoint in endpoints]


def _bind_one(endpoint: str) -> socket.socket:
    host, _, port = endpoint.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if family == socket.AF_INET6:
        listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    try:
        listening.bind((host, int(port)))
    except OSError as error:
        listening.close()
        raise PortBusy(f"mail.listen: {endpoint} cannot be used ({error.strerror})") from error
    listening.setblocking(False)
    return listening


__all__ = ["Inbound", "bind"]
