"""When a broadcast will be through, said before it is sent.

Owns the estimate: the addresses at each receiving site, what waits there already, and how fast that carrier
takes mail, by the history of earlier broadcasts with the starting limits as a prior. Refuses to promise: the
end is that of the first attempts, not of what a carrier puts off. Cannot fail but as the database does.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from appliance import db
from appliance.address import Carrier
from appliance.audience import Recipients
from appliance.config import Config
from appliance.delivery import pace, retry
from appliance.delivery.pace import Observed
from appliance.delivery.status import carrier_of_site
from appliance.limits import limits_for, reserved
from appliance.models import Broadcast
from appliance.states import BroadcastState

_LETTER_S = 0.1  # a round trip and the receiver's thought, where nothing was observed
_CONNECT_S = 0.3  # TCP, banner, EHLO, TLS
_START_S = 1.0  # until the workers have seen it and the last outcome is committed
_PRIOR_LETTERS = 50  # the weight of the table beside what was observed


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the check page says beside the number of addresses."""

    addresses: int
    largest: Carrier
    largest_percent: int
    begins_at: datetime
    done_at: datetime


def forecast(config: Config, echo: Recipients, *, urgent: bool, now: datetime) -> Forecast | None:
    """For an audience as it is now; None where it is empty."""
    if not echo.addresses:
        return None
    begins_at, spread = retry.first_at(
        urgent=urgent,
        quiet_minutes=config.broadcast.quiet_minutes,
        now=now + timedelta(seconds=config.broadcast.take_back_s),
    )
    history = pace.observed(urgent=urgent, now=now)
    ahead = _ahead(echo.by_site, urgent=urgent)
    seconds = max(
        (count + ahead[site]) / _rate(config, carrier_of_site(site), history, urgent=urgent)
        for site, count in echo.by_site.items()
    )
    largest, most = max(echo.by_carrier.items(), key=lambda pair: pair[1])
    return Forecast(
        addresses=echo.addresses,
        largest=largest,
        largest_percent=round(100 * most / echo.addresses),
        begins_at=begins_at,
        done_at=begins_at + max(spread, timedelta(seconds=seconds)) + timedelta(seconds=_START_S),
    )


def _ahead(by_site: dict[str, int], *, urgent: bool) -> dict[str, int]:
    """How many letters of others go in between: all that are more urgent, and those as urgent in turns.

    With each broadcast that is under way a letter of ours alternates with one of theirs.
    """
    lane = 0 if urgent else 2
    with db.guarded():
        others = (
            Broadcast.select()
            .where(Broadcast.state == BroadcastState.SENDING, Broadcast.urgent == urgent)
            .count()
        )
        rows = db.statement(
            "SELECT site, lane, COUNT(*) FROM delivery "
            "WHERE state = 'queued' AND lane <= ? GROUP BY site, lane",
            lane,
        ).fetchall()
    ahead = dict.fromkeys(by_site, 0)
    for site, theirs, waiting in rows:
        if site in ahead:
            ahead[site] += waiting if theirs < lane else min(waiting, by_site[site] * others)
    return ahead


def _rate(config: Config, carrier: Carrier, history: dict[Carrier, Observed], *, urgent: bool) -> float:
    """Letters per second at one site."""
    limits = limits_for(carrier, config.relay.sites)
    connections = limits.connections if urgent else limits.connections - reserved(limits.connections)
    table = connections / (_LETTER_S + _CONNECT_S / limits.messages_per_connection)
    if limits.per_s is not None:
        table = min(table, limits.per_s)
    if limits.connections_per_s is not None:
        table = min(table, limits.connections_per_s * limits.messages_per_connection)
    seen = history.get(carrier, Observed(0, 0.0))
    return (_PRIOR_LETTERS + seen.letters) / (_PRIOR_LETTERS / table + seen.seconds)
