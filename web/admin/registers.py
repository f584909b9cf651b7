"""届出簿: who manages and who handles the ids of each school, and the vendor's people: pages and papers.

Owns the ward's overview, the printable registers (R15, R19) and the list of who has not read the rules this
school year (R33). Printing one is recorded. Names of staff only, none of families. Refuses to change anything
(`people`, `person` and `reports` do). Fails into 404 for another school, 403 for a role.
"""

from flask import Blueprint, redirect, url_for
from flask.typing import ResponseReturnValue

from appliance import access, audit, clock
from appliance.account import register, report, term
from appliance.actor import Role
from appliance.errors import NotAllowed
from web.common import page
from web.staff import actor, desk

pages = Blueprint("registers", __name__)
VENDOR = (Role.OPERATOR,)
OFFICE = (Role.WARD_OFFICER, Role.AUDITOR)


@pages.get("/registers")
def ward() -> ResponseReturnValue:
    """All schools; for others the way to their own register."""
    if access.may_read_everything(actor()) is None:
        now = clock.now()
        return page(
            "admin/registers.html",
            lines=register.of_ward(desk().config, now),
            reports=report.waiting(),
            year=term.school_year(desk().config, now),
        )
    if actor().role is Role.OPERATOR:
        return redirect(url_for("people.vendor"), 303)
    schools = [each for each in access.schools(actor()) if access.may_read_register(actor(), each.id) is None]
    if not schools:
        raise NotAllowed("not_with_this_role")
    if len(schools) == 1:
        return redirect(url_for("people.of_school", school_id=schools[0].id), 303)
    return page("admin/own_registers.html", schools=schools)


@pages.get("/schools/<int:school_id>/register")
def of_school(school_id: int) -> ResponseReturnValue:
    """管理者・取扱者届出書, one sheet."""
    school = access.register_school(actor(), school_id)
    people = register.of_school(desk().config, school_id, clock.now())
    audit.record(actor(), audit.Act.REGISTER_PRINTED, "school", school.id, school_id=school.id)
    return _paper(school, people)


@pages.get("/registers/vendor")
def of_vendor() -> ResponseReturnValue:
    """取扱責任者・取扱者届出書."""
    access.require(access.may_read_register(actor(), None))
    people = register.of_roles(desk().config, VENDOR, clock.now())
    audit.record(actor(), audit.Act.REGISTER_PRINTED, "vendor", None)
    return _paper(None, people)


@pages.get("/registers/training")
def untrained() -> ResponseReturnValue:
    """Who has not read the rules this school year."""
    access.require(access.may_read_everything(actor()))
    now = clock.now()
    return page(
        "admin/untrained.html",
        rows=register.untrained(desk().config, now),
        year=term.school_year(desk().config, now),
    )


def _paper(school: object, people: list[register.Person]) -> ResponseReturnValue:
    now = clock.now()
    return page(
        "admin/register.html",
        school=school,
        people=people,
        year=term.school_year(desk().config, now),
        now=now,
    )
