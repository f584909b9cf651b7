"""What a person is reminded of on the first page: a password to change, rules to read.

Owns the sentences. Refuses to stop anybody: what must come first is `web.admin.own_account`'s business.
Cannot fail.
"""

from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from flask import current_app, url_for
from flask_babel import gettext as _

from appliance import clock
from appliance.account import term, training
from appliance.config import Zone
from web.common.language import day
from web.staff.desk import actor, desk


@dataclass(frozen=True, slots=True)
class Reminder:
    """A sentence and where it is done; no address where that is another site."""

    text: str
    href: str = ""


def reminders() -> list[Reminder]:
    """For the present actor, the pressing one first."""
    return [*_password(), *_training()]


def _password() -> list[Reminder]:
    config, changed_at = desk().config, actor().password_changed_at
    due = term.password_due(config, changed_at, clock.now()) if changed_at else None
    if due is None:
        return []
    if "own_account.password" not in current_app.view_functions:
        return [Reminder(_("パスワードの期限です。学校の端末から、管理者サイトで変えてください。"))]
    last = (due.deadline_at - timedelta(seconds=1)).astimezone(ZoneInfo(config.ward.timezone)).date()
    said = _("%(day)sまでに、パスワードを変えてください。学期ごとに変える決まりです。", day=day(last))
    return [Reminder(said, url_for("own_account.password"))]


def _training() -> list[Reminder]:
    config = desk().config
    if desk().zone is not Zone.ADMIN:
        return []
    year = term.school_year(config, clock.now())
    if training.acknowledged_at(actor().account_id, year) is not None:
        return []
    said = _("%(year)s年度の研修がまだです。取扱いの決まりを読んで、確認してください(約3分)。", year=year)
    return [Reminder(said, url_for("training.rules"))]
