"""登録案内: the sheet that families get, with the address for the empty mail (R03), and the code's renewal.

Owns what stands on the sheet and its QR code, drawn here by segno: no outside service sees the code. Refuses
personal data: the sheet is the same for everybody. Fails into 404 for another school.
"""

from urllib.parse import quote

import segno
from flask import Blueprint, Response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from appliance import access, audit, db, security_code
from appliance.actor import Role
from appliance.address import parse
from appliance.errors import NotAllowed, NotYours
from appliance.models import School
from web.common import page
from web.staff import actor, desk

pages = Blueprint("handout", __name__)
SUBJECT = "登録"
BODY = "このまま送信してください。"
"""Some phones refuse to send without subject or text; both are ignored on arrival."""


@pages.get("/schools/<int:school_id>/handout")
def sheet(school_id: int) -> ResponseReturnValue:
    """The sheet; printing it is the browser's business, showing it is recorded."""
    school = _school(school_id)
    code = _code(school)
    audit.record(actor(), audit.Act.HANDOUT_PRINTED, "school", school.id, school_id=school.id)
    return page(
        "admin/handout.html",
        school=school,
        code=code,
        address=_address(code),
        sender_domain=_domain(),
        hours=desk().config.registration.token_hours,
        may_renew=actor().role is Role.PRINCIPAL,
    )


@pages.get("/schools/<int:school_id>/handout/qr.svg")
def qr(school_id: int) -> Response:
    """mailto: with subject and text, as a drawing."""
    target = f"mailto:{_address(_code(_school(school_id)))}?subject={quote(SUBJECT)}&body={quote(BODY)}"
    drawing = segno.make_qr(target, error="m").svg_inline(border=4, omitsize=True)
    document = drawing.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
    return Response(document, mimetype="image/svg+xml")


@pages.route("/schools/<int:school_id>/code", methods=["GET", "POST"])
def renew(school_id: int) -> ResponseReturnValue:
    """A new code: the principal's decision, because every paper in the families' drawers goes stale."""
    school = _school(school_id)
    if actor().role is not Role.PRINCIPAL:
        raise NotAllowed("principal_renews")
    if request.method == "POST":
        shown = request.form.get("code", "")
        with db.transaction():
            if shown == _code(school):  # a second press of the button renews nothing
                made = security_code.renew(school)
                audit.record(actor(), audit.Act.CODE_RENEWED, "security_code", made.id, school_id=school.id)
        return redirect(url_for(".sheet", school_id=school.id), 303)
    return page("admin/code.html", school=school, code=_code(school))


def _school(school_id: int) -> School:
    found = access.school(actor(), school_id)
    reason = access.may_write(actor(), school_id)
    if reason is not None:
        raise NotAllowed(reason)
    return found


def _code(school: School) -> str:
    found = security_code.current(school.id)
    if found is None:
        raise NotYours("security code")
    return str(found.code)


def _address(code: str) -> str:
    return f"{code}@{desk().config.mail.registration_domain}"


def _domain() -> str:
    """The domain that guardians allow: all our mail comes from it."""
    return parse(desk().config.mail.from_address).domain
