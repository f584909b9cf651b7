"""端末の届出: what a holder does with devices of their own.

Owns the list, the request, the code with which an approved device enrols, keeping a device for another
school year, and giving it back. Refuses
to approve (`web.admin.device_register` does, for the ward). Fails into the same page with the question's own
words; a device of somebody else is 404.
"""

from dataclasses import replace

import segno
from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from appliance import access, clock, device, renewal
from appliance.actor import Role
from appliance.config import Zone
from appliance.device import Request
from appliance.errors import TextInvalid, WrongState
from web.common import page
from web.common.language import later
from web.staff import browser
from web.staff.desk import actor, desk
from web.staff.session import repeatable
from web.staff.words import school_name

pages = Blueprint("devices", __name__)
KINDS = {
    "own_phone": (later("自分のスマートフォン"), later("送信専用サイトだけを開けます")),
    "own_pc": (later("自宅のパソコン"), later("送信専用サイトだけを開けます")),
    "school": (later("学校端末"), later("学校のネットワークから、管理者サイトを開けます")),
}
_SENTENCES = {
    "name": later("端末の呼び名を、40字までで書いてください。"),
    "os_version": later("OSのバージョンを、数字で書いてください。"),
    "firewall": later("ファイアウォールを有効にして、印を付けてください。"),
    "screen_lock": later("画面ロックを設定して、印を付けてください。"),
    "school": later("どの学校の端末かを選んでください。"),
}
_NO_KIND = later("端末の種類を選んでください。")
_NO_SYSTEM = later("OSを選んでください。")


@pages.get("/devices")
def mine() -> ResponseReturnValue:
    """One's own, the newest first."""
    now = clock.now()
    return page(
        "staff/devices.html",
        devices=device.answered_for(actor()),
        fingerprint=device.fingerprint,
        unused=lambda found: device.approval_is_over(desk().config, found, now),
        due=lambda found: renewal.due(desk().config, found, now),
        now=now,
    )


@pages.route("/devices/request", methods=["GET", "POST"])
@repeatable
def ask() -> ResponseReturnValue:
    """R18's statement."""
    errors: dict[str, str] = {}
    if request.method == "POST" and "lang" not in request.args:
        form = request.form
        kind, system = form.get("kind", ""), form.get("os", "")
        if kind not in _offered():
            errors["kind"] = _(_NO_KIND)
        if system not in browser.SYSTEMS:
            errors["os"] = _(_NO_SYSTEM)
        if not errors:
            try:
                device.request(desk().config, actor(), _stated(kind, system), clock.now())
                return redirect(url_for(".mine"), 303)
            except TextInvalid as invalid:
                errors[invalid.field] = _sentence(invalid, system)
    return page(
        "staff/request_device.html",
        errors=errors,
        kinds=[(key, _(KINDS[key][0]), _(KINDS[key][1])) for key in _offered()],
        systems=[("", _("選んでください")), *browser.SYSTEMS.items()],
        schools=[(row.id, school_name(row)) for row in access.schools(actor())],
        values=request.form,
        ward=actor().role is Role.WARD_OFFICER,
    )


@pages.route("/devices/<int:device_id>/renewal", methods=["GET", "POST"])
@repeatable
def renew(device_id: int) -> ResponseReturnValue:
    """R18's statement once more, to keep the device for another school year."""
    found = access.device_in_use(actor(), device_id)
    errors: dict[str, str] = {}
    if request.method == "POST" and "lang" not in request.args:
        system = request.form.get("os", "")
        if system not in browser.SYSTEMS:
            errors["os"] = _(_NO_SYSTEM)
        else:
            stated = replace(_stated(found.kind, system), name=found.name, school_id=found.school_id)
            try:
                renewal.ask(desk().config, actor(), found, stated, clock.now())
                return redirect(url_for(".mine", asked=1), 303)
            except TextInvalid as invalid:
                errors[invalid.field] = _sentence(invalid, system)
    return page(
        "staff/renew_device.html",
        device=found,
        due=renewal.due(desk().config, found, clock.now()),
        errors=errors,
        systems=[("", _("選んでください")), *browser.SYSTEMS.items()],
        values=request.form or MultiDict({"os": found.os}),
    )


@pages.route("/devices/<int:device_id>/code", methods=["GET", "POST"])
def code(device_id: int) -> ResponseReturnValue:
    """Asks first: the code lives for minutes, from the moment it is shown."""
    found = access.device(actor(), device_id)
    minutes = desk().config.devices.code_minutes
    if request.method == "GET":
        if found.state != "approved" or device.approval_is_over(desk().config, found, clock.now()):
            return redirect(url_for(".mine"), 303)
        return page("staff/device_code.html", device=found, minutes=minutes, code=None)
    made = device.make_code(desk().config, actor(), found, clock.now())
    site = desk().config.site(device.zone_of(found.kind))
    address = f"{site.origin.rstrip('/')}{url_for('enrol.start', code=made)}"
    return page(
        "staff/device_code.html",
        device=found,
        minutes=minutes,
        code=made,
        address=address,
        picture=segno.make_qr(address, error="m").svg_data_uri(border=4, scale=4),
    )


@pages.route("/devices/<int:device_id>/revoke", methods=["GET", "POST"])
def revoke(device_id: int) -> ResponseReturnValue:
    """Asks once; then it is over at once."""
    found = access.device(actor(), device_id)
    back = url_for("devices.mine") if found.holder_id == actor().account_id else _register()
    if request.method == "POST":
        try:
            device.revoke(actor(), found, clock.now())
        except WrongState:
            pass  # it was over already
        return redirect(back, 303)
    return page("staff/revoke_device.html", device=found, back=back)


def _register() -> str:
    return url_for("device_register.all") if desk().zone is Zone.ADMIN else url_for("devices.mine")


def _offered() -> list[str]:
    """School devices are asked for where they are: on the administration site."""
    return [kind for kind in KINDS if kind != "school" or desk().zone is Zone.ADMIN]


def _stated(kind: str, system: str) -> Request:
    form = request.form
    school = form.get("school", "")
    return Request(
        kind=kind,  # type: ignore[arg-type]
        name=form.get("name", ""),
        os=system,
        os_version=form.get("os_version", ""),
        firewall="firewall" in form.getlist("statement"),
        screen_lock="screen_lock" in form.getlist("statement"),
        school_id=int(school) if school.isascii() and school.isdigit() and len(school) < 12 else None,
    )


def _sentence(invalid: TextInvalid, system: str) -> str:
    if invalid.reason == "too_old":
        least = desk().config.devices.minimum_os[system]  # type: ignore[index]
        return _(
            "このOSは古くなっています。%(system)s %(least)s以上に更新してから、届け出てください。",
            system=browser.SYSTEMS[system], least=least,
        )  # fmt: skip
    return _(_SENTENCES.get(invalid.field, _SENTENCES["name"]))
