"""One receiving site as this worker serves it: the letters for it, most urgent first, and its couriers.

Owns the order in which claimed deliveries leave, the connections that are kept for urgent mail, and the
bookkeeping between the relay's claims and the couriers' outcomes (`smtp.terms.Source`). A letter is opened,
rendered and signed only when a courier takes it. Refuses to know DNS and the database. A letter that cannot
be rendered is settled as deferred, logged by its id, and the next one is taken: one damaged row never stops a
lane.
"""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from appliance import clock, log
from appliance.address import Address
from appliance.delivery import Claimed, Journal, Kind, Outcome, Reason, Result
from smtp.render import UNWRITABLE, Renderer
from smtp.terms import Message

URGENT = 0


@dataclass(slots=True)
class Ledger:
    """What a worker's couriers report into: journal at once, database in groups."""

    worker: str
    journal: Journal
    results: list[Result] = field(default_factory=list)
    untried: list[tuple[int, int]] = field(default_factory=list)
    halted: set[int] = field(default_factory=set)
    leases: dict[int, datetime] = field(default_factory=dict)
    """Until when each claim, by its token, is ours."""
    full: Callable[[], None] = lambda: None

    def settle(self, claimed: Claimed, outcome: Outcome) -> None:
        """Notes the end of an attempt."""
        result = Result(
            claimed.id, claimed.token, claimed.lane, claimed.attempts, self.worker, outcome, clock.now()
        )
        self.results.append(result)  # first: a journal that refuses it must not cost us what we know
        self.journal.outcome(result)
        self.full()

    def may_be_tried(self, claimed: Claimed) -> bool:
        """Still wanted, useful and ours: a process held up for longer than its lease has lost it."""
        now = clock.now()
        lease_until = self.leases.get(claimed.token)
        return (
            claimed.broadcast_id not in self.halted
            and claimed.expires_at > now
            and lease_until is not None
            and lease_until > now
        )


class Seat:
    """One connection's place at an exchange, and the `Source` of its courier.

    Remembers whether it carries mail that is not urgent: only so many of a site's connections may.
    """

    __slots__ = ("_exchange", "ordinary", "retired")

    def __init__(self, exchange: "Exchange") -> None:
        self._exchange = exchange
        self.ordinary = 0
        """Letters on their way here that are not urgent."""
        self.retired = False
        """The connection is no longer ours to hold: it ends with what it carries."""

    def take(self) -> Message | None:
        return self._exchange.take(self)

    def committing(self, message: Message) -> None:
        self._exchange.committing(message)

    def settle(self, message: Message, outcome: Outcome) -> None:
        self._exchange.settle(self, message, outcome)


class Bounds(Protocol):
    """What the site bears at this moment (`smtp.station.Station`)."""

    def permit(self) -> bool:
        """Spends one message of the rate; False when none is left."""

    def ordinary(self) -> int:
        """How many connections may carry what is not urgent."""


class Exchange:
    """The queue of one receiving site in this worker: urgent mail first, then by turn."""

    def __init__(self, name: str, renderer: Renderer, ledger: Ledger, bounds: Bounds) -> None:
        """`name` stands in logs."""
        self.name = name
        self._renderer = renderer
        self._ledger = ledger
        self._bounds = bounds
        self._waiting: list[tuple[int, int, int, int, Claimed, Address]] = []
        self._by_lane = [0, 0, 0]
        self._in_flight: dict[int, Claimed] = {}
        self._ordinary: set[Seat] = set()
        self.accepted = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def waiting(self, lane: int) -> int:
        """How many wait that are as urgent as `lane` or more so."""
        return sum(self._by_lane[: lane + 1])

    @property
    def ordinary_seats(self) -> int:
        """Connections on which something is on its way that is not urgent."""
        return len(self._ordinary)

    def held(self) -> Iterator[Claimed]:
        """Everything that waits here or is on its way."""
        yield from (claimed for *_, claimed, _ in self._waiting)
        yield from self._in_flight.values()

    def add(self, claimed: Claimed, address: Address) -> None:
        self._by_lane[claimed.lane] += 1
        order = (claimed.lane, claimed.turn, claimed.id, claimed.token)  # never two alike
        heapq.heappush(self._waiting, (*order, claimed, address))

    def _pop(self) -> tuple[Claimed, Address]:
        *_, claimed, address = heapq.heappop(self._waiting)
        self._by_lane[claimed.lane] -= 1
        return claimed, address

    def _may_sit(self, seat: Seat, lane: int) -> bool:
        """Urgent mail on any connection; the rest on those that carry such, or on so many more."""
        if seat.retired:
            return False
        return lane == URGENT or bool(seat.ordinary) or len(self._ordinary) < self._bounds.ordinary()

    # --- what a courier asks for, by its seat

    def offers(self, seat: Seat) -> bool:
        """Whether something waits that this connection may carry."""
        return bool(self._waiting) and self._may_sit(seat, self._waiting[0][0])

    def take(self, seat: Seat) -> Message | None:
        """The next letter that this connection may carry, rendered and signed; None when there is none."""
        while self._waiting:
            claimed = self._waiting[0][-2]
            if not self._ledger.may_be_tried(claimed):
                self._pop()
                self._ledger.untried.append((claimed.id, claimed.token))
                continue
            if not self._may_sit(seat, claimed.lane) or not self._bounds.permit():
                return None
            claimed, address = self._pop()
            try:
                message = self._renderer.message(claimed, address)
            except UNWRITABLE as error:
                log.rendering_failed(claimed.id, error)
                self._ledger.settle(claimed, Outcome(Kind.DEFERRED, reason=Reason.INTERNAL))
                continue
            self._in_flight[claimed.id] = claimed
            if claimed.lane != URGENT:
                seat.ordinary += 1
                self._ordinary.add(seat)
            return message
        return None

    def committing(self, message: Message) -> None:
        claimed = self._in_flight[message.delivery_id]
        self._ledger.journal.committing(claimed.id, claimed.token)

    def settle(self, seat: Seat, message: Message, outcome: Outcome) -> None:
        claimed = self._in_flight.pop(message.delivery_id)
        if claimed.lane != URGENT:
            seat.ordinary -= 1
            if not seat.ordinary:
                self._ordinary.discard(seat)
        if outcome.kind is Kind.DEFERRED and outcome.reason is Reason.INTERNAL and not outcome.uncertain:
            # We broke off before its body went: nobody put it off, so it need not wait.
            self._ledger.untried.append((claimed.id, claimed.token))
            return
        if outcome.kind is Kind.ACCEPTED:
            self.accepted += 1
        else:
            log.attempt_failed(claimed.id, self.name, outcome.code, outcome.enhanced, outcome.reason)
        self._ledger.settle(claimed, outcome)

    # --- the relay

    def defer_all(self, outcome: Outcome) -> int:
        """No host of the site can be reached: everything that waits gets this outcome."""
        count = len(self)
        while self._waiting:
            self._ledger.settle(self._pop()[0], outcome)
        return count

    def give_back(self, keep: Callable[[int], bool] = lambda _: False) -> None:
        """What nobody tried goes back to the queue, but for the lanes that `keep` names.

        This worker stops, is no longer sure of its claims, or leaves the site to others.
        """
        leaving = [entry for entry in self._waiting if not keep(entry[0])]
        if leaving:
            self._ledger.untried += [(claimed.id, claimed.token) for *_, claimed, _ in leaving]
            self._waiting = [entry for entry in self._waiting if keep(entry[0])]
            heapq.heapify(self._waiting)
            for lane, *_ in leaving:
                self._by_lane[lane] -= 1
