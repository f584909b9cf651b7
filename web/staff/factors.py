"""One's own second factors: adding, naming, removing, and the recovery codes.

Owns the pages. A person between the steps of a login sees only what adds a first factor. Refuses to keep or
judge anything (`appliance.account` does); a one-time secret travels through the page until its first code is
right. Recovery codes are shown once, in the answer that made them, to be printed. Fails into the same page.
"""

import segno
from flask import Blueprint, Response, g, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from appliance import clock
from appliance.account import factor, one_time, passkey, recovery, second_step
from appliance.actor import Actor
from appliance.errors import FactorRefused, NotAllowed, TextInvalid
from appliance.models import Account
from web.common import cookies, page
from web.staff import browser, known, proof
from web.staff.desk import actor, desk, person
from web.staff.second_step import halfway
from web.staff.session import repeatable

pages = Blueprint("factors", __name__)


@pages.get("/account/factors")
def mine() -> ResponseReturnValue:
    """What one has on this site."""
    return page(
        "staff/factors.html",
        factors=factor.of(actor().account_id, actor().zone),
        left=recovery.left(actor().account_id, actor().zone),
        required=factor.required(desk().config, actor().role),
    )


@pages.get("/account/factors/first")
@halfway
def first() -> ResponseReturnValue:
    """Which of the two; the first thing that somebody sees whose role needs a factor."""
    if isinstance(person(), Actor):
        return redirect(url_for(".mine"), 303)
    return page("staff/first_factor.html", name=person().display_name)


@pages.route("/account/factors/passkey", methods=["GET", "POST"])
@halfway
@repeatable
def add_passkey() -> ResponseReturnValue:
    """A name, and the browser asks its authenticator."""
    who, errors = person(), {}
    name = request.form.get("name", browser.agent() or _("パスキー"))
    if request.method == "POST" and "lang" not in request.args:
        answer = request.form.get("passkey", "")
        try:
            kept_name = factor.checked_name(name)
            return _added(
                second_step.add(
                    desk().config,
                    who,
                    lambda: passkey.add(desk().config, who, kept_name, answer, clock.now()),
                    clock.now(),
                )
            )
        except (TextInvalid, FactorRefused) as refused:
            errors = _errors(refused, "passkey")
    options = passkey.ask_new(desk().config, who, clock.now())
    return page("staff/add_passkey.html", errors=errors, options=options, name=name, between=_between())


@pages.route("/account/factors/totp", methods=["GET", "POST"])
@halfway
@repeatable
def add_totp() -> ResponseReturnValue:
    """A QR code for an app, and the app's first code back."""
    who, errors = person(), {}
    secret = request.form.get("secret", "")
    if not one_time.is_secret(secret):
        secret = one_time.fresh()
    name = request.form.get("name", _("認証アプリ"))
    if request.method == "POST" and "lang" not in request.args:
        code = request.form.get("code", "")
        try:
            kept_name = factor.checked_name(name)
            return _added(
                second_step.add(
                    desk().config,
                    who,
                    lambda: one_time.add(desk().keyring, who, kept_name, secret, code, clock.now()),
                    clock.now(),
                )
            )
        except (TextInvalid, FactorRefused) as refused:
            errors = _errors(refused, "code")
    address = one_time.address(secret, Account.get_by_id(who.account_id), desk().config.ward.name_en)
    return page(
        "staff/add_totp.html",
        errors=errors,
        secret=secret,
        spelled=" ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
        picture=segno.make_qr(address, error="m").svg_data_uri(border=4, scale=4),
        name=name,
        between=_between(),
    )


@pages.route("/account/factors/<int:factor_id>/name", methods=["GET", "POST"])
@repeatable
def name(factor_id: int) -> ResponseReturnValue:
    """Another name for one of them."""
    found, errors = factor.one(actor(), factor_id), {}
    value = request.form.get("name", found.name)
    if request.method == "POST" and "lang" not in request.args:
        try:
            factor.rename(actor(), found, value)
            return redirect(url_for(".mine"), 303)
        except TextInvalid as refused:
            errors = _errors(refused, "name")
    return page("staff/name_factor.html", factor=found, value=value, errors=errors)


@pages.route("/account/factors/<int:factor_id>/remove", methods=["GET", "POST"])
def remove(factor_id: int) -> ResponseReturnValue:
    """Asks once."""
    found = factor.one(actor(), factor_id)
    if request.method == "POST":
        try:
            factor.remove(desk().config, actor(), found)
            return redirect(url_for(".mine"), 303)
        except NotAllowed:
            return page("staff/remove_factor.html", factor=found, last=True, status=409)
    return page("staff/remove_factor.html", factor=found, last=False)


@pages.post("/account/factors/codes")
def codes() -> ResponseReturnValue:
    """Ten new recovery codes; the old ones are void."""
    try:
        made = second_step.renew_codes(actor(), clock.now())
    except FactorRefused:
        return redirect(url_for(".mine"), 303)
    return page("staff/recovery_codes.html", codes=made, new_factor=None)


def _added(added: second_step.Added) -> Response:
    """The codes of a first factor; the list after every other one. May open the session."""
    if added.opened is not None:
        g.pop("halfway", None)
    if added.codes:
        response = make_response(
            page("staff/recovery_codes.html", codes=added.codes, new_factor=added.factor, between=False)
        )
    else:
        response = make_response(redirect(url_for(".mine"), 303))
    if added.opened is not None:
        cookies.give(response, added.opened)
        known.remember(response, added.factor.account_id)
    return response


def _between() -> bool:
    return not isinstance(person(), Actor)


def _errors(refused: TextInvalid | FactorRefused, field: str) -> dict[str, str]:
    if isinstance(refused, TextInvalid):
        return {"name": _("名前を、%(most)s字までで書いてください。", most=factor.NAME_MAX)}
    return {field: proof.errors(refused)["proof"]}
