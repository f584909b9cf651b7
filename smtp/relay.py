"""The relay: from the queue to the receivers, many sites at once, urgent mail first.

Owns the worker's loop: claim what waits, sort it by receiving site, keep as many couriers at each site as the
site bears, journal and commit what they report, and the upkeep of the queue. Refuses to know what a reply
means (`verdict`), how a site is treated (`shaping`), where a domain's mail goes (`route`) and how a letter
looks (`render`).

How it fails:

- the database is away: results stay in memory and journal, nothing new is claimed, it asks again;
- the journal cannot be written: the fault ends the worker, supervisor starts it again and it replays;
- a claim whose commit nobody confirmed is given back by its token, as soon as the database answers;
- this process is held up for longer than its lease: what it had not tried belongs to others, it lets go;
- a name server does not answer: the letters for that domain wait for it, no others do;
- a site cannot be reached: its letters are deferred and retried by the schedule, other sites go on;
- kill -9: see `appliance.delivery`.
"""

import asyncio
import functools
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
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

_POLL_S = 0.1
_FIRST_CLAIM = 200  # of a site whose pace is not known yet
_UPKEEP_S = 1.0
_EXPIRE_REQUESTS_S = 600.0
_DATABASE_AWAY_S = 1.0
_DRAIN_S = 20.0
_EXTENSIONS = 4  # signs of life in the time of one lease
_URGENT = 0
_T = TypeVar("_T")
_Letter = tuple[Claimed, address.Address]


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
        self._router = Router(config.relay, config.mail.hostname)
        self._database = ThreadPoolExecutor(1, thread_name_prefix="relay-db")
        self._stations: dict[str, Station] = {}
        self._by_domain: dict[str, Station] = {}
        self._claimed_for: dict[str, set[str]] = {}
        self._routing: dict[str, list[_Letter]] = {}
        self._lookups: set[asyncio.Task[None]] = set()
        self._doubtful: set[int] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._settle_now = asyncio.Event()
        self._extend_due = 0.0
        self._requests_due = 0.0

    async def start(self) -> None:
        """Replays what a killed predecessor left, then begins. Raises `DatabaseUnavailable`."""
        await self._in_database(self._replay)
        self._broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tasks.append(asyncio.create_task(self._until_broken(), name="relay-broken"))
        for loop in (self._claiming, self._settling, self._upkeep):
            self._tasks.append(asyncio.create_task(self._forever(loop), name=f"relay-{loop.__name__}"))

    async def stop(self) -> None:
        """Claims nothing more, lets the couriers finish what they carry, gives the rest back."""
        for task in (*self._tasks, *self._lookups):
            task.cancel()
        await asyncio.gather(*self._tasks, *self._lookups, return_exceptions=True)
        self._give_back()
        await asyncio.gather(*(station.close(_DRAIN_S) for station in self._stations.values()))
        try:
            while self._ledger.results or self._ledger.untried:
                await self._settle()
            await self._in_database(  # what a claim that was cut short had taken
                delivery.release_worker, self._worker, uncertain_ids=set(), now=clock.now()
            )
            self._ledger.journal.clear()
        except DatabaseUnavailable as error:
            log.database_unavailable(error)  # the journal has it
        self._database.shutdown()
        self._ledger.journal.close()

    @property
    def tasks(self) -> list["asyncio.Task[None]"]:
        """The loops; one that ends has failed, and the worker with it."""
        return self._tasks

    # --- the loops

    async def _until_broken(self) -> None:
        await self._broken

    def _break(self, error: OSError) -> None:
        if not self._broken.done():
            self._broken.set_exception(error)

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
        if self._doubtful:
            await self._in_database(delivery.release_claims, tuple(self._doubtful), now=clock.now())
            self._doubtful.clear()
        claimed_any = False
        for site, lane in await self._in_database(delivery.sites_waiting, clock.now()):
            limit = self._room(site, lane)
            if limit <= 0:
                continue
            lanes = (_URGENT,) if lane == _URGENT else (0, 1, 2)
            token, now = delivery.fresh_token(), clock.now()
            self._doubtful.add(token)  # until its letters are in our hands
            claims = await self._in_database(self._claim, site, limit, lanes, token, now)
            self._ledger.leases[token] = now + timedelta(seconds=self._config.relay.lease_s)
            self._sort(claims)
            self._doubtful.discard(token)
            if claims:
                claimed_any = True
                log.claimed(site, len(claims))
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
        if clock.monotonic() >= self._extend_due:
            await self._extend(now)
            self._extend_due = clock.monotonic() + self._config.relay.lease_s / _EXTENSIONS
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

    async def _extend(self, now: datetime) -> None:
        """The sign of life, for what is really held here. What has become somebody else's is let go."""
        leases = self._ledger.leases
        held = [claimed for letters in self._routing.values() for claimed, _ in letters]
        for station in self._stations.values():
            held += station.exchange.held()
        tokens = {claimed.token for claimed in held}
        lapsed = any(leases[token] <= now for token in tokens)
        tokens |= {result.token for result in self._ledger.results}
        for token in leases.keys() - tokens:
            del leases[token]
        if not tokens:
            return
        lease_s = self._config.relay.lease_s
        own = await self._in_database(
            delivery.extend, self._worker, lease_s=lease_s, now=now, tokens=tuple(tokens)
        )
        if lapsed or own < len(held):
            self._give_back()
        leases.update(dict.fromkeys(tokens, now + timedelta(seconds=lease_s)))

    def _give_back(self) -> None:
        """Everything that nobody here has tried."""
        for letters in self._routing.values():
            self._ledger.untried += [(claimed.id, claimed.token) for claimed, _ in letters]
            letters.clear()
        for station in self._stations.values():
            station.exchange.give_back()

    # --- claiming

    def _room(self, site: str, lane: int) -> int:
        """How many more of a site this worker should hold: about one second's worth, urgent always.

        Less costs a commit too often, more leaves one worker with letters when the others have none.
        """
        stations = [self._stations[name] for name in self._claimed_for.get(site, ())]
        waiting = sum(len(station.exchange) for station in stations)
        waiting += sum(claimed.site == site for letters in self._routing.values() for claimed, _ in letters)
        pace = sum(station.pace for station in stations)
        wanted = min(self._config.relay.claim_size, max(_FIRST_CLAIM, pace))
        if lane == _URGENT:
            urgent = sum(station.exchange.waiting_urgent for station in stations)
            return wanted - urgent if urgent <= wanted // 2 else 0
        return wanted - waiting if waiting <= wanted // 2 else 0

    def _claim(
        self, site: str, limit: int, lanes: tuple[int, ...], token: int, now: datetime
    ) -> list[tuple[Claimed, address.Address | None]]:
        """Claims, and opens the addresses: keys lie in the database, too. None for one that does not open."""
        claims = delivery.claim(
            self._worker,
            site,
            limit=limit,
            lease_s=self._config.relay.lease_s,
            now=now,
            lanes=lanes,
            token=token,
        )
        self._renderer.prepare(claims)
        return [(claimed, self._opened(claimed)) for claimed in claims]

    def _opened(self, claimed: Claimed) -> address.Address | None:
        slot = Slot(Purpose.ADDRESSES, "address", "sealed", claimed.school_id, claimed.address_id)
        try:
            return address.read(self._keyring.open(slot, claimed.sealed))
        except (KeyRefused, AddressInvalid) as error:
            log.rendering_failed(claimed.id, error)
            return None

    def _sort(self, claims: list[tuple[Claimed, address.Address | None]]) -> None:
        """Hands each letter to the station of its receiving site; a domain without a route is looked up."""
        by_domain: dict[str, list[_Letter]] = {}
        for claimed, recipient in claims:
            if recipient is None:
                self._ledger.settle(claimed, Outcome(Kind.FAILED, reason=Reason.INTERNAL))
            else:
                by_domain.setdefault(recipient.domain, []).append((claimed, recipient))
        for domain, theirs in by_domain.items():
            station = self._by_domain.get(domain)
            if station is not None and not station.stale:
                self._hand(station, theirs)
            elif domain in self._routing:
                self._routing[domain] += theirs
            else:
                self._routing[domain] = theirs
                lookup = asyncio.create_task(self._look_up(domain), name="relay-route")
                self._lookups.add(lookup)
                lookup.add_done_callback(functools.partial(self._looked_up, domain))

    def _hand(self, station: Station, letters: list[_Letter]) -> None:
        for claimed, recipient in letters:
            self._claimed_for.setdefault(claimed.site, set()).add(station.site)
            station.exchange.add(claimed, recipient)
        station.staff()

    def _looked_up(self, domain: str, task: "asyncio.Task[None]") -> None:
        """A look-up that failed in a way nobody foresaw costs its own letters a try and nobody else's."""
        self._lookups.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.unexpected(error)
            for claimed, _ in self._routing.pop(domain, []):
                self._ledger.settle(claimed, Outcome(Kind.DEFERRED, reason=Reason.INTERNAL))

    async def _look_up(self, domain: str) -> None:
        """Finds the station for a domain; without a route its letters are settled at once."""
        try:
            route = await self._router.find(domain)
        except NoRoute as error:
            for claimed, _ in self._routing.pop(domain):
                self._ledger.settle(claimed, error.outcome)
            return
        letters = self._routing.pop(domain)
        station = self._stations.get(route.site)
        if station is not None:
            station.reroute(route)
        elif letters:
            label = letters[0][0].site
            station = Station(
                self._config, route, self._renderer, self._ledger, label=label, broken=self._break
            )
            self._stations[route.site] = station
        if station is not None:
            self._by_domain[domain] = station
            self._hand(station, letters)

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
                await self._in_database(self._release, untried)
        except BaseException:
            self._ledger.results[:0] = results  # settling twice is harmless: the claim token is gone
            self._ledger.untried[:0] = untried
            raise
        self._ledger.journal.settled(self._ledger.results)
        spent_ms = int((clock.monotonic() - began) * 1000)
        log.settled(settled.accepted, settled.deferred, settled.failed, settled.lost, spent_ms)

    def _release(self, untried: list[tuple[int, int]]) -> None:
        """In one go, so that what was stopped is not claimed again in between."""
        now = clock.now()
        with db.transaction():
            delivery.release(untried, now=now)
            if self._ledger.halted:
                delivery.halted(now)

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
