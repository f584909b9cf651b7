"""A device enrols: code, login, and a key of its own; then it is known.

Owns the pages on the new device, and the device's cookie. They are the only ones that a device reaches before
it is known. Refuses to judge (`appliance.enrolment` does), and to say which of code, id and password was
wrong. Fails into the same page.
"""

from flask import Blueprint, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from appliance import account, clock, device, enrolment
from appliance.account import Halfway, passkey
from appliance.errors import DeviceRefused, FactorRefused, LoginRefused
from appliance.models import Device
from web.common import cookies, page, public
from web.common.language import later
from web.staff import browser, known, proof
from web.staff.admission import anywhere, remember
from web.staff.desk import desk
from web.staff.session import leave_behind, refusal, renew_proof

pages = Blueprint("enrol", __name__)
WHY = {
    "code": later("登録コードが違うか、時間が切れています。新しいコードを出して、入力してください。"),
    "other_school": later(
        "いまのネットワークは、この端末を使う学校のものではありません。その学校か区役所のネットワークにつないで、"
        "登録してください。"
    ),
}


@pages.get("/enrol")
@pages.get("/enrol/<code>")
@public
@anywhere
def start(code: str = "") -> ResponseReturnValue:
    """The form; the code is filled in for whoever came by the QR code."""
    return page("staff/enrol.html", code=code[:20], login_id="")


@pages.post("/enrol")
@public
@anywhere
def begin() -> ResponseReturnValue:
    """Code, id and password."""
    form = request.form
    code, login_id = form.get("code", "")[:40], form.get("login_id", "")[:200]
    try:
        token = enrolment.begin(
            desk().config, desk().zone, code, login_id, form.get("password", "")[:400],
            network=request.remote_addr or "", now=clock.now(), agent=browser.agent(),
            known_browser=known.browser(login_id),
        )  # fmt: skip
    except DeviceRefused as refused:
        errors = {"code": _(WHY[refused.reason])}
        return page("staff/enrol.html", errors=errors, code=code, login_id=login_id)
    except LoginRefused as no:
        status = 429 if no.wait_s else 422
        return page(
            "staff/enrol.html", errors={"login_id": refusal(no)}, status=status, code=code, login_id=login_id
        )
    leave_behind()
    renew_proof()
    response = make_response(redirect(url_for(".key"), 303))
    cookies.give(response, token)
    return response


@pages.route("/enrol/key", methods=["GET", "POST"])
@public
@anywhere
def key() -> ResponseReturnValue:
    """The device makes its key, which stays with it; then it is shown with its fingerprint."""
    who = _enrolling()
    if who is None:
        return redirect(url_for(".start"), 303)
    errors = {}
    if request.method == "POST" and "lang" not in request.args:
        try:
            done = enrolment.finish(desk().config, who, request.form.get("passkey", ""), clock.now())
            return _done(who, done)
        except FactorRefused as refused:
            errors = {"passkey": proof.errors(refused)["proof"]}
        except DeviceRefused:
            return redirect(url_for(".start"), 303)
    needed = enrolment.needs_key(who)
    options = passkey.ask_new(desk().config, who, clock.now()) if needed else None
    return page(
        "staff/enrol_key.html", errors=errors, options=options, device=Device.get_by_id(who.device_id)
    )


def _done(who: Halfway, done: enrolment.Enrolled) -> ResponseReturnValue:
    response = make_response(
        page("staff/enrolled.html", device=done.device, fingerprint=device.fingerprint(done.device))
    )
    remember(response, done.token)
    if done.opened is not None:
        cookies.give(response, done.opened)
        known.remember(response, who.account_id)
    return response


def _enrolling() -> Halfway | None:
    token = cookies.read() or ""
    return account.enrolling_now(
        desk().config, desk().zone, token, network=request.remote_addr or "", now=clock.now()
    )
