"""Step-up: what somebody may do only who has proved within minutes that it is really he (ASVS 5.0 7.5.3).

Owns the one table of such acts, and the page in between. The question travels with the form that it is about:
its fields are shown hidden in the page, sent again with the proof, and the view runs at once, so an urgent
mail costs one touch more, and none within `factors.confirm_minutes` of the login. Refuses to know what a
proof is. Fails towards the question.

The list of registrants has no export: what leaves the building on paper is the call sheet, and as a file the
operation record.
"""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from appliance import access, clock
from appliance.account import second_step
from appliance.actor import Actor
from appliance.audience import Audience
from appliance.broadcast.shown import fingerprint
from appliance.directory import counts
from appliance.errors import FactorRefused
from web.common import page
from web.staff import proof
from web.staff.desk import actor, desk
from web.staff.returning import way_back

pages = Blueprint("fresh", __name__)
Ids = Mapping[str, Any]


def _to_a_whole_school(who: Actor, ids: Ids) -> bool:
    """Or to the ward: whatever it sends. Also one that is not what the page showed: that comes to nothing."""
    found = access.broadcast(who, ids["broadcast_id"])
    if found.school_id is None or request.form.get("fingerprint", fingerprint(found)) != fingerprint(found):
        return True
    chosen = Audience.read(found.audience).school_class_ids
    return chosen is None or chosen >= {
        row.school_class_id for row in counts.by_class(found.school_id) if row.registrations
    }


def _always(_who: Actor, _ids: Ids) -> bool:
    return True


def _to_let_in(_who: Actor, _ids: Ids) -> bool:
    return request.form.get("decision") == "approve"


ACTS: dict[tuple[str, str], Callable[[Actor, Ids], bool]] = {
    ("check.decide", "POST"): _to_a_whole_school,
    ("status.late", "POST"): _to_a_whole_school,
    ("call_sheet.sheet", "GET"): _always,
    ("corrections.remove", "POST"): _always,
    ("delivery_tests.monthly", "POST"): _always,
    ("records.download", "POST"): _always,
    ("reports.one", "POST"): _to_let_in,
    ("person.invite", "POST"): _always,
    ("person.resume", "POST"): _always,
    ("notices.mine", "POST"): _always,
    ("notices.end", "POST"): _always,
    ("factors.add_passkey", "POST"): _always,
    ("factors.add_totp", "POST"): _always,
    ("factors.remove", "POST"): _always,
    ("factors.codes", "POST"): _always,
    ("devices.code", "POST"): _always,
    ("device_register.decide", "POST"): _always,
    ("device_register.renewals", "POST"): _to_let_in,
    ("lost_factors.reset", "POST"): _always,
}
"""Endpoint and method, and whether this one of them is weighty."""


def demand(who: Actor, endpoint: str) -> ResponseReturnValue | None:
    """None when the view may run, else the page that asks."""
    weighty = ACTS.get((endpoint, request.method))
    if weighty is None or not weighty(who, request.view_args or {}):
        return None
    now = clock.now()
    if second_step.fresh(desk().config, who, now):
        return None
    if not second_step.ways(desk().config, who):
        return redirect(url_for("factors.mine"), 303)
    shown = proof.sent() if request.method == "POST" else None
    errors = {}
    if shown is not None and "lang" not in request.args:
        try:
            second_step.confirm(desk().config, desk().keyring, who, shown, now)
            return None
        except FactorRefused as refused:
            errors = proof.errors(refused)
    return _asked(who, errors)


def _asked(who: Actor, errors: dict[str, str], target: str = "") -> ResponseReturnValue:
    act_on_form = request.method == "POST" and not target
    return page(
        "staff/confirm.html",
        status=422 if errors else (200 if target else 401),
        errors=errors,
        address=_here() if act_on_form else url_for("fresh.confirm"),
        held=proof.without(request.form) if act_on_form else {"next": target or _here()},
        sending=request.endpoint in ("check.decide", "status.late"),
        **proof.fields(who),
    )


def _here() -> str:
    """This address with all that it asks for, but the language of the question."""
    asked = urlencode([(name, value) for name, value in request.args.items(multi=True) if name != "lang"])
    return f"{request.path}?{asked}" if asked else request.path


@pages.post("/confirm")
def confirm() -> ResponseReturnValue:
    """For a page that is only looked at: prove, then open it."""
    target = way_back(request.form.get("next", "")) or url_for("home.home")
    shown = proof.sent()
    errors: dict[str, str] = {}
    if shown is not None and "lang" not in request.args:
        try:
            second_step.confirm(desk().config, desk().keyring, actor(), shown, clock.now())
            return redirect(target, 303)
        except FactorRefused as refused:
            errors = proof.errors(refused)
    return _asked(actor(), errors, target)
