"""Drafts: writing and changing a broadcast before anybody decides.

Owns the validation of subject and text. Drafts may be incomplete: each step of the pages saves what is
there, and `require_complete` asks for the rest before submitting. Fails with `TextInvalid` (reasons `empty`,
`too_long`, `control`) and `NotAllowed`.
"""

import unicodedata
from datetime import datetime
from typing import Any

from peewee import IntegrityError

from appliance import access, audit, db, recipients
from appliance.actor import Actor
from appliance.audience import Audience
from appliance.broadcast.wording import TEST
from appliance.errors import NotAllowed, TextInvalid, WrongState
from appliance.models import Broadcast, BroadcastSchool, School, SchoolClass
from appliance.states import BroadcastState
from appliance.ward_audience import WardAudience

CATEGORIES = ("crime", "disaster", "incident", "event", "other")
SUBJECT_MAX = 80
TEXT_MAX = 4000


def draft(
    actor: Actor,
    school: School | None,
    *,
    urgent: bool,
    category: str,
    once_key: str,
    now: datetime,
    subject: str = "",
    body: str = "",
    audience: Audience | WardAudience | None = None,
) -> Broadcast:
    """A new draft of a school, or of the ward (None). The same `once_key` (one per opened page) returns the
    draft it made before.

    Raises `TextInvalid`, `NotAllowed`, and `WrongState` for another author's `once_key`.
    """
    school_id = None if school is None else school.id
    _require(access.may_write(actor, school_id))
    if category == TEST and urgent:
        raise TextInvalid("category", "unknown")
    try:
        with db.transaction():
            existing = _drafted(actor, once_key)
            if existing is not None:
                return existing
            made: Broadcast = Broadcast.create(
                school=school,
                author=actor.account_id,
                urgent=urgent,
                category=category if category == TEST else _category(category),
                subject=clean_subject(subject, complete=False),
                body=clean_body(body, complete=False),
                audience=_audience(school_id, audience or recipients.nobody(school_id)).write(),
                state=BroadcastState.DRAFT,
                once_key=once_key,
                created_at=now,
            )
            audit.record(actor, audit.Act.BROADCAST_DRAFTED, "broadcast", made.id, school_id=school_id)
    except IntegrityError:  # the same page sent twice at the same moment, or somebody else's page
        existing = _drafted(actor, once_key)
        if existing is None:
            raise WrongState("the page belongs to another draft") from None
        return existing
    return made


def _drafted(actor: Actor, once_key: str) -> Broadcast | None:
    with db.guarded():
        found: Broadcast | None = Broadcast.get_or_none(
            Broadcast.once_key == once_key, Broadcast.author == actor.account_id
        )
    return found


def revise(
    actor: Actor,
    broadcast: Broadcast,
    *,
    urgent: bool | None = None,
    category: str | None = None,
    subject: str | None = None,
    body: str | None = None,
    audience: Audience | WardAudience | None = None,
) -> None:
    """Changes what is given. Raises `WrongState` once it is no longer a draft, and for a delivery test, whose
    text, lane and audience are fixed."""
    _require(access.may_write(actor, broadcast.school_id))
    if broadcast.category == TEST:
        raise WrongState("a delivery test is not changed")
    changes: dict[str, object] = {}
    if urgent is not None:
        changes["urgent"] = urgent
    if category is not None:
        changes["category"] = _category(category)
    if subject is not None:
        changes["subject"] = clean_subject(subject, complete=True)
    if body is not None:
        changes["body"] = clean_body(body, complete=True)
    if audience is not None:
        changes["audience"] = _audience(broadcast.school_id, audience).write()
    with db.transaction():
        changed = (
            Broadcast.update(**changes)
            .where(Broadcast.id == broadcast.id, Broadcast.state == BroadcastState.DRAFT)
            .execute()
        )
        if changed != 1:
            raise WrongState("no longer a draft")
        audit.record(
            actor, audit.Act.BROADCAST_REVISED, "broadcast", broadcast.id, school_id=broadcast.school_id
        )
    for name, value in changes.items():
        setattr(broadcast, name, value)


def recent(actor: Actor, school_id: int, limit: int = 50) -> list[Broadcast]:
    """The school's broadcasts, and the ward's that went to it, newest first. Raises `NotYours`."""
    access.school(actor, school_id)
    of_the_ward = BroadcastSchool.select(BroadcastSchool.broadcast).where(BroadcastSchool.school == school_id)
    return _newest((Broadcast.school == school_id) | Broadcast.id.in_(of_the_ward), limit)


def recent_of_ward(actor: Actor, limit: int = 50) -> list[Broadcast]:
    """The ward's broadcasts, newest first. Raises `NotAllowed`."""
    _require(access.may_see_ward(actor))
    return _newest(Broadcast.school.is_null(), limit)


def _newest(which: Any, limit: int) -> list[Broadcast]:
    with db.guarded():
        return list(
            Broadcast.select()
            .where(which)
            .order_by(Broadcast.created_at.desc(), Broadcast.id.desc())
            .limit(limit)
        )


def require_complete(broadcast: Broadcast) -> None:
    """Raises `TextInvalid` while subject or text is missing."""
    clean_subject(broadcast.subject, complete=True)
    clean_body(broadcast.body, complete=True)


def clean_subject(text: str, *, complete: bool) -> str:
    """One line."""
    return _clean("subject", text.strip(), SUBJECT_MAX, complete=complete, permitted="")


def clean_body(text: str, *, complete: bool) -> str:
    """Lines ended by LF; trailing blanks go."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    text = "\n".join(line.rstrip() for line in lines).strip("\n")
    return _clean("body", text, TEXT_MAX, complete=complete, permitted="\n\t")


def _clean(field: str, text: str, longest: int, *, complete: bool, permitted: str) -> str:
    text = unicodedata.normalize("NFC", text)
    if complete and not text.strip():
        raise TextInvalid(field, "empty")
    if len(text) > longest:
        raise TextInvalid(field, "too_long")
    if any(
        unicodedata.category(character) in {"Cc", "Cs"} and character not in permitted for character in text
    ):
        raise TextInvalid(field, "control")
    return text


def _category(category: str) -> str:
    if category not in CATEGORIES:
        raise TextInvalid("category", "unknown")
    return category


def _audience(school_id: int | None, audience: Audience | WardAudience) -> Audience | WardAudience:
    """Only classes of this school, or open schools of the ward; a foreign or vanished one is refused, not
    dropped."""
    if isinstance(audience, WardAudience) != (school_id is None):
        raise TextInvalid("audience", "unknown")
    if isinstance(audience, WardAudience):
        return _of_the_ward(audience)
    ids = audience.school_class_ids
    if not ids:
        return audience
    known = {
        row[0]
        for row in SchoolClass.select(SchoolClass.id)
        .where(
            SchoolClass.school == school_id, SchoolClass.id.in_(list(ids)), SchoolClass.retired_at.is_null()
        )
        .tuples()
    }
    if known != ids:
        raise TextInvalid("audience", "class_gone")
    return audience


def _of_the_ward(audience: WardAudience) -> WardAudience:
    ids = audience.school_ids or frozenset()
    known = School.select(School.id).where(School.id.in_(list(ids)), School.state == "open").tuples()
    if {row[0] for row in known} != ids:
        raise TextInvalid("audience", "school_gone")
    return audience


def _require(reason: str | None) -> None:
    if reason is not None:
        raise NotAllowed(reason)
