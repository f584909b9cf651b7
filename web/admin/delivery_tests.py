"""配信テスト: starting one by hand, and the monthly one of a school on or off.

Owns the two buttons on the page of evidence. A test that was started goes to the check page like every other
broadcast. Refuses to decide who may: `appliance.broadcast.delivery_test` does. Fails into 404 for another
school, 403 for a role that may not send.
"""

import secrets

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from appliance import access, clock
from appliance.broadcast import delivery_test
from web.staff import actor

pages = Blueprint("delivery_tests", __name__, url_prefix="/schools/<int:school_id>/delivery-test")


@pages.post("")
def begin(school_id: int) -> ResponseReturnValue:
    """A new draft of it; everything is shown once more before it goes."""
    found = access.school(actor(), school_id)
    key = f"{actor().account_id}-test-{request.form.get('once') or secrets.token_hex(8)}"
    made = delivery_test.begin(actor(), found, once_key=key[:64], now=clock.now())
    return redirect(url_for("check.check", broadcast_id=made.id), 303)


@pages.post("/monthly")
def monthly(school_id: int) -> ResponseReturnValue:
    """On or off."""
    found = access.school(actor(), school_id)
    delivery_test.switch(actor(), found, on=request.form.get("monthly") == "on")
    return redirect(url_for("evidence.of_school", school_id=school_id), 303)
