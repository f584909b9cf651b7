"""Serving one receiving site: how many couriers are at it, and what happens when one comes back.

Owns the couriers of an `Exchange` and the wait after trouble. Refuses to decide limits (`shaping`) and how a
session comes about (`transport.approach`). Fails by deferring: when no host can be reached, everything that
waits here gets the outcome of the last try, and the queue's schedule brings it back. A site that asks for
less than one connection is left alone, and what waits for it goes back to the queue untried.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from appliance import clock, log
from appliance.config import Config, SiteLimits
from appliance.delivery import Outcome, Reason
from appliance.limits import limits_for
from smtp.courier import Courier
from smtp.exchange import URGENT, Exchange, Ledger, Seat
from smtp.render import Renderer
from smtp.route import Route
from smtp.shaping import Share, Window
from smtp.terms import CourierSettings, Unreachable
from smtp.transport.approach import Approach

_LINGER_S = 0.3
_LOOK_AGAIN_S = 0.1
_PER_COURIER = 4  # letters that justify one more connection
_ROOM_PER_CONNECTION = 8


class Station:
    """One per receiving site and worker; the `Bounds` of its exchange."""

    def __init__(
        self,
        config: Config,
        route: Route,
        renderer: Renderer,
        ledger: Ledger,
        approach: Approach,
        *,
        label: str,
        share: Callable[[SiteLimits, str], Share],
        broken: Callable[[OSError], None],
    ) -> None:
        """`label` is how logs may call the site: its hosts' names could be a family's name. `share` says what
        of its limits is this worker's. `broken` hears that the journal refused a line."""
        self._config = config
        self._broken = broken
        self._route = route
        self._approach = approach
        self._share = share
        self._limits = limits_for(route.carrier, config.relay.sites, route.site)
        self._window = Window(self._limits, share(self._limits, self._shared_as))
        self._settings = replace(
            CourierSettings.from_config(
                config.mail.hostname, config.relay, self._limits.messages_per_connection
            ),
            linger_s=_LINGER_S,
        )
        self.exchange = Exchange(label, renderer, ledger, self)
        self._couriers: dict[asyncio.Task[None], tuple[Seat, Courier | None]] = {}
        self._knocking = 0
        self._later: asyncio.TimerHandle | None = None
        self._accepted_before = 0
        self.pace = 0
        """Letters accepted in the last second."""

    @property
    def _shared_as(self) -> str:
        """All sites of one operator fall to the same workers: claims are for carriers, not yet for sites."""
        return self._route.operator or self._route.site

    # --- what the exchange asks

    def permit(self) -> bool:
        permitted = self._window.permit(clock.monotonic())
        if not permitted:
            self._look_again()
        return permitted

    def ordinary(self) -> int:
        return self._window.ordinary(clock.monotonic())

    def _look_again(self) -> None:
        """A site with a rate: couriers that found none left look again before they leave."""
        if self._later is None:
            self._later = asyncio.get_running_loop().call_later(_LOOK_AGAIN_S, self._try_again)

    def _try_again(self) -> None:
        self._later = None
        self.staff()

    # --- what the relay asks

    def takes(self, lane: int) -> bool:
        """Whether mail of this lane for the site is this worker's to carry."""
        share = self._window.share
        return share.connections > (0 if lane == URGENT else share.reserved)

    @property
    def left_alone(self) -> bool:
        """The site has asked for less and nobody is inside: for the moment nothing is claimed for it."""
        return self._window.left_alone(clock.monotonic()) and not self._inside

    @property
    def _inside(self) -> int:
        """Connections past the door."""
        return sum(courier is not None for _, courier in self._couriers.values())

    @property
    def room(self) -> int:
        """How many letters to hold here: a second's worth; none should wait while others are idle."""
        return max(_ROOM_PER_CONNECTION * self._window.share.connections, self.pace)

    def resize(self) -> None:
        """Workers have come or gone: what is no longer ours to carry goes back, connections too many end."""
        self._window.resize(self._share(self._limits, self._shared_as))
        self.exchange.give_back(keep=self.takes)
        most = self._window.share.connections
        for place, (seat, _) in enumerate(self._couriers.values()):
            seat.retired = place >= most

    @property
    def stale(self) -> bool:
        """Its route is older than DNS said it may be."""
        return self._route.expires_at_s <= clock.monotonic()

    @property
    def site(self) -> str:
        """The name of the receiving site: its hosts."""
        return self._route.site

    def reroute(self, route: Route) -> None:
        """The same site, as DNS has it now."""
        self._route = route

    def tick(self) -> None:
        """Once a second: the pace, and couriers for what waits. A site left alone keeps nothing."""
        self.pace = self.exchange.accepted - self._accepted_before
        self._accepted_before = self.exchange.accepted
        if self.left_alone and not self._couriers:
            self.exchange.give_back()
        self.staff()

    def staff(self) -> None:
        """Wakes idle couriers and sends as many more as the waiting letters and the site's window want."""
        for seat, courier in self._couriers.values():
            if courier is not None and self.exchange.offers(seat):
                courier.wake()
        now_s = clock.monotonic()
        wanted = min(self._window.connections(now_s), self._wanted(now_s))
        while len(self._couriers) < wanted:
            if not self._window.may_connect(now_s):
                self._look_again()
                return
            seat = Seat(self.exchange)
            task = asyncio.create_task(self._serve(seat), name=f"courier-{self.exchange.name}")
            self._couriers[task] = (seat, None)
            task.add_done_callback(self._returned)

    def _wanted(self, now_s: float) -> int:
        """Connections for what waits. Urgent letters do not count on those that carry something else."""
        urgent = self.exchange.waiting(URGENT)
        rest = min(self._window.ordinary(now_s), -(-(len(self.exchange) - urgent) // _PER_COURIER))
        if not urgent:
            return rest
        return -(-urgent // _PER_COURIER) + max(rest, self.exchange.ordinary_seats)

    def _returned(self, task: "asyncio.Task[None]") -> None:
        del self._couriers[task]
        if not task.cancelled() and (error := task.exception()) is not None:
            if isinstance(error, OSError):
                self._broken(error)
            else:
                log.unexpected(error)

    async def _serve(self, seat: Seat) -> None:
        """One courier's life: connect to the first host that answers, carry, report; again while useful."""
        task = asyncio.current_task()
        assert task is not None
        while self._useful(seat):
            self._knocking += 1
            try:
                courier = await self._connect(seat)
            finally:
                self._knocking -= 1
            if courier is None:
                return
            self._couriers[task] = (seat, courier)
            ended = await courier.run()
            self._couriers[task] = (seat, None)
            now_s = clock.monotonic()
            self._window.ended(now_s, throttled=ended.throttled, reset=ended.reset, accepted=ended.accepted)
            log.connection_ended(self.exchange.name, ended.accepted, ended.why, ended.throttled)
            if self._useful(seat) and not self._window.may_connect(now_s):
                self._look_again()
                return

    def _useful(self, seat: Seat) -> bool:
        """Whether one more connection is borne, and something waits that it may carry."""
        borne = self._window.connections(clock.monotonic())
        return len(self._couriers) <= borne and self.exchange.offers(seat)

    async def _connect(self, seat: Seat) -> Courier | None:
        try:
            return await self._approach.connect(self._route, self._settings, seat, self.exchange.name)
        except Unreachable as error:
            self._not_let_in(error.outcome)
        return None

    def _not_let_in(self, last: Outcome) -> None:
        """While others of us are inside, or may yet get in, only this connection was refused.

        Otherwise, where the site asked for less, the letters wait in the queue until the window opens again;
        where nobody answers, each is deferred by its schedule.
        """
        others, reset = self._inside + self._knocking - 1, last.reason is Reason.RESET
        if others and last.throttled and not reset:
            self._window.crowded(clock.monotonic(), others)
        else:
            self._window.ended(clock.monotonic(), throttled=last.throttled, reset=reset)
        if others:
            return
        deferred = 0
        if last.throttled:
            self.exchange.give_back()
        else:
            deferred = self.exchange.defer_all(last)
        log.site_unreachable(self.exchange.name, deferred, last.reason)

    async def close(self, within_s: float) -> None:
        """Lets the couriers finish what they carry; cuts those that take longer."""
        if self._later is not None:
            self._later.cancel()
        tasks = list(self._couriers)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=within_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
