"""登録解除: what ends a registration, and what of it is erased when.

Owns the step to withdrawn and its traces: the names go at once, the child with its last registration, the
address when its last registration has left it and no mail is under way to it any more, because the last
letter still has to find its reader. Refuses to ask who may: staff pages and answers by mail do. Fails with
`WrongState` for what somebody else has ended.
"""

import secrets
from datetime import datetime
from typing import Any

from peewee import fn

from appliance import db
from appliance.errors import WrongState
from appliance.keys.ring import INDEX_OCTETS
from appliance.models import Address, Child, Delivery, Registration
from appliance.states import DELIVERY_OPEN, RegistrationState, check

_LIVE = (RegistrationState.CONFIRMED, RegistrationState.REQUESTED)


def end(registration: Registration, now: datetime) -> None:
    """Withdraws one registration, in the caller's transaction. Raises `WrongState`."""
    before = RegistrationState(registration.state)
    check(before, RegistrationState.WITHDRAWN)
    changed = (
        Registration.update(
            state=RegistrationState.WITHDRAWN, child=None, guardian_name_sealed=None, ended_at=now
        )
        .where(Registration.id == registration.id, Registration.state == before)
        .execute()
    )
    if changed != 1:
        raise WrongState("the registration has ended")
    mark_left(registration.address_id, now)


def mark_left(address_id: int, now: datetime) -> None:
    """Notes that nothing binds this address any more, if that is so."""
    Address.update(left_at=now).where(Address.id == address_id, ~fn.EXISTS(live_at_address())).execute()


def forget_child(child_id: int) -> None:
    """Deletes the child when no registration is left."""
    if not Registration.select().where(Registration.child == child_id).exists():
        Child.delete().where(Child.id == child_id).execute()


def erase_left(school_id: int | None = None) -> int:
    """Erases sealed content and index of the addresses that were left; returns how many.

    The index goes too: with it the address could still be recognised, and a new registration from it would
    find this empty row. What still has a mail under way waits for the next call.
    """
    under_way = Delivery.select(Delivery.id).where(
        Delivery.address == Address.id, Delivery.state.in_(DELIVERY_OPEN)
    )
    left = Address.select(Address.id).where(
        Address.left_at.is_null(False), ~fn.EXISTS(live_at_address()), ~fn.EXISTS(under_way)
    )
    if school_id is not None:
        left = left.where(Address.school_id == school_id)
    with db.transaction():
        ids = free(left)
        for address_id in ids:
            Address.update(
                sealed=b"",
                address_index=secrets.token_bytes(INDEX_OCTETS),
                left_at=None,
                language="ja",
                routine_off_at=None,
            ).where(Address.id == address_id).execute()
    return len(ids)


def free(chosen: Any) -> list[int]:
    """Ids of the addresses that `chosen` selects and nobody else is using, held until the commit.

    Whoever ties something to an address holds its row (`registration.request`); such a row is passed over.
    What was tied to a row between our look and our lock shows in the second look: the first sees other tables
    as they were before.
    """
    ids = [row[0] for row in db.held(chosen, "FOR UPDATE SKIP LOCKED").tuples()]
    return [row[0] for row in chosen.where(Address.id.in_(ids)).tuples()] if ids else []


def live_at_address() -> Any:
    """The registrations, confirmed or asked for, of the `Address` of the query around it."""
    return Registration.select(Registration.id).where(
        Registration.address == Address.id, Registration.state.in_(_LIVE)
    )
