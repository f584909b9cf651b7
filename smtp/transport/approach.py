"""The way to a session: the hosts of a route one by one, and each as safe as its policy demands.

Owns the fall-back from TLS to the clear where nothing is demanded, what is remembered of broken hosts, and
the counting of every session. Refuses limits and letters. Fails with the `Unreachable` of the last host.
"""

from dataclasses import replace

from appliance import log
from smtp.courier import Courier
from smtp.route import Route
from smtp.terms import CourierSettings, Source, Target, Unreachable
from smtp.transport.broken import BrokenHosts
from smtp.transport.policy import Failure
from smtp.transport.tally import Tally


class Approach:
    """One per worker."""

    def __init__(self, tally: Tally) -> None:
        self.broken = BrokenHosts()
        self._tally = tally

    async def connect(
        self, route: Route, settings: CourierSettings, source: Source, label: str = ""
    ) -> Courier:
        """A courier at the first host that lets us in. `label` stands in logs. Raises `Unreachable`."""
        last: Unreachable | None = None
        for target in route.targets:
            try:
                return await self._reach(route, target, settings, source, label)
            except Unreachable as error:
                last = error
        assert last is not None, "a route has targets"
        raise last

    async def _reach(
        self, route: Route, target: Target, settings: CourierSettings, source: Source, label: str
    ) -> Courier:
        known = None if target.policy.demands_tls else self.broken.failure(target.ip)
        if known is None:
            try:
                courier = await Courier.connect(target, settings, source)
            except Unreachable as error:
                if error.failure is None:
                    raise
                self._noted(route, target, error.failure, label)
                if target.policy.demands_tls:
                    raise
                known = error.failure
                self.broken.remember(target.ip, known)
            else:
                failure = courier.offers.failure
                if courier.offers.encrypted:
                    self.broken.works(target.ip)
                elif failure is not None and courier.offers.starttls:  # offered, and then refused
                    self.broken.remember(target.ip, failure)
                self._noted(route, target, failure, label)
                return courier
        else:
            self._tally.count(route.report_to, target.policy, target.host, target.ip, known)
        return await Courier.connect(target, replace(settings, starttls=False), source)

    def _noted(self, route: Route, target: Target, failure: Failure | None, label: str) -> None:
        self._tally.count(route.report_to, target.policy, target.host, target.ip, failure)
        if failure is not None and failure is not Failure.STARTTLS_NOT_SUPPORTED:
            log.tls_failed(label, target.policy.kind, failure, target.policy.demands_tls)
