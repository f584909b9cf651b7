"""How far a broadcast is, and stopping it.

Owns the status page: counts by state and by carrier, counted anew each time; a fragment that refreshes
itself where there is JavaScript, and a link that does it where there is none. Refuses the word "delivered":
受理 is what the receiving side said, nothing more. Fails into 404 for a broadcast of another school.
"""

import math
from collections.abc import Mapping

from flask import Blueprint, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from appliance import access, broadcast, clock, delivery, evidence, reach, recipients, ward_progress
from appliance.broadcast.wording import TEST
from appliance.delivery import Progress
from appliance.errors import AudienceChanged, WrongState
from appliance.models import Broadcast, School
from appliance.states import BroadcastState, DeliveryState
from web.common import page
from web.common.numbers import COUNT_DIGITS, natural
from web.staff.check import may_act
from web.staff.compose import next_step
from web.staff.desk import actor, desk
from web.staff.words import CARRIERS, DELIVERY_STATES, GRADES, school_name

pages = Blueprint("status", __name__)
_S, _D = BroadcastState, DeliveryState

SHOWN = (
    _D.ACCEPTED, _D.SENDING, _D.QUEUED, _D.DEFERRED, _D.FAILED, _D.BOUNCED, _D.EXPIRED, _D.SUPPRESSED,
)  # fmt: skip
_COLOURS = {_D.BOUNCED: "failed", _D.SUPPRESSED: "expired"}
_ALWAYS = frozenset({_D.ACCEPTED, _D.QUEUED, _D.DEFERRED, _D.FAILED})
_FAILED = (_D.FAILED, _D.BOUNCED, _D.EXPIRED)
_WAITING = (_D.QUEUED, _D.SENDING)


@pages.get("/broadcasts/<int:broadcast_id>")
def status(broadcast_id: int) -> ResponseReturnValue:
    """The page of one broadcast in whatever state it is."""
    found = access.broadcast(actor(), broadcast_id)
    if found.state == _S.DRAFT and may_act(actor(), found):
        return redirect(next_step(found), 303)
    if found.state == _S.SUBMITTED and may_act(actor(), found):
        return redirect(url_for("check.check", broadcast_id=found.id), 303)
    going = found.started_at is not None
    return page(
        "staff/status.html" if going else "staff/undecided.html",
        broadcast=found,
        audience=recipients.echo(found),
        may_write=access.may_write(actor(), found.school_id) is None,
        may_stop=found.state == _S.SENDING and access.may_stop(actor(), found) is None,
        **(_progress(found) if going else {}),
        **(_tested(found) if going and found.category == TEST else {}),
    )


def _tested(found: Broadcast) -> dict[str, object]:
    """What a delivery test has changed: addresses by grade, before it and now."""
    return {
        "test": True,
        "grades": {grade: _(words) for grade, words in GRADES.items()},
        "before": evidence.counts(found.school_id, found.started_at).school,
        "since": evidence.counts(found.school_id, clock.now()).school,
    }


@pages.get("/broadcasts/<int:broadcast_id>/progress")
def fragment(broadcast_id: int) -> ResponseReturnValue:
    """The changing part of the page alone."""
    found = access.broadcast(actor(), broadcast_id)
    if found.started_at is None:
        return redirect(url_for(".status", broadcast_id=found.id), 303)
    return page("staff/progress.html", broadcast=found, **_progress(found))


@pages.route("/broadcasts/<int:broadcast_id>/stop", methods=["GET", "POST"])
def stop(broadcast_id: int) -> ResponseReturnValue:
    """Asks once, with the numbers; then stops what has not gone yet."""
    found = access.broadcast(actor(), broadcast_id)
    if request.method == "POST":
        try:
            broadcast.stop(actor(), found, clock.now())
        except WrongState:
            pass  # it was already over: the status page says so
        return redirect(url_for(".status", broadcast_id=found.id), 303)
    if found.state != _S.SENDING:
        return redirect(url_for(".status", broadcast_id=found.id), 303)
    return page("staff/stop.html", broadcast=found, **_progress(found))


