"""到達度: what is known of an address, from what came of its mails; a grade, never a verdict on a family.

Owns the grades A to E, counted anew from the rows each time, and the list of addresses for which a school may
ask the family for another one. The last word counts: a refusal makes everything before it old, so that an
address that was gone and accepts again has to be confirmed anew (it may be somebody else's by now); one in
doubt (`appliance.doubt`) is a D whatever it accepts. Refuses to change or delete anything: a carrier's 550
may be a filter. The list opens names and is recorded in the same transaction (R27); raises
`NotYours`, `NotAllowed`.
"""

from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from appliance import access, audit, db
from appliance.actor import Actor
from appliance.delivery.outcome import Reason
from appliance.directory import registrants
from appliance.directory.registrants import Registrant
from appliance.doubt import Doubt
from appliance.errors import NotAllowed
from appliance.keys import Keyring
from appliance.models.fields import micros

RECENT = timedelta(days=30)
TERM = timedelta(days=120)
"""A Japanese school term is three to four months; the appliance does not know the dates of terms."""


class Grade(StrEnum):
    """From the most that is known to the least."""

    A = "A"  # confirmed within `RECENT`: the guardian answered a mail or registered
    B = "B"  # confirmed within `TERM`
    C = "C"  # accepted only
    D = "D"  # the last word was a refusal, or a 550 that may be a filter; or nobody knows whose it is
    E = "E"  # no receiver ever said yes or no


WEAK = (Grade.D, Grade.E)


@dataclass(frozen=True, slots=True)
class Grades:
    """Addresses by grade. An address with children in two classes counts in both, in the school once."""

    school: Counter[Grade]
    by_class: dict[int, Counter[Grade]]


@dataclass(frozen=True, slots=True)
class Weak:
    """One registration whose address is graded D or E; `reason` is that of the last refusal."""

    registrant: Registrant
    grade: Grade
    reason: Reason
    doubt: Doubt


class _Word(NamedTuple):
    """The latest moments, in microseconds, 0 for never."""

    school_class_id: int
    address_id: int
    confirmed: int
    accepted: int
    refused: int
    doubt: str


def counts(school_id: int, at: datetime) -> Grades:
    """As things were known at that moment. One query, whatever the size of the school."""
    grades: dict[int, Grade] = {}
    by_class: dict[int, Counter[Grade]] = defaultdict(Counter)
    for word in _words("r.school_id = ?", school_id, at):
        grades[word.address_id] = _grade(word, at)
        by_class[word.school_class_id][grades[word.address_id]] += 1
    return Grades(Counter(grades.values()), dict(by_class))


def of_address(address_id: int, now: datetime) -> Grade:
    """The grade of one registered address."""
    words = _words("r.address_id = ?", address_id, now)
    return _grade(words[0], now) if words else Grade.E


def weak(actor: Actor, keyring: Keyring, school_id: int, now: datetime) -> list[Weak]:
    """Opens the registrations with an address graded D or E, by class."""
    access.school(actor, school_id)
    reason = access.may_open_names(actor, school_id)
    if reason is not None:
        raise NotAllowed(reason)
    with db.transaction():
        words = {word.address_id: word for word in _words("r.school_id = ?", school_id, now)}
        grades = {address_id: _grade(word, now) for address_id, word in words.items()}
        asked = {address_id: grade for address_id, grade in grades.items() if grade in WEAK}
        reasons = _refusals([address_id for address_id, grade in asked.items() if grade is Grade.D])
        rows = registrants.of_addresses(keyring, school_id, asked.keys())
        audit.record(
            actor, audit.Act.EVIDENCE_OPENED, "school", school_id, school_id=school_id,
            opened=len(rows), **access.why(actor, school_id),
        )  # fmt: skip
    return [
        Weak(
            row, asked[row.address_id], reasons.get(row.address_id, Reason.NONE),
            Doubt.kept(words[row.address_id].doubt),
        )
        for row in rows
    ]  # fmt: skip


def _words(where: str, parameter: int, at: datetime) -> list[_Word]:
    """A row per class and address. A mail too large for the receiver says nothing about the address.

    What happened after `at` is left out, but for a bounce that has taken the place of an earlier 250.
    """
    query = f"""
        WITH registered AS MATERIALIZED (
            SELECT c.school_class_id, r.address_id, MAX(r.confirmed_at) AS confirmed_at,
                   MAX(CASE WHEN r.doubted_at <= ? THEN r.doubt ELSE '' END) AS doubt
            FROM registration AS r JOIN child AS c ON c.id = r.child_id
            WHERE {where} AND r.state = 'confirmed' AND r.confirmed_at <= ?
            GROUP BY c.school_class_id, r.address_id
        ), word AS MATERIALIZED (
            SELECT m.address_id,
                   COALESCE(MAX(k.at), 0) AS answered,
                   COALESCE(MAX(CASE WHEN d.state = 'accepted' AND d.settled_at <= ?
                                     THEN d.settled_at END), 0) AS accepted,
                   COALESCE(MAX(CASE WHEN d.state IN ('failed', 'bounced') AND d.settled_at <= ?
                                      AND d.reason <> '{Reason.TOO_LARGE}'
                                     THEN d.settled_at END), 0) AS refused
            FROM (SELECT DISTINCT address_id FROM registered) AS m
            LEFT JOIN delivery AS d ON d.address_id = m.address_id
            LEFT JOIN confirmation AS k ON k.delivery_id = d.id AND k.at <= ?
            GROUP BY m.address_id
        ), joined AS (
            SELECT address_id, MAX(confirmed_at) AS confirmed_at FROM registered GROUP BY address_id
        )
        SELECT registered.school_class_id, word.address_id,
               CASE WHEN joined.confirmed_at > word.answered THEN joined.confirmed_at ELSE word.answered END,
               word.accepted, word.refused, registered.doubt
        FROM registered
        JOIN word ON word.address_id = registered.address_id
        JOIN joined ON joined.address_id = registered.address_id
        """  # noqa: S608  (constants only)
    with db.guarded():
        rows = db.statement(query, micros(at), parameter, *[micros(at)] * 4).fetchall()
    return [_Word(*row) for row in rows]


def _grade(word: _Word, now: datetime) -> Grade:
    if word.doubt:
        return Grade.D
    if word.refused > max(word.confirmed, word.accepted):
        return Grade.D
    if word.confirmed > word.refused:
        if word.confirmed > micros(now - RECENT):
            return Grade.A
        if word.confirmed > micros(now - TERM):
            return Grade.B
    return Grade.C if word.accepted else Grade.E


def _refusals(address_ids: Collection[int]) -> dict[int, Reason]:
    """Why the last mail to each was refused."""
    if not address_ids:
        return {}
    listed = db.listed(list(address_ids))
    rows = db.statement(
        f"""
        SELECT address_id, reason FROM delivery
        WHERE state IN ('failed', 'bounced') AND reason <> '{Reason.TOO_LARGE}' AND address_id IN ({listed})
        ORDER BY settled_at
        """  # noqa: S608  (our own ids)
    ).fetchall()
    return {address_id: Reason.kept(reason) for address_id, reason in rows}
