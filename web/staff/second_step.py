"""The second step of the login, and where it leads.

Owns the page between password and site, and carries the page that was left and what was posted there through
it. Somebody who has no factor yet, in a role that needs one, is led to add one. Refuses to judge a proof
(`appliance.account.second_step` does). Fails into the same page.
"""

from collections.abc import Callable
from typing import TypeVar

from flask import Blueprint, g, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from appliance import clock
from appliance.account import Halfway, second_step
from appliance.actor import Actor
from appliance.errors import FactorRefused
from web.common import cookies, page
from web.staff import known, proof
from web.staff.desk import desk, person
from web.staff.returning import held as held_fields
from web.staff.returning import way_back

View = TypeVar("View", bound=Callable[..., object])
pages = Blueprint("second_step", __name__)


def halfway(view: View) -> View:
    """Marks a view that somebody reaches between the two steps of the login."""
    view.karamail_halfway = True  # type: ignore[attr-defined]
    return view


@pages.route("/login/second", methods=["GET", "POST"])
@halfway
def step() -> ResponseReturnValue:
    """The page, and what it sends."""
    who = person()
    if isinstance(who, Actor):
        return redirect(way_back(request.values.get("next", "")) or url_for("home.home"), 303)
    back, held = way_back(request.values.get("next", "")), held_fields()
    shown_proof = proof.sent() if request.method == "POST" and "lang" not in request.args else None
    if shown_proof is None:
        return shown(who, back, held)
    try:
        token, opened = second_step.enter(desk().config, desk().keyring, who, shown_proof, clock.now())
    except FactorRefused as refused:
        return shown(who, back, held, proof.errors(refused), status=429 if refused.wait_s else 422)
    g.pop("halfway", None)
    response = make_response(landing(opened, back, held))
    cookies.give(response, token)
    known.remember(response, opened.account_id)
    return response


def shown(
    who: Halfway, back: str, held: dict[str, str], errors: dict[str, str] | None = None, status: int = 200
) -> ResponseReturnValue:
    """The page that asks; or, for somebody who has nothing to show yet, the way to a first factor."""
    fields = proof.fields(who)
    if not fields["ways"]:
        return redirect(url_for("factors.first"), 303)
    return page(
        "staff/second_step.html", status=status, errors=errors or {}, next=back, held=held,
        name=who.display_name, **fields,
    )  # fmt: skip


def landing(who: Actor, back: str, held: dict[str, str]) -> ResponseReturnValue:
    """After the login: the page that was left, or the one that saves what was carried along."""
    if held and back:
        g.actor = who
        return page("staff/resume.html", address=back, held=held)
    return redirect(back or url_for("home.home"), 303)
