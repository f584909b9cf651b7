"""The broadcasts of a school, and what waits for the actor.

Owns the two lists of broadcasts on home and school pages. Refuses registrants. Fails into 404 for another
school.
"""

from dataclasses import dataclass

from flask import Blueprint
from flask.typing import ResponseReturnValue

from appliance import access, broadcast
from appliance.actor import Actor, Role
from appliance.models import Broadcast, School
from appliance.states import BroadcastState
from web.common import page
from web.staff.desk import actor

pages = Blueprint("listing", __name__)
_S = BroadcastState
SHOWN_AT_HOME = 5


@dataclass(frozen=True, slots=True)
class Waiting:
    """Broadcasts that ask something of the actor, each newest first."""

    to_decide: list[Broadcast]
    going: list[Broadcast]
    given_back: list[Broadcast]
    drafts: list[Broadcast]


@pages.get("/schools/<int:school_id>/broadcasts")
def broadcasts(school_id: int) -> ResponseReturnValue:
    """The newest fifty."""
    school = access.school(actor(), school_id)
    return page(
        "staff/broadcasts.html",
        school=school,
        broadcasts=broadcast.recent(actor(), school_id),
        may_write=access.may_write(actor(), school_id) is None,
    )


def waiting(who: Actor, schools: list[School]) -> Waiting:
    """What needs the actor, over the given schools and, for its officers, the ward."""
    found = [row for school in schools for row in broadcast.recent(who, school.id)]
    if access.may_write(who, None) is None:
        found = broadcast.recent_of_ward(who)
    rows = list({row.id: row for row in found}.values())  # the ward's mail is in several schools' lists
    mine = [row for row in rows if row.author_id == who.account_id]
    return Waiting(
        to_decide=[row for row in rows if row.state == _S.SUBMITTED and who.role is Role.PRINCIPAL],
        going=[row for row in rows if row.state == _S.SENDING],
        given_back=[row for row in mine if row.state == _S.REFUSED],
        drafts=[row for row in mine if row.state == _S.DRAFT],
    )


def gone(who: Actor, school: School | None) -> list[Broadcast]:
    """The last few that were sent, of a school or of the ward (None)."""
    rows = broadcast.recent_of_ward(who) if school is None else broadcast.recent(who, school.id)
    return [row for row in rows if row.started_at is not None][:SHOWN_AT_HOME]
