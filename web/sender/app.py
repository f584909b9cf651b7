"""Makes the send-only site.

Owns title and menu. Refuses every page that names a registrant. Fails at start with `SecretMissing`.
"""

from flask import Flask, url_for
from flask_babel import gettext as _

from appliance.config import Config, Zone
from web.common.language import later
from web.sender import home
from web.staff import actor, create
from web.staff.compose import may_begin


def create_app(config: Config) -> Flask:
    """The WSGI application of the sender zone. Raises `SecretMissing`."""
    return create(
        Zone.SENDER,
        config,
        "web.sender",
        title=later("送信専用サイト"),
        navigation=_navigation,
        blueprints=[home.pages],
    )


def _navigation() -> list[tuple[str, str, str]]:
    menu = [("home", _("最初のページ"), url_for("home.home"))]
    if may_begin(actor()):
        menu.append(("new", _("メールを書く"), url_for("compose.school")))
    menu.append(("account", _("自分のアカウント"), url_for("places.account")))
    return menu
