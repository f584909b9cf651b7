"""区からの配信: the pages that only a mail of the ward has: its list, its beginning, and which schools.

Owns the choice of schools: all, those of some kinds, or by name; kept as the schools themselves. Refuses the
other steps, which are those of a school's mail (`compose`, `check`, `status`). Fails into the same page with
the question's own words, 403 for other roles.
"""

from itertools import groupby

from flask import Blueprint, redirect, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from appliance import access, broadcast, ward_audience
from appliance.errors import NotYours, TextInvalid
from appliance.models import School
from appliance.ward_audience import WardAudience
from web.common import page
from web.common.language import count
from web.staff import words
from web.staff.compose import beginning, draft_of, next_step
from web.staff.desk import actor

pages = Blueprint("ward", __name__)
_SCOPES = ("all", "kinds", "schools")


@pages.get("/ward/broadcasts")
def broadcasts() -> ResponseReturnValue:
    """The newest fifty of the ward's own."""
    return page(
        "staff/broadcasts.html",
        school=None,
        broadcasts=broadcast.recent_of_ward(actor()),
        may_write=access.may_write(actor(), None) is None,
    )


@pages.route("/ward/broadcasts/new", methods=["GET", "POST"])
def begin() -> ResponseReturnValue:
    """Urgent or routine, and what it is about."""
    access.require(access.may_write(actor(), None))
    return beginning(None)


@pages.route("/broadcasts/<int:broadcast_id>/schools", methods=["GET", "POST"])
def schools(broadcast_id: int) -> ResponseReturnValue:
    """All schools, kinds of them, or some by name, each with its count."""
    found = draft_of(broadcast_id)
    if found.school_id is not None:
        raise NotYours("broadcast")
    everybody = ward_audience.echo(WardAudience(None))
    rows = list(School.select().where(School.state == "open").order_by(School.kind, School.id))
    saved = WardAudience.read(found.audience).school_ids
    scope = "all" if saved is None else ("schools" if saved else "")
    kinds: set[str] = set()
    chosen = {str(number) for number in saved or ()}
    errors: dict[str, str] = {}
    if request.method == "POST":
        kinds, chosen = set(request.form.getlist("kind")), set(request.form.getlist("school"))
        said = "kinds" if kinds else "schools" if chosen else ""  # who ticks something has said it
        scope = request.form.get("scope", said)
        errors = _errors(scope, kinds, chosen, rows)
        if not errors:
            try:
                broadcast.revise(actor(), found, audience=_audience(scope, kinds, chosen, rows))
            except TextInvalid:  # a school was closed between this page and its answer
                errors = {"school": _gone()}
            else:
                return redirect(next_step(found), 303)
    addresses = {share.school_id: share.addresses for share in everybody.schools}
    return page(
        "staff/schools.html",
        broadcast=found,
        everybody=everybody,
        number=len(rows),
        kinds=_kinds(rows),
        groups=[
            (_(words.KINDS[kind]), [_option(row, addresses.get(row.id, 0)) for row in each])
            for kind, each in groupby(rows, key=lambda row: row.kind)
        ],
        scope=scope,
        chosen_kinds=sorted(kinds),
        chosen=sorted(chosen),
        errors=errors,
    )


def _audience(scope: str, kinds: set[str], chosen: set[str], rows: list[School]) -> WardAudience:
    if scope == "all":
        return WardAudience(None)
    if scope == "kinds":
        return WardAudience(frozenset(row.id for row in rows if row.kind in kinds))
    return WardAudience(frozenset(int(number) for number in chosen))


def _errors(scope: str, kinds: set[str], chosen: set[str], rows: list[School]) -> dict[str, str]:
    if scope not in _SCOPES:
        return {"scope": _("だれに送るか、選んでください。")}
    if (kinds and scope != "kinds") or (chosen and scope != "schools"):
        return {"scope": _("選んだ送り方と、下の印が合っていません。どちらかにしてください。")}
    if scope == "kinds" and not kinds:
        return {"kind": _("送る学校の種類に印を付けてください。")}
    if scope == "schools" and not chosen:
        return {"school": _("送る学校に印を付けてください。")}
    if not kinds <= {row.kind for row in rows} or not chosen <= {str(row.id) for row in rows}:
        return {"kind" if scope == "kinds" else "school": _gone()}
    return {}


def _gone() -> str:
    return _("選んだ学校がなくなりました。もう一度選んでください。")


def _kinds(rows: list[School]) -> list[tuple[str, str, str]]:
    return [
        (kind, _(words.KINDS[kind]), _("%(n)s校", n=count(len(list(each)))))
        for kind, each in groupby(rows, key=lambda row: row.kind)
    ]


def _option(school: School, addresses: int) -> tuple[int, str, str]:
    return school.id, words.school_name(school), _("宛先%(addresses)s", addresses=count(addresses))
