"""The relay: from the queue to the receivers, many sites at once, urgent mail first.

Owns the worker's loop: claim what waits, sort it by receiving site, keep as many couriers at each site as the
site bears, journal and commit what they report, and the upkeep of the queue. Refuses to know what a reply
means (`verdict`), how a site is treated (`shaping`), where a domain's mail goes (`route`) and how a letter
looks (`render`).

How it fails:

- the database is away: results stay in memory and journal, nothing new is claimed, it asks again;
- the journal cannot be written: the fault ends the worker, supervisor starts it again and it replays;
- a site cannot be reached: its letters are deferred and retried by the schedule, other sites go on;
- kill -9: see `appliance.delivery`.
"""

import asyncio
import functools
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from appliance import address, clock, db, delivery, log, registration
from appliance.config import Config
from appliance.delivery import Claimed, Journal, Kind, Outcome, Reason
from appliance.errors import AddressInvalid, DatabaseUnavailable, KeyRefused
from appliance.keys import Keyring, Purpose, Slot
from smtp.exchange import Ledger
from smtp.render import Renderer
from smtp.route import NoRoute, Router
from smtp.station import Station

_POLL_S = 0.2
_UPKEEP_S = 1.0
_EXPIRE_REQUESTS_S = 600.0
_DATABASE_AWAY_S = 1.0
_DRAIN_S = 20.0
_URGENT = 0
_T = TypeVar("_T")


