"""How each carrier has treated our mail in the last hours, and how long mail has been waiting.

Owns the GROUP BYs that the ward's page, `karamail status` and the watch show: what was accepted and what
refused, how long an accepted mail took from the moment at which it might go to the 250, how often a carrier
put one off, and what waits for it now. No stored counters: the rows say it, and an index by time keeps it
cheap however old the database is. Refuses addresses and schools. Cannot fail but as the database does.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from peewee import fn

from appliance import db
from appliance.address import Carrier
from appliance.models import Delivery
from appliance.models.fields import micros
from appliance.states import DeliveryState

HOURS = 24


class Lane(IntEnum):
    """Who goes first (`delivery.lane`)."""

    URGENT = 0
    LETTER = 1
    ROUTINE = 2


PATIENCE = {
    Lane.URGENT: timedelta(minutes=5),
    Lane.LETTER: timedelta(minutes=10),
    Lane.ROUTINE: timedelta(hours=2),
}
"""A mail that might have gone for longer is late; the alerts of the role monitoring say the same."""
_HELD_TOO_LONG = timedelta(minutes=2)

_CARRIER = (
    "CASE WHEN d.site IN ("
    + ", ".join(f"'{carrier.value}'" for carrier in Carrier)
    + ") THEN d.site ELSE 'other' END"
)
_DUE = "COALESCE(d.due_at, d.created_at)"


@dataclass(slots=True)
class CarrierHealth:
    """Counts of the last hours; `waiting` is of now. A bounce was accepted first and counts as refused."""

    carrier: Carrier
    accepted: int = 0
    refused: int = 0
    deferrals: int = 0
    waiting: int = 0
    median_s: float | None = None

    @property
    def accept_rate(self) -> float | None:
        """Of what came to an end at the carrier, the part that it took."""
        ended = self.accepted + self.refused
        return self.accepted / ended if ended else None


def overdue(now: datetime) -> dict[Lane, timedelta]:
    """How long the oldest mail of each lane has waited since it might have gone; zero where none has."""
    waiting = (DeliveryState.QUEUED, DeliveryState.DEFERRED)
    with db.guarded():
        due = dict(
            Delivery.select(Delivery.lane, fn.MIN(Delivery.next_at))
            .where(Delivery.state.in_(waiting), Delivery.next_at <= now)
            .group_by(Delivery.lane)
            .tuples()
        )
    return {lane: now - due[lane] if lane in due else timedelta(0) for lane in Lane}


def abandoned(now: datetime) -> int:
    """Mails that a worker claimed, fell silent with, and that nobody has taken over."""
    with db.guarded():
        held = Delivery.select(Delivery.id).where(
            Delivery.state == DeliveryState.SENDING, Delivery.lease_until < now - _HELD_TOO_LONG
        )
        return int(held.count())


def by_carrier(now: datetime, *, hours: int = HOURS) -> list[CarrierHealth]:
    """The carriers with anything to tell, the busiest first."""
    since = micros(now - timedelta(hours=hours))
    found = {carrier: CarrierHealth(carrier) for carrier in Carrier}
    with db.guarded():
        for carrier, accepted, refused in db.statement(_ENDED, since).fetchall():
            found[Carrier(carrier)].accepted = int(accepted)
            found[Carrier(carrier)].refused = int(refused)
        for carrier, median in db.statement(_MEDIAN, since).fetchall():
            found[Carrier(carrier)].median_s = float(median) / 1e6
        for carrier, deferrals in db.statement(_DEFERRALS, since).fetchall():
            found[Carrier(carrier)].deferrals = int(deferrals)
        for carrier, waiting in db.statement(_WAITING).fetchall():
            found[Carrier(carrier)].waiting += int(waiting)
    telling = [row for row in found.values() if row.accepted + row.refused + row.deferrals + row.waiting]
    return sorted(telling, key=lambda row: -(row.accepted + row.refused + row.waiting))


_ENDED = f"""
    SELECT {_CARRIER} AS carrier, SUM(CASE d.state WHEN 'accepted' THEN 1 ELSE 0 END),
           SUM(CASE d.state WHEN 'accepted' THEN 0 ELSE 1 END)
    FROM delivery AS d
    WHERE d.settled_at >= ? AND d.state IN ('accepted', 'failed', 'bounced')
    GROUP BY 1
"""  # noqa: S608  (constants only)
_MEDIAN = f"""
    SELECT carrier, AVG(took) FROM (
        SELECT {_CARRIER} AS carrier, d.settled_at - {_DUE} AS took,
               ROW_NUMBER() OVER (PARTITION BY {_CARRIER} ORDER BY d.settled_at - {_DUE}) AS place,
               COUNT(*) OVER (PARTITION BY {_CARRIER}) AS many
        FROM delivery AS d WHERE d.settled_at >= ? AND d.state = 'accepted'
    ) AS ranked
    WHERE place IN ((many + 1) / 2, (many + 2) / 2)
    GROUP BY carrier
"""  # noqa: S608  (constants only)
_DEFERRALS = f"""
    SELECT {_CARRIER} AS carrier, COUNT(*) FROM attempt AS a JOIN delivery AS d ON d.id = a.delivery_id
    WHERE a.at >= ? AND a.kind = 'deferred'
    GROUP BY 1
"""  # noqa: S608  (constants only)
_WAITING = f"""
    SELECT {_CARRIER} AS carrier, COUNT(*) FROM delivery AS d WHERE d.state = 'queued' GROUP BY 1
    UNION ALL
    SELECT {_CARRIER} AS carrier, COUNT(*) FROM delivery AS d WHERE d.state = 'deferred' GROUP BY 1
"""  # noqa: S608  (constants only)
