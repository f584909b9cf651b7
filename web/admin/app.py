"""Makes the administration site.

Owns title, menu and the list of its pages. Fails at start with `SecretMissing`.
"""

from flask import Flask, url_for
from flask_babel import gettext as _

from appliance import access
from appliance.config import Config, Zone
from web.admin import (
    call_sheet,
    classes,
    corrections,
    delivery_tests,
    evidence,
    handout,
    home,
    own_account,
    records,
    registrants,
)
from web.common.language import later
from web.staff import actor, create
from web.staff.compose import writable_schools


def create_app(config: Config) -> Flask:
    """The WSGI application of the admin zone. Raises `SecretMissing`."""
    return create(
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
        ],
    )


def _navigation() -> list[tuple[str, str, str]]:
    menu = [("home", _("最初のページ"), url_for("home.home"))]
    mine = writable_schools(actor())
    if mine:
        menu.append(("new", _("メールを書く"), url_for("compose.school")))
    if len(mine) == 1 and access.may_open_names(actor(), mine[0].id) is None:
        menu.append(("registrants", _("登録者"), url_for("registrants.of_school", school_id=mine[0].id)))
        menu.append(("handout", _("登録案内"), url_for("handout.sheet", school_id=mine[0].id)))
    if access.may_read_records(actor()) is None:
        menu.append(("records", _("操作記録"), url_for("records.latest")))
    menu.append(("account", _("パスワード"), url_for("own_account.password")))
    return menu
