"""How fast carriers took earlier broadcasts: one row per broadcast and carrier, written when it finishes.

Owns the aggregate that the forecast learns from. Only first attempts count, from the first 250 to the last; a
carrier with a handful of letters teaches nothing. Of the many small sites the busiest one speaks. Refuses to
predict: `appliance.forecast` does. Fails as the database does, in the caller's transaction.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from appliance import db
from appliance.address import Carrier
from appliance.delivery.status import carrier_of_site
from appliance.models import Broadcast, Pace

_LETTERS_LEAST = 20
_BROADCASTS = 10
_REMEMBERED = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Observed:
    """So many letters in so many seconds, over the last broadcasts together."""

    letters: int
    seconds: float


def note(broadcast_id: int, now: datetime) -> None:
    """Writes what the deliveries of a finished broadcast tell."""
    broadcast = Broadcast.get_by_id(broadcast_id)
    if broadcast.sent_late_at is not None:  # the span would hold the outage
        return
    urgent = bool(broadcast.urgent)
    rows = db.statement(
        """
        SELECT site, COUNT(*), MAX(settled_at) - MIN(settled_at) FROM delivery
        WHERE broadcast_id = ? AND state = 'accepted' AND attempts = 1 GROUP BY site
        """,
        broadcast_id,
    ).fetchall()
    busiest: dict[Carrier, tuple[int, int]] = {}
    for site, letters, span in rows:
        carrier = carrier_of_site(site)
        busiest[carrier] = max(busiest.get(carrier, (0, 0)), (letters, int(span)))
    for carrier, (letters, span) in busiest.items():
        if letters >= _LETTERS_LEAST:
            Pace.create(
                broadcast=broadcast_id,
                carrier=carrier,
                urgent=urgent,
                letters=letters,
                span_ms=span // 1000,
                at=now,
            )


def observed(*, urgent: bool, now: datetime) -> dict[Carrier, Observed]:
    """What the last broadcasts of this kind showed, by carrier."""
    found: dict[Carrier, Observed] = {}
    with db.guarded():
        for carrier in Carrier:
            rows = list(
                Pace.select(Pace.letters, Pace.span_ms)
                .where(Pace.carrier == carrier, Pace.urgent == urgent, Pace.at > now - _REMEMBERED)
                .order_by(Pace.at.desc())
                .limit(_BROADCASTS)
                .tuples()
            )
            if rows:
                found[carrier] = Observed(sum(row[0] for row in rows), sum(row[1] for row in rows) / 1000)
    return found
