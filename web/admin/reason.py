"""受託事業者が登録者を開く理由: an operator says for what a school's registrants are opened (R12).

Owns the question; the answer is recorded and good for half an hour in this session. Refuses free text:
nothing personal goes into the operation record. Fails into the same page, 403 for other roles.
"""

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from appliance import access, clock
from appliance.account import opening
from appliance.account.opening import LASTS, Reason
from appliance.errors import TextInvalid
from web.common import page
from web.staff import actor
from web.staff.words import REASONS

pages = Blueprint("reason", __name__)


@pages.route("/schools/<int:school_id>/reason", methods=["GET", "POST"])
def ask(school_id: int) -> ResponseReturnValue:
    """Why, and the number of the inquiry where there is one."""
    school = access.school(actor(), school_id)
    access.require(access.may_request_names(actor()))
    values = {field: request.form.get(field, "") for field in ("reason", "reference")}
    errors = {}
    if request.method == "POST":
        if values["reason"] not in list(Reason):
            errors["reason"] = _("理由を選んでください。")
        else:
            try:
                opening.request(
                    actor(), school_id, Reason(values["reason"]), values["reference"], clock.now()
                )
            except TextInvalid:
                errors["reference"] = _(
                    "「2026-114」「K-87」「2026-0123」のように、半角の短い受付番号を書いてください。電話番号は書けません。"
                )
        if not errors:
            return redirect(url_for("registrants.of_school", school_id=school_id), 303)
    return page(
        "admin/reason.html",
        school=school,
        options=[(reason, _(said)) for reason, said in REASONS.items()],
        values=values,
        minutes=int(LASTS.total_seconds() // 60),
        errors=errors,
    )
