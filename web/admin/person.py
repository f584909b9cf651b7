"""One person: state, schools, and what can be done: invite, log out, suspend, let in again, end.

Owns the page and its questions. A link that sets a password is shown once, on the sheet that answers the
button: only its hash is kept. Refuses to decide who may (`access`). Fails into 404 for people of other
schools, 403 for a role, 409 when the state has changed meanwhile.
"""

from collections.abc import Callable
from datetime import datetime
from urllib.parse import quote

import segno
from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from markupsafe import Markup

from appliance import access, clock
from appliance.account import factor, handover, invitation
from appliance.account.term import overdue
from appliance.actor import Actor
from appliance.models import Account
from appliance.states import AccountState
from web.common import page
from web.common.language import moment
from web.common.site import current_site
from web.staff import actor, desk

pages = Blueprint("person", __name__, url_prefix="/accounts/<int:account_id>")


@pages.get("")
def one(account_id: int) -> ResponseReturnValue:
    """Who this is and what can be done."""
    found = access.account(actor(), account_id)
    return page(
        "admin/person.html",
        person=found,
        schools=access.schools_of(found),
        overdue=found.state == AccountState.ACTIVE
        and overdue(desk().config, found.password_changed_at, clock.now()),
        may_invite=access.may_invite(actor(), found) is None,
        out="out" in request.args,
        may_suspend=access.may_suspend(actor(), found) is None
        and found.state in (AccountState.INVITED, AccountState.ACTIVE),
        may_resume=access.may_resume(actor(), found) is None and found.state == AccountState.SUSPENDED,
        may_retire=_may_retire(found),
        may_reset=factor.may_reset(actor(), found) is None and found.state == AccountState.ACTIVE,
    )


@pages.route("/invitation", methods=["GET", "POST"])
def invite(account_id: int) -> ResponseReturnValue:
    """Asks once; the answer is the sheet."""
    found = access.account(actor(), account_id)
    access.require(access.may_invite(actor(), found))
    hours = desk().config.account.invitation_hours
    if request.method == "GET":
        return page("admin/invite.html", person=found, hours=hours)
    text, expires_at = invitation.issue(desk().config, actor(), found, clock.now())
    link = current_site().origin + url_for("invitation.accept", text=text)
    return page(
        "admin/invitation_sheet.html",
        person=found,
        schools=access.schools_of(found),
        link=link,
        qr=Markup(segno.make_qr(link, error="m").svg_inline(border=4, omitsize=True)),  # noqa: S704  (our own drawing)
        mailto=_mailto(found, link, moment(expires_at)),
        expires_at=expires_at,
        renewal=found.state == AccountState.ACTIVE,
    )


@pages.route("/logout", methods=["GET", "POST"])
def log_out(account_id: int) -> ResponseReturnValue:
    """Asks once, then ends the person's sessions on both sites."""
    return _asked(
        account_id, "admin/log_out.html", handover.log_out, url_for(".one", account_id=account_id, out=1)
    )


@pages.route("/suspend", methods=["GET", "POST"])
def suspend(account_id: int) -> ResponseReturnValue:
    """Asks once, then stops the person everywhere."""
    return _asked(account_id, "admin/suspend.html", handover.suspend, url_for(".one", account_id=account_id))


@pages.post("/resume")
def resume(account_id: int) -> ResponseReturnValue:
    """Lets the person in again."""
    found = access.account(actor(), account_id)
    handover.resume(actor(), found)
    return redirect(url_for(".one", account_id=found.id), 303)


@pages.route("/end", methods=["GET", "POST"])
def retire(account_id: int) -> ResponseReturnValue:
    """Ends an account of the ward or the vendor; asks once."""
    return _asked(account_id, "admin/retire_person.html", handover.retire, url_for("registers.ward"))


def _asked(
    account_id: int, question: str, act: Callable[[Actor, Account, datetime], object], afterwards: str
) -> ResponseReturnValue:
    """What weighs on a person: a page asks once, its button does it."""
    found = access.account(actor(), account_id)
    access.require(access.may_suspend(actor(), found))
    if request.method == "GET":
        return page(question, person=found)
    act(actor(), found, clock.now())
    return redirect(afterwards, 303)


def _may_retire(found: Account) -> bool:
    return (
        found.role not in access.OF_A_SCHOOL
        and found.state != AccountState.ENDED
        and access.may_suspend(actor(), found) is None
    )


def _mailto(found: Account, link: str, until: str) -> str:
    """For the mail program of the ward itself: the appliance knows no address of staff and sends none."""
    subject = _("一斉メール配信システムの招待")
    text = _(
        "%(name)s さん\n\n次のページを開いて、パスワードを決めてください。%(until)sまで、一度だけ使えます。\n"
        "%(link)s\n\nID: %(login_id)s\n\nこのメールは、ほかの人に転送しないでください。",
        name=found.display_name, until=until, link=link, login_id=found.login_id,
    )  # fmt: skip
    return f"mailto:?subject={quote(subject)}&body={quote(text)}"
