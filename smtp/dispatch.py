"""From claimed deliveries to the stations of their receiving sites.

Owns the stations of a worker, which of them a domain's mail goes to, the look-ups that are under way, and how
much of a site this worker should hold. Refuses the database and the loops: `smtp.relay` has both. A domain
without a route has its letters settled at once; a look-up that fails unforeseen costs its own letters a try
and nobody else's; letters for a site that other workers serve go back untried.
"""

import asyncio
import functools
from collections.abc import Callable, Iterable, Iterator

from appliance import log
from appliance.address import Address
from appliance.config import Config, SiteLimits
from appliance.delivery import Claimed, Kind, Outcome, Reason
from smtp.exchange import Ledger
from smtp.render import Renderer
from smtp.route import NoRoute, Route, Router
from smtp.shaping import Share, share_of
from smtp.station import Station
from smtp.transport.worker import Transport
from smtp.unrouted import Letter, Unrouted

_UNKNOWN_ROOM = 32  # letters of a site whose hosts are not known yet


class Dispatch:
    """One per worker process."""

    def __init__(
        self,
        config: Config,
        renderer: Renderer,
        ledger: Ledger,
        transport: Transport,
        *,
        worker: str,
        broken: Callable[[OSError], None],
    ) -> None:
        """`broken` hears that the journal refused a line."""
        self._config = config
        self._renderer = renderer
        self._ledger = ledger
        self._worker = worker
        self._broken = broken
        self._approach = transport.approach
        self._router = Router(config.relay, config.mail.hostname, transport.policies)
        self._crew: tuple[str, ...] = ()
        self._stations: dict[str, Station] = {}
        self._by_domain: dict[str, Station] = {}
        self._domains_of: dict[str, set[str]] = {}
        self._unrouted = Unrouted()
        self._lookups: set[asyncio.Task[None]] = set()

    @property
    def stations(self) -> Iterable[Station]:
        return self._stations.values()

    @property
    def is_busy(self) -> bool:
        """Something waits here or is on its way."""
        return next(self.held(), None) is not None

    @property
    def place(self) -> tuple[int, int] | None:
        """This worker's number among the living, and how many they are; None while it does not count."""
        if self._worker not in self._crew:
            return None
        return self._crew.index(self._worker), len(self._crew)

    def held(self) -> Iterator[Claimed]:
        """Everything in this worker that has no outcome yet."""
        yield from self._unrouted.held()
        for station in self.stations:
            yield from station.exchange.held()

    def give_back(self) -> None:
        """Everything that nobody here has tried."""
        self._ledger.untried += [(claimed.id, claimed.token) for claimed, _ in self._unrouted.clear()]
        for station in self.stations:
            station.exchange.give_back()

    async def close(self, within_s: float) -> None:
        """Gives back what waits and lets the couriers finish what they carry."""
        for lookup in self._lookups:
            lookup.cancel()
        await asyncio.gather(*self._lookups, return_exceptions=True)
        self.give_back()
        await asyncio.gather(*(station.close(within_s) for station in self.stations))

    # --- how much of a site is ours

    def divide(self, crew: tuple[str, ...]) -> None:
        """The workers that are alive: the limits of all sites are divided among them."""
        if crew != self._crew:
            self._crew = crew
            for station in self.stations:
                station.resize()

    def _share(self, limits: SiteLimits, site: str) -> Share:
        return share_of(limits, site, self._worker, self._crew)

    def room(self, site: str, lane: int) -> int:
        """How many more of a site, of this lane and more urgent ones, this worker should claim.

        0 where other workers serve it. One letter is asked for all the same when its route is old: it may
        lead elsewhere by now.
        """
        if self._worker not in self._crew:
            return 0
        stations = {self._by_domain[domain] for domain in self._domains_of.get(site, ())}
        if any(station.left_alone for station in stations):
            return 0
        ours = [station for station in stations if station.takes(lane)]
        if stations and not ours:
            return int(any(station.stale for station in stations))
        holding = sum(station.exchange.waiting(lane) for station in ours)
        holding += self._unrouted.count(site, lane)
        wanted = min(self._config.relay.claim_size, sum(station.room for station in ours) or _UNKNOWN_ROOM)
        return wanted - holding if holding <= wanted // 2 else 0

    # --- sorting

    def sort(self, claims: list[tuple[Claimed, Address | None]]) -> None:
        """Hands each letter to the station of its receiving site; a domain without a route is looked up."""
        by_domain: dict[str, list[Letter]] = {}
        for claimed, recipient in claims:
            if recipient is None:
                self._ledger.settle(claimed, Outcome(Kind.FAILED, reason=Reason.INTERNAL))
            else:
                by_domain.setdefault(recipient.domain, []).append((claimed, recipient))
        for domain, theirs in by_domain.items():
            station = self._by_domain.get(domain)
            if station is not None and not station.stale:
                self._hand(station, theirs)
                continue
            is_new = domain not in self._unrouted
            self._unrouted.add(domain, theirs)
            if is_new:
                lookup = asyncio.create_task(self._look_up(domain), name="relay-route")
                self._lookups.add(lookup)
                lookup.add_done_callback(functools.partial(self._looked_up, domain))

    def _hand(self, station: Station, letters: list[Letter]) -> None:
        for claimed, recipient in letters:
            self._domains_of.setdefault(claimed.site, set()).add(recipient.domain)
            if station.takes(claimed.lane):
                station.exchange.add(claimed, recipient)
            else:
                self._ledger.untried.append((claimed.id, claimed.token))
        station.staff()

    def _looked_up(self, domain: str, task: "asyncio.Task[None]") -> None:
        self._lookups.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.unexpected(error)
            for claimed, _ in self._unrouted.pop(domain):
                self._ledger.settle(claimed, Outcome(Kind.DEFERRED, reason=Reason.INTERNAL))

    async def _look_up(self, domain: str) -> None:
        """Finds the station for a domain; without a route its letters are settled at once."""
        try:
            route = await self._router.find(domain)
        except NoRoute as error:
            for claimed, _ in self._unrouted.pop(domain):
                self._ledger.settle(claimed, error.outcome)
            return
        letters = self._unrouted.pop(domain)
        if letters or route.pool in self._stations:
            self._by_domain[domain] = self._station(route, letters)
            self._hand(self._by_domain[domain], letters)

    def _station(self, route: Route, letters: list[Letter]) -> Station:
        station = self._stations.get(route.pool)
        if station is not None:
            station.reroute(route)
            return station
        station = Station(
            self._config,
            route,
            self._renderer,
            self._ledger,
            self._approach,
            label=letters[0][0].site,
            share=self._share,
            broken=self._broken,
        )
        self._stations[route.pool] = station
        return station
