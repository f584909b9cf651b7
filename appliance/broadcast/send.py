"""Deciding and sending.

Owns the transitions submitted → approved → sending and stopped, and the one transaction that writes a
delivery per address, each with its turn: at every receiving site the classes go evenly mixed, so that none is
last, and broadcasts take turns, so that a later one need not wait for the end of an earlier one.
Refuses a second press of the button (`WrongState`), a text that somebody changed after it was shown
(`ContentChanged`), an audience of nobody (`AudienceEmpty`), and an audience that is not what was shown
(`AudienceChanged`). Nothing leaves in the first seconds (`take_back_s`): whoever sees his slip then stops it
whole.
"""

from datetime import datetime, timedelta
from typing import Any

from appliance import access, audit, db, recipients
from appliance.actor import Actor, Role
from appliance.broadcast.draft import require_complete
from appliance.broadcast.shown import unchanged
from appliance.config import Config
from appliance.delivery import retry
from appliance.errors import AudienceChanged, AudienceEmpty, ContentChanged, NotAllowed, WrongState
from appliance.models import Broadcast, Delivery
from appliance.models.fields import micros
from appliance.states import BroadcastState, DeliveryState, sources

_S = BroadcastState


def submit(actor: Actor, broadcast: Broadcast, now: datetime) -> None:
    """申請: asks the principal to decide."""
    _require(access.may_write(actor, broadcast.school_id))
    require_complete(broadcast)
    if recipients.echo(broadcast).addresses == 0:
        raise AudienceEmpty("nobody is registered there")
    with db.transaction():
        _move(broadcast, _S.SUBMITTED, submitted_at=now)
        _record(actor, audit.Act.BROADCAST_SUBMITTED, broadcast)


def approve(actor: Actor, broadcast: Broadcast, now: datetime) -> None:
    """承認: the principal decides; sending is a step of its own."""
    _require(_may_decide(actor, broadcast))
    with db.transaction():
        _move(broadcast, _S.APPROVED, decided_by=actor.account_id, decided_at=now)
        _record(actor, audit.Act.BROADCAST_APPROVED, broadcast)


def refuse(actor: Actor, broadcast: Broadcast, now: datetime) -> None:
    """差戻し: back to its author."""
    _require(_may_decide(actor, broadcast))
    with db.transaction():
        _move(broadcast, _S.REFUSED, decided_by=actor.account_id, decided_at=now)
        _record(actor, audit.Act.BROADCAST_REFUSED, broadcast)


def send(config: Config, actor: Actor, broadcast: Broadcast, *, shown_addresses: int, now: datetime) -> int:
    """Puts a delivery per address into the queue and returns how many. All or none, and once.

    `shown_addresses` is the number on the page that the actor confirmed. Passes through submitted and
    approved where the actor may decide alone.
    """
    _require(access.may_send(actor, broadcast.school))
    require_complete(broadcast)
    begins_at = now + timedelta(seconds=config.broadcast.take_back_s)
    life = useful(config, broadcast)
    with db.transaction():
        state = _S(Broadcast.get_by_id(broadcast.id).state)
        if state is _S.FINISHED:  # it may only be sent late
            raise WrongState("it has been sent")
        if state is _S.DRAFT:
            _move(broadcast, _S.SUBMITTED, submitted_at=now)
            _move(broadcast, _S.APPROVED, decided_by=actor.account_id, decided_at=now)
        _move(broadcast, _S.SENDING, started_at=begins_at, useful_until=begins_at + life)
        first = retry.first_at(
            urgent=broadcast.urgent, quiet_minutes=config.broadcast.quiet_minutes, now=begins_at
        )
        count = _queue(broadcast, now, first, begins_at + life)
        if count == 0:
            raise AudienceEmpty("nobody is registered there")
        if count != shown_addresses:
            raise AudienceChanged(shown_addresses, count)
        told = {} if broadcast.school_id is not None else {"schools": _note_schools(broadcast)}
        _record(actor, audit.Act.BROADCAST_SENT, broadcast, addresses=count, **told)
    return count


def useful(config: Config, broadcast: Broadcast) -> timedelta:
    """How long after its sending a broadcast is still of use."""
    hours = config.broadcast.urgent_useful_h if broadcast.urgent else config.broadcast.routine_useful_h
    return timedelta(hours=hours)


