"""宛先の再確認: an address may be somebody else's by now; until it has proved itself it reaches nobody.

Owns the mark on a registration, what sets it and what takes it away. Carriers give abandoned addresses to new
people, and between two moments at which an address was seen alive nobody knows whose it was. So the mark
comes when a refusal as unknown has stood for `doubt_refused_days` without any mail accepted, or when nothing
was accepted or answered for `doubt_silent_days`; the first mail accepted after it brings one letter that asks
(`LetterKind.PROVE`). It goes when the guardian writes the child's name there, when the guardian registers
that child anew, or when the school has asked by telephone (`vouch`). An answer alone proves nothing: a
stranger answers, too.

Refuses to remove anybody, and to stop broadcasts: they hold no personal data, and show whether the address
lives. Fails with `ProofUsedUp`, `NotAllowed`, and as the database does.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from peewee import SQL

from appliance import access, audit, db, log
from appliance.actor import Actor
from appliance.config import Config
from appliance.delivery import letters
from appliance.delivery.letters import LetterKind
from appliance.delivery.outcome import Reason
from appliance.errors import NotAllowed, ProofUsedUp
from appliance.keys import Keyring, Purpose, name_form
from appliance.models import Address, Child, Registration, School
from appliance.models.fields import micros
from appliance.states import DELIVERY_OPEN, RegistrationState

TRIES = 5
"""Names that may be written for one registration in doubt; after that only the school can vouch."""
LETTER_LIFE = timedelta(days=3)
_GONE = ", ".join(
    f"'{reason}'"
    for reason in (
        Reason.UNKNOWN_USER, Reason.UNKNOWN_OR_FILTERED, Reason.MOVED, Reason.SUSPENDED, Reason.UNKNOWN_DOMAIN
    )
)  # fmt: skip
_UNDER_WAY = ", ".join(f"'{state}'" for state in (*DELIVERY_OPEN, "accepted"))


class Doubt(StrEnum):
    """Why; `NONE` is no doubt."""

    NONE = ""
    REFUSED = "refused"  # said to be unknown, for long
    SILENT = "silent"  # nothing accepted and nothing answered, for very long
    DISOWNED = "disowned"  # who reads there says that he is not the guardian

    @classmethod
    def kept(cls, text: str) -> "Doubt":
        """Of a row; a word that is none of ours is a doubt all the same."""
        return cls(text) if text in _DOUBTS else cls.REFUSED


_DOUBTS = frozenset(Doubt)


@dataclass(frozen=True, slots=True)
class Swept:
    """What one look at a school changed."""

    doubted: int
    asked: int


def sweep(config: Config, school_id: int, now: datetime) -> Swept:
    """Marks what is in doubt by now, and asks where a mail was accepted since. Where all is well it only
    reads; safe to run in several workers, and again."""
    with db.guarded():
        suspects = _suspects(config, school_id, now)
        marked = _mark(suspects, now) if suspects else 0
        swept = Swept(marked, _ask(school_id, now) if _unasked(school_id) else 0)
    if swept.doubted or swept.asked:
        log.doubted(school_id, swept.doubted, swept.asked)
    return swept


def school_ids() -> list[int]:
    """Those whose addresses are looked after."""
    with db.guarded():
        return [row[0] for row in School.select(School.id).order_by(School.id).tuples()]


def _suspects(config: Config, school_id: int, now: datetime) -> list[tuple[int, str]]:
    """Registrations whose address was not seen alive for too long, and why that is a doubt."""
    settings = config.registration
    rows = db.statement(
        f"""
        WITH old AS MATERIALIZED (
            SELECT id, address_id,
                   CASE WHEN proved_at > confirmed_at THEN proved_at ELSE confirmed_at END AS proved
            FROM registration
            WHERE school_id = ? AND state = 'confirmed' AND doubted_at IS NULL AND confirmed_at < ?
        ), seen AS MATERIALIZED (
            SELECT o.address_id, COALESCE(MAX(k.at), 0) AS answered,
                   COALESCE(MAX(CASE WHEN d.state = 'accepted' THEN d.settled_at END), 0) AS accepted,
                   COALESCE(MAX(CASE WHEN d.state IN ('failed', 'bounced') AND d.reason IN ({_GONE})
                                     THEN d.settled_at END), 0) AS gone
            FROM (SELECT DISTINCT address_id FROM old) AS o
            LEFT JOIN delivery AS d ON d.address_id = o.address_id
            LEFT JOIN confirmation AS k ON k.delivery_id = d.id
            GROUP BY o.address_id
        ), alive AS (
            SELECT old.id, seen.gone,
                   CASE WHEN old.proved >= seen.answered AND old.proved >= seen.accepted THEN old.proved
                        WHEN seen.answered >= seen.accepted THEN seen.answered ELSE seen.accepted END AS at
            FROM old JOIN seen ON seen.address_id = old.address_id
        )
        SELECT id, CASE WHEN gone > at THEN 'refused' ELSE 'silent' END FROM alive
        WHERE (gone > at AND at < ?) OR at < ?
        """,  # noqa: S608  (constants only)
        school_id,
        micros(now - timedelta(days=min(settings.doubt_refused_days, settings.doubt_silent_days))),
        micros(now - timedelta(days=settings.doubt_refused_days)),
        micros(now - timedelta(days=settings.doubt_silent_days)),
    ).fetchall()
    return [(registration_id, doubt) for registration_id, doubt in rows]


def _mark(suspects: list[tuple[int, str]], now: datetime) -> int:
    """Whoever has just answered is marked all the same, and asked: a matter of milliseconds in weeks."""
    marked = 0
    with db.transaction():
        for doubt in (Doubt.REFUSED, Doubt.SILENT):
            ids = [registration_id for registration_id, why in suspects if why == doubt]
            if ids:
                marked += (
                    Registration.update(doubted_at=now, doubt=doubt, proof_tries=0)
                    .where(
                        SQL(f"id IN ({db.listed(ids)})"),
                        Registration.doubted_at.is_null(),
                        Registration.state == RegistrationState.CONFIRMED,
                    )
                    .execute()
                )
    return marked


def _ask(school_id: int, now: datetime) -> int:
    """One letter to each of these addresses. Looked up again under the lock: a second worker asks nobody."""
    with db.transaction():
        held = db.held(
            Registration.select(Registration.id).where(
                Registration.doubted_at.is_null(False), Registration.school == school_id
            ),
            "FOR NO KEY UPDATE",
        )
        list(held)
        rows = _unasked(school_id)
        for registration_id, address_id in rows:
            letters.queue(
                LetterKind.PROVE,
                Address.get_by_id(address_id),
                now=now,
                life=LETTER_LIFE,
                registration_id=registration_id,
            )
    return len(rows)


def _unasked(school_id: int) -> list[tuple[int, int]]:
    """(registration, address) in doubt that have taken a mail since, and have no letter; once per address.

    Another letter is due only where the first got lost.
    """
    rows = db.statement(
        f"""
        SELECT MIN(r.id), r.address_id FROM registration AS r
        WHERE r.school_id = ? AND r.state = 'confirmed' AND r.doubted_at IS NOT NULL AND r.doubt <> 'disowned'
          AND EXISTS (SELECT 1 FROM delivery AS d WHERE d.address_id = r.address_id AND d.state = 'accepted'
                      AND d.settled_at >= r.doubted_at AND d.kind = 'broadcast')
          AND NOT EXISTS (SELECT 1 FROM delivery AS p WHERE p.address_id = r.address_id AND p.kind = 'prove'
                          AND p.created_at >= r.doubted_at AND p.state IN ({_UNDER_WAY}))
        GROUP BY r.address_id
        """,  # noqa: S608  (constants only)
        school_id,
    ).fetchall()
    return [(registration_id, address_id) for registration_id, address_id in rows]


def is_doubted(address_id: int) -> bool:
    """Has any registration of this address to be proved first?"""
    return bool(_doubted(address_id).exists())


def prove(keyring: Keyring, address_id: int, child_name: str, now: datetime) -> bool:
    """The reader of the letter has written a child's name: the right one takes the mark from the whole
    address. In the caller's transaction. Raises `ProofUsedUp` after too many wrong ones."""
    rows = list(_doubted(address_id).order_by(Registration.id))
    if not rows:
        return True
    if max(row.proof_tries for row in rows) >= TRIES:
        raise ProofUsedUp("too many wrong names")
    index = keyring.index(Purpose.NAMES, name_form(child_name))
    known = (
        Registration.select(Registration.id)
        .join(Child)
        .where(
            Registration.address == address_id,
            Registration.state == RegistrationState.CONFIRMED,
            Child.name_index == index,
        )
    )
    if not known.exists():
        Registration.update(proof_tries=Registration.proof_tries + 1).where(
            Registration.id.in_([row.id for row in rows])
        ).execute()
        return False
    settle(address_id, now)
    return True


