"""届出の承認: the ward looks at one report and decides.

Owns the page of the decision: what follows from it stands there before the button. Refuses to decide itself
(`appliance.account.report` does). Fails into 404 for other roles, 409 when somebody else decided first.
"""

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from appliance import access, clock
from appliance.account import report
from appliance.states import ReportState
from web.common import page
from web.staff import actor, desk
from web.staff.words import REFUSALS

pages = Blueprint("reports", __name__)


@pages.route("/reports/<int:report_id>", methods=["GET", "POST"])
def one(report_id: int) -> ResponseReturnValue:
    """Approve or refuse."""
    found = access.report(actor(), report_id)
    if request.method == "POST":
        if request.form.get("decision") == "refuse":
            report.refuse(actor(), found, clock.now())
            return redirect(url_for("registers.ward"), 303)
        if request.form.get("decision") == "approve":
            account = report.approve(desk().config, actor(), found, clock.now())
            return redirect(url_for("person.one", account_id=account.id), 303)
    held = report.holder(found)
    return page(
        "admin/decide.html",
        report=found,
        held=held,
        schools=access.schools_of(held) if held else [],
        open=found.state == ReportState.REPORTED,
        refusal=REFUSALS.get(access.may_decide(actor(), found) or ""),
    )
