"""The first page, and the page of one school: what needs you, then the counts (R14).

Owns nothing but these. Opens no name. Ward officers and operators get a table of all schools instead of
tasks, auditors the ways to what they read.
"""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from appliance import access, broadcast, clock, health, security_code
from appliance.account import report
from appliance.actor import Role
from appliance.directory import counts
from web.common import page
from web.staff import actor
from web.staff.compose import may_begin, writable_schools
from web.staff.listing import gone, waiting
from web.staff.reminders import reminders

pages = Blueprint("home", __name__, template_folder="templates")


@pages.get("/")
def home() -> ResponseReturnValue:
    """One's own schools, or the whole ward."""
    schools = access.schools(actor())
    totals = counts.by_school([school.id for school in schools])
    if actor().role is Role.AUDITOR:
        return page("admin/auditor.html", reminders=reminders())
    if actor().role in access.OF_THE_WARD:
        latest = {
            school.id: next(iter(broadcast.recent(actor(), school.id, limit=1)), None) for school in schools
        }
        carriers = health.by_carrier(clock.now())
        return page(
            "admin/ward.html",
            schools=schools,
            counts=totals,
            latest=latest,
            carriers=carriers,
            may_write=may_begin(actor()),
            tasks=waiting(actor(), []),
            of_ward=gone(actor(), None),
            waiting=len(report.waiting()),
            reminders=reminders(),
        )
    return page(
        "admin/home.html",
        schools=schools,
        counts=totals,
        may_write=bool(writable_schools(actor())),
        reminders=reminders(),
        waiting=waiting(actor(), schools),
        recent={school.id: gone(actor(), school) for school in schools},
    )


@pages.get("/schools/<int:school_id>")
def school(school_id: int) -> ResponseReturnValue:
    """Counts by class, and the way to everything of the school."""
    found = access.school(actor(), school_id)
    return page(
        "admin/school.html",
        school=found,
        count=counts.by_school([school_id])[school_id],
        classes=counts.by_class(school_id),
        recent=gone(actor(), found),
        may_write=access.may_write(actor(), school_id) is None,
        may_request=access.may_request_names(actor()) is None,
        may_open=access.may_open_names(actor(), school_id) is None,
        code=security_code.current(school_id),
    )
