"""What is made ready between "send" and the first mail (`broadcast.take_back_s`), to go faster then.

Owns the table of prepared signatures: which deliveries still lack one, keeping them, and forgetting them when
their broadcast has ended or was stopped. Refuses to know what a signature is: the mail zone seals it, and it
opens only in that zone and for that delivery. Nothing depends on it: a delivery without one is signed when it
is sent. Fails with `DatabaseUnavailable`.
"""

from collections.abc import Sequence
from datetime import datetime

from appliance import db
from appliance.delivery.claim import COLUMNS, Claimed, claimed_of
from appliance.models import Broadcast, Prepared
from appliance.models.fields import micros
from appliance.states import BroadcastState


def awaiting(now: datetime) -> list[int]:
    """The broadcasts whose first mail is still to come, the next one first."""
    with db.guarded():
        rows = (
            Broadcast.select(Broadcast.id)
            .where(Broadcast.state == BroadcastState.SENDING, Broadcast.started_at > now)
            .order_by(Broadcast.started_at)
            .tuples()
        )
        return [row[0] for row in rows]


def unprepared(
    broadcast_id: int, *, after: int, share: tuple[int, int], limit: int, now: datetime
) -> list[Claimed]:
    """Deliveries that wait for their broadcast's first moment, by address; they are not claimed.

    `after` is the last address that was seen; `share` (number, of how many) divides them among the workers.
    """
    number, workers = share
    with db.guarded():
        rows = db.statement(
            f"""
            SELECT {COLUMNS}
            FROM delivery AS d JOIN address AS a ON a.id = d.address_id
            LEFT JOIN prepared AS p ON p.delivery_id = d.id
            WHERE d.broadcast_id = ? AND d.address_id > ? AND d.address_id % ? = ?
              AND d.state = 'queued' AND d.next_at > ? AND p.delivery_id IS NULL
            ORDER BY d.address_id LIMIT ?
            """,
            broadcast_id,
            after,
            workers,
            number,
            micros(now),
            limit,
        ).fetchall()
    return [claimed_of(row) for row in rows]


def keep(rows: Sequence[tuple[int, int, bytes]]) -> None:
    """(delivery, broadcast, sealed signature); one that is there already stays."""
    columns = (Prepared.delivery, Prepared.broadcast, Prepared.signed)
    with db.transaction():
        Prepared.insert_many(rows, columns).on_conflict_ignore().execute()


def forget() -> int:
    """Throws away what belongs to no broadcast that is being sent."""
    going = Broadcast.select(Broadcast.id).where(Broadcast.state == BroadcastState.SENDING)
    with db.guarded():
        stale = Prepared.broadcast.not_in(going)
        if not Prepared.select(Prepared.delivery).where(stale).exists():
            return 0
    with db.transaction():
        return int(Prepared.delete().where(stale).execute())
