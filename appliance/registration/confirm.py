"""The guardian has opened the link: show what is needed, then take class and names.

Owns the single use of a link and the making of child and registration. The guardian zone calls it and can
seal, but open nothing. Refuses to show anything that was stored. Fails with `TokenUnknown`, `TokenExpired`,
`SchoolClosed`, `TokenUsed`, `ClassGone`, `NameInvalid`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from appliance import db, names, token
from appliance.delivery import letters
from appliance.delivery.letters import LetterKind
from appliance.directory.schools import classes
from appliance.errors import ClassGone, SchoolClosed, TokenExpired, TokenUnknown, TokenUsed
from appliance.keys import Keyring, Purpose, Slot, name_form
from appliance.models import Address, Child, Registration, School, SchoolClass
from appliance.models.fields import row_id
from appliance.registration import routine
from appliance.states import RegistrationState, check

LETTER_LIFE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Invitation:
    """What the form may show: the school and its classes, nothing about the guardian."""

    school_id: int
    school_name: str
    school_name_en: str
    school_kind: str
    classes: list[SchoolClass]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Confirmed:
    """`already`: this address was registered for this child before; nothing has changed."""

    school_id: int
    school_name: str
    school_name_en: str
    already: bool


def _waiting(text: str, now: datetime) -> Registration:
    found = (
        Registration.select(Registration, School)
        .join(School)
        .where(Registration.token_hash == token.hashed(token.read(text)))
        .get_or_none()
    )
    if found is None:
        raise TokenUnknown("no such link")
    if found.confirmed_at is not None:
        raise TokenUsed("the link has been used")
    if found.state != RegistrationState.REQUESTED or found.expires_at <= now:
        raise TokenExpired("the link has expired")
    if found.school.state != "open":
        raise SchoolClosed("the school is closed")
    waiting: Registration = found
    return waiting


def look(text: str, now: datetime) -> Invitation:
    """What the link invites to. Changes nothing: scanners open links too. Raises the token sentences."""
    with db.guarded():
        school = _waiting(text, now)
        return Invitation(
            school_id=school.school_id,
            school_name=school.school.name,
            school_name_en=school.school.name_en,
            school_kind=school.school.kind,
            classes=classes(school.school_id),
            expires_at=school.expires_at,
        )


def confirm(
    keyring: Keyring,
    text: str,
    *,
    school_class_id: int,
    child_name: str,
    guardian_name: str,
    now: datetime,
    names_max: int = 60,
) -> Confirmed:
    """Completes the registration and queues the welcome mail, in one transaction."""
    with db.transaction():
        waiting = _waiting(text, now)
        school = waiting.school
        # The class is held until the commit: of two parents at once, the second finds the first one's child.
        school_class = db.held(
            SchoolClass.select().where(
                SchoolClass.id == school_class_id,
                SchoolClass.school == school,
                SchoolClass.retired_at.is_null(),
            ),
            "FOR NO KEY UPDATE",
        ).get_or_none()
        if school_class is None:
            raise ClassGone("no such class at this school")
        child_name = names.clean(child_name, "child_name", names_max)
        guardian_name = names.clean(guardian_name, "guardian_name", names_max)
        child_id = _child(keyring, school_class, child_name, now)
        routine.resume(waiting.address_id)
        already = Registration.get_or_none(
            Registration.child == child_id,
            Registration.address == waiting.address_id,
            Registration.state == RegistrationState.CONFIRMED,
        )
        if already is not None:
            check(RegistrationState(waiting.state), RegistrationState.EXPIRED)
            _finish(waiting, state=RegistrationState.EXPIRED, confirmed_at=now, ended_at=now)
            return Confirmed(school.id, school.name, school.name_en, already=True)
        check(RegistrationState(waiting.state), RegistrationState.CONFIRMED)
        slot = Slot(Purpose.NAMES, "registration", "guardian_name_sealed", school.id, waiting.id)
        _finish(
            waiting,
            state=RegistrationState.CONFIRMED,
            child=child_id,
            guardian_name_sealed=keyring.seal(slot, guardian_name),
            confirmed_at=now,
        )
        _tell(waiting, child_id, now)
    return Confirmed(school.id, school.name, school.name_en, already=False)


def _finish(waiting: Registration, **changes: object) -> None:
    """One of two that press the button at the same moment is the first; the other has `TokenUsed`."""
    changed = (
        Registration.update(**changes)
        .where(Registration.id == waiting.id, Registration.state == RegistrationState.REQUESTED)
        .execute()
    )
    if changed != 1:
        raise TokenUsed("the link has been used")


def _child(keyring: Keyring, school_class: SchoolClass, name: str, now: datetime) -> int:
    """The child of that name in that class, or a new one."""
    index = keyring.index(Purpose.NAMES, name_form(name))
    same_name = Child.select().where(
        Child.school == school_class.school_id,
        Child.school_class == school_class,
        Child.name_index == index,
    )
    found = db.held(same_name, "FOR KEY SHARE").first()
    if found is not None:
        return int(found.id)
    new = row_id()
    slot = Slot(Purpose.NAMES, "child", "name_sealed", school_class.school_id, new)
    Child.insert(
        id=new,
        school=school_class.school_id,
        school_class=school_class,
        name_sealed=keyring.seal(slot, name),
        name_index=index,
        created_at=now,
    ).execute()
    return new


def _tell(waiting: Registration, child_id: int, now: datetime) -> None:
    """A welcome to the new address; a word to those that were there before, who would notice a stranger."""
    welcome = Address.get_by_id(waiting.address_id)
    letters.queue(LetterKind.WELCOME, welcome, now=now, life=LETTER_LIFE, registration_id=waiting.id)
    others = (
        Address.select(Address, Registration.id.alias("their_registration"))
        .join(Registration, on=(Registration.address == Address.id))
        .where(
            Registration.child == child_id,
            Registration.state == RegistrationState.CONFIRMED,
            Registration.id != waiting.id,
        )
    )
    for address in others.objects():
        theirs = address.their_registration
        letters.queue(LetterKind.NEWCOMER, address, now=now, life=LETTER_LIFE, registration_id=theirs)
