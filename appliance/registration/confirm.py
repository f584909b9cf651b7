"""The guardian has opened the link: show what is needed, then take class and names.

Owns the single use of a link and the making of child and registration, by the form (guardian zone) or by an
answer to the reply mail (mail zone). Both can seal, but open no name. Refuses to show anything that was
stored. Fails with `TokenUnknown`, `TokenExpired`, `SchoolClosed`, `TokenUsed`, `ClassGone`, `NameInvalid`.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from appliance import db, doubt, names, token
from appliance.delivery import letters
from appliance.delivery.letters import LetterKind
from appliance.directory.schools import classes
from appliance.errors import ClassGone, KeyRefused, SchoolClosed, TokenExpired, TokenUnknown, TokenUsed
from appliance.keys import Keyring, Purpose, Slot, name_form
from appliance.keys.ring import INDEX_OCTETS
from appliance.language import Language
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


def _waiting(which: object, now: datetime) -> Registration:
    found = Registration.select(*Registration.unsealed(), School).join(School).where(which).get_or_none()
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


def _linked(text: str) -> object:
    return Registration.token_hash == token.hashed(token.read(text))


def look(text: str, now: datetime) -> Invitation:
    """What the link invites to. Changes nothing: scanners open links too. Raises the token sentences."""
    with db.guarded():
        school = _waiting(_linked(text), now)
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
    language: str | None = None,
) -> Confirmed:
    """Completes the registration and queues the welcome mail, in one transaction.

    `language`: in which the guardian wants letters from now on; None leaves it.
    """
    with db.transaction():
        waiting = _waiting(_linked(text), now)
        if language is not None:
            Address.update(language=Language(language)).where(Address.id == waiting.address_id).execute()
        return _complete(keyring, waiting, school_class_id, (child_name, guardian_name), now, names_max)


def confirm_by_answer(
    keyring: Keyring,
    registration_id: int,
    *,
    school_class_id: int,
    child_name: str,
    guardian_name: str,
    now: datetime,
    names_max: int = 60,
) -> Confirmed:
    """The same, when the guardian has answered the reply mail (R23: the caller saw to the encryption).

    A zone without the names index cannot find the child; then a new one is made, and
    `directory.children.recognise` joins it with its namesake later. Raises as `confirm`.
    """
    with db.transaction():
        waiting = _waiting(Registration.id == registration_id, now)
        return _complete(keyring, waiting, school_class_id, (child_name, guardian_name), now, names_max)


def _complete(
    keyring: Keyring,
    waiting: Registration,
    school_class_id: int,
    written: tuple[str, str],
    now: datetime,
    names_max: int,
) -> Confirmed:
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
    child_name = names.clean(written[0], "child_name", names_max)
    guardian_name = names.clean(written[1], "guardian_name", names_max)
    child_id = _child(keyring, school_class, child_name, now)
    routine.resume(waiting.address_id)
    already = Registration.get_or_none(
        Registration.child == child_id,
        Registration.address == waiting.address_id,
        Registration.state == RegistrationState.CONFIRMED,
    )
    if already is not None:
        doubt.settle(waiting.address_id, now)
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
    welcome = Address.get_by_id(waiting.address_id)
    letters.queue(LetterKind.WELCOME, welcome, now=now, life=LETTER_LIFE, registration_id=waiting.id)
    tell_others(Registration.get_by_id(waiting.id), now)
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
    index = _index(keyring, name)
    if index is not None:
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
        name_index=index or secrets.token_bytes(INDEX_OCTETS),
        unrecognised=index is None,
        created_at=now,
    ).execute()
    return new


def _index(keyring: Keyring, name: str) -> bytes | None:
    """None in a zone that cannot recognise names."""
    try:
        return keyring.index(Purpose.NAMES, name_form(name))
    except KeyRefused:
        return None


def tell_others(joined: Registration, now: datetime) -> None:
    """A word to the addresses that the child had before: they would notice a stranger."""
    others = (
        Address.select(*Address.unsealed(), Registration.id.alias("their_registration"))
        .join(Registration, on=(Registration.address == Address.id))
        .where(
            Registration.child == joined.child_id,
            Registration.state == RegistrationState.CONFIRMED,
            Registration.id != joined.id,
            Registration.doubted_at.is_null(),  # nobody knows who reads there
        )
    )
    for address in others.objects():
        theirs = address.their_registration
        letters.queue(LetterKind.NEWCOMER, address, now=now, life=LETTER_LIFE, registration_id=theirs)
