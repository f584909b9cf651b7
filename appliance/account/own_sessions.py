"""One's own sessions: where one is logged in, and ending that (ASVS 5.0 7.5.2).

Owns the list and the end of single or all other sessions. There may be any number at once: people work at
several places. Refuses other people's: they are not there. Fails with `NotYours`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from peewee import JOIN

from appliance import audit, db
from appliance.actor import Actor
from appliance.config import Config, Zone
from appliance.errors import NotYours
from appliance.models import Device, StaffSession


@dataclass(frozen=True, slots=True)
class Place:
    """One place where a person is logged in."""

    id: int
    zone: Zone
    network: str
    agent: str
    device_name: str
    since: datetime
    seen_at: datetime
    here: bool


def places(config: Config, actor: Actor, now: datetime) -> list[Place]:
    """All living sessions of the actor on both sites, the present one first."""
    idle_since = now - timedelta(minutes=config.account.session_idle_minutes)
    rows = (
        StaffSession.select(StaffSession, Device)
        .join(Device, JOIN.LEFT_OUTER, on=(StaffSession.device == Device.id))
        .where(
            StaffSession.account == actor.account_id,
            StaffSession.ended_at.is_null(),
            StaffSession.opened_at.is_null(False),
            StaffSession.ends_at > now,
            StaffSession.seen_at > idle_since,
        )
        .order_by(StaffSession.seen_at.desc())
    )
    found = [
        Place(
            id=row.id, zone=Zone(row.zone), network=row.network, agent=row.agent,
            device_name=row.device.name if row.device_id is not None else "",
            since=row.created_at, seen_at=row.seen_at, here=row.id == actor.session_id,
        )
        for row in rows
    ]  # fmt: skip
    return sorted(found, key=lambda place: not place.here)


def end(actor: Actor, session_id: int, now: datetime) -> None:
    """Ends one of the actor's other sessions, at its next click. Raises `NotYours`."""
    with db.transaction():
        ended = (
            StaffSession.update(ended_at=now)
            .where(
                StaffSession.id == session_id,
                StaffSession.account == actor.account_id,
                StaffSession.id != actor.session_id,
                StaffSession.ended_at.is_null(),
            )
            .execute()
        )
        if ended != 1:
            raise NotYours("session")
        audit.record(actor, audit.Act.SESSION_ENDED, "session", session_id)


def end_others(actor: Actor, now: datetime) -> int:
    """Ends all but the present one; how many."""
    with db.transaction():
        ended: int = (
            StaffSession.update(ended_at=now)
            .where(
                StaffSession.account == actor.account_id,
                StaffSession.id != actor.session_id,
                StaffSession.ended_at.is_null(),
            )
            .execute()
        )
        audit.record(actor, audit.Act.SESSION_ENDED, "account", actor.account_id, sessions=ended)
    return ended
