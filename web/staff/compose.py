"""Writing a broadcast, one short page per step: school → urgency and category → to whom → the text.

Owns the order of the steps and their questions. From the second step on, everything is a draft in the
database, so that a lost phone or an ended session loses nothing. Refuses to send: `check` does. Fails into
the same page with the question's own words; absent or foreign ids are 404 (`access`).
"""

import secrets
from itertools import groupby

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from appliance import access, broadcast, clock, recipients
from appliance.actor import Actor
from appliance.audience import Audience, Echo, echo
from appliance.broadcast import CATEGORIES, SUBJECT_MAX, TEXT_MAX, delivery_test
from appliance.broadcast.wording import TEST
from appliance.errors import NotAllowed, TextInvalid, WrongState
from appliance.models import Broadcast, School
from appliance.states import BroadcastState
from web.common import page
from web.common.language import count
from web.staff import samples, session, words
from web.staff.desk import actor

pages = Blueprint("compose", __name__)
_ONCE_KEY_LENGTH = 32


@pages.get("/broadcasts/new")
def school() -> ResponseReturnValue:
    """Which school; not asked where there is only one, nor of ward officers."""
    if access.may_write(actor(), None) is None:
        return redirect(url_for("ward.begin"), 303)
    mine = writable_schools(actor())
    if not mine:
        raise NotAllowed("not_with_this_role")
    if len(mine) == 1:
        return redirect(url_for(".begin", school_id=mine[0].id), 303)
    if "school" in request.args:
        asked = request.args.get("school", "")
        if asked in {str(each.id) for each in mine}:
            return redirect(url_for(".begin", school_id=int(asked)), 303)
    options = [(each.id, words.school_name(each)) for each in mine]
    errors = {"school": _("どの学校から送るか選んでください。")} if "asked" in request.args else {}
    return page("staff/school.html", options=options, errors=errors)


@pages.route("/schools/<int:school_id>/broadcasts/new", methods=["GET", "POST"])
def begin(school_id: int) -> ResponseReturnValue:
    """Urgent or routine, and what it is about. Answered, it is a draft."""
    return beginning(_writable_school(school_id))


