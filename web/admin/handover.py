"""人事異動: several people of a school end there or move to another school, in one step.

Owns the page of check boxes. Refuses to move anybody itself (`appliance.account.handover` does, all or
nobody). Fails into the same page with the question's own words.
"""

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from appliance import access, clock
from appliance.account import handover
from appliance.actor import Role
from appliance.models import Account, School
from web.common import page
from web.staff import actor, words

pages = Blueprint("handover", __name__)


@pages.route("/schools/<int:school_id>/handover", methods=["GET", "POST"])
def of_school(school_id: int) -> ResponseReturnValue:
    """Who, and what becomes of them."""
    school = access.register_school(actor(), school_id)
    access.require(access.may_end_at(actor(), school_id))
    people = [each for each in handover.at_school(school_id) if _may_leave(each)]
    others = [each for each in access.schools(actor()) if each.id != school_id] if _may_move() else []
    chosen = request.form.getlist("account")
    action, target = request.form.get("action", "" if others else "end"), request.form.get("target", "")
    errors: dict[str, str] = {}
    if request.method == "POST":
        errors = _errors(people, others, chosen, action, target)
        if not errors:
            leaving = [each for each in people if str(each.id) in chosen]
            there = next((each for each in others if str(each.id) == target), None)
            if action == "move" and there is not None:
                handover.move(actor(), leaving, school_id, there.id, clock.now())
            else:
                handover.end(actor(), leaving, school_id, clock.now())
            return page(
                "admin/handed_over.html",
                school=school,
                people=leaving,
                there=there if action == "move" else None,
            )
    return page(
        "admin/handover.html",
        school=school,
        options=[
            (each.id, each.display_name, f"{_(words.ROLES[Role(each.role)])} · {each.login_id}")
            for each in people
        ],
        targets=[("", _("学校を選ぶ")), *((each.id, words.school_name(each)) for each in others)],
        chosen=chosen,
        action=action,
        target=target,
        errors=errors,
        back=url_for("people.of_school", school_id=school_id),
    )


def _may_leave(account: Account) -> bool:
    return actor().role is Role.WARD_OFFICER or access.may_suspend(actor(), account) is None


def _may_move() -> bool:
    return access.may_move(actor()) is None


def _errors(
    people: list[Account], others: list[School], chosen: list[str], action: str, target: str
) -> dict[str, str]:
    errors = {}
    if not chosen or not set(chosen) <= {str(each.id) for each in people}:
        errors["account"] = _("異動する人に印を付けてください。")
    if action not in (("end", "move") if others else ("end",)):
        errors["action"] = _("終えるか移すか、選んでください。")
    if action == "move" and target not in {str(each.id) for each in others}:
        errors["target"] = _("移る先の学校を選んでください。")
    return errors