def _queue(
    broadcast: Broadcast, now: datetime, first: tuple[datetime, timedelta], expires_at: datetime
) -> int:
    """The rows. `turn` counts the site's letters in virtual time (start-time fair queueing, Goyal 1996).

    A broadcast begins where the queue of the site and lane stands at this moment and takes one turn per
    letter, so that it alternates with whatever waits there already. Within it every class is spread evenly
    over the whole length, in random order inside the class; an address with children in two counts in one.
    A guardian whom several schools know gets the ward's mail once, through one of them.
    """
    source, parameters = recipients.members(broadcast, urgent=broadcast.urgent)
    lane = 0 if broadcast.urgent else 2
    cursor = db.statement(
        f"""
        INSERT INTO delivery (kind, school_id, broadcast_id, address_id, site, lane, turn, state, attempts,
                              next_at, expires_at, code, enhanced, reason, uncertain, created_at, due_at)
        WITH member AS MATERIALIZED (
            SELECT id, school_id, site, class_id FROM (
                SELECT a.id, a.school_id, a.site, c.school_class_id AS class_id,
                       ROW_NUMBER() OVER (
                           PARTITION BY a.address_index ORDER BY a.id, c.school_class_id) AS occurrence
                {source}
            ) AS each_one WHERE occurrence = 1
        ), room AS MATERIALIZED (
            SELECT site, class_id, COUNT(*) AS size FROM member GROUP BY site, class_id
        ), frontier AS MATERIALIZED (
            SELECT site, SUM(size) AS size,
                   COALESCE((SELECT MIN(d.turn) FROM delivery AS d WHERE d.state = 'queued'
                             AND d.site = room.site AND d.lane = ?), 0) AS turn
            FROM room GROUP BY site
        ), spread AS (
            SELECT m.id, m.school_id, m.site, (ROW_NUMBER() OVER (
                       PARTITION BY m.site, m.class_id ORDER BY RANDOM()) - 0.5) / room.size AS place
            FROM member AS m JOIN room ON room.site = m.site AND room.class_id = m.class_id
        )
        SELECT 'broadcast', spread.school_id, ?, spread.id, spread.site, ?,
               frontier.turn + CAST(1 + place * frontier.size AS BIGINT),
               'queued', 0, ? + CAST(place * ? AS BIGINT), ?, 0, '', '', {db.false()}, ?,
               ? + CAST(place * ? AS BIGINT)
        FROM spread JOIN frontier ON frontier.site = spread.site
        ORDER BY place
        """,  # noqa: S608  (constants only)
        *parameters,
        lane,
        broadcast.id,
        lane,
        micros(first[0]),
        first[1] // timedelta(microseconds=1),
        micros(expires_at),
        micros(now),
        micros(first[0]),
        first[1] // timedelta(microseconds=1),
    )
    return int(cursor.rowcount)


def _note_schools(broadcast: Broadcast) -> int:
    """To whose guardians the ward's mail goes, for those schools' lists; returns how many schools."""
    source, parameters = recipients.members(broadcast, urgent=broadcast.urgent)
    cursor = db.statement(
        f"INSERT INTO broadcast_school (broadcast_id, school_id) "
        f"SELECT DISTINCT CAST(? AS BIGINT), r.school_id {source}",
        broadcast.id,
        *parameters,
    )
    return int(cursor.rowcount)


def stop(actor: Actor, broadcast: Broadcast, now: datetime) -> int:
    """Stops what has not gone yet, by whom `access.may_stop` names; there is no recall. Returns how many.

    What a worker has in hand at this moment is dropped by it within a second, or still goes out.
    """
    _require(access.may_stop(actor, broadcast))
    with db.transaction():
        _move(broadcast, _S.STOPPED, finished_at=now)
        count = (
            Delivery.update(state=DeliveryState.SUPPRESSED, settled_at=now)
            .where(Delivery.broadcast == broadcast.id, Delivery.state.in_(sources(DeliveryState.SUPPRESSED)))
            .execute()
        )
        _record(actor, audit.Act.BROADCAST_STOPPED, broadcast, stopped=int(count))
    return int(count)


def _move(broadcast: Broadcast, state: BroadcastState, **changes: object) -> None:
    """One transition of the table, of the broadcast as it was read.

    Whoever comes second finds another state and gets `WrongState`, or another text and gets `ContentChanged`.
    """
    before, this = sources(state), Broadcast.id == broadcast.id
    as_read = this, Broadcast.state.in_(before), *unchanged(broadcast)
    changed = Broadcast.update(state=state, **changes).where(*as_read).execute()
    if changed != 1 and Broadcast.select().where(this, Broadcast.state.in_(before)).exists():
        raise ContentChanged("it is not what was shown")
    if changed != 1:
        raise WrongState(f"{state} does not follow")
    broadcast.state = state


def _may_decide(actor: Actor, broadcast: Broadcast) -> str | None:
    if actor.role is not Role.PRINCIPAL:
        return "principal_decides"
    return access.may_write(actor, broadcast.school_id)


def _record(actor: Actor, act: audit.Act, broadcast: Broadcast, **detail: Any) -> None:
    audit.record(actor, act, "broadcast", broadcast.id, school_id=broadcast.school_id, result="ok", **detail)


def _require(reason: str | None) -> None:
    if reason is not None:
        raise NotAllowed(reason)