def beginning(found: School | None) -> ResponseReturnValue:
    """The first question about a mail of a school, or of the ward (None)."""
    values = {"urgent": request.form.get("urgent", ""), "category": request.form.get("category", "")}
    key = request.form.get("once_key", "")
    if request.method == "POST":
        errors = _kind_errors(values)
        if not errors and len(key) == _ONCE_KEY_LENGTH:
            made = broadcast.draft(
                actor(),
                found,
                urgent=values["urgent"] == "yes",
                category=values["category"],
                once_key=f"{actor().account_id}-{found.id if found else 'ward'}-{key}",
                now=clock.now(),
            )
            return redirect(url_for("compose.audience", broadcast_id=made.id), 303)
    else:
        errors = {}
    return page(
        "staff/kind.html",
        school=found,
        values=values,
        errors=errors,
        once_key=key if len(key) == _ONCE_KEY_LENGTH else secrets.token_hex(_ONCE_KEY_LENGTH // 2),
        broadcast=None,
        categories=_category_options(),
    )


@pages.route("/broadcasts/<int:broadcast_id>/kind", methods=["GET", "POST"])
def kind(broadcast_id: int) -> ResponseReturnValue:
    """The same question about a draft that is there."""
    found = draft_of(broadcast_id)
    values = {"urgent": "yes" if found.urgent else "no", "category": found.category}
    errors = {}
    if request.method == "POST":
        values = {"urgent": request.form.get("urgent", ""), "category": request.form.get("category", "")}
        errors = _kind_errors(values)
        if not errors:
            broadcast.revise(actor(), found, urgent=values["urgent"] == "yes", category=values["category"])
            return redirect(next_step(found), 303)
    return page(
        "staff/kind.html",
        school=found.school,
        values=values,
        errors=errors,
        once_key="",
        broadcast=found,
        categories=_category_options(),
    )


@pages.route("/broadcasts/<int:broadcast_id>/audience", methods=["GET", "POST"])
def audience(broadcast_id: int) -> ResponseReturnValue:
    """The whole school or some classes, each with its counts."""
    found = draft_of(broadcast_id)
    if found.school_id is None:
        return redirect(url_for("ward.schools", broadcast_id=found.id), 303)
    everybody = echo(found.school_id, Audience(None))
    saved = Audience.read(found.audience).school_class_ids
    scope = "whole" if saved is None else ("classes" if saved else "")
    chosen = {str(number) for number in saved or ()}
    errors: dict[str, str] = {}
    if request.method == "POST":
        chosen = set(request.form.getlist("school_class"))
        scope = request.form.get("scope", "classes" if chosen else "")  # who ticks a class has said it
        known = {str(row.school_class_id) for row in everybody.classes}
        errors = _audience_errors(scope, chosen, known)
        if not errors:
            ids = None if scope == "whole" else frozenset(int(number) for number in chosen)
            try:
                broadcast.revise(actor(), found, audience=Audience(ids))
            except TextInvalid:  # a class went between this page and its answer
                errors = {"school_class": _("選んだ学級がなくなりました。もう一度選んでください。")}
            else:
                return redirect(next_step(found), 303)
        chosen &= known
    return page(
        "staff/audience.html",
        broadcast=found,
        everybody=everybody,
        grades=_by_grade(everybody),
        scope=scope,
        chosen=sorted(chosen),
        errors=errors,
    )


@pages.route("/broadcasts/<int:broadcast_id>/text", methods=["GET", "POST"])
@session.resumable
@session.repeatable
def text(broadcast_id: int) -> ResponseReturnValue:
    """Subject and text, from a sample of the category."""
    found = draft_of(broadcast_id)
    start = samples.sample(found.category, found.school.kind if found.school else "")
    subject, body = found.subject or start.subject, found.body or start.body
    errors: dict[str, str] = {}
    if request.method == "POST":
        subject, body = request.form.get("subject", ""), request.form.get("body", "")
        for field, value in (("subject", subject), ("body", body)):
            try:  # each for itself: one wrong field does not lose the other
                broadcast.revise(actor(), found, **{field: value})
            except TextInvalid as invalid:
                errors[invalid.field] = text_sentence(invalid)
        if not errors:
            return redirect(next_step(found), 303)
    return page(
        "staff/text.html",
        broadcast=found,
        subject=subject,
        body=body,
        subject_max=SUBJECT_MAX,
        text_max=TEXT_MAX,
        errors=errors,
    )


@pages.post("/broadcasts/<int:broadcast_id>/again")
def again(broadcast_id: int) -> ResponseReturnValue:
    """A new draft with the text of an earlier one; to whom is asked anew."""
    found = access.broadcast(actor(), broadcast_id)
    once_key = f"{actor().account_id}-again-{found.id}-{secrets.token_hex(8)}"
    if found.category == TEST:
        made = delivery_test.begin(actor(), found.school, once_key=once_key, now=clock.now())
        return redirect(url_for("check.check", broadcast_id=made.id), 303)
    made = broadcast.draft(
        actor(),
        found.school,
        urgent=found.urgent,
        category=found.category,
        subject=found.subject,
        body=found.body,
        once_key=once_key,
        now=clock.now(),
    )
    return redirect(url_for("compose.audience", broadcast_id=made.id), 303)


def may_begin(who: Actor) -> bool:
    """Is there anybody for whom the actor may write?"""
    return access.may_write(who, None) is None or bool(writable_schools(who))


def writable_schools(who: Actor) -> list[School]:
    """The schools for which the actor may write."""
    return [each for each in access.schools(who) if access.may_write(who, each.id) is None]


def draft_of(broadcast_id: int) -> Broadcast:
    """The draft, if the actor may write it. Raises `NotYours`, `NotAllowed`, `WrongState`."""
    found = access.broadcast(actor(), broadcast_id)
    reason = access.may_write(actor(), found.school_id)
    if reason is not None:
        raise NotAllowed(reason)
    if found.state != BroadcastState.DRAFT or found.category == TEST:
        raise WrongState("no longer a draft, or a delivery test")
    return found


def next_step(found: Broadcast) -> str:
    """The address of the first step that is not answered yet; the check page when all are."""
    if not recipients.is_chosen(found):
        return url_for("compose.audience", broadcast_id=found.id)
    if not found.subject or not found.body:
        return url_for("compose.text", broadcast_id=found.id)
    return url_for("check.check", broadcast_id=found.id)


def text_sentence(invalid: TextInvalid) -> str:
    """What the writer must do."""
    subject = invalid.field == "subject"
    if invalid.reason == "empty":
        return _("件名を書いてください。") if subject else _("本文を書いてください。")
    if invalid.reason == "too_long":
        if subject:
            return _("件名は%(most)s字までです。短くしてください。", most=SUBJECT_MAX)
        return _("本文は%(most)s字までです。短くしてください。", most=TEXT_MAX)
    if subject:
        return _("件名に、メールで送れない文字があります。改行などの制御文字を消してください。")
    return _("本文に、メールで送れない文字があります。制御文字を消してください。")


def _writable_school(school_id: int) -> School:
    found = access.school(actor(), school_id)
    reason = access.may_write(actor(), school_id)
    if reason is not None:
        raise NotAllowed(reason)
    return found


def _category_options() -> list[tuple[str, str, str]]:
    return [(key, _(words.CATEGORIES[key][0]), _(words.CATEGORIES[key][1])) for key in CATEGORIES]


def _kind_errors(values: dict[str, str]) -> dict[str, str]:
    errors = {}
    if values["urgent"] not in {"yes", "no"}:
        errors["urgent"] = _("緊急か通常か、選んでください。")
    if values["category"] not in CATEGORIES:
        errors["category"] = _("何についての連絡か、選んでください。")
    return errors


def _audience_errors(scope: str, chosen: set[str], known: set[str]) -> dict[str, str]:
    if scope not in {"whole", "classes"}:
        return {"scope": _("だれに送るか、選んでください。")}
    if scope == "whole" and chosen:
        return {"scope": _("「学校全体」と学級の両方に印があります。どちらかにしてください。")}
    if scope == "classes" and not chosen:
        return {"school_class": _("送る学級に印を付けてください。")}
    if not chosen <= known:
        return {"school_class": _("選んだ学級がなくなりました。もう一度選んでください。")}
    return {}


def _by_grade(everybody: Echo) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """Checkboxes in their groups; every group names its grade."""
    return [
        (
            grade,
            [
                (
                    str(row.school_class_id),
                    f"{row.grade} {row.label}".strip(),
                    _("宛先%(addresses)s", addresses=count(row.addresses)),
                )
                for row in rows
            ],
        )
        for grade, rows in groupby(everybody.classes, key=lambda row: row.grade)
    ]
