"""結果: how outcomes reach the database, hundreds in one transaction.

Owns the end of attempts, the end of deliveries and with the last of them the end of a broadcast. Refuses a
result whose claim is no longer held. Fails with `DatabaseUnavailable`; the caller keeps its results and
comes again.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from peewee import SQL, fn

from appliance import db
from appliance.delivery import bounce, pace, retry
from appliance.delivery.outcome import Kind, Outcome
from appliance.models import Attempt, Broadcast, Delivery
from appliance.models.fields import micros
from appliance.states import DELIVERY_OPEN, BroadcastState, DeliveryState, sources

_CHUNK = 500


class Result(NamedTuple):
    """The outcome of one claimed delivery; `lane` and `attempts` as they were claimed."""

    delivery_id: int
    token: int
    lane: int
    attempts: int
    worker: str
    outcome: Outcome
    at: datetime


@dataclass(frozen=True, slots=True)
class Settled:
    accepted: int
    deferred: int
    failed: int
    lost: int


def settle(results: Sequence[Result]) -> Settled:
    """Commits all results. Those whose claim was lost to another worker change nothing (`lost`)."""
    groups: dict[tuple[Any, ...], list[Result]] = defaultdict(list)
    for result in results:
        groups[_changes_key(result)].append(result)
    counts = dict.fromkeys(Kind, 0)
    with db.transaction():
        troubles: list[Result] = []
        accepted: dict[int, int] = {}
        for group in groups.values():
            changes = _changes(group[0])
            for start in range(0, len(group), _CHUNK):
                done = _apply(group[start : start + _CHUNK], changes)
                counts[group[0].outcome.kind] += len(done)
                if group[0].outcome.kind is Kind.ACCEPTED:
                    accepted |= {one.delivery_id: one.attempts for one in done}
                else:
                    troubles += done
        if troubles:
            Attempt.insert_many([_attempt(result) for result in troubles]).execute()
        ended = [*accepted, *(one.delivery_id for one in troubles)]
        if ended:
            bounce.meet(ended, accepted, max(result.at for result in results))
    lost = len(results) - sum(counts.values())
    return Settled(counts[Kind.ACCEPTED], counts[Kind.DEFERRED], counts[Kind.FAILED], lost)


def _changes_key(result: Result) -> tuple[Any, ...]:
    """Results with the same key are one UPDATE. The token is in it: an id of one claim never meets the token
    of another."""
    outcome = result.outcome
    later = None
    if outcome.kind is Kind.DEFERRED:
        later = (result.lane, result.attempts, outcome.throttled, hash(result.delivery_id) % 16)
    return (
        result.token, outcome.kind, outcome.code, outcome.enhanced, outcome.reason, outcome.uncertain, later
    )  # fmt: skip


def _changes(result: Result) -> dict[str, Any]:
    outcome = result.outcome
    changes: dict[str, Any] = {
        "claim_token": None,
        "claimed_by": None,
        "lease_until": None,
        "code": outcome.code,
        "enhanced": outcome.enhanced,
        "reason": outcome.reason,
    }
    if outcome.uncertain:
        changes["uncertain"] = True
    if outcome.kind is Kind.DEFERRED:
        changes["state"] = DeliveryState.DEFERRED
        changes["next_at"] = retry.next_at(
            result.lane, result.attempts, throttled=outcome.throttled, now=result.at
        )
    else:
        changes["state"] = DeliveryState.ACCEPTED if outcome.kind is Kind.ACCEPTED else DeliveryState.FAILED
        changes["settled_at"] = result.at
    return changes


def _apply(part: Sequence[Result], changes: dict[str, Any]) -> list[Result]:
    """Writes the changes and returns those results whose claim was still held."""
    rows = (
        Delivery.update(**changes)
        .where(
            SQL(f"id IN ({db.listed([result.delivery_id for result in part])})"),
            Delivery.claim_token == part[0].token,
        )
        .returning(Delivery.id)
        .tuples()
        .execute()
    )
    held = {row[0] for row in rows}
    return [result for result in part if result.delivery_id in held]


def _attempt(result: Result) -> dict[str, Any]:
    outcome = result.outcome
    return {
        "delivery": result.delivery_id,
        "at": result.at,
        "worker": result.worker,
        "kind": outcome.kind,
        "code": outcome.code,
        "enhanced": outcome.enhanced,
        "reason": outcome.reason,
        "uncertain": outcome.uncertain,
    }


def expire(now: datetime) -> int:
    """Ends what is no longer useful: "school closes at 11" must not arrive at noon."""
    with db.transaction():
        cursor = db.statement(
            "UPDATE delivery SET state = 'expired', settled_at = ? "
            "WHERE state IN ('queued', 'deferred') AND expires_at <= ?",
            micros(now),
            micros(now),
        )
        return int(cursor.rowcount)


def finish_broadcasts(now: datetime) -> int:
    """A broadcast whose last delivery has ended is finished, and on record is how fast it went."""
    still_open = Delivery.select(Delivery.id).where(
        Delivery.broadcast == Broadcast.id, Delivery.state.in_(DELIVERY_OPEN)
    )
    with db.guarded():
        waiting = Broadcast.select().where(Broadcast.state == BroadcastState.SENDING).exists()
    if not waiting:
        return 0
    with db.transaction():
        finished = [
            row[0]
            for row in Broadcast.update(state=BroadcastState.FINISHED, finished_at=now)
            .where(Broadcast.state == BroadcastState.SENDING, ~fn.EXISTS(still_open))
            .returning(Broadcast.id)
            .tuples()
            .execute()
        ]
        for broadcast_id in finished:
            pace.note(broadcast_id, now)
    return len(finished)


def halted(now: datetime) -> set[int]:
    """Broadcasts that were stopped while still useful; what of them came back to the queue ends here."""
    with db.guarded():
        stopped = {
            row[0]
            for row in Broadcast.select(Broadcast.id)
            .where(Broadcast.state == BroadcastState.STOPPED, Broadcast.useful_until > now)
            .tuples()
        }
        waiting = Delivery.broadcast.in_(list(stopped)) & Delivery.state.in_(
            sources(DeliveryState.SUPPRESSED)
        )
        if not stopped or not Delivery.select(Delivery.id).where(waiting).exists():
            return stopped
    with db.transaction():
        Delivery.update(state=DeliveryState.SUPPRESSED, settled_at=now).where(waiting).execute()
    return stopped
