"""The first page of the send-only site: write a mail, what waits, the counts.

Owns nothing but this page. Refuses names and addresses: numbers only (R14 without R10's forbidden part).
"""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from appliance import access
from appliance.directory import counts
from web.common import page
from web.staff import actor
from web.staff.compose import may_begin
from web.staff.listing import gone, waiting
from web.staff.reminders import reminders

pages = Blueprint("home", __name__, template_folder="templates")


@pages.get("/")
def home() -> ResponseReturnValue:
    """What a tired person needs first, first."""
    schools = access.schools(actor())
    return page(
        "sender/home.html",
        schools=schools,
        reminders=reminders(),
        may_write=may_begin(actor()),
        waiting=waiting(actor(), schools),
        recent=[(school, gone(actor(), school)) for school in schools],
        of_ward=gone(actor(), None) if access.may_see_ward(actor()) is None else None,
        counts=counts.by_school([school.id for school in schools]),
    )