@pages.route("/broadcasts/<int:broadcast_id>/late", methods=["GET", "POST"])
def late(broadcast_id: int) -> ResponseReturnValue:
    """Asks once, with the numbers; then sends on what ran out of time. Nothing does so by itself."""
    found = access.broadcast(actor(), broadcast_id)
    if request.method == "POST":
        try:
            broadcast.send_late(
                desk().config,
                actor(),
                found,
                shown_addresses=natural(request.form.get("addresses", ""), COUNT_DIGITS) or 0,
                now=clock.now(),
            )
        except AudienceChanged:
            return redirect(url_for(".late", broadcast_id=found.id), 303)  # asks again, with today's number
        except WrongState:
            pass  # a second press: the status page says that it is going
        return redirect(url_for(".status", broadcast_id=found.id), 303)
    left_over = broadcast.left_over(found, clock.now())
    if not left_over or access.may_send(actor(), found.school) is not None:
        return redirect(url_for(".status", broadcast_id=found.id), 303)
    return page("staff/late.html", broadcast=found, left_over=left_over, **_progress(found))


def _progress(found: Broadcast) -> dict[str, object]:
    """What the templates need: parts of the bar, rows by carrier, times."""
    own = _own_schools(found)
    progress = delivery.progress(found.id) if own is None else ward_progress.of_schools(found, own)
    shown = [state for state in SHOWN if state in _ALWAYS or progress.by_state[state]]
    return {
        "total": progress.total,
        "accepted": progress.by_state[_D.ACCEPTED],
        "waiting": sum(progress.by_state[state] for state in _WAITING),
        "retry": progress.by_state[_D.DEFERRED],
        "failed": sum(progress.by_state[state] for state in _FAILED),
        "expired": progress.by_state[_D.EXPIRED],
        "may_send_late": _may_send_late(found),
        "suppressed": progress.by_state[_D.SUPPRESSED],
        "uncertain": progress.uncertain,
        "reach": reach.count(found, own),
        "call_sheets": _call_sheets(found, own),
        "of_own_schools": own is not None,
        "schools": _schools(found) if own is None else [],
        "going_on": progress.still_open > 0 or found.state == _S.SENDING,
        "parts": [
            (_COLOURS.get(state, state.value), _(DELIVERY_STATES[state]), progress.by_state[state])
            for state in shown
        ],
        "carriers": _carriers(progress),
        "until": found.finished_at or clock.now(),
        "now": clock.now(),
        "begins_in_s": _begins_in_s(found),
    }


def _begins_in_s(found: Broadcast) -> int:
    """Seconds in which it can still be taken back whole; 0 afterwards."""
    if found.state != _S.SENDING:
        return 0
    return max(0, math.ceil((found.started_at - clock.now()).total_seconds()))


def _may_send_late(found: Broadcast) -> bool:
    if access.may_send(actor(), found.school) is not None:
        return False
    return broadcast.left_over(found, clock.now()) > 0


def _own_schools(found: Broadcast) -> list[int] | None:
    """A school sees its own guardians of what the ward has sent; None: everything is shown."""
    if found.school_id is not None or access.may_see_ward(actor()) is None:
        return None
    return access.own_schools_of(actor(), found)


def _call_sheets(found: Broadcast, own: list[int] | None) -> list[tuple[str, str]]:
    """School and address of each call sheet, on the site that has one, for those who may open names."""
    if "call_sheet.sheet" not in current_app.view_functions:
        return []
    here = [found.school_id] if found.school_id is not None else own or []
    mine = [school_id for school_id in here if access.may_open_names(actor(), school_id) is None]
    schools = School.select().where(School.id.in_(mine)).order_by(School.id)
    return [
        (
            school_name(row),
            url_for("call_sheet.sheet", broadcast_id=found.id, school=None if found.school_id else row.id),
        )
        for row in schools
    ]


def _schools(found: Broadcast) -> list[dict[str, object]]:
    """A row per school of a mail of the ward: of the states but 受理 only those that occur."""
    if found.school_id is not None:
        return []
    parts = ward_progress.by_school(found)
    return [
        _row(school_name(row), parts[row.id].by_state)
        for row in School.select().order_by(School.id)
        if row.id in parts
    ]


def _carriers(progress: Progress) -> list[dict[str, object]]:
    """A row per carrier, the largest first; of the states but 受理 only those that occur."""
    by_size = sorted(progress.by_carrier.items(), key=lambda item: -sum(item[1].values()))
    return [_row(_(CARRIERS[carrier]), counts) for carrier, counts in by_size]


def _row(name: str, counts: Mapping[DeliveryState, int]) -> dict[str, object]:
    return {
        "name": name,
        "accepted": counts[_D.ACCEPTED],
        "total": sum(counts.values()),
        "others": [
            (_(DELIVERY_STATES[state]), counts[state])
            for state in SHOWN
            if state is not _D.ACCEPTED and counts[state]
        ],
    }
