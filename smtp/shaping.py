"""How much one receiving site is asked to bear: connections, messages per connection, rate.

Owns the table of starting limits (no carrier publishes any; from the field, ours to adapt) and the window
that gives way when a site says "less" and comes back slowly. Refuses sockets and clocks: the caller passes
monotonic seconds. Cannot fail.

The window is AIMD, as TCP's: a wish for less halves it and pauses the site, a connection that ended well
gives a quarter of a connection back. Several connections that hear the same wish halve it once. Each worker
has a window of its own with an even share of the limits, and at least one connection: more workers in all
nodes together than the site has connections exceed its limit.
"""

from dataclasses import dataclass

from appliance.address import Carrier
from appliance.config import SiteLimits

STARTING_LIMITS: dict[Carrier, SiteLimits] = {
    # Field notes 3. One recipient per message everywhere; APPLE closes early, YAHOO_JP counts per second.
    Carrier.DOCOMO: SiteLimits(connections=4, messages_per_connection=50),
    Carrier.AU: SiteLimits(connections=4, messages_per_connection=50),
    Carrier.SOFTBANK: SiteLimits(connections=4, messages_per_connection=50),
    Carrier.YAHOO_JP: SiteLimits(connections=2, messages_per_connection=20, per_s=10),
    Carrier.GOOGLE: SiteLimits(connections=5, messages_per_connection=50),
    Carrier.APPLE: SiteLimits(connections=10, messages_per_connection=5),
    Carrier.MICROSOFT: SiteLimits(connections=5, messages_per_connection=50),
    Carrier.OTHER: SiteLimits(connections=10, messages_per_connection=100),
}

_RECOVERY = 0.25  # connections regained per connection that ended well
_PAUSE_S = 15.0  # after being turned away
_SUSPENSION_S = 120.0  # after resets in a row: au's way of blocking
_RESETS = 3
_BURST_S = 1.0


def limits_for(carrier: Carrier, overrides: dict[str, SiteLimits], site: str) -> SiteLimits:
    """The configured limits of the site or carrier, else the starting ones."""
    return overrides.get(site) or overrides.get(carrier.value) or STARTING_LIMITS[carrier]


@dataclass(slots=True)
class Window:
    """One site's allowance in one worker; `workers` share the site's limits evenly."""

    limits: SiteLimits
    workers: int = 1
    _open: float = 0.0
    _not_before_s: float = float("-inf")
    _halved_until_s: float = float("-inf")
    _resets: int = 0
    _tokens: float = 0.0
    _filled_s: float | None = None

    def __post_init__(self) -> None:
        self._open = self._most

    @property
    def _most(self) -> float:
        return max(1.0, self.limits.connections / self.workers)

    @property
    def messages_per_connection(self) -> int:
        return self.limits.messages_per_connection

    def connections(self, now_s: float) -> int:
        """How many connections may be open now; 0 while the site is left alone."""
        return 0 if now_s < self._not_before_s else max(1, int(self._open))

    def permit(self, now_s: float) -> bool:
        """Spends one message of the rate; False when none is left at this moment."""
        if self.limits.per_s is None:
            return True
        rate = self.limits.per_s / self.workers
        burst = max(1.0, rate * _BURST_S)
        if self._filled_s is None:
            self._tokens = burst
        else:
            self._tokens = min(burst, self._tokens + (now_s - self._filled_s) * rate)
        self._filled_s = now_s
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def ended(self, now_s: float, *, throttled: bool, reset: bool) -> None:
        """A connection came to its end: halve what was too much, regain slowly what went well."""
        self._resets = self._resets + 1 if reset else 0
        if self._resets >= _RESETS:
            self._not_before_s = now_s + _SUSPENSION_S
            self._resets = 0
        if throttled:
            if now_s >= self._halved_until_s:
                self._open = max(1.0, self._open / 2)
                self._halved_until_s = now_s + _PAUSE_S
            self._not_before_s = max(self._not_before_s, now_s + _PAUSE_S)
        elif not reset:
            self._open = min(self._most, self._open + _RECOVERY)
