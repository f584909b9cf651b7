"""The door before the login: which networks and devices lead to this site at all (R09, R10).

Owns the device's cookie and the question asked before every view, public ones too; a view is let through
without a known device only where it is marked `anywhere`. Refuses to know the rule (`appliance.admission`
does). Fails towards closed: a page that says where this site is for, and nothing else.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from flask import Flask, Response, current_app, g, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from appliance import access, admission, clock, device, renewal
from appliance.models import Device
from web.common import cookies, page
from web.common.language import later, moment
from web.staff import browser
from web.staff.desk import desk

View = TypeVar("View", bound=Callable[..., object])
FILES = frozenset({"healthz", "assets.static", "staff.file"})
"""What is open to every device: no page is among it."""
_TOKEN_LENGTH = 64
_A_YEAR = timedelta(days=400)
"""Longer than any device is good for, and as long as browsers keep a cookie: the row says when it is over."""
WHY = {
    "network": later(
        "管理者サイトは、学校または区役所のネットワークにある学校端末だけで開けます。外からメールを送るときは、"
        "届け出た端末で送信専用サイトを使ってください。"
    ),
    "device": later(
        "この端末は、まだ登録されていません。届出が承認された端末は、登録コードで一度だけ登録します。"
    ),
    "other_school": later(
        "いまのネットワークは、あなたの学校のものではありません。自分の学校か区役所の端末で開いてください。"
    ),
}


def anywhere(view: View) -> View:
    """Marks a view with which a device that nobody knows yet becomes known."""
    view.karamail_anywhere = True  # type: ignore[attr-defined]
    return view


def install(app: Flask) -> None:
    """Puts the question before all others of the site."""

    def question() -> ResponseReturnValue | None:
        if request.endpoint is None or request.endpoint in FILES:
            return None
        token = cookies.read("device") or ""
        g.device = device.resolve(desk().zone, token, clock.now()) if len(token) == _TOKEN_LENGTH else None
        network = request.remote_addr or ""
        if getattr(current_app.view_functions[request.endpoint], "karamail_anywhere", False):
            reason = admission.network_why_not(desk().config, desk().zone, network)
        else:
            reason = admission.why_not(desk().config, desk().zone, network, g.device)
        return None if reason is None else refused(reason)

    app.before_request_funcs.setdefault(None, []).insert(0, question)

    @app.after_request
    def ask_for_hints(response: Response) -> Response:
        response.headers["Accept-CH"] = browser.ACCEPT_CH
        return response


def refused(reason: str) -> ResponseReturnValue:
    """403 and what to do."""
    return page("staff/not_admitted.html", status=403, words=_(WHY[reason]), enrol=reason == "device")


def known_device() -> Device | None:
    """The device that this request comes from."""
    found: Device | None = g.get("device")
    return found


def device_id() -> int | None:
    found = known_device()
    return None if found is None else int(found.id)


def remember(response: Response, text: str) -> None:
    """Gives the device its cookie, anew at every login: what is kept for another year needs it longer."""
    cookies.give(response, text, purpose="device", expires_at=clock.now() + _A_YEAR)


def notices() -> list[tuple[str, str]]:
    """What the person at this device should know of it, and where to act: an old system, the year's end."""
    said: list[tuple[str, str]] = []
    system, version = browser.reported_system()
    if version is not None and device.too_old(desk().config, system, version):
        least = desk().config.devices.minimum_os[system]  # type: ignore[index]
        text = _(
            "この端末の%(system)sは古くなっています。%(least)s以上に更新してください。",
            system=browser.SYSTEMS[system], least=least,
        )  # fmt: skip
        said.append((text, ""))
    found = known_device()
    who = g.get("actor")
    keeps = found is not None and who is not None and access.may_keep(who, found) is None
    if found is not None and keeps and renewal.due(desk().config, found, clock.now()):
        said.append(_of_the_year(found))
    return said


def _of_the_year(found: Device) -> tuple[str, str]:
    if found.renewal_at is not None:
        return _("この端末を続けて使う届出は、区の承認を待っています。"), ""
    text = _(
        "この端末の登録は年度ごとです。%(until)sに使えなくなります。続けて使うときは、届け出てください。",
        until=moment(found.ends_at),
    )
    return text, url_for("devices.renew", device_id=found.id)
