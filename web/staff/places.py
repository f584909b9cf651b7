"""One's own account at a glance, and where one is logged in.

Owns the hub page of one's account and the list of sessions. Refuses other people's sessions: they are not
there. Fails into 404 for one that has ended meanwhile.
"""

from flask import Blueprint, current_app, redirect, url_for
from flask.typing import ResponseReturnValue

from appliance import clock, device, notice
from appliance.account import factor, own_sessions
from web.common import page
from web.staff.desk import actor, desk

pages = Blueprint("places", __name__)


@pages.get("/account")
def account() -> ResponseReturnValue:
    """Password, notices, factors, sessions, devices: what there is, and the way to each."""
    return page(
        "staff/account.html",
        password="own_account.password" in current_app.view_functions,
        notices=_notices(),
        factors=len(factor.of(actor().account_id, actor().zone)),
        places=len(own_sessions.places(desk().config, actor(), clock.now())),
        devices=len(device.answered_for(actor())),
    )


def _notices() -> bool | None:
    """Whether mails about this login go somewhere; None on the site that has no page for it."""
    return notice.place(actor()) is not None if "notices.mine" in current_app.view_functions else None


@pages.get("/account/sessions")
def sessions() -> ResponseReturnValue:
    """The present one first."""
    return page("staff/sessions.html", places=own_sessions.places(desk().config, actor(), clock.now()))


@pages.post("/account/sessions/<int:session_id>/end")
def end(session_id: int) -> ResponseReturnValue:
    """One of them, at its next click."""
    own_sessions.end(actor(), session_id, clock.now())
    return redirect(url_for(".sessions"), 303)


@pages.post("/account/sessions/end")
def end_others() -> ResponseReturnValue:
    """All but this one."""
    own_sessions.end_others(actor(), clock.now())
    return redirect(url_for(".sessions"), 303)
