"""改めて送る: what an outage left over past its useful time waits for a person, and goes only by that act.

Owns the count of deliveries that ended `expired` and may still go, and the one transaction that puts exactly
those back into the queue with a new useful time. Who has left meanwhile, or switched routine mail off, gets
nothing. Refuses a second press (`WrongState`), a number that is not the one shown (`AudienceChanged`), and a
broadcast older than `AT_MOST`: after that a new mail says it better, and bounces would no longer be known.
Nothing here runs by itself.
"""

from datetime import datetime, timedelta

from appliance import access, audit, db
from appliance.actor import Actor
from appliance.broadcast.send import useful
from appliance.config import Config
from appliance.errors import AudienceChanged, NotAllowed, WrongState
from appliance.models import Broadcast
from appliance.models.fields import micros
from appliance.states import BroadcastState

AT_MOST = timedelta(days=7)
"""Since the sending; well below `smtp.return_path_days`."""

_LEFT_OVER = """
    FROM delivery AS d JOIN address AS a ON a.id = d.address_id
    WHERE d.broadcast_id = ? AND d.state = 'expired' AND (d.lane = 0 OR a.routine_off_at IS NULL)
      AND EXISTS (SELECT 1 FROM registration AS r WHERE r.address_id = a.id AND r.state = 'confirmed')
"""


def left_over(broadcast: Broadcast, now: datetime) -> int:
    """How many addresses would get it if it were sent again now; 0 while it is still going."""
    if broadcast.state != BroadcastState.FINISHED or _is_too_old(broadcast, now):
        return 0
    with db.guarded():
        return int(db.statement(f"SELECT COUNT(*) {_LEFT_OVER}", broadcast.id).fetchone()[0])


def send_late(
    config: Config, actor: Actor, broadcast: Broadcast, *, shown_addresses: int, now: datetime
) -> int:
    """Queues what is left over, and returns how many. All or none, and once for each press that was meant."""
    reason = access.may_send(actor, broadcast.school)
    if reason is not None:
        raise NotAllowed(reason)
    if broadcast.started_at is None:
        raise WrongState("it was never sent")
    if _is_too_old(broadcast, now):
        raise WrongState("too old to be sent late")
    until = now + useful(config, broadcast)
    with db.transaction():
        changed = (
            Broadcast.update(
                state=BroadcastState.SENDING, finished_at=None, useful_until=until, sent_late_at=now
            )
            .where(Broadcast.id == broadcast.id, Broadcast.state == BroadcastState.FINISHED)
            .execute()
        )
        if changed != 1:
            raise WrongState("it is not over, or somebody else has sent it late")
        count = _queue(broadcast, now, until)
        if count != shown_addresses:
            raise AudienceChanged(shown_addresses, count)
        audit.record(
            actor, audit.Act.BROADCAST_SENT_LATE, "broadcast", broadcast.id,
            school_id=broadcast.school_id, addresses=count,
        )  # fmt: skip
    return count


def _is_too_old(broadcast: Broadcast, now: datetime) -> bool:
    started_at: datetime = broadcast.started_at
    return now > started_at + AT_MOST


def _queue(broadcast: Broadcast, now: datetime, until: datetime) -> int:
    """In their old order, from where the queue of the site and lane stands at this moment."""
    queued = db.statement(
        f"""
        WITH mine AS MATERIALIZED (
            SELECT d.id, d.site, d.lane, d.turn {_LEFT_OVER}
        ), frontier AS MATERIALIZED (
            SELECT site, MIN(turn) AS first,
                   COALESCE((SELECT MIN(q.turn) FROM delivery AS q WHERE q.state = 'queued'
                             AND q.site = mine.site AND q.lane = mine.lane), 0) AS turn
            FROM mine GROUP BY site, lane
        )
        UPDATE delivery SET state = 'queued', turn = frontier.turn + 1 + mine.turn - frontier.first,
                            next_at = ?, due_at = ?, expires_at = ?,
                            settled_at = NULL
        FROM mine JOIN frontier ON frontier.site = mine.site
        WHERE delivery.id = mine.id AND delivery.state = 'expired'
        RETURNING delivery.id
        """,  # noqa: S608  (constants only)
        broadcast.id,
        micros(now),
        micros(now),
        micros(until),
    ).fetchall()
    return len(queued)
