"""人と届出: the people of a school, of the vendor and of the ward; naming a new one to the ward.

Owns the lists and the form of a report. Refuses to approve (`reports` does) and to stop anybody (`person`,
`handover`). Fails into the same page with the question's own words, 404 for another school, 403 for a role.
"""

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from appliance import access, clock
from appliance.account import register, report
from appliance.account.people import LOGIN_ID_MAX, NAME_MAX, checked_login_id
from appliance.actor import Duty, Role
from appliance.errors import NotAllowed, TextInvalid
from appliance.models import School
from web.admin.registers import OFFICE, VENDOR
from web.common import page
from web.staff import actor, desk, words

pages = Blueprint("people", __name__)


@pages.get("/schools/<int:school_id>/people")
def of_school(school_id: int) -> ResponseReturnValue:
    """Who works there, what is reported, and the ways to everything."""
    school = access.register_school(actor(), school_id)
    return page(
        "admin/people.html",
        school=school,
        people=register.of_school(desk().config, school_id, clock.now()),
        reports=[row for row in report.waiting() if row.school_id == school_id],
        may_report=access.may_report(actor(), Role.STAFF, school_id) is None,
        may_end=access.may_end_at(actor(), school_id) is None,
        vendor=False,
        report_href=url_for(".report_for_school", school_id=school_id),
        paper_href=url_for("registers.of_school", school_id=school_id),
    )


@pages.get("/people/vendor")
def vendor() -> ResponseReturnValue:
    """The vendor's responsible person and handlers (R19)."""
    access.require(access.may_read_register(actor(), None))
    return _of_roles(VENDOR, vendor=True)


@pages.get("/people/office")
def office() -> ResponseReturnValue:
    """Ward officers and auditors."""
    access.require(access.may_read_everything(actor()))
    return _of_roles(OFFICE, vendor=False)


@pages.route("/schools/<int:school_id>/people/new", methods=["GET", "POST"])
def report_for_school(school_id: int) -> ResponseReturnValue:
    """One more person for a school."""
    school = access.register_school(actor(), school_id)
    roles = [role for role in (Role.STAFF, Role.PRINCIPAL) if _may(role, school_id)]
    return _report(roles, school, url_for(".of_school", school_id=school_id))


@pages.route("/people/vendor/new", methods=["GET", "POST"])
def report_for_vendor() -> ResponseReturnValue:
    """One more operator."""
    return _report([role for role in VENDOR if _may(role, None)], None, url_for(".vendor"))


@pages.route("/people/office/new", methods=["GET", "POST"])
def report_for_office() -> ResponseReturnValue:
    """One more ward officer or auditor."""
    return _report([role for role in OFFICE if _may(role, None)], None, url_for(".office"))


def _may(role: Role, school_id: int | None) -> bool:
    return access.may_report(actor(), role, school_id) is None


def _of_roles(roles: tuple[Role, ...], *, vendor: bool) -> ResponseReturnValue:
    endpoint = "vendor" if vendor else "office"
    return page(
        "admin/people.html",
        school=None,
        people=register.of_roles(desk().config, roles, clock.now()),
        reports=[row for row in report.waiting() if row.role in roles],
        may_report=any(_may(role, None) for role in roles),
        may_end=False,
        vendor=vendor,
        report_href=url_for(f".report_for_{endpoint}"),
        paper_href=url_for("registers.of_vendor") if vendor else "",
    )


def _report(roles: list[Role], school: School | None, back: str) -> ResponseReturnValue:
    if not roles:
        raise NotAllowed("not_with_this_role")
    values = {field: request.form.get(field, "") for field in ("display_name", "login_id", "role", "duty")}
    if len(roles) == 1:
        values["role"] = roles[0]
    errors = {}
    if request.method == "POST":
        errors = _errors(values, roles)
        if not errors:
            errors = _take(values, school)
        if not errors:
            return redirect(f"{back}?reported=1", 303)
    return page(
        "admin/report.html",
        school=school,
        back=back,
        values=values,
        errors=errors,
        roles=[(role, _(words.ROLES[role])) for role in roles],
        duties=_duties(vendor=roles == list(VENDOR)),
        asks_duty=Role.STAFF in roles or Role.OPERATOR in roles,
    )


def _duties(*, vendor: bool) -> list[tuple[str, str, str]]:
    if vendor:
        return [
            (Duty.HANDLER, _("取扱者"), _("運用、問合せ対応などをする人")),
            (Duty.MANAGER, _("取扱責任者"), _("取扱者を指定し、区に届け出る人")),
        ]
    return [
        (Duty.HANDLER, _("取扱者"), _("メールを書く、登録者を直すなどをする人")),
        (Duty.MANAGER, _("管理者"), _("ID・パスワードを管理する人(園長・校長、副校長など)")),
    ]


def _errors(values: dict[str, str], roles: list[Role]) -> dict[str, str]:
    errors = {}
    for field, checked in (("display_name", report.checked_name), ("login_id", checked_login_id)):
        try:  # all at once: nobody likes to be told one by one
            checked(values[field])
        except TextInvalid as invalid:
            errors[field] = _sentence(invalid)
    if values["role"] not in roles:
        errors["role"] = _("役割を選んでください。")
    if values["role"] in (Role.STAFF, Role.OPERATOR) and values["duty"] not in list(Duty):
        errors["duty"] = _("管理する人か、取り扱う人か、選んでください。")
    return errors


def _take(values: dict[str, str], school: School | None) -> dict[str, str]:
    role = Role(values["role"])
    asked = role in (Role.STAFF, Role.OPERATOR)
    try:
        report.report(
            actor(),
            login_id=values["login_id"],
            display_name=values["display_name"],
            role=role,
            duty=Duty(values["duty"]) if asked else Duty.MANAGER if school else Duty.HANDLER,
            school_id=school.id if school else None,
            now=clock.now(),
        )
    except TextInvalid as invalid:
        return {invalid.field: _sentence(invalid)}
    return {}


def _sentence(invalid: TextInvalid) -> str:
    if invalid.field == "display_name":
        return {
            "empty": _("氏名を書いてください。"),
            "too_long": _("%(most)s字までで書いてください。", most=NAME_MAX),
        }.get(invalid.reason, _("氏名に使えない文字があります。"))
    return {
        "empty": _("IDを書いてください。"),
        "too_long": _("%(most)s字までで書いてください。", most=LOGIN_ID_MAX),
        "reported": _("このIDは、もう届け出てあります。区の承認を待ってください。"),
    }.get(invalid.reason, _("IDは、半角の英字、数字、「-」「.」「_」で書いてください。"))
