"""How much one receiving site is asked to bear now: connections, messages per connection, rates.

Owns the window that gives way when a site says "less" and comes back slowly, and this worker's share of the
site's limits. Refuses sockets, clocks and memory beyond the process: the caller passes monotonic seconds, and
a worker that starts again begins with the limits of `appliance.limits`. Cannot fail.

- *Window.* AIMD, as TCP's: a wish for less (421, a 4.7.x for speed, au's TCP reset: `smtp.verdict`) halves it
  and pauses the site; a connection that ended well gives a quarter of a connection back. Several connections
  that hear the same wish halve it once. A 421 at the door while others of us are inside says how many it
  bears, and the window closes to those. Greylisting, a full mailbox and trouble on their side change nothing.
- *Suspension.* Resets in a row, or wishes for less in a row with nothing taken in between, suspend the site:
  knocking on prolongs a block. After it one connection tries; if it is turned away, too, the next suspension
  is twice as long.
- *Share.* A site's connections are numbered. Who holds which follows from the names of the workers that are
  alive (rendezvous hashing), so all agree without a word, the sum is the limit, never more, and a worker that
  holds none leaves the site alone. Rates are split in the same proportion.
- *Reserve.* Some of the connections carry urgent mail only, however long routine mail waits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

from appliance.config import SiteLimits
from appliance.limits import reserved

_RECOVERY = 0.25  # connections regained per connection that ended well
_PAUSE_S = 15.0  # after a wish for less
_CROWDED_S = 60.0
_SUSPENSION_S = 120.0
_SUSPENSION_MOST_S = 900.0
_STRIKES = 3
_BURST_S = 1.0
_ROUNDING = 1e-6
_NEVER = float("-inf")


@dataclass(frozen=True, slots=True)
class Share:
    """One worker's part of a site: `connections`, of which `reserved` are for urgent mail, out of `of`."""

    connections: int
    reserved: int
    of: int

    @property
    def fraction(self) -> float:
        return self.connections / self.of


def share_of(limits: SiteLimits, site: str, worker: str, workers: Sequence[str]) -> Share:
    """What `worker` holds of a site while `workers` are alive; nothing if it is not one of them."""
    every, kept = limits.connections, reserved(limits.connections)
    ranked = sorted(workers, key=lambda name: blake2b(f"{site}\0{name}".encode(), digest_size=8).digest())
    if worker not in ranked:
        return Share(0, 0, every)
    mine = range(ranked.index(worker), every, len(ranked))
    return Share(len(mine), sum(number >= every - kept for number in mine), every)


class _Bucket:
    """Tokens for a rate that may change; full at the beginning."""

    __slots__ = ("_filled_s", "_tokens")

    def __init__(self) -> None:
        self._tokens = 0.0
        self._filled_s = _NEVER

    def take(self, now_s: float, per_s: float) -> bool:
        """Spends one token; False when there is none at this moment."""
        most = max(1.0, per_s * _BURST_S)
        fresh = (now_s - self._filled_s) * per_s
        self._tokens = min(most, self._tokens + fresh)
        self._filled_s = now_s
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


class Window:
    """One site's allowance in one worker."""

    def __init__(self, limits: SiteLimits, share: Share | None = None) -> None:
        """The whole site where no `share` is given."""
        self.limits = limits
        self.share = share or Share(limits.connections, reserved(limits.connections), limits.connections)
        self._open = 1.0  # of the share
        self._not_before_s = _NEVER
        self._halved_until_s = _NEVER
        self._suspended_until_s = _NEVER
        self._grow_after_s = _NEVER
        self._strikes = 0
        self._probing = False
        self._suspension_s = _SUSPENSION_S
        self._messages, self._connects = _Bucket(), _Bucket()

    def resize(self, share: Share) -> None:
        """Workers have come or gone. What the site has asked for holds for the new share, too."""
        self.share = share

    @property
    def _one(self) -> float:
        """One connection, as a part of the share."""
        return 1.0 / max(1, self.share.connections)

    def left_alone(self, now_s: float) -> bool:
        """The site is paused or suspended."""
        return now_s < self._not_before_s

    def connections(self, now_s: float) -> int:
        """How many connections may be open now; 0 while the site is left alone, or is others' to serve."""
        if self.left_alone(now_s) or not self.share.connections:
            return 0
        return 1 if self._probing else max(1, int(self._open * self.share.connections + _ROUNDING))

    def ordinary(self, now_s: float) -> int:
        """How many of these may carry what is not urgent."""
        most = self.share.connections - self.share.reserved
        allowed = self.connections(now_s)
        return min(most, allowed, max(1, allowed - self.share.reserved))

    def permit(self, now_s: float) -> bool:
        """Spends one message of the rate; False when none is left at this moment."""
        rate = self.limits.per_s
        return rate is None or self._messages.take(now_s, rate * self.share.fraction)

    def may_connect(self, now_s: float) -> bool:
        """Spends one new connection of the rate; False when none is left at this moment."""
        rate = self.limits.connections_per_s
        return rate is None or self._connects.take(now_s, rate * self.share.fraction)

    def ended(self, now_s: float, *, throttled: bool, reset: bool, accepted: int = 0) -> None:
        """A connection came to its end: halve what was too much, regain slowly what went well.

        `accepted` counts what it carried; one that never came about carried nothing and regains nothing.
        """
        fresh = reset or (throttled and now_s >= self._halved_until_s)
        if fresh and (reset or not accepted):
            self._strikes += 1
        if throttled:
            self._give_way(now_s)
        elif accepted and not reset:
            self._recover(now_s)
        if fresh and (self._strikes >= _STRIKES or self._probing):
            self._suspend(now_s)

    def crowded(self, now_s: float, inside: int) -> None:
        """Turned away at the door while `inside` others are in, or may yet get in: that is what it bears.

        No reason to leave it alone, but for a while it is not asked for more.
        """
        self._open = max(self._one, min(self._open, inside * self._one))
        self._grow_after_s = now_s + _CROWDED_S

    def _give_way(self, now_s: float) -> None:
        if now_s >= self._halved_until_s:
            self._open = max(self._one, self._open / 2)
            self._halved_until_s = now_s + _PAUSE_S
        self._not_before_s = max(self._not_before_s, now_s + _PAUSE_S)

    def _recover(self, now_s: float) -> None:
        self._strikes = 0
        if self._probing:
            self._probing = False
            self._suspension_s = _SUSPENSION_S
        if now_s >= self._grow_after_s:
            self._open = min(1.0, self._open + _RECOVERY * self._one)

    def _suspend(self, now_s: float) -> None:
        if now_s < self._suspended_until_s:
            return  # another of our connections hears of the same block
        self._suspended_until_s = self._not_before_s = now_s + self._suspension_s
        self._suspension_s = min(self._suspension_s * 2, _SUSPENSION_MOST_S)
        self._open = self._one
        self._probing = True
        self._strikes = 0
