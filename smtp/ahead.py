"""Signing ahead: in the seconds in which a broadcast can still be taken back, its mails are signed.

Owns the loop that does it while this worker has nothing to carry: RSA is most of what a mail costs, and
these seconds are idle. The signatures lie sealed in the database, so that it does not matter which worker
sends a mail, and a killed one loses nothing but time. Refuses to claim and to send. What is not signed by
then is signed as it is sent; what was stopped is thrown away. Fails with `DatabaseUnavailable`, as the other
loops of the relay.
"""

from collections.abc import Callable

from appliance import clock, delivery, log
from appliance.address import Address
from appliance.delivery import Claimed
from smtp.render import UNWRITABLE, Renderer

_SLICE = 64
"""Mails that are signed before the database thread looks at the queue again: some 25 ms."""


class Ahead:
    """One per worker. `step` blocks: it belongs to the relay's database thread."""

    def __init__(self, renderer: Renderer, opened: Callable[[Claimed], Address | None]) -> None:
        self._renderer = renderer
        self._opened = opened
        self._broadcast = 0
        self._after = -1
        self._done: set[int] = set()

    def step(self, share: tuple[int, int]) -> bool:
        """Signs one slice of this worker's `share` (number, of how many); False when nothing is left."""
        now = clock.now()
        waiting = delivery.awaiting(now)
        self._done &= set(waiting)
        broadcast = next((each for each in waiting if each not in self._done), None)
        if broadcast is None:
            return False
        if broadcast != self._broadcast:
            self._broadcast, self._after = broadcast, -1
        rows = delivery.unprepared(broadcast, after=self._after, share=share, limit=_SLICE, now=now)
        if not rows:
            self._done.add(broadcast)
            return True
        self._after = rows[-1].address_id
        unfit = self._renderer.prepare(rows)
        fit = (row for row in rows if row.id not in unfit)
        delivery.keep([(row.id, broadcast, signed) for row in fit if (signed := self._signed(row))])
        return True

    def _signed(self, row: Claimed) -> bytes | None:
        recipient = self._opened(row)
        if recipient is None:
            return None
        try:
            return self._renderer.sign_ahead(row, recipient)
        except UNWRITABLE as error:
            log.rendering_failed(row.id, error)
            return None
