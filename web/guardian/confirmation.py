"""Where the link in a test broadcast, or in a letter that asks whose address it is, leads (確認).

Owns one address with two pages. GET explains and changes nothing: scanners open links too. The POST of a test
is a press; that of an address in doubt carries a child's name. Refuses to say anything about a child, whether
the name was right but for one letter, or whose address it was. Fails with 404 and 410 and kind words.
"""

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from appliance import clock, confirmation
from appliance.confirmation import Asked
from appliance.errors import NameInvalid, ProofUsedUp, TokenExpired, TokenUnknown
from web.common import page, public
from web.common.language import current_language
from web.guardian.answers import sentence
from web.guardian.desk import desk

pages = Blueprint("confirmation", __name__, url_prefix="/k/<token>", template_folder="templates")


@pages.get("", strict_slashes=False)
@public
def ask(token: str) -> ResponseReturnValue:
    """What is asked, or that it is done."""
    return _shown(token, confirmation.look(desk().routine_key, token, clock.now()))


@pages.post("", strict_slashes=False)
@public
def confirm(token: str) -> ResponseReturnValue:
    """The press, or the name."""
    found = confirmation.look(desk().routine_key, token, clock.now())
    if not found.by_name:
        confirmation.confirm(desk().routine_key, token, clock.now())
        return redirect(url_for(".ask", token=token), 303)
    written = request.form.get("child_name", "")
    try:
        if confirmation.prove(desk().keyring, token, written, clock.now(), desk().names_max):
            return redirect(url_for(".ask", token=token), 303)
    except NameInvalid as invalid:
        return _shown(token, found, written, sentence(invalid, desk().names_max))
    except ProofUsedUp:
        return page("guardian/prove_by_school.html", status=410)
    return _shown(token, found, written, _("登録されている名前と違います。もう一度確かめてください。"))


def _shown(token: str, found: Asked, written: str = "", error: str = "") -> ResponseReturnValue:
    name = found.school_name if current_language() == "ja" else found.school_name_en
    return page(
        "guardian/confirmation.html",
        token=token,
        asked=found,
        school_name=name or found.school_name,
        child_name=written,
        errors={"child_name": error} if error else {},
    )


@pages.errorhandler(TokenUnknown)
def unknown(_error: TokenUnknown) -> ResponseReturnValue:
    """Not ours, cut short, or of somebody who has left."""
    return page("guardian/routine_unknown.html", status=404)


@pages.errorhandler(TokenExpired)
def expired(_error: TokenExpired) -> ResponseReturnValue:
    """A mail of another month."""
    return page("guardian/confirmation_over.html", status=410)
