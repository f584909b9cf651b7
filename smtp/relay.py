"""The relay: from the queue to the receivers, many sites at once, urgent mail first.

Owns the worker's loop: claim what waits, sort it by receiving site, keep as many couriers at each site as the
site bears, journal and commit what they report, and the upkeep of the queue. Refuses to know what a reply
means (`verdict`), how a site is treated (`shaping`), where a domain's mail goes (`dispatch`) and how a letter
looks (`render`).

How it fails:

- the database is away: results stay in memory and journal, nothing new is claimed, it asks again;
- the journal cannot be written: the fault ends the worker, supervisor starts it again and it replays; while
  there is no room it gives no sign of life, so that it has no share and claims nothing; its door stays open;
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

from appliance import address, clock, db, delivery, doubt, fault, log, notice, registration
from appliance.broadcast import delivery_test
from appliance.config import Config
from appliance.delivery import Claimed, Journal
from appliance.errors import AddressInvalid, DatabaseUnavailable, JournalRefused, KeyRefused
from appliance.keys import Keyring, Purpose, Slot
from appliance.record import daily
from smtp.ahead import Ahead
from smtp.dispatch import Dispatch
from smtp.exchange import URGENT, Ledger
from smtp.render import Renderer
from smtp.transport.worker import Transport

_POLL_S = 0.1
_UPKEEP_S = 1.0
_EXPIRE_REQUESTS_S = 600.0
_TELLING_S = 15.0
_DOUBT_NEXT_S, _DOUBT_AGAIN_S = 5.0, 3600.0  # from school to school; from the last one to the first
_DATABASE_AWAY_S = 1.0
_NO_ROOM_S = 5.0
_DRAIN_S = 20.0
_EXTENSIONS = 4  # signs of life in the time of one lease
_ROUND_S = 0.25
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
        self._transport = Transport(config, keyring, self._renderer.signer)
        self._dispatch = Dispatch(
            config, self._renderer, self._ledger, self._transport, worker=self._worker, broken=self._break
        )
        self._ahead = Ahead(self._renderer, self._opened)
        self._database = ThreadPoolExecutor(1, thread_name_prefix="relay-db")
        self._after = ""
        self._doubtful: set[int] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._settle_now = asyncio.Event()
        self._extend_due = 0.0
        self._requests_due = 0.0
        self._telling_due = 0.0
        self._to_doubt: list[int] = []
        self._doubt_due = 0.0

    async def start(self) -> None:
        """Replays what a killed predecessor left, then begins. Raises `DatabaseUnavailable`."""
        await self._in_database(db.align_clock)
        await self._in_database(self._replay)
        await self._report(clock.now())
        self._broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tasks.append(asyncio.create_task(self._until_broken(), name="relay-broken"))
        for loop in (
            self._claiming, self._settling, self._upkeep, self._signing_ahead, self._transport.upkeep,
        ):  # fmt: skip
            self._tasks.append(asyncio.create_task(self._forever(loop), name=f"relay-{loop.__name__}"))

    async def stop(self) -> None:
        """Claims nothing more, lets the couriers finish what they carry, gives the rest back."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._dispatch.close(_DRAIN_S)
        try:
            while self._ledger.results or self._ledger.untried:
                await self._settle()
            await self._in_database(  # what a claim that was cut short had taken, or a full disk left open
                delivery.release_worker,
                self._worker,
                uncertain_ids=self._ledger.journal.open_ids,
                now=clock.now(),
            )
            await self._in_database(delivery.leave, self._worker)
            self._ledger.journal.clear()
            await self._transport.flush()
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
            log.journal_refused(error)
            self._broken.set_exception(JournalRefused("the journal cannot be written"))

    async def _forever(self, step: Callable[[], Any]) -> None:
        """Repeats a step; while the database is away it waits and asks again."""
        while True:
            try:
                await step()
            except DatabaseUnavailable as error:
                log.database_unavailable(error)
                await asyncio.sleep(_DATABASE_AWAY_S)

    async def _claiming(self) -> None:
        """One look at the queue: for each site that has something due and room here, claim and sort.

        Urgent mail first. The rest for a quarter of a second, each time from where the last round ended; then
        it looks again, because something urgent may have come.
        """
        if self._doubtful:
            await self._in_database(delivery.release_claims, tuple(self._doubtful), now=clock.now())
            self._doubtful.clear()
        claimed_any, began = False, clock.monotonic()
        waiting = await self._in_database(delivery.sites_waiting, clock.now())
        for site, lane in sorted(waiting, key=lambda pair: (pair[1], pair[0] <= self._after, pair[0])):
            if lane != URGENT and clock.monotonic() - began > _ROUND_S:
                break
            limit = self._dispatch.room(site, lane)
            if limit <= 0:
                continue
            if await self._claim_from(site, limit, lane):
                claimed_any = True
            if lane != URGENT:
                self._after = site
        if not claimed_any:
            await asyncio.sleep(_POLL_S)

    async def _claim_from(self, site: str, limit: int, lane: int) -> bool:
        token, now = delivery.fresh_token(), clock.now()
        self._doubtful.add(token)  # until its letters are in our hands
        claims = await self._in_database(self._claim, site, limit, lane, token, now)
        self._ledger.leases[token] = now + timedelta(seconds=self._config.relay.lease_s)
        self._dispatch.sort(claims)
        self._doubtful.discard(token)
        if claims:
            log.claimed(site, len(claims))
        return bool(claims)

    async def _settling(self) -> None:
        try:
            await asyncio.wait_for(self._settle_now.wait(), self._config.relay.settle_every_ms / 1000)
        except TimeoutError:
            pass
        self._settle_now.clear()
        await self._settle()

    async def _signing_ahead(self) -> None:
        """Only while there is nothing to carry."""
        share = self._dispatch.place
        if share is None or self._dispatch.is_busy or not await self._in_database(self._ahead.step, share):
            await asyncio.sleep(_POLL_S)

    async def _upkeep(self) -> None:
        now = clock.now()
        if clock.monotonic() >= self._extend_due:
            await self._in_database(db.align_clock)
            now = clock.now()
            await self._extend(now)
            counts = await self._report(now)
            again_s = self._config.relay.lease_s / _EXTENSIONS if counts else _NO_ROOM_S
            self._extend_due = clock.monotonic() + again_s
        await self._divide(now)
        await self._in_database(delivery.take_over, now)
        await self._in_database(delivery.expire, now)
        self._ledger.halted = await self._in_database(delivery.halted, now)
        await self._in_database(delivery.finish_broadcasts, now)
        await self._in_database(delivery.forget)
        if clock.monotonic() >= self._requests_due:
            self._requests_due = clock.monotonic() + _EXPIRE_REQUESTS_S
            await self._in_database(registration.expire, now)
            await self._in_database(delivery_test.start_due, self._config, now)
            await self._in_database(daily.queue, self._config, self._keyring, now)
            await self._in_database(notice.note_due, self._config, now)
        if clock.monotonic() >= self._telling_due:
            self._telling_due = clock.monotonic() + _TELLING_S
            await self._in_database(fault.tell, self._config, self._keyring, now)
            await self._in_database(notice.tell, self._config, now)
        await self._doubt(now)
        for station in self._dispatch.stations:
            station.tick()
        await asyncio.sleep(_UPKEEP_S)

    async def _doubt(self, now: datetime) -> None:
        """One school at a time, and only while there is nothing to carry."""
        if clock.monotonic() < self._doubt_due or self._dispatch.is_busy:
            return
        if not self._to_doubt:
            self._to_doubt = await self._in_database(doubt.school_ids)
        if self._to_doubt:
            await self._in_database(doubt.sweep, self._config, self._to_doubt.pop(), now)
        self._doubt_due = clock.monotonic() + (_DOUBT_NEXT_S if self._to_doubt else _DOUBT_AGAIN_S)

    async def _extend(self, now: datetime) -> None:
        """The sign of life, for what is really held here. What has become somebody else's is let go."""
        leases = self._ledger.leases
        held = list(self._dispatch.held())
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
            self._dispatch.give_back()
        leases.update(dict.fromkeys(tokens, now + timedelta(seconds=lease_s)))

    async def _report(self, now: datetime) -> bool:
        """The other sign of life: among the living the limits of the sites are divided.

        Whoever could not note what it sends gives none: it has no share then, and claims nothing.
        """
        try:
            self._ledger.journal.need_room()
        except OSError as error:
            log.journal_refused(error)
            return False
        await self._in_database(
            delivery.report, self._worker, socket.gethostname(), lease_s=self._config.relay.lease_s, now=now
        )
        await self._divide(now)
        return True

    async def _divide(self, now: datetime) -> None:
        lease_s = self._config.relay.lease_s
        crew = await self._in_database(delivery.crew, self._worker, lease_s=lease_s, now=now)
        self._dispatch.divide(crew)

    # --- claiming

    def _claim(
        self, site: str, limit: int, lane: int, token: int, now: datetime
    ) -> list[tuple[Claimed, address.Address | None]]:
        """Claims, and opens the addresses: keys lie in the database, too. None for what cannot be sent."""
        claims = delivery.claim(
            self._worker,
            site,
            limit=limit,
            lease_s=self._config.relay.lease_s,
            now=now,
            lane=lane,
            token=token,
        )
        unfit = self._renderer.prepare(claims)
        return [(claimed, None if claimed.id in unfit else self._opened(claimed)) for claimed in claims]

    def _opened(self, claimed: Claimed) -> address.Address | None:
        slot = Slot(Purpose.ADDRESSES, "address", "sealed", claimed.school_id, claimed.address_id)
        try:
            return address.read(self._keyring.open(slot, claimed.sealed))
        except (KeyRefused, AddressInvalid) as error:
            log.rendering_failed(claimed.id, error)
            return None

    # --- settling

    def _wake_settler(self) -> None:
        """Enough has gathered, or there is nothing left to gather."""
        if len(self._ledger.results) >= self._config.relay.settle_rows or not self._dispatch.is_busy:
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
