"""端末の届出簿: the ward officer's list of devices, and the decision on each (R09).

Owns the list and the approval. Refuses everybody but the ward officer. What a holder does with a device, and
revoking, is `web.staff.devices`. Fails into 404 for other roles, 409 for a decision made twice.
"""

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from appliance import access, clock, device
from appliance.errors import NotAllowed
from web.common import page
from web.staff import actor

pages = Blueprint("device_register", __name__, url_prefix="/ward/devices")


@pages.get("")
def all() -> ResponseReturnValue:  # noqa: A001
    """Those that wait first."""
    _only_the_ward()
    return page(
        "admin/devices.html", devices=device.of_ward(), fingerprint=device.fingerprint, now=clock.now()
    )


@pages.route("/<int:device_id>", methods=["GET", "POST"])
def decide(device_id: int) -> ResponseReturnValue:
    """What was stated, and yes or no."""
    _only_the_ward()
    found = access.device(actor(), device_id)
    if request.method == "POST":
        device.decide(actor(), found, approve=request.form.get("decision") == "approve", now=clock.now())
        return redirect(url_for(".all"), 303)
    return page("admin/device.html", device=found, fingerprint=device.fingerprint, now=clock.now())


def _only_the_ward() -> None:
    reason = device.may_decide(actor())
    if reason is not None:
        raise NotAllowed(reason)
