"""One receiving site as this worker serves it: the letters for it, most urgent first, and its couriers.

Owns the order in which claimed deliveries leave and the bookkeeping between the relay's claims and the
couriers' outcomes (`smtp.terms.Source`). A letter is opened, rendered and signed only when a courier takes
it. Refuses to know DNS and the database. A letter that cannot be rendered is settled as deferred, logged by
its id, and the next one is taken: one damaged row never stops a lane.
"""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from appliance import clock, log
from appliance.address import Address
from appliance.delivery import Claimed, Journal, Kind, Outcome, Reason, Result
from appliance.errors import KaramailError
from smtp.render import Renderer
from smtp.terms import Message


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
        self.journal.outcome(result)
        self.results.append(result)
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


class Exchange:
    """The queue of one receiving site in this worker, and the `Source` of its couriers."""

    def __init__(self, name: str, renderer: Renderer, ledger: Ledger, permit: Callable[[], bool]) -> None:
        """`name` stands in logs; `permit` spends one of the site's rate and says whether there was one."""
        self.name = name
        self._renderer = renderer
        self._ledger = ledger
        self._permit = permit
        self._waiting: list[tuple[int, int, Claimed, Address]] = []
        self._in_flight: dict[int, Claimed] = {}
        self.accepted = 0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def waiting_urgent(self) -> int:
        """How many of the waiting ones are urgent."""
        return sum(1 for lane, *_ in self._waiting if lane == 0)

    def held(self) -> Iterator[Claimed]:
        """Everything that waits here or is on its way."""
        yield from (claimed for _, _, claimed, _ in self._waiting)
        yield from self._in_flight.values()

    def add(self, claimed: Claimed, address: Address) -> None:
        heapq.heappush(self._waiting, (claimed.lane, claimed.id, claimed, address))

    # --- smtp.terms.Source

    def take(self) -> Message | None:
        while self._waiting:
            claimed = self._waiting[0][2]
            if not self._ledger.may_be_tried(claimed):
                heapq.heappop(self._waiting)
                self._ledger.untried.append((claimed.id, claimed.token))
                continue
            if not self._permit():
                return None
            _, _, claimed, address = heapq.heappop(self._waiting)
            try:
                message = self._renderer.message(claimed, address)
            except (KaramailError, KeyError, ValueError) as error:
                log.rendering_failed(claimed.id, error)
                self._ledger.settle(claimed, Outcome(Kind.DEFERRED, reason=Reason.INTERNAL))
                continue
            self._in_flight[claimed.id] = claimed
            return message
        return None

    def committing(self, message: Message) -> None:
        claimed = self._in_flight[message.delivery_id]
        self._ledger.journal.committing(claimed.id, claimed.token)

    def settle(self, message: Message, outcome: Outcome) -> None:
        claimed = self._in_flight.pop(message.delivery_id)
        if outcome.kind is Kind.ACCEPTED:
            self.accepted += 1
        else:
            log.attempt_failed(claimed.id, self.name, outcome.code, outcome.enhanced, outcome.reason)
        self._ledger.settle(claimed, outcome)

    # --- the relay

    def defer_all(self, outcome: Outcome) -> int:
        """No host of the site can be reached: everything that waits gets this outcome."""
        count = len(self._waiting)
        for _, _, claimed, _ in self._waiting:
            self._ledger.settle(claimed, outcome)
        self._waiting.clear()
        return count

    def give_back(self) -> None:
        """This worker stops, or is no longer sure of its claims: what nobody tried goes back to the queue."""
        self._ledger.untried += [(claimed.id, claimed.token) for _, _, claimed, _ in self._waiting]
        self._waiting.clear()
