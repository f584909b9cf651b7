"""Serving one receiving site: how many couriers are at it, and what happens when one comes back.

Owns the couriers of an `Exchange`, the choice of the next host of its route and the wait after trouble.
Refuses to decide limits: `shaping` does. Fails by deferring: when no host can be reached, everything that
waits here gets the outcome of the last try, and the queue's schedule brings it back.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from appliance import clock, log
from appliance.config import Config
from appliance.delivery import Outcome, Reason
from smtp.courier import Courier
from smtp.exchange import Exchange, Ledger
from smtp.render import Renderer
from smtp.route import Route
from smtp.shaping import Window, limits_for
from smtp.terms import CourierSettings, Unreachable

_LINGER_S = 0.3
_PERMIT_S = 0.1
_PER_COURIER = 4  # letters that justify one more connection


class Station:
    """One per receiving site and worker."""

    def __init__(
        self,
        config: Config,
        route: Route,
        renderer: Renderer,
        ledger: Ledger,
        *,
        label: str,
        broken: Callable[[OSError], None],
    ) -> None:
        """`label` is how logs may call the site: its hosts' names could be a family's name. `broken` hears
        that the journal refused a line."""
        self._config = config
        self._broken = broken
        self._route = route
        limits = limits_for(route.carrier, config.relay.sites, route.site)
        self._window = Window(limits, workers=config.mail.workers)
        self._settings = replace(
            CourierSettings.from_config(
                config.mail.hostname, config.relay, self._window.messages_per_connection
            ),
            linger_s=_LINGER_S,
        )
        self.exchange = Exchange(label, renderer, ledger, self._permit)
        self._couriers: dict[asyncio.Task[None], Courier | None] = {}
        self._later: asyncio.TimerHandle | None = None
        self._accepted_before = 0
        self.pace = 0
        """Letters accepted in the last second."""

    def _permit(self) -> bool:
        permitted = self._window.permit(clock.monotonic())
        if not permitted and self._later is None:
            self._later = asyncio.get_running_loop().call_later(_PERMIT_S, self._try_again)
        return permitted

    def _try_again(self) -> None:
        """A site with a rate: couriers that found none left look again before they leave."""
        self._later = None
        self.staff()

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
        """Once a second: the pace, and couriers for what waits."""
        self.pace = self.exchange.accepted - self._accepted_before
        self._accepted_before = self.exchange.accepted
        self.staff()

    def staff(self) -> None:
        """Wakes idle couriers and sends as many more as the waiting letters and the site's window want."""
        for courier in self._couriers.values():
            if courier is not None:
                courier.wake()
        allowed = self._window.connections(clock.monotonic())
        wanted = min(allowed, -(-len(self.exchange) // _PER_COURIER))
        while len(self._couriers) < wanted:
            task = asyncio.create_task(self._serve(), name=f"courier-{self.exchange.name}")
            self._couriers[task] = None
            task.add_done_callback(self._returned)

    def _returned(self, task: "asyncio.Task[None]") -> None:
        del self._couriers[task]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.unexpected(error)
            if isinstance(error, OSError):
                self._broken(error)

    async def _serve(self) -> None:
        """One courier's life: connect to the first host that answers, carry, report; again while useful."""
        task = asyncio.current_task()
        assert task is not None
        while len(self.exchange) and len(self._couriers) <= self._window.connections(clock.monotonic()):
            courier = await self._connect()
            if courier is None:
                return
            self._couriers[task] = courier
            ended = await courier.run()
            self._couriers[task] = None
            self._window.ended(clock.monotonic(), throttled=ended.throttled, reset=ended.reset)
            log.connection_ended(self.exchange.name, ended.accepted, ended.why, ended.throttled)

    async def _connect(self) -> Courier | None:
        last: Outcome | None = None
        for target in self._route.targets:
            for starttls in (True, False):
                settings = replace(self._settings, starttls=self._settings.starttls and starttls)
                try:
                    return await Courier.connect(target, settings, self.exchange)
                except Unreachable as error:
                    last = error.outcome
                    if not error.tls:
                        break
        if last is not None:
            self._window.ended(clock.monotonic(), throttled=last.throttled, reset=last.reason is Reason.RESET)
            if not any(self._couriers.values()):  # others of us are inside: only this one was not let in
                log.site_unreachable(self.exchange.name, self.exchange.defer_all(last), last.reason)
        return None

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
