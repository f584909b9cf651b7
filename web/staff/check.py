"""Everything once more, and the decision: send, submit to the principal, or (principal) approve or refuse.

Owns what is shown before a broadcast goes: exactly who it goes to, the text as it will be read, what in it
looks like personal data. What was shown travels with the button as a number of addresses and a fingerprint
of text and audience; if either has changed, nothing is sent and the page is shown again. A second press finds
the broadcast already going and shows its status. Refuses to decide who may: `access` and `broadcast` do.
"""

import unicodedata

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from appliance import access, broadcast, clock, db, recipients
from appliance.actor import Actor, Role
from appliance.audience import Echo
from appliance.broadcast import wording
from appliance.broadcast.shown import fingerprint
from appliance.errors import (
    AudienceChanged,
    AudienceEmpty,
    ContentChanged,
    NotAllowed,
    TextInvalid,
    WrongState,
)
from appliance.forecast import forecast
from appliance.models import Broadcast, School
from appliance.states import BroadcastState
from appliance.ward_audience import Share, WardEcho
from web.common import page
from web.common.numbers import COUNT_DIGITS, natural
from web.staff import samples
from web.staff.compose import next_step, text_sentence
from web.staff.desk import actor, desk

pages = Blueprint("check", __name__)
_OPEN = (BroadcastState.DRAFT, BroadcastState.SUBMITTED)


@pages.get("/broadcasts/<int:broadcast_id>/check")
def check(broadcast_id: int) -> ResponseReturnValue:
    """The page on which the decision is made."""
    found = access.broadcast(actor(), broadcast_id)
    if found.state not in _OPEN or not may_act(actor(), found):
        return redirect(url_for("status.status", broadcast_id=found.id), 303)
    if found.state == BroadcastState.DRAFT:
        here = url_for(".check", broadcast_id=found.id)
        step = next_step(found)
        if step != here:
            return redirect(step, 303)
    return _shown(found, {})


@pages.post("/broadcasts/<int:broadcast_id>/check")
def decide(broadcast_id: int) -> ResponseReturnValue:
    """Sends, or submits where the principal decides."""
    found = access.broadcast(actor(), broadcast_id)
    reason = access.may_write(actor(), found.school_id)
    if reason is not None:
        raise NotAllowed(reason)
    if found.state not in _OPEN:
        return redirect(url_for("status.status", broadcast_id=found.id), 303)
    audience = recipients.echo(found)
    errors = _errors(found, audience)
    if errors:
        return _shown(found, errors, audience)
    try:
        if _decides(actor(), found):
            _send(found)
        else:
            broadcast.submit(actor(), found, clock.now())
    except WrongState:  # the button was pressed twice, or somebody else was first
        pass
    except ContentChanged:
        return _shown(access.broadcast(actor(), found.id), {"fingerprint": _other_text()})
    except AudienceEmpty:
        return _shown(found, {"audience": _nobody()})
    except AudienceChanged:
        return _shown(found, {"typed" if found.urgent else "audience": _changed()})
    except TextInvalid as invalid:
        return _shown(found, {"text": text_sentence(invalid)})
    return redirect(url_for("status.status", broadcast_id=found.id), 303)


@pages.route("/broadcasts/<int:broadcast_id>/refuse", methods=["GET", "POST"])
def refuse(broadcast_id: int) -> ResponseReturnValue:
    """差戻し: asks once, then gives it back to its author."""
    found = access.broadcast(actor(), broadcast_id)
    if request.method == "POST":
        broadcast.refuse(actor(), found, clock.now())
        return redirect(url_for("status.status", broadcast_id=found.id), 303)
    if found.state != BroadcastState.SUBMITTED or not _decides(actor(), found):
        return redirect(url_for("status.status", broadcast_id=found.id), 303)
    return page("staff/refuse.html", broadcast=found)


