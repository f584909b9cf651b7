"""操作記録: the newest acts, a search by person, school, act and day, one record, and a file to take along.

Owns the pages for ward officers and auditors. `appliance.record.search` finds, and records that somebody
looked. Refuses personal data of registrants: records hold none. The file is CSV for a spreadsheet, or JSON
Lines in the very bytes that are sealed. Fails into 403 for other roles, and into a file that breaks
off, which browsers call a failed download, when its reader is logged out or suspended.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, redirect, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from appliance import access, clock
from appliance.audit import Act
from appliance.models import Account, Audit, School
from appliance.record import leaf, search
from appliance.record.search import Question
from web.admin import record_words as words
from web.common import page
from web.staff import actor, desk
from web.staff.session import repeatable
from web.staff.words import school_name

pages = Blueprint("records", __name__, url_prefix="/records")
FORMS = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl; charset=utf-8"}
_FIELDS = ("account", "school", "act", "from", "until")
_BEFORE = re.compile(r"(-?[0-9]{1,19})-([0-9]{1,19})")
_DAY = timedelta(days=1)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""How a cell begins that a spreadsheet might calculate (OWASP, CSV injection)."""
_BOM = "\ufeff"
"""Excel takes a file without it for Shift_JIS."""


@pages.get("")
def latest() -> ResponseReturnValue:
    """One page, newest first."""
    question = _question()
    found = search.page(actor(), question, _before())
    older = None
    if found.older is not None:
        older = url_for(".latest", **_given(), before=f"{found.older[0]}-{found.older[1]}")
    return page(
        "admin/records.html",
        rows=found.rows,
        older=older,
        newest="before" not in request.args,
        given=_given(),
        asked=_in_words(question),
        words=words,
    )


@pages.route("/search", methods=["GET", "POST"])
@repeatable
def find() -> ResponseReturnValue:
    """What to look for; anything may stay open."""
    _require()
    if request.method == "GET":
        values = {name: request.args.get(name, "") for name in _FIELDS}
        values["person"] = _login_id(_number(request.args.get("account", "")))
        return _form(values, {})
    values = {name: request.form.get(name, "").strip() for name in ("person", *_FIELDS)}
    errors: dict[str, str] = {}
    account = Account.get_or_none(Account.login_id == values["person"].lower()) if values["person"] else None
    if values["person"] and account is None:
        errors["person"] = _("このIDのアカウントはありません。")
    for field in ("from", "until"):
        if values[field] and _day(values[field]) is None:
            errors[field] = _("日付を 2026-04-08 の形で書いてください。")
    if errors:
        return _form(values, errors)
    values["account"] = str(account.id) if account else ""
    return redirect(url_for(".latest", **{name: values[name] for name in _FIELDS if values[name]}), 303)


@pages.get("/<int:record_id>")
def one(record_id: int) -> ResponseReturnValue:
    """Everything that one record holds."""
    found, position = search.one(actor(), record_id)
    return page("admin/record.html", row=found, position=position, words=words)


@pages.route("/download", methods=["GET", "POST"])
def download() -> ResponseReturnValue:
    """Asks for the form, then sends the file."""
    _require()
    question = _question()
    if request.method == "GET":
        return page("admin/records_download.html", given=_given(), asked=_in_words(question))
    form = request.form.get("form", "")
    if form not in FORMS:
        errors = {"form": _("ファイルの形を選んでください。")}
        return page("admin/records_download.html", given=_given(), asked=_in_words(question), errors=errors)
    rows = search.export(actor(), question, form)
    content = _csv(rows) if form == "csv" else _jsonl(rows)
    name = f"records-{clock.now().astimezone(_zone()):%Y%m%d-%H%M}.{form}"
    response = Response(stream_with_context(content), content_type=FORMS[form])
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _form(values: dict[str, str], errors: dict[str, str]) -> ResponseReturnValue:
    any_school, any_act = ("", _("すべての学校")), ("", _("すべての操作"))
    return page(
        "admin/records_search.html",
        values=values,
        schools=[any_school, *((row.id, school_name(row)) for row in School.select().order_by(School.id))],
        acts=[any_act, *((act.value, words.act(act)) for act in Act)],
        errors=errors,
    )


