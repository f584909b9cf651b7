"""How far a broadcast is, counted from the rows each time: no counter that could lie (R14).

Owns the GROUP BY that the status pages and the command line show. Refuses addresses and names. Cannot fail
but as the database does.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from peewee import Case, fn

from appliance import db
from appliance.address import Carrier
from appliance.models import Delivery
from appliance.states import DELIVERY_OPEN, DeliveryState


@dataclass(frozen=True, slots=True)
class Progress:
    """Counts by state, and by carrier and state; `uncertain` were perhaps sent twice."""

    by_state: dict[DeliveryState, int]
    by_carrier: dict[Carrier, dict[DeliveryState, int]]
    uncertain: int

    @property
    def total(self) -> int:
        return sum(self.by_state.values())

    @property
    def still_open(self) -> int:
        return sum(self.by_state[state] for state in DELIVERY_OPEN)


def carrier_of_site(site: str) -> Carrier:
    """The carrier that a delivery's site belongs to; private domains are all `other`."""
    return Carrier(site) if site in set(Carrier) else Carrier.OTHER


def progress(broadcast_id: int) -> Progress:
    """The state of one broadcast, now."""
    with db.guarded():
        rows = list(
            Delivery.select(
                Delivery.site,
                Delivery.state,
                fn.COUNT(Delivery.id),
                fn.SUM(Case(None, [(Delivery.uncertain == True, 1)], 0)),  # noqa: E712  (SQL)
            )
            .where(Delivery.broadcast == broadcast_id)
            .group_by(Delivery.site, Delivery.state)
            .tuples()
        )
    return counted(rows)


def counted(rows: Iterable[tuple[str, str, int, int]]) -> Progress:
    """Of site, state, number and how many of them are uncertain."""
    by_state = dict.fromkeys(DeliveryState, 0)
    by_carrier: dict[Carrier, dict[DeliveryState, int]] = {}
    uncertain = 0
    for site, state, count, unsure in rows:
        by_state[DeliveryState(state)] += count
        carrier = by_carrier.setdefault(carrier_of_site(site), dict.fromkeys(DeliveryState, 0))
        carrier[DeliveryState(state)] += count
        uncertain += int(unsure or 0)
    return Progress(by_state, dict(sorted(by_carrier.items())), uncertain)
