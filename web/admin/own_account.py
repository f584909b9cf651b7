"""One's own password, changed each term (R16).

Owns the form, and the detour to it: whose password is overdue changes it before anything else. What was being
written comes along and goes on from there, so that an urgent mail waits for the change and no longer. Refuses
to show or send any password; `appliance.account` checks and keeps it. The send-only site has no such page:
who takes it over must not be able to set a password that opens this one (decision 0111). Fails into the same
page; a wrong old password says only that.
"""

from flask import Blueprint, current_app, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from appliance import account, clock, notice
from appliance.account import term
from appliance.errors import FactorRefused, TextInvalid
from web.common import page
from web.staff import actor, desk, proof
from web.staff.returning import HELD, way_back
from web.staff.returning import held as held_fields

pages = Blueprint("own_account", __name__)
_STAYS_OPEN = frozenset({"own_account.password", "session.logout", "session.resume", "fresh.confirm"})
_ROOMS_OPEN = frozenset({"second_step", "factors"})
"""The pages of the second factor: whoever has just added one sees its recovery codes first."""


def detour() -> ResponseReturnValue | None:
    """Before every view: None, or the way to the change."""
    if "actor" not in g or request.endpoint in _STAYS_OPEN or request.blueprint in _ROOMS_OPEN:
        return None
    if not _overdue():
        return None
    if request.method == "GET":
        return redirect(url_for("own_account.password", next=request.full_path.rstrip("?")), 303)
    view = current_app.view_functions[request.endpoint or ""]
    held = proof.without(request.form) if getattr(view, "karamail_resumable", False) else {}
    return _form(way_back(request.path), held, status=403)


@pages.route("/account/password", methods=["GET", "POST"])
def password() -> ResponseReturnValue:
    """Old, new, new again."""
    if request.method == "GET":
        return _form(way_back(request.args.get("next", "")), {}, done="done" in request.args)
    back, held = way_back(request.form.get("next", "")), held_fields()
    if "lang" in request.args:  # the same form in another language, with all that it carries
        return _form(back, held)
    old, new, again = (request.form.get(field, "") for field in ("old", "new", "again"))
    errors = {}
    if new != again:
        errors["again"] = _("新しいパスワードと同じものを、もう一度入力してください。")
    else:
        try:
            account.change_password(desk().config, actor(), old, new, clock.now())
        except FactorRefused as refused:
            errors["old"] = (
                proof.errors(refused)["proof"] if refused.wait_s else _("今のパスワードが違います。")
            )
        except TextInvalid as invalid:
            errors["new"] = password_sentence(invalid)
    if errors:
        return _form(back, held, errors=errors)
    if held and back:
        return page("staff/resume.html", address=back, held=held, changed=True)
    return redirect(back or url_for(".password", done=1), 303)


def password_sentence(invalid: TextInvalid) -> str:
    """What a new password lacks."""
    return {
        "too_short": _("%(least)s字以上にしてください。", least=desk().config.account.password_min_length),
        "too_long": _("200字までにしてください。"),
        "guessable": _(
            "推測されやすいため使えません。学校名、ID、氏名、年、よくある言葉、並んだ数字は、数えません。"
            "つながりのない言葉を足してください。"
        ),
        "same": _("今のパスワードとは違うものにしてください。"),
    }.get(invalid.reason, _("別のパスワードにしてください。"))


def _overdue() -> bool:
    changed_at = actor().password_changed_at
    return changed_at is not None and term.overdue(desk().config, changed_at, clock.now())


def _form(
    back: str,
    held: dict[str, str],
    *,
    errors: dict[str, str] | None = None,
    status: int | None = None,
    done: bool = False,
) -> ResponseReturnValue:
    return page(
        "admin/password.html",
        least=desk().config.account.password_min_length,
        done=done,
        told=done and notice.place(actor()) is not None,
        overdue=_overdue() and not done,
        next=back,
        held=held,
        prefix=HELD,
        errors=errors,
        status=status,
    )