# --- the address of a page


def _question() -> Question:
    """As the address says it; what cannot be read asks for nothing."""
    from_day, until_day = _day(request.args.get("from", "")), _day(request.args.get("until", ""))
    act = request.args.get("act", "")
    return Question(
        account_id=_number(request.args.get("account", "")),
        school_id=_number(request.args.get("school", "")),
        act=act if act in set(Act) else None,
        from_at=_midnight(from_day) if from_day else None,
        until_at=_midnight(until_day + _DAY) if until_day else None,
    )


def _given() -> dict[str, str]:
    return {name: value for name in _FIELDS if (value := request.args.get(name, ""))}


def _before() -> search.Place | None:
    found = _BEFORE.fullmatch(request.args.get("before", ""))
    if found is None:
        return None
    at, id_ = int(found[1]), int(found[2])
    return (at, id_) if -(2**63) <= at < 2**63 and id_ < 2**63 else None


def _in_words(question: Question) -> list[str]:
    """What is looked for, in words."""
    asked = []
    if question.account_id is not None:
        asked.append(_("人: %(id)s", id=_login_id(question.account_id) or question.account_id))
    if question.school_id is not None:
        school = School.get_or_none(School.id == question.school_id)
        asked.append(_("学校: %(name)s", name=school_name(school) if school else question.school_id))
    if question.act is not None:
        asked.append(_("操作: %(act)s", act=words.act(question.act)))
    if question.from_at is not None:
        asked.append(_("%(day)sから", day=request.args["from"]))
    if question.until_at is not None:
        asked.append(_("%(day)sまで", day=request.args["until"]))
    return asked


def _login_id(account_id: int | None) -> str:
    found = Account.get_or_none(Account.id == account_id) if account_id is not None else None
    return str(found.login_id) if found else ""


def _require() -> None:
    access.require(access.may_read_everything(actor()))


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if "2000" < text[:4] < "2200" else None
    except ValueError:
        return None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), _zone())


def _zone() -> ZoneInfo:
    return ZoneInfo(desk().config.ward.timezone)


# --- files


def _csv(rows: Iterator[Audit]) -> Iterator[str]:
    head = (
        _("番号"), _("日時"), "ID", _("氏名"), _("役割"), _("サイト"), _("ネットワーク"), _("端末"),
        _("操作"), _("対象"), _("学校"), _("理由"), _("結果"), _("詳細"),
    )  # fmt: skip
    yield _BOM + _row(head)
    for row in rows:
        person = row.account if row.account_id is not None else None
        school = row.school if row.school_id is not None else None
        yield _row(
            (
                row.id,
                words.second(row),
                person.login_id if person else "",
                person.display_name if person else "",
                row.role,
                row.zone,
                row.network,
                row.device_id or "",
                words.act(row.act),
                words.thing(row),
                school_name(school) if school else "",
                words.reason(row.reason),
                words.result(row.result),
                words.details(row),
            )
        )  # fmt: skip


def _row(cells: tuple[object, ...]) -> str:
    written = io.StringIO()
    csv.writer(written).writerow([_plain(str(cell)) for cell in cells])
    return written.getvalue()


def _plain(text: str) -> str:
    """A spreadsheet must not take a text for a formula: nor one in full width, as Japanese ones do too."""
    return f"'{text}" if unicodedata.normalize("NFKC", text[:1]) in _FORMULA else text


def _jsonl(rows: Iterator[Audit]) -> Iterator[bytes]:
    for row in rows:
        values = {name: getattr(row, name) for name in leaf.COLUMNS} | {"at": row.micros}
        yield leaf.line(tuple(values[name] for name in leaf.COLUMNS)) + b"\n"  # type: ignore[arg-type]
