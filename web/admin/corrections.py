"""Changing one registrant: correct the names, move to another class, vouch for the address, remove (R08).

Owns the questions and their confirmation. Refuses to change anything itself:
`appliance.directory.registrants` does, and records it. Fails into 404 when the registration has ended
meanwhile or belongs to another school.
"""

from itertools import groupby

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from appliance import access, clock, doubt
from appliance.directory import registrants
from appliance.directory.schools import classes
from appliance.errors import ClassGone, NameInvalid
from appliance.models import Registration
from web.admin.registrants import name_sentence
from web.common import page
from web.staff import actor, desk
from web.staff.session import repeatable

pages = Blueprint("corrections", __name__, url_prefix="/registrants/<int:registration_id>")


@pages.route("/names", methods=["GET", "POST"])
@repeatable
def names(registration_id: int) -> ResponseReturnValue:
    """The two names anew."""
    found = access.registration(actor(), registration_id)
    if request.method == "GET":
        row = registrants.opened(actor(), desk().keyring, found)
        values = {field: known(getattr(row, field)) for field in ("child_name", "guardian_name")}
        return page("admin/names.html", registration=found, values=values)
    values = {field: request.form.get(field, "") for field in ("child_name", "guardian_name")}
    try:
        registrants.correct(actor(), desk().keyring, found, now=clock.now(), **values)
    except NameInvalid as invalid:
        errors = {invalid.field: name_sentence(invalid)}
        return page("admin/names.html", registration=found, values=values, errors=errors)
    return _back_to(found)


@pages.route("/class", methods=["GET", "POST"])
def school_class(registration_id: int) -> ResponseReturnValue:
    """Another class of the same school."""
    found = access.registration(actor(), registration_id)
    options = classes(found.school_id)
    chosen = request.form.get("school_class", str(found.child.school_class_id))
    errors: dict[str, str] = {}
    if request.method == "POST":
        there = next((row for row in options if str(row.id) == chosen), None)
        if there is None:
            errors["school_class"] = _("移す先の学級を選んでください。")
        else:
            try:
                registrants.move(actor(), found, there, clock.now())
            except ClassGone:
                errors["school_class"] = _("選んだ学級がなくなりました。もう一度選んでください。")
            else:
                return _back_to(found)
    grades = [
        (grade, [(row.id, f"{row.grade} {row.label}".strip()) for row in rows])
        for grade, rows in groupby(options, key=lambda row: row.grade)
    ]
    row = registrants.opened(actor(), desk().keyring, found)
    return page("admin/move.html", registration=found, row=row, grades=grades, chosen=chosen, errors=errors)


@pages.route("/remove", methods=["GET", "POST"])
def remove(registration_id: int) -> ResponseReturnValue:
    """Says what will happen, then does it."""
    found = access.registration(actor(), registration_id)
    if request.method == "GET":
        row = registrants.opened(actor(), desk().keyring, found)
        return page("admin/remove.html", registration=found, row=row)
    school_id, class_id = found.school_id, found.child.school_class_id
    registrants.remove(actor(), found, clock.now())
    return redirect(url_for("registrants.removed", school_id=school_id, **{"class": class_id}), 303)


@pages.post("/vouch")
def vouch(registration_id: int) -> ResponseReturnValue:
    """The school has asked whose address it is, and knows."""
    found = access.registration(actor(), registration_id)
    doubt.vouch(actor(), found, clock.now())
    return _back_to(found)


def _back_to(found: Registration) -> ResponseReturnValue:
    """The registrant's page; the list, when two registrations of one address became one."""
    if Registration.select().where(Registration.id == found.id, Registration.child.is_null(False)).exists():
        return redirect(url_for("registrants.one", registration_id=found.id), 303)
    return redirect(url_for("registrants.of_school", school_id=found.school_id), 303)


def known(name: str) -> str:
    """What stands in a field at first; nothing for a name that cannot be read."""
    return "" if name == registrants.UNREADABLE else name
