"""端末の届出簿: the ward officer's list of devices, and the decision on each (R09).

Owns the list, the approval, and what is kept for another school year. Refuses everybody but the ward
officer. What a holder does with a device, and revoking, is `web.staff.devices`. Fails into 404 for other
roles, 409 for a decision made twice.
"""

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from appliance import access, clock, device, renewal
from appliance.errors import NotAllowed
from web.common import page
from web.staff import actor, desk

_DECISIONS = ("approve", "refuse")
pages = Blueprint("device_register", __name__, url_prefix="/ward/devices")


@pages.get("")
def all() -> ResponseReturnValue:  # noqa: A001
    """Those that wait first."""
    _only_the_ward()
    now = clock.now()
    return page(
        "admin/devices.html",
        devices=device.of_ward(),
        waiting=len(renewal.waiting(desk().config, now)),
        fingerprint=device.fingerprint,
        now=now,
    )


@pages.route("/renewals", methods=["GET", "POST"])
def renewals() -> ResponseReturnValue:
    """In March hundreds are kept for another year: all that are marked, at once."""
    _only_the_ward()
    waiting = renewal.waiting(desk().config, clock.now())
    chosen = set(request.form.getlist("device"))
    decision = request.form.get("decision", "")
    if request.method == "POST" and decision in _DECISIONS and chosen:
        found = [row for row in waiting if str(row.id) in chosen]
        renewal.decide(desk().config, actor(), found, approve=decision == "approve", now=clock.now())
        return redirect(url_for(".renewals"), 303)
    error = _("端末を選んでください。") if request.method == "POST" else ""
    return page("admin/renewals.html", devices=waiting, error=error, status=422 if error else None)


@pages.route("/<int:device_id>", methods=["GET", "POST"])
def decide(device_id: int) -> ResponseReturnValue:
    """What was stated, and yes or no."""
    _only_the_ward()
    found = access.device(actor(), device_id)
    decision = request.form.get("decision", "")
    if request.method == "POST" and decision in _DECISIONS:
        device.decide(actor(), found, approve=decision == "approve", now=clock.now())
        return redirect(url_for(".all"), 303)
    return page("admin/device.html", device=found, fingerprint=device.fingerprint, now=clock.now())


def _only_the_ward() -> None:
    reason = device.may_decide(actor())
    if reason is not None:
        raise NotAllowed(reason)
