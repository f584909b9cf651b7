"""Delivery: one broadcast (or letter) × one address, from 待ち to its end. The queue.

Owns claims with leases, results, retry, expiry and the counts. Semantics, stated once:

- A worker *claims* deliveries: they are `sending`, carry its claim token and a lease, and the attempt is
  already counted. Two workers never hold the same delivery.
- A result counts only with the token of its claim; a late result of a lost claim is dropped and logged.
- Outcomes are journalled with write(2) at once and committed in groups; a killed worker's journal is
  replayed at its next start. What lay between the body's first byte and the receiver's reply at that
  moment is sent again and marked `uncertain`: at least once, and here are the uncertain ones.
- A lease that runs out returns its deliveries, marked uncertain, to whoever claims next.
- A bounce that overtakes the commit of its 250 waits for it; one that comes later ends the delivery at once.
- Nothing waits for ever: `expires_at` ends every delivery, as `expired` and counted.

Refuses to know SMTP: an `Outcome` is all it hears. Fails with `DatabaseUnavailable`; then nothing changed.
"""

from appliance.delivery.ahead import awaiting, forget, keep, unprepared
from appliance.delivery.bounce import Bounce, News, bounced
from appliance.delivery.claim import (
    Claimed,
    claim,
    extend,
    fresh_token,
    release,
    release_claims,
    release_worker,
    sites_waiting,
    take_over,
)
from appliance.delivery.journal import Journal, Replay
from appliance.delivery.outcome import Kind, Outcome, Reason
from appliance.delivery.presence import crew, leave, report
from appliance.delivery.settle import Result, expire, finish_broadcasts, halted, settle
from appliance.delivery.status import Progress, progress

__all__ = [
    "Bounce",
    "Claimed",
    "Journal",
    "Kind",
    "News",
    "Outcome",
    "Progress",
    "Reason",
    "Replay",
    "Result",
    "awaiting",
    "bounced",
    "claim",
    "crew",
    "expire",
    "extend",
    "finish_broadcasts",
    "forget",
    "fresh_token",
    "halted",
    "keep",
    "leave",
    "progress",
    "release",
    "release_claims",
    "release_worker",
    "report",
    "settle",
    "sites_waiting",
    "take_over",
    "unprepared",
]
