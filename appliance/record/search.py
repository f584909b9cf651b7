"""Finding records: by person, school, act and day, newest first, a page at a time.

Owns the question and its pages, which go by the last row seen and not by counting, so that a page costs
the same among five million records as among fifty. Where nothing is asked, the newest is what the database
numbered last: no record comes first because it says so. Answers to a question go by time, as the indexes do.
Moments are whole microseconds here, as they were written, whether a calendar has them or not. Who may ask is
`access.may_read_everything`; that somebody asked is itself a record. A file of them breaks off when its
reader is logged out. Refuses names of guardians and children: no record holds any. Fails with `NotAllowed`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from peewee import JOIN, Tuple, Value

from appliance import access, account, audit, clock, db
from appliance.actor import Actor
from appliance.errors import NotAllowed, NotYours
from appliance.models import Account, Audit, AuditLeaf, School

PAGE_ROWS = 50
_CHUNK = 2_000
_MICROS = Audit.at.alias("micros").coerce(False)
Place = tuple[int, int]
"""Where a page ends: time and id of its last row."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is looked for; None is any. `until_at` is not in it."""

    account_id: int | None = None
    school_id: int | None = None
    act: str | None = None
    from_at: datetime | None = None
    until_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A page. `older` is where the next one begins, if there is one."""

    rows: list[Audit]
    older: Place | None


def page(actor: Actor, question: Question, before: Place | None = None) -> Found:
    """The newest records that answer, older than `before`. Recorded. Raises `NotAllowed`."""
    _require(actor)
    query = _newest(question)
    if before is not None:
        query = query.where(_older(question, before))
    with db.transaction():
        rows = list(query.limit(PAGE_ROWS + 1))
        shown = rows[:PAGE_ROWS]
        audit.record(actor, audit.Act.RECORDS_READ, "record", None, rows=len(shown), **_asked(question))
    last = shown[-1] if len(rows) > PAGE_ROWS else None
    return Found(shown, (last.micros, last.id) if last else None)


def one(actor: Actor, record_id: int) -> tuple[Audit, int | None]:
    """A record and its place in the tree, if it is sealed. Recorded. Raises `NotAllowed`, `NotYours`."""
    _require(actor)
    with db.transaction():
        found = _joined().where(Audit.id == record_id).first()
        if found is None:
            raise NotYours("record")
        audit.record(actor, audit.Act.RECORDS_READ, "record", record_id, rows=1)
    leaf = AuditLeaf.get_or_none(AuditLeaf.audit_id == record_id)
    return found, None if leaf is None else leaf.position


def export(actor: Actor, question: Question, form: str) -> Iterator[Audit]:
    """Every record that answers, newest first. Recorded before the first row leaves.

    Raises `NotAllowed`, half way too: `session_over`, once the actor is logged out or suspended.
    """
    _require(actor)
    with db.transaction():
        audit.record(actor, audit.Act.RECORDS_EXPORTED, "record", None, form=form, **_asked(question))
    return _all(actor, question)


def _all(actor: Actor, question: Question) -> Iterator[Audit]:
    query, before, left = _newest(question), None, 0
    while True:
        if not account.goes_on(actor, clock.now()):
            _record_cut(actor, left)
            raise NotAllowed("session_over")
        part = query if before is None else query.where(_older(question, before))
        rows = list(part.limit(_CHUNK))
        yield from rows
        left += len(rows)
        if len(rows) < _CHUNK:
            return
        before = rows[-1].micros, rows[-1].id


def _record_cut(actor: Actor, rows: int) -> None:
    with db.transaction():
        audit.record(actor, audit.Act.RECORDS_EXPORTED, "record", None, result="session_over", rows=rows)


def _older(question: Question, before: Place) -> Any:
    at, id_ = (Value(each, converter=False) for each in before)
    return Audit.id < id_ if question == Question() else Tuple(Audit.at, Audit.id) < Tuple(at, id_)


def _joined() -> Any:
    return (
        Audit.select(Audit, _MICROS, Account.login_id, Account.display_name, School.name, School.name_en)
        .join(Account, JOIN.LEFT_OUTER, on=(Audit.account_id == Account.id), attr="account")
        .switch(Audit)
        .join(School, JOIN.LEFT_OUTER, on=(Audit.school_id == School.id), attr="school")
    )


def _newest(question: Question) -> Any:
    query = _joined().order_by(Audit.id.desc())
    if question != Question():
        query = query.order_by(Audit.at.desc(), Audit.id.desc())
    for column, value in (
        (Audit.account_id, question.account_id),
        (Audit.school_id, question.school_id),
        (Audit.act, question.act),
    ):
        if value is not None:
            query = query.where(column == value)
    if question.from_at is not None:
        query = query.where(Audit.at >= question.from_at)
    if question.until_at is not None:
        query = query.where(Audit.at < question.until_at)
    return query


def _asked(question: Question) -> dict[str, Any]:
    """The question for the record of it: ids and days."""
    asked = {
        "account": question.account_id,
        "school": question.school_id,
        "of": question.act,
        "from": None if question.from_at is None else question.from_at.isoformat(),
        "until": None if question.until_at is None else question.until_at.isoformat(),
    }
    return {name: value for name, value in asked.items() if value is not None}


def _require(actor: Actor) -> None:
    reason = access.may_read_everything(actor)
    if reason is not None:
        raise NotAllowed(reason)
