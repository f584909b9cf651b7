"""不達: a receiver that had said 250 says later that it could not deliver.

Owns the one way from `accepted` to `bounced`, also where the bounce overtakes us: a receiver on the same
network may report before the group commit of its own 250. Such a bounce waits in `noted_bounce`, and the
settling of just that attempt meets it. If the attempt ends otherwise, the note is void: what is sent
again bounces again. Refuses to know mail: `smtp.bounce` reads it. Fails with `DatabaseUnavailable`; then
nothing changed.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from appliance import db
from appliance.delivery.outcome import Reason
from appliance.models import Delivery, NotedBounce
from appliance.states import DeliveryState, sources

_KEPT = timedelta(days=1)  # far longer than any attempt lasts


class News(StrEnum):
    """What a bounce changed."""

    BOUNCED = "bounced"
    NOTED = "noted"  # the 250 is not committed yet; this waits for it
    NONE = "none"  # known before, or the delivery is not one that a receiver has


@dataclass(frozen=True, slots=True)
class Bounce:
    """`code` is the receiver's SMTP reply code or 0, `enhanced` the RFC 3463 code or ""."""

    code: int = 0
    enhanced: str = ""
    reason: Reason = Reason.NONE


def bounced(delivery_id: int, bounce: Bounce, *, now: datetime) -> News:
    """Records that an accepted mail did not arrive. Twice is no news."""
    with db.transaction():
        if _end(delivery_id, bounce, now):
            return News.BOUNCED
        if _note(delivery_id, bounce, now):
            return News.NOTED
        # On PostgreSQL the row may have become `accepted` between the two: `_note` waited for that commit.
        return News.BOUNCED if _end(delivery_id, bounce, now) else News.NONE


def meet(settled: Collection[int], accepted: Mapping[int, int], now: datetime) -> int:
    """Ends those of the just accepted deliveries (id → attempts) whose bounce came first; how many.

    `settled` are the ids of all whose attempt has ended: what was noted about any of them has met its end, or
    is void. Runs in the transaction that settles them, after their rows are written. One statement where
    nothing waits, however much is noted about others.
    """
    rows = db.statement(
        f"DELETE FROM noted_bounce WHERE delivery_id IN ({db.listed(settled)}) "
        "RETURNING delivery_id, attempts, code, enhanced, reason"
    ).fetchall()
    ended = 0
    for delivery_id, attempts, code, enhanced, reason in rows:
        if accepted.get(delivery_id) == attempts:
            ended += _end(delivery_id, Bounce(code, enhanced, Reason(reason)), now)
    return ended


def _end(delivery_id: int, bounce: Bounce, now: datetime) -> bool:
    changes = {"code": bounce.code, "enhanced": bounce.enhanced, "reason": bounce.reason, "settled_at": now}
    changed = (
        Delivery.update(state=DeliveryState.BOUNCED, **changes)
        .where(Delivery.id == delivery_id, Delivery.state.in_(sources(DeliveryState.BOUNCED)))
        .execute()
    )
    return bool(changed)


def _note(delivery_id: int, bounce: Bounce, now: datetime) -> bool:
    """Lays the bounce beside a delivery that is being sent.

    The row is locked first, by an update that changes nothing: so either the settling comes before and is
    seen, or it comes after and sees the note.
    """
    held = (
        Delivery.update(attempts=Delivery.attempts)
        .where(Delivery.id == delivery_id, Delivery.state == DeliveryState.SENDING)
        .returning(Delivery.attempts)
        .tuples()
        .execute()
    )
    attempts = [row[0] for row in held]
    if not attempts:
        return False
    NotedBounce.delete().where(
        (NotedBounce.delivery_id == delivery_id) | (NotedBounce.noted_at < now - _KEPT)
    ).execute()
    NotedBounce.insert(
        delivery_id=delivery_id,
        attempts=attempts[0],
        code=bounce.code,
        enhanced=bounce.enhanced,
        reason=bounce.reason,
        noted_at=now,
    ).execute()
    return True
