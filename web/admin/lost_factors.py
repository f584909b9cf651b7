"""A lost second factor: the ward officer takes a person's factors away, with a reason (ASVS 5.0 6.5.6).

Owns the list of people with their factors, and the question. Refuses everybody but the ward officer, and a
ward officer's own account: another one does that. Fails into 404 for other roles.
"""

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from appliance import access, clock
from appliance.account import factor
from appliance.actor import Role
from appliance.config import Zone
from appliance.errors import NotAllowed
from appliance.models import Account, Factor
from web.common import page
from web.common.language import later
from web.staff import actor

pages = Blueprint("lost_factors", __name__, url_prefix="/ward/factors")
REASONS = {
    factor.Loss.LOST: later("なくした"),
    factor.Loss.STOLEN: later("盗まれた"),
    factor.Loss.BROKEN: later("こわれた"),
    factor.Loss.REPLACED: later("機種を変えた"),
}


@pages.get("")
def people() -> ResponseReturnValue:
    """Everybody with an account, and how many factors each has on both sites."""
    _only_the_ward()
    counts: dict[int, int] = {}
    for (account_id,) in Factor.select(Factor.account).where(Factor.device.is_null()).tuples():
        counts[account_id] = counts.get(account_id, 0) + 1
    accounts = list(Account.select().where(Account.state == "active").order_by(Account.login_id))
    return page("admin/factors.html", accounts=accounts, counts=counts)


@pages.route("/<int:account_id>", methods=["GET", "POST"])
def reset(account_id: int) -> ResponseReturnValue:
    """Asks why; then does it, and ends the person's sessions."""
    _only_the_ward()
    found = access.account(actor(), account_id)
    refusal = factor.may_reset(actor(), found)
    if refusal is not None:
        raise NotAllowed(refusal)
    errors = {}
    if request.method == "POST":
        reason = request.form.get("reason", "")
        if reason in REASONS:
            factor.reset(actor(), found, factor.Loss(reason), clock.now())
            return redirect(url_for(".people"), 303)
        errors["reason"] = _("理由を選んでください。")
    return page(
        "admin/reset_factors.html",
        account=found,
        factors=[row for zone in (Zone.ADMIN, Zone.SENDER) for row in factor.of(found.id, zone)],
        reasons=[(key.value, _(words)) for key, words in REASONS.items()],
        errors=errors,
    )


def _only_the_ward() -> None:
    if actor().role is not Role.WARD_OFFICER:
        raise NotAllowed("ward_officer_resets")
