"""How each carrier has treated our mail in the last hours.

Owns the GROUP BYs that the ward's page and `karamail status` show: what was accepted and what refused, how
long an accepted mail took from the moment at which it might go to the 250, how often a carrier put one off,
and what waits for it now. No stored counters: the rows say it, and an index by time keeps it cheap however
old the database is. Refuses addresses and schools. Cannot fail but as the database does.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from appliance import db
from appliance.address import Carrier
from appliance.models.fields import micros

HOURS = 24

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
