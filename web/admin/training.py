"""年度の研修: one page with the rules of handling, read and acknowledged once a school year (R33).

Owns the page. Refuses to examine anybody: who says so has read them. Fails into the same page where the box
is not ticked.
"""

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from appliance import clock
from appliance.account import term, training
from web.common import page
from web.staff import actor, desk

pages = Blueprint("training", __name__)


@pages.route("/training", methods=["GET", "POST"])
def rules() -> ResponseReturnValue:
    """The rules, and the box under them."""
    errors = {}
    if request.method == "POST":
        if request.form.get("read") == "yes":
            training.acknowledge(desk().config, actor(), clock.now())
            return redirect(url_for(".rules"), 303)
        errors["read"] = _("読んだら、印を付けてください。")
    year = term.school_year(desk().config, clock.now())
    return page(
        "admin/training.html",
        year=year,
        acknowledged_at=training.acknowledged_at(actor().account_id, year),
        errors=errors,
    )
