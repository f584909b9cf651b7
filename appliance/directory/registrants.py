"""登録者: list, find, correct, move and remove the registered guardians of a school (R08).

Owns what happens to child, registration and address rows when school staff change them, and the opening of
their names and addresses. Whoever opens or changes is recorded in the same transaction (R27): what cannot be
recorded does not happen. Refuses roles and sites that may not see names (`NotAllowed`), other schools
(`NotYours`), and names that are not names (`NameInvalid`). Two children of one name in one class are one
child, as at registration. Changing what somebody else has removed meanwhile is `WrongState`.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from appliance import access, audit, clock, db, log, names, withdrawal
from appliance.actor import Actor
from appliance.directory import children
from appliance.errors import ClassGone, NotAllowed, NotYours, SealBroken, WrongState
from appliance.keys import Keyring, Purpose, Slot, name_form
from appliance.models import Address, Child, Registration, SchoolClass
from appliance.states import RegistrationState

PAGE_ROWS = 50
NAMES_MAX = 60
UNREADABLE = "〓〓〓"
"""Stands for a name or address that cannot be read, as it does in Japanese print; nobody's name."""
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Registrant:
    """One registration, opened. Its names and address never appear in a `repr`."""

    registration_id: int
    child_id: int
    address_id: int
    school_class_id: int
    grade: str
    label: str
    child_name: str = field(repr=False)
    guardian_name: str = field(repr=False)
    address: str = field(repr=False)
    confirmed_at: datetime
    routine_off: bool
    """The guardian wants urgent mail only."""


@dataclass(frozen=True, slots=True)
class Page:
    """`number` and `last` count from 1."""

    rows: list[Registrant]
    number: int
    last: int
    total: int


