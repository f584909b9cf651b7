"""One's own password (R16).

Owns the form. Refuses to show or send any password; `appliance.account` checks and keeps it. Fails into the
same page; a wrong old password says only that.
"""

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from appliance import account, clock
from appliance.errors import LoginRefused, TextInvalid
from web.common import page
from web.staff import actor, desk

pages = Blueprint("own_account", __name__)


@pages.route("/account/password", methods=["GET", "POST"])
def password() -> ResponseReturnValue:
    """Old, new, new again."""
    least = desk().config.account.password_min_length
    if request.method == "GET":
        return page("admin/password.html", least=least, done="done" in request.args)
    old, new, again = (request.form.get(field, "") for field in ("old", "new", "again"))
    errors = {}
    if new != again:
        errors["again"] = _("新しいパスワードと同じものを、もう一度入力してください。")
    else:
        try:
            account.change_password(desk().config, actor(), old, new, clock.now())
        except LoginRefused:
            errors["old"] = _("今のパスワードが違います。")
        except TextInvalid as invalid:
            errors["new"] = {
                "too_short": _("%(least)s字以上にしてください。", least=least),
                "too_long": _("200字までにしてください。"),
                "guessable": _("推測されやすいため使えません。IDを含まない、いろいろな文字にしてください。"),
                "same": _("今のパスワードとは違うものにしてください。"),
            }.get(invalid.reason, _("別のパスワードにしてください。"))
    if not errors:
        return redirect(url_for(".password", done=1), 303)
    return page("admin/password.html", least=least, done=False, errors=errors)
