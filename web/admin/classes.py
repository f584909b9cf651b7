"""学級: add one, retire one.

Owns the two questions. Refuses to retire a class that has registered children: move them first. Fails into
the same page with the reason.
"""

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from appliance import access, audit, db
from appliance.directory import counts
from appliance.directory.schools import add_classes, classes, retire_class
from appliance.errors import WrongState
from appliance.models import School
from web.admin.registrants import openable_school
from web.common import page
from web.staff import actor

pages = Blueprint("classes", __name__)
LONGEST = 20


@pages.route("/schools/<int:school_id>/classes", methods=["GET", "POST"])
def of_school(school_id: int) -> ResponseReturnValue:
    """The classes of today, and a form for one more."""
    school = openable_school(actor(), school_id)
    values = {"grade": "", "label": ""}
    errors: dict[str, str] = {}
    if request.method == "POST":
        values = {field: " ".join(request.form.get(field, "").split()) for field in values}
        errors = _errors(values)
        if not errors:
            errors = _add(school, values["grade"], values["label"])
        if not errors:
            return redirect(url_for(".of_school", school_id=school_id), 303)
    return page(
        "admin/classes.html", school=school, classes=counts.by_class(school_id), values=values, errors=errors
    )


@pages.route("/classes/<int:school_class_id>/retire", methods=["GET", "POST"])
def retire(school_class_id: int) -> ResponseReturnValue:
    """Asks once."""
    found = access.school_class(actor(), school_class_id)
    school = openable_school(actor(), found.school_id)
    errors: dict[str, str] = {}
    if found.retired_at is not None:
        return redirect(url_for(".of_school", school_id=school.id), 303)
    if request.method == "POST":
        try:
            retire_class(actor(), found)
        except WrongState:
            errors["school_class"] = _("この学級には、まだ登録者がいます。先に別の学級へ移してください。")
        else:
            return redirect(url_for(".of_school", school_id=school.id), 303)
    return page("admin/retire.html", school=school, school_class=found, errors=errors)


def _errors(values: dict[str, str]) -> dict[str, str]:
    errors = {}
    for field, words in (("grade", _("学年を書いてください。")), ("label", _("組を書いてください。"))):
        if not values[field]:
            errors[field] = words
        elif len(values[field]) > LONGEST or not values[field].isprintable():
            errors[field] = _("%(most)s字までで、ふつうの文字で書いてください。", most=LONGEST)
    return errors


def _add(school: School, grade: str, label: str) -> dict[str, str]:
    with db.transaction():
        if any((row.grade, row.label) == (grade, label) for row in classes(school.id)):
            return {"grade": _("同じ学年と組が、もうあります。")}
        (made,) = add_classes(school, [(grade, label)])
        audit.record(
            actor(), audit.Act.CLASS_ADDED, "school_class", made.id, school_id=school.id,
            **access.why(actor(), school.id),
        )  # fmt: skip
    return {}