def _send(found: Broadcast) -> None:
    """Approving and sending are one act of the principal: both or neither."""
    now = clock.now()
    with db.transaction():
        if found.state == BroadcastState.SUBMITTED:
            broadcast.approve(actor(), found, now)
        broadcast.send(
            desk().config, actor(), found, shown_addresses=_number(request.form.get("shown", "")), now=now
        )


def _decides(who: Actor, found: Broadcast) -> bool:
    """May the actor send this by themselves? What was submitted is the principal's to decide."""
    if found.state == BroadcastState.SUBMITTED:
        return who.role is Role.PRINCIPAL and access.may_write(who, found.school_id) is None
    return access.may_send(who, found.school) is None


def may_act(who: Actor, found: Broadcast) -> bool:
    if found.state == BroadcastState.SUBMITTED:
        return _decides(who, found)
    return access.may_write(who, found.school_id) is None


def _errors(found: Broadcast, audience: Echo | WardEcho) -> dict[str, str]:
    """Why it does not go yet, in the order of the page."""
    errors = {}
    if audience.addresses == 0:
        errors["audience"] = _nobody()
    if samples.has_blank(found.subject, found.body):
        errors["text"] = _("文例の「○○」が残っています。書きかえるか、消してください。")
    if request.form.get("fingerprint") != fingerprint(found):
        errors["fingerprint"] = _other_text()
    found_things = broadcast.findings(desk().keyring, found.school_id, found.subject, found.body)
    if found_things and request.form.get("acknowledged") != "yes":
        errors["acknowledged"] = _("個人情報のように見える部分を確かめて、印を付けてください。")
    if found.urgent and _decides(actor(), found):
        typed, shown = _number(request.form.get("typed", "")), _number(request.form.get("shown", ""))
        if typed != shown or typed < 0:
            errors["typed"] = _("宛先の数が違います。上に出ている宛先の数を、そのまま入力してください。")
    return errors


def _shown(
    found: Broadcast, errors: dict[str, str], audience: Echo | WardEcho | None = None
) -> ResponseReturnValue:
    audience = audience or recipients.echo(found)
    if not errors and audience.addresses == 0:
        errors = {"audience": _nobody()}
    if not errors and samples.has_blank(found.subject, found.body):
        errors = {"text": _("文例の「○○」が残っています。書きかえるか、消してください。")}
    return page(
        "staff/check.html",
        errors=errors,
        broadcast=found,
        audience=audience,
        schools=names_of(audience),
        findings=broadcast.findings(desk().keyring, found.school_id, found.subject, found.body),
        fingerprint=fingerprint(found),
        decides=_decides(actor(), found),
        submitted=found.state == BroadcastState.SUBMITTED,
        fixed=found.state == BroadcastState.SUBMITTED or found.category == wording.TEST,
        test=found.category == wording.TEST,
        from_address=desk().config.mail.from_address,
        letters=len(found.body),
        subject_line=wording.subject_line(found.school or desk().config.ward, found),
        mail_text=wording.text(desk().config.ward, found.school, found),
        forecast=forecast(desk().config, audience, urgent=found.urgent, now=clock.now()),
    )


def names_of(audience: Echo | WardEcho) -> list[tuple[School, Share]]:
    """The schools of a mail of the ward, each with its part."""
    if isinstance(audience, Echo):
        return []
    known = {
        row.id: row for row in School.select().where(School.id.in_([s.school_id for s in audience.schools]))
    }
    return [(known[share.school_id], share) for share in audience.schools]


def _number(text: str) -> int:
    """A number as people type it, also 「１，２３４」; -1 for anything else."""
    digits = unicodedata.normalize("NFKC", text).replace(",", "").replace("件", "").strip()
    number = natural(digits, COUNT_DIGITS)
    return -1 if number is None else number


def _other_text() -> str:
    return _("このページを開いたあとで、内容が変わりました。もう一度確かめてください。")


def _nobody() -> str:
    return _("この配信対象には、登録している人がいません。配信対象を選び直してください。")


def _changed() -> str:
    return _("宛先の数が、いま変わりました。新しい数を確かめて、もう一度送ってください。")
