"""Login, logout and the guard: who is behind a request.

Owns the session cookie's use and the way back: whoever was sent to the login page returns to the page that
was left, and a text that was posted after the session had ended is carried through the login, not lost.
Refuses to know passwords (`appliance.account` does) and to say which of id and password was wrong. Fails
towards the login page, and from there towards the second step.
"""

from collections.abc import Callable
from typing import TypeVar

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    g,
    make_response,
    redirect,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from appliance import account, admission, clock
from appliance.account import Halfway
from appliance.actor import Actor
from appliance.errors import LoginRefused
from web.common import cookies, page, public
from web.staff import browser, fresh, known, proof, refusals
from web.staff import second_step as second
from web.staff.admission import device_id, known_device, refused, remember
from web.staff.desk import actor, desk
from web.staff.returning import held as held_fields
from web.staff.returning import way_back

View = TypeVar("View", bound=Callable[..., object])
pages = Blueprint("session", __name__)

_TOKEN_LENGTH = 64
_IDS = 2**63
"""Numbers from here on are no id; the database would not even take them."""


def resumable(view: View) -> View:
    """Marks a view whose posted fields a login in between must not lose: the text that somebody wrote."""
    view.karamail_resumable = True  # type: ignore[attr-defined]
    return view


def repeatable(view: View) -> View:
    """Marks a view to which the same fields may be posted again, to see its page in another language."""
    view.karamail_repeatable = True  # type: ignore[attr-defined]
    return view


def kept() -> dict[str, str]:
    """What was posted to the page now shown, if changing the language has to carry it along."""
    view = current_app.view_functions.get(request.endpoint or "")
    if request.method != "POST" or "actor" not in g or not getattr(view, "karamail_repeatable", False):
        return {}
    return proof.without(request.form)


def is_fragment() -> bool:
    """Does the page itself ask, to show a part of it anew, and nobody at it (`karamail.js`)?"""
    return request.headers.get("X-Fragment") == "1"


def guard() -> ResponseReturnValue | None:
    """Lets a request in that has a living session of this site; sends every other one to the login.

    A half-open session reaches the second step and nothing else.
    """
    if any(isinstance(value, int) and value >= _IDS for value in (request.view_args or {}).values()):
        abort(404)
    view = current_app.view_functions[request.endpoint or ""]
    found = _who()
    if isinstance(found, Actor):
        reason = admission.actor_why_not(desk().config, found)
        if reason is not None:
            refusals.note(reason, found)
            return refused(reason)
        g.actor = found
        return fresh.demand(found, request.endpoint or "")
    if found is not None and getattr(view, "karamail_halfway", False):
        g.halfway = found
        return None
    if request.method == "GET":
        step = "session.login" if found is None else "second_step.step"
        return redirect(url_for(step, next=request.full_path.rstrip("?")), 303)
    held = proof.without(request.form) if getattr(view, "karamail_resumable", False) else {}
    back = way_back(request.path)
    if found is not None:
        return second.shown(found, back, held, status=401)
    return page("staff/login.html", status=401, ended=True, next=back, held=held, login_id="")


def _who() -> Actor | Halfway | None:
    token = cookies.read() or ""
    if len(token) != _TOKEN_LENGTH:
        return None
    asked = {"network": request.remote_addr or "", "now": clock.now(), "device_id": device_id()}
    site = desk()
    actor = account.resolve(site.config, site.zone, token, by_itself=is_fragment(), **asked)
    return actor or account.halfway(site.config, site.zone, token, **asked)


@pages.get("/login")
@public
def login() -> ResponseReturnValue:
    """The form."""
    back = way_back(request.args.get("next", ""))
    return page("staff/login.html", next=back, ended=bool(back and cookies.read()), held={}, login_id="")


@pages.post("/login")
@public
def enter() -> ResponseReturnValue:
    """Checks id and password; all refusals read the same, but the one that asks to wait."""
    login_id, password = request.form.get("login_id", ""), request.form.get("password", "")
    back = way_back(request.form.get("next", ""))
    held = held_fields()
    if "lang" in request.args:  # the same form in another language, with all that it carries
        return page("staff/login.html", next=back, held=held, ended=bool(held), login_id=login_id[:200])
    try:
        token, who = account.login(
            desk().config,
            desk().zone,
            login_id[:200],
            password[:400],
            network=request.remote_addr or "",
            now=clock.now(),
            device=known_device(),
            agent=browser.agent(),
            browser=known.browser(login_id[:200]),
        )
    except LoginRefused as no:
        return page(
            "staff/login.html",
            errors={"login_id": refusal(no)},
            status=429 if no.wait_s else 422,
            next=back,
            held=held,
            ended=False,
            login_id=login_id[:200],
        )
    leave_behind()
    renew_proof()
    if isinstance(who, Halfway):
        response = make_response(second.shown(who, back, held))
    else:
        response = make_response(second.landing(who, back, held))
        known.remember(response, who.account_id)
    cookies.give(response, token)
    if known_device() is not None:
        remember(response, cookies.read("device") or "")
    return response


def refusal(no: LoginRefused) -> str:
    """What the person at the login must do."""
    if no.wait_s:
        return _(
            "間違いが続いたため、%(minutes)s分ほど待ってから、もう一度入力してください。",
            minutes=-(-no.wait_s // 60),
        )
    if no.reason == "not_your_device":  # said only to who knows the password
        return _("この端末は、ほかの人または学校の端末として登録されています。自分の端末を使ってください。")
    return _("IDまたはパスワードが違います。確かめて、もう一度入力してください。")


@pages.post("/logout")
def logout() -> Response:
    """Ends the session here and on the server."""
    account.logout(actor(), clock.now())
    renew_proof()
    response = make_response(redirect(url_for("session.login"), 303))
    cookies.drop(response)
    response.headers["Clear-Site-Data"] = '"cache"'  # pages that the back button would show
    return response


@pages.post("/resume")
def resume() -> ResponseReturnValue:
    """The page that saves what was carried through the login, once more: in another language."""
    back, held = way_back(request.form.get("next", "")), held_fields()
    if not back or not held:
        return redirect(url_for("home.home"), 303)
    return page("staff/resume.html", address=back, held=held)


def leave_behind() -> None:
    """Whoever was here before, in this browser, is here no more."""
    former = cookies.read() or ""
    account.leave(desk().config, desk().zone, former, network=request.remote_addr or "", now=clock.now())


def renew_proof() -> None:
    """A fresh proof for the forms of whoever comes next; the language stays with the browser."""
    chosen = session.get("lang")
    session.clear()
    if chosen:
        session["lang"] = chosen