def page(actor: Actor, keyring: Keyring, school_id: int, school_class_id: int | None, number: int) -> Page:
    """Opens one page, by class and time of registration; guardians of one child stand together.

    A number past the end gives the last page. Raises `NotYours`, `NotAllowed`.
    """
    _require(actor, school_id)
    where = [Registration.school == school_id]
    if school_class_id is not None:
        if access.school_class(actor, school_class_id).school_id != school_id:
            raise NotYours("school class")
        where.append(Child.school_class == school_class_id)
    with db.transaction():
        children.recognise(keyring, school_id, clock.now())
        total = _confirmed().where(*where).count()
        last = max(1, -(-total // PAGE_ROWS))
        number = min(max(1, number), last)
        query = (
            _confirmed()
            .where(*where)
            .order_by(
                SchoolClass.sort_key, SchoolClass.id, Child.created_at, Child.id,
                Registration.confirmed_at, Registration.id,
            )
            .paginate(number, PAGE_ROWS)
        )  # fmt: skip
        rows = _open_all(keyring, query)
        audit.record(
            actor, audit.Act.REGISTRATIONS_LISTED, "school", school_id, school_id=school_id,
            school_class=school_class_id, page=number, opened=len(rows),
            **access.why(actor, school_id),
        )  # fmt: skip
    return Page(rows, number, last, total)


def find(actor: Actor, keyring: Keyring, school_id: int, child_name: str) -> list[Registrant]:
    """Opens the registrations of every child of exactly that name. Raises `NameInvalid` and as `page`."""
    _require(actor, school_id)
    name = names.clean(child_name, "child_name", NAMES_MAX)
    index = keyring.index(Purpose.NAMES, name_form(name))
    with db.transaction():
        children.recognise(keyring, school_id, clock.now())
        query = _confirmed().where(Registration.school == school_id, Child.name_index == index)
        rows = _open_all(keyring, query.order_by(SchoolClass.sort_key, Registration.confirmed_at))
        audit.record(
            actor, audit.Act.REGISTRATIONS_LISTED, "school", school_id, school_id=school_id,
            by="name", opened=len(rows),
            **access.why(actor, school_id),
        )  # fmt: skip
    return rows


def of_children(keyring: Keyring, school_id: int, child_ids: Collection[int]) -> list[Registrant]:
    """Opens the registrations of these children of a school, by class. The caller has asked `access`, and
    records the opening in the same transaction."""
    return _of(keyring, school_id, Registration.child, child_ids)


def of_addresses(keyring: Keyring, school_id: int, address_ids: Collection[int]) -> list[Registrant]:
    """The same of these addresses."""
    return _of(keyring, school_id, Registration.address, address_ids)


def _of(keyring: Keyring, school_id: int, column: Any, wanted: Collection[int]) -> list[Registrant]:
    ids = list(wanted)
    rows: list[Registrant] = []
    for start in range(0, len(ids), _CHUNK):
        query = _confirmed().where(Registration.school == school_id, column.in_(ids[start : start + _CHUNK]))
        rows += _open_all(keyring, query)
    order = {row.id: (row.sort_key, row.id) for row in SchoolClass.select()}
    return sorted(
        rows, key=lambda row: (*order[row.school_class_id], name_form(row.child_name), row.confirmed_at)
    )


def opened(actor: Actor, keyring: Keyring, registration: Registration) -> Registrant:
    """Opens one registration. Raises `NotYours` when it is not, or no longer, confirmed."""
    _require(actor, registration.school_id)
    with db.transaction():
        rows = _open_all(keyring, _confirmed().where(Registration.id == registration.id))
        if not rows:
            raise NotYours("registration")
        audit.record(
            actor, audit.Act.REGISTRATION_OPENED, "registration", registration.id,
            school_id=registration.school_id,
            **access.why(actor, registration.school_id),
        )  # fmt: skip
    return rows[0]


def correct(
    actor: Actor,
    keyring: Keyring,
    registration: Registration,
    *,
    child_name: str,
    guardian_name: str,
    now: datetime,
) -> None:
    """Writes both names anew. The child's name changes for all its guardians; if the class has a child of
    that name already, the two become one. Raises `NameInvalid`, `WrongState`."""
    _require(actor, registration.school_id)
    school_id = registration.school_id
    child_name = names.clean(child_name, "child_name", NAMES_MAX)
    guardian_name = names.clean(guardian_name, "guardian_name", NAMES_MAX)
    index = keyring.index(Purpose.NAMES, name_form(child_name))
    with db.transaction():
        child = _hold_child(registration)
        _change(registration, guardian_name_sealed=keyring.seal(_guardian_slot(registration), guardian_name))
        Child.update(
            name_sealed=keyring.seal(_child_slot(school_id, child.id), child_name),
            name_index=index,
            unrecognised=False,
        ).where(Child.id == child.id).execute()
        merged = children.merge_into_namesake(child.id, child.school_class_id, index, now)
        audit.record(
            actor, audit.Act.REGISTRATION_CORRECTED, "registration", registration.id,
            school_id=school_id, merged=int(merged),
            **access.why(actor, school_id),
        )  # fmt: skip


def move(actor: Actor, registration: Registration, school_class: SchoolClass, now: datetime) -> None:
    """Moves the child, with all its guardians, to another class of its school. Raises `ClassGone`."""
    _require(actor, registration.school_id)
    with db.transaction():
        there = SchoolClass.get_or_none(
            SchoolClass.id == school_class.id,
            SchoolClass.school == registration.school_id,
            SchoolClass.retired_at.is_null(),
        )
        if there is None:
            raise ClassGone("no such class at this school")
        child = _hold_child(registration)
        Child.update(school_class=there).where(Child.id == child.id).execute()
        merged = children.merge_into_namesake(child.id, there.id, bytes(child.name_index), now)
        audit.record(
            actor, audit.Act.CHILD_MOVED, "child", child.id, school_id=registration.school_id,
            before=child.school_class_id, after=there.id, merged=int(merged),
            **access.why(actor, registration.school_id),
        )  # fmt: skip


def remove(actor: Actor, registration: Registration, now: datetime) -> None:
    """登録解除: ends the registration and erases what is personal in it, at once.

    The child goes with its last registration, the address with its last use. An address to which a mail is
    still under way is erased by `withdrawal.erase_left` when that has ended.
    """
    _require(actor, registration.school_id)
    with db.transaction():
        child = _hold_child(registration)
        withdrawal.end(registration, now)
        withdrawal.forget_child(child.id)
        erased = withdrawal.erase_left(registration.school_id)
        audit.record(
            actor, audit.Act.REGISTRATION_REMOVED, "registration", registration.id,
            school_id=registration.school_id, addresses_erased=erased,
            **access.why(actor, registration.school_id),
        )  # fmt: skip


def _require(actor: Actor, school_id: int) -> None:
    access.school(actor, school_id)
    reason = access.may_open_names(actor, school_id)
    if reason is not None:
        raise NotAllowed(reason)


def _confirmed() -> Any:
    return (
        Registration.select(Registration, Child, SchoolClass, Address)
        .join(Child)
        .join(SchoolClass)
        .switch(Registration)
        .join(Address)
        .where(Registration.state == RegistrationState.CONFIRMED)
    )


def _open_all(keyring: Keyring, rows: Iterable[Registration]) -> list[Registrant]:
    return [
        Registrant(
            registration_id=row.id,
            child_id=row.child_id,
            address_id=row.address_id,
            school_class_id=row.child.school_class_id,
            grade=row.child.school_class.grade,
            label=row.child.school_class.label,
            child_name=_read(keyring, _child_slot(row.school_id, row.child_id), row.child.name_sealed),
            guardian_name=_read(keyring, _guardian_slot(row), row.guardian_name_sealed),
            address=_read(keyring, _address_slot(row), row.address.sealed),
            confirmed_at=row.confirmed_at,
            routine_off=row.address.routine_off_at is not None,
        )
        for row in rows
    ]


def _read(keyring: Keyring, slot: Slot, sealed: Any) -> str:
    """What nobody can read closes no list and no call sheet, and can still be corrected or removed."""
    try:
        return keyring.open(slot, bytes(sealed))
    except SealBroken:
        log.seal_broken(slot.table, slot.row_id)
        return UNREADABLE


def _address_slot(registration: Registration) -> Slot:
    return Slot(Purpose.ADDRESSES, "address", "sealed", registration.school_id, registration.address_id)


def _child_slot(school_id: int, child_id: int) -> Slot:
    return Slot(Purpose.NAMES, "child", "name_sealed", school_id, child_id)


def _guardian_slot(registration: Registration) -> Slot:
    return Slot(
        Purpose.NAMES, "registration", "guardian_name_sealed", registration.school_id, registration.id
    )


def _hold_child(registration: Registration) -> Child:
    """The child, locked until the commit, so that the last of two removals sees that it is the last."""
    lock = "" if db.engine() == "sqlite" else "FOR UPDATE"
    db.statement(f"SELECT id FROM child WHERE id = ? {lock}", registration.child_id)  # noqa: S608
    child: Child | None = Child.get_or_none(Child.id == registration.child_id)
    if child is None:
        raise WrongState("the registration has ended")
    return child


def _change(registration: Registration, **changes: object) -> None:
    changed = (
        Registration.update(**changes)
        .where(Registration.id == registration.id, Registration.state == RegistrationState.CONFIRMED)
        .execute()
    )
    if changed != 1:
        raise WrongState("the registration has ended")
