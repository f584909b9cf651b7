"""Makes the administration site.

Owns title, menu and the list of its pages. Fails at start with `SecretMissing`.
"""

from flask import Flask, url_for
from flask_babel import gettext as _

from appliance import access
from appliance.actor import Role
from appliance.config import Config, Zone
from web.admin import (
    call_sheet,
    classes,
    corrections,
    delivery_tests,
    device_register,
    evidence,
    handout,
    handover,
    home,
    invitation,
    lost_factors,
    notices,
    own_account,
    people,
    person,
    reason,
    records,
    registers,
    registrants,
    reports,
    training,
)
from web.common.language import later
from web.staff import actor, create
from web.staff.compose import may_begin, writable_schools


def create_app(config: Config) -> Flask:
    """The WSGI application of the admin zone. Raises `SecretMissing`."""
    app = create(
        Zone.ADMIN,
        config,
        "web.admin",
        title=later("管理者サイト"),
        navigation=_navigation,
        blueprints=[
            home.pages,
            registrants.pages,
            corrections.pages,
            classes.pages,
            handout.pages,
            call_sheet.pages,
            evidence.pages,
            delivery_tests.pages,
            records.pages,
            own_account.pages,
            notices.pages,
            device_register.pages,
            lost_factors.pages,
            registers.pages,
            people.pages,
            reports.pages,
            person.pages,
            handover.pages,
            invitation.pages,
            training.pages,
            reason.pages,
        ],
    )
    app.before_request(own_account.detour)
    return app


def _navigation() -> list[tuple[str, str, str]]:
    menu = [("home", _("最初のページ"), url_for("home.home"))]
    mine = writable_schools(actor())
    if may_begin(actor()):
        menu.append(("new", _("メールを書く"), url_for("compose.school")))
    if len(mine) == 1 and access.may_open_names(actor(), mine[0].id) is None:
        menu.append(("registrants", _("登録者"), url_for("registrants.of_school", school_id=mine[0].id)))
        menu.append(("handout", _("登録案内"), url_for("handout.sheet", school_id=mine[0].id)))
    if actor().role is Role.WARD_OFFICER:
        menu.append(("devices", _("端末"), url_for("device_register.all")))
    if actor().role is not Role.STAFF:
        menu.append(("people", _("人と届出"), url_for("registers.ward")))
    if access.may_read_everything(actor()) is None:
        menu.append(("records", _("操作記録"), url_for("records.latest")))
    menu.append(("account", _("自分のアカウント"), url_for("places.account")))
    return menu
