"""Opens the carriers' doors, turns a scenario's pages, and tells what has happened.

Owns listening sockets, phases and shutdown. Refuses to know SMTP. Fails with OSError where an address is
taken.
"""

import asyncio
import random
import ssl
from collections.abc import Callable
from typing import Any

from demo.carriers.census import Census
from demo.carriers.counts import Counts, in_all
from demo.carriers.dialog import Dialog
from demo.carriers.door import Door
from demo.carriers.exchange import Everybody, Exchange, Residents
from demo.carriers.scenario import FIRST, Phase, Scenario

_FLUSH_S = 0.5


class Carriers:
    """`async with Carriers(scenario, port)`: all listen on `port`, each on its own loopback address.

    `turned` hears each phase when it begins: what else depends on it (DNS) follows.
    """

    def __init__(
        self,
        scenario: Scenario,
        port: int,
        *,
        residents: Residents | None = None,
        tls: ssl.SSLContext | None = None,
        turned: Callable[[Phase], None] = lambda _phase: None,
    ) -> None:
        self.scenario = scenario
        self.phase = scenario.first
        self._port = port
        self._residents = residents or Everybody()
        self._turned = turned
        census = Census(scenario.seed)
        self.exchanges = {
            brand.key: Exchange(
                brand,
                self._residents,
                Door(scenario.first.manners[brand.key]),
                census,
                tls,
                chance=random.Random(f"{scenario.seed}/{brand.key}"),
            )
            for brand in scenario.brands
        }
        self._servers: dict[str, asyncio.Server] = {}
        self._pages: list[asyncio.TimerHandle] = []
        self._turning = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._began_s: float | None = None

    async def __aenter__(self) -> "Carriers":
        await self.turn(FIRST)
        self._task(self._every_half_second())
        return self

    async def __aexit__(self, *_error: object) -> None:
        for timer in self._pages:
            timer.cancel()
        for task in self._tasks:
            task.cancel()
        for server in self._servers.values():
            server.close()
        for exchange in self.exchanges.values():
            for session in tuple(exchange.sessions):
                session.cut()
        self._residents.flush()

    async def turn(self, name: str) -> None:
        """Begins a phase. KeyError for one that the scenario does not have."""
        phase = self.scenario.phases[name]
        async with self._turning:
            self.phase = phase
            for key, exchange in self.exchanges.items():
                exchange.door.manners = phase.manners[key]
                await self._open_or_close(exchange)
            self._turned(phase)

    async def _open_or_close(self, exchange: Exchange) -> None:
        key = exchange.brand.key
        if exchange.manners.down:
            server = self._servers.pop(key, None)
            if server is not None:
                server.close()
            for session in tuple(exchange.sessions):
                session.cut()
        elif key not in self._servers:
            self._servers[key] = await asyncio.get_running_loop().create_server(
                lambda: self._welcome(exchange), exchange.brand.ip, self._port, backlog=512
            )

    def _welcome(self, exchange: Exchange) -> Dialog:
        if self._began_s is None:  # the script's clock starts with the sending
            loop = asyncio.get_running_loop()
            self._began_s = loop.time()
            for phase in self.scenario.phases.values():
                if phase.from_s and phase.name != FIRST:
                    turn = loop.call_later(phase.from_s, lambda name=phase.name: self._task(self.turn(name)))
                    self._pages.append(turn)
        return Dialog(exchange)

    def _task(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _every_half_second(self) -> None:
        while True:
            await asyncio.sleep(_FLUSH_S)
            self._residents.flush()

    # --- telling

    def reset(self) -> None:
        """Counts from nothing, as before a drill. Who is connected stays."""
        for exchange in self.exchanges.values():
            fresh = Counts()
            fresh.open = fresh.peak = exchange.counts.open
            exchange.counts = fresh
            exchange.door.forget()

    def counts(self) -> dict[str, Any]:
        """By carrier, and in all."""
        by_carrier = {key: exchange.counts.report() for key, exchange in self.exchanges.items()}
        return {
            "scenario": self.scenario.title,
            "phase": self.phase.name,
            "carriers": by_carrier,
            "total": in_all(by_carrier.values()),
        }

    def mailboxes(self) -> dict[str, int]:
        """Every mailbox that something was taken for, and how many mails."""
        return {
            box: count
            for exchange in self.exchanges.values()
            for box, count in exchange.counts.by_mailbox.items()
        }
