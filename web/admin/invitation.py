"""招待: a person opens the link of the sheet and sets the password; no session is needed.

Owns the page behind the link. GET shows, POST acts. Refuses to log in: the login that follows asks for the
second factor where the role has one. Fails into one page for unknown, used and old links alike, which says
whom to ask.
"""

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from appliance import access, clock
from appliance.account import invitation
from appliance.errors import InvitationInvalid, TextInvalid
from web.admin.own_account import password_sentence
from web.common import page, public
from web.staff import admission, desk

pages = Blueprint("invitation", __name__)
_GONE = 410


@pages.route("/invitation/<text>", methods=["GET", "POST"])
@public
def accept(text: str) -> ResponseReturnValue:
    """The new password, twice."""
    try:
        found = invitation.look(text, clock.now())
        errors = _accept(text) if request.method == "POST" and "lang" not in request.args else {}
    except InvitationInvalid:
        return page("admin/invitation_over.html", status=_GONE)
    if request.method == "POST" and not errors and "lang" not in request.args:
        return redirect(url_for("session.login"), 303)
    return page(
        "admin/invitation.html",
        person=found.account,
        schools=access.schools_of(found.account),
        expires_at=found.expires_at,
        least=desk().config.account.password_min_length,
        errors=errors,
    )


def _accept(text: str) -> dict[str, str]:
    new, again = request.form.get("new", ""), request.form.get("again", "")
    if new != again:
        return {"again": _("新しいパスワードと同じものを、もう一度入力してください。")}
    try:
        invitation.accept(
            desk().config, text, new[:400], network=request.remote_addr or "", now=clock.now(),
            device_id=admission.device_id(),
        )  # fmt: skip
    except TextInvalid as invalid:
        return {"new": password_sentence(invalid)}
    return {}