class Relay:
    """One per worker process. `start`, then `stop`."""

    def __init__(self, config: Config, keyring: Keyring, worker: str) -> None:
        self._config = config
        self._keyring = keyring
        self._worker = f"{socket.gethostname()}/{worker}"
        journal = Journal(config.relay.spool_dir / f"outcomes-{worker}.journal", self._worker)
        self._ledger = Ledger(self._worker, journal)
        self._ledger.full = self._wake_settler
        self._renderer = Renderer(config, keyring)
        self._router = Router(config.relay)
        self._database = ThreadPoolExecutor(1, thread_name_prefix="relay-db")
        self._stations: dict[str, Station] = {}
        self._by_domain: dict[str, Station] = {}
        self._claimed_for: dict[str, set[str]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._settle_now = asyncio.Event()
        self._requests_due = 0.0

    async def start(self) -> None:
        """Replays what a killed predecessor left, then begins. Raises `DatabaseUnavailable`."""
        await self._in_database(self._replay)
        for loop in (self._claiming, self._settling, self._upkeep):
            self._tasks.append(asyncio.create_task(self._forever(loop), name=f"relay-{loop.__name__}"))

    async def stop(self) -> None:
        """Claims nothing more, lets the couriers finish what they carry, gives the rest back."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for station in self._stations.values():
            station.exchange.give_back()
        await asyncio.gather(*(station.close(_DRAIN_S) for station in self._stations.values()))
        try:
            while self._ledger.results or self._ledger.untried:
                await self._settle()
        except DatabaseUnavailable as error:
            log.database_unavailable(error)  # the journal has it
        self._database.shutdown()
        self._ledger.journal.close()

    @property
    def tasks(self) -> list["asyncio.Task[None]"]:
        """The loops; one that ends has failed, and the worker with it."""
        return self._tasks

    # --- the three loops

    async def _forever(self, step: Callable[[], Any]) -> None:
        """Repeats a step; while the database is away it waits and asks again."""
        while True:
            try:
                await step()
            except DatabaseUnavailable as error:
                log.database_unavailable(error)
                await asyncio.sleep(_DATABASE_AWAY_S)

    async def _claiming(self) -> None:
        """One look at the queue: for each site that has something due and room here, claim and sort."""
        claimed_any = False
        for site, lane in await self._in_database(delivery.sites_waiting, clock.now()):
            limit = self._room(site, lane)
            if limit <= 0:
                continue
            lanes = (_URGENT,) if lane == _URGENT else (0, 1, 2)
            claims = await self._in_database(self._claim, site, limit, lanes)
            if claims:
                claimed_any = True
                log.claimed(site, len(claims))
                await self._sort(claims)
        if not claimed_any:
            await asyncio.sleep(_POLL_S)

    async def _settling(self) -> None:
        try:
            await asyncio.wait_for(self._settle_now.wait(), self._config.relay.settle_every_ms / 1000)
        except TimeoutError:
            pass
        self._settle_now.clear()
        await self._settle()

    async def _upkeep(self) -> None:
        now = clock.now()
        await self._in_database(delivery.extend, self._worker, lease_s=self._config.relay.lease_s, now=now)
        await self._in_database(delivery.take_over, now)
        await self._in_database(delivery.expire, now)
        self._ledger.halted = await self._in_database(delivery.halted, now)
        await self._in_database(delivery.finish_broadcasts, now)
        if clock.monotonic() >= self._requests_due:
            self._requests_due = clock.monotonic() + _EXPIRE_REQUESTS_S
            await self._in_database(registration.expire, now)
        for station in self._stations.values():
            station.tick()
        await asyncio.sleep(_UPKEEP_S)

    # --- claiming

    def _room(self, site: str, lane: int) -> int:
        """How many more of a site this worker should hold: about two seconds' worth, urgent always."""
        stations = [self._stations[name] for name in self._claimed_for.get(site, ())]
        waiting = sum(len(station.exchange) for station in stations)
        pace = sum(station.pace for station in stations)
        wanted = min(self._config.relay.claim_size, max(50, 2 * pace))
        if lane == _URGENT:
            urgent = sum(station.exchange.waiting_urgent for station in stations)
            return wanted - urgent if urgent <= wanted // 2 else 0
        return wanted - waiting if waiting <= wanted // 2 else 0

    def _claim(self, site: str, limit: int, lanes: tuple[int, ...]) -> list[Claimed]:
        claims = delivery.claim(
            self._worker, site, limit=limit, lease_s=self._config.relay.lease_s, now=clock.now(), lanes=lanes
        )
        self._renderer.prepare(claims)
        return claims

    async def _sort(self, claims: list[Claimed]) -> None:
        """Opens the addresses and hands each delivery to the station of its receiving site."""
        by_domain: dict[str, list[tuple[Claimed, address.Address]]] = {}
        for claimed in claims:
            slot = Slot(Purpose.ADDRESSES, "address", "sealed", claimed.school_id, claimed.address_id)
            try:
                recipient = address.parse(self._keyring.open(slot, claimed.sealed))
            except (KeyRefused, AddressInvalid) as error:
                log.rendering_failed(claimed.id, error)
                self._ledger.settle(claimed, Outcome(Kind.FAILED, reason=Reason.INTERNAL))
                continue
            by_domain.setdefault(recipient.domain, []).append((claimed, recipient))
        for domain, letters in by_domain.items():
            station = self._by_domain.get(domain)
            if station is None or station.stale:
                station = await self._station(domain, letters)
            if station is None:
                continue
            self._claimed_for.setdefault(letters[0][0].site, set()).add(station.exchange.name)
            for claimed, recipient in letters:
                station.exchange.add(claimed, recipient)
            station.staff()

    async def _station(self, domain: str, letters: list[tuple[Claimed, address.Address]]) -> Station | None:
        """The station for a domain's mail exchangers; without a route its letters are settled at once."""
        try:
            route = await self._router.find(domain)
        except NoRoute as error:
            for claimed, _ in letters:
                self._ledger.settle(claimed, error.outcome)
            return None
        station = self._stations.get(route.site)
        if station is None:
            station = Station(self._config, route, self._renderer, self._ledger)
            self._stations[route.site] = station
        else:
            station.reroute(route)
        self._by_domain[domain] = station
        return station

    # --- settling

    def _wake_settler(self) -> None:
        if len(self._ledger.results) >= self._config.relay.settle_rows:
            self._settle_now.set()

    async def _settle(self) -> None:
        results, untried = self._ledger.results, self._ledger.untried
        if not results and not untried:
            return
        self._ledger.results, self._ledger.untried = [], []
        began = clock.monotonic()
        try:
            settled = await self._in_database(delivery.settle, results)
            if untried:
                await self._in_database(delivery.release, untried, now=clock.now())
        except BaseException:
            self._ledger.results[:0] = results  # settling twice is harmless: the claim token is gone
            self._ledger.untried[:0] = untried
            raise
        self._ledger.journal.settled(self._ledger.results)
        spent_ms = int((clock.monotonic() - began) * 1000)
        log.settled(settled.accepted, settled.deferred, settled.failed, settled.lost, spent_ms)

    def _replay(self) -> None:
        replay = self._ledger.journal.replay()
        if replay.results:
            delivery.settle(replay.results)
        released, uncertain = delivery.release_worker(
            self._worker, uncertain_ids=replay.uncertain, now=clock.now()
        )
        self._ledger.journal.clear()
        log.journal_replayed(len(replay.results), uncertain, released)

    async def _in_database(self, function: Callable[..., _T], *arguments: Any, **named: Any) -> _T:
        """Runs in the relay's one database thread; connections that failed are dropped there."""
        call = functools.partial(function, *arguments, **named)
        return await asyncio.get_running_loop().run_in_executor(self._database, _guarded, call)


def _guarded(call: Callable[[], _T]) -> _T:
    with db.guarded():
        return call()