def settle(address_id: int, now: datetime) -> int:
    """Takes the mark away, in the caller's transaction: the guardian has shown who he is."""
    return int(
        Registration.update(doubted_at=None, doubt=Doubt.NONE, proof_tries=0, proved_at=now)
        .where(Registration.address == address_id, Registration.doubted_at.is_null(False))
        .execute()
    )


def disown(address_id: int, now: datetime) -> None:
    """Who reads there is not the guardian and wants no mail: routine mail ends, and the school is shown it.

    Urgent mail goes on until the school has removed the registration: one word of a stranger, or of a child
    at play, must not silence an alarm.
    """
    Registration.update(doubt=Doubt.DISOWNED).where(
        Registration.address == address_id, Registration.doubted_at.is_null(False)
    ).execute()
    Address.update(routine_off_at=now).where(
        Address.id == address_id, Address.routine_off_at.is_null()
    ).execute()


def vouch(actor: Actor, registration: Registration, now: datetime) -> None:
    """The school has asked the guardian, by telephone say. Recorded. Raises `NotAllowed`."""
    reason = access.may_open_names(actor, registration.school_id)
    if reason is not None:
        raise NotAllowed(reason)
    with db.transaction():
        if settle(registration.address_id, now):
            audit.record(
                actor, audit.Act.ADDRESS_VOUCHED, "registration", registration.id,
                school_id=registration.school_id, **access.why(actor, registration.school_id),
            )  # fmt: skip


def _doubted(address_id: int) -> Any:
    return Registration.select().where(
        Registration.address == address_id,
        Registration.state == RegistrationState.CONFIRMED,
        Registration.doubted_at.is_null(False),
    )
