"""Routine mail off and on again: where the header of each routine mail leads (RFC 8058).

Owns one address with three uses. GET explains and asks, and changes nothing: scanners open links too. A POST
of exactly `List-Unsubscribe=One-Click` comes from the guardian's mail provider, which saw no page and carries
no cookie: the link itself is its proof. Any other POST is our own form and needs the form's proof. Refuses to
stop urgent mail; there is no way here to do that. Fails with 404 and kind words on an unknown link.
"""

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from appliance import clock
from appliance.errors import TokenUnknown
from appliance.registration import routine
from web.common import page, public
from web.common.gate import unproved
from web.common.language import current_language
from web.guardian.desk import desk
from web.guardian.proof import LinkProof

pages = Blueprint("routine", __name__, url_prefix="/u/<token>", template_folder="templates")


@pages.get("", strict_slashes=False)
@public
def ask(token: str) -> ResponseReturnValue:
    """What is on now, what stopping means, and the button."""
    try:
        found = routine.look(desk().routine_key, token)
    except TokenUnknown:
        return page("guardian/routine_unknown.html", status=404)
    name = found.school_name if current_language() == "ja" else found.school_name_en
    return page("guardian/routine.html", token=token, off=found.off, school_name=name or found.school_name)


@pages.post("", strict_slashes=False)
@public
@unproved
def switch(token: str) -> ResponseReturnValue:
    """One click off, or what our own form says."""
    one_click = request.form.get("List-Unsubscribe") == "One-Click"
    if not one_click:
        LinkProof().check()
    off = one_click or request.form.get("routine") != "on"
    try:
        routine.switch(desk().routine_key, token, off=off, now=clock.now())
    except TokenUnknown:
        return page("guardian/routine_unknown.html", status=404)
    if one_click:  # no redirect: RFC 8058 3.1
        return "", 200
    return redirect(url_for(".ask", token=token), 303)
