"""登録者: the list, by class and page, the search by name, and one registrant.

Owns the pages that show names and addresses. Every one of them opens through
`appliance.directory.registrants`, which records it in the same transaction. A name that is searched for
travels in the form's body, never in an address. Fails into 404 for another school, 403 for a role or site.
"""

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from appliance import access, clock, evidence
from appliance.actor import Actor
from appliance.directory import registrants
from appliance.doubt import Doubt
from appliance.errors import NameInvalid, NotAllowed
from appliance.models import School
from web.admin.evidence import DOUBTS, LONG
from web.common import page
from web.common.language import later
from web.common.numbers import natural
from web.staff import actor, desk
from web.staff.session import repeatable

pages = Blueprint("registrants", __name__)
_SENTENCES = {
    "empty": later("氏名を書いてください。"),
    "too_long": later("氏名が長すぎます。%(most)s字までで書いてください。"),
    "control": later("氏名に使えない文字があります。消して、もう一度書いてください。"),
    "not_a_name": later("氏名に使えない記号や数字だけの文字列です。氏名を書いてください。"),
}


@pages.get("/schools/<int:school_id>/registrants")
def of_school(school_id: int) -> ResponseReturnValue:
    """One page of the list."""
    found = openable_school(actor(), school_id)
    class_id = _positive(request.args.get("class", ""))
    listed = registrants.page(
        actor(), desk().keyring, school_id, class_id, _positive(request.args.get("page", "")) or 1
    )
    return page(
        "admin/registrants.html",
        school=found,
        school_class=access.school_class(actor(), class_id) if class_id else None,
        listed=listed,
        address_of=lambda number: url_for(
            ".of_school", school_id=school_id, page=number, **({"class": class_id} if class_id else {})
        ),
        child_name="",
        found=None,
    )


@pages.route("/schools/<int:school_id>/registrants/search", methods=["GET", "POST"])
@repeatable
def search(school_id: int) -> ResponseReturnValue:
    """By the child's full name, exactly as written but for spaces and width."""
    found = openable_school(actor(), school_id)
    if request.method == "GET":
        return redirect(url_for(".of_school", school_id=school_id), 303)
    name = request.form.get("child_name", "")
    errors, rows = {}, None
    try:
        rows = registrants.find(actor(), desk().keyring, school_id, name)
    except NameInvalid as invalid:
        errors["child_name"] = name_sentence(invalid)
    return page("admin/search.html", school=found, child_name=name, found=rows, errors=errors)


@pages.get("/registrants/<int:registration_id>")
def one(registration_id: int) -> ResponseReturnValue:
    """One registrant, and what can be done."""
    registration = access.registration(actor(), registration_id)
    row = registrants.opened(actor(), desk().keyring, registration)
    grade = evidence.of_address(row.address_id, clock.now())
    return page(
        "admin/registrant.html",
        row=row,
        unreadable=registrants.UNREADABLE in (row.child_name, row.guardian_name, row.address),
        school=registration.school,
        grade=_(LONG[grade]),
        doubt=_(DOUBTS[Doubt.kept(registration.doubt)]) if registration.doubted_at else "",
    )


@pages.get("/schools/<int:school_id>/registrants/removed")
def removed(school_id: int) -> ResponseReturnValue:
    """Says that it is done, and leads back to the class; opens no name."""
    found = openable_school(actor(), school_id)
    class_id = _positive(request.args.get("class", ""))
    address = url_for(".of_school", school_id=school_id, **({"class": class_id} if class_id else {}))
    return page("admin/removed.html", school=found, address=address)


def openable_school(who: Actor, school_id: int) -> School:
    """Raises `NotYours`, `NotAllowed`."""
    found = access.school(who, school_id)
    reason = access.may_open_names(who, school_id)
    if reason is not None:
        raise NotAllowed(reason)
    return found


def name_sentence(invalid: NameInvalid) -> str:
    """What the writer must do."""
    return _(_SENTENCES[invalid.reason], most=registrants.NAMES_MAX)


def _positive(text: str) -> int | None:
    return natural(text, digits=11) or None
