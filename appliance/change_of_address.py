"""アドレス変更: a guardian's registrations move to a new mailbox, and both mailboxes have said so.

The old one asked: an answer, under a signed address, with the word and the new address. The new one agrees:
it answers the letter that `ask` sends there. That letter's own delivery row is the pending change; no other
table knows of it. Who asks once more has changed his mind: only the last question
counts. Owns these two steps. Refuses to move anything on one mailbox's word: who has lost the
old one registers anew. Fails with `WrongState` where there is nothing to move any more.
"""

from datetime import datetime, timedelta
from typing import Any

from appliance import doubt, withdrawal
from appliance.address import Address as MailAddress
from appliance.delivery import letters
from appliance.delivery.letters import LetterKind
from appliance.errors import WrongState
from appliance.keys import Keyring
from appliance.models import Address, Delivery, Registration
from appliance.registration.request import address_row
from appliance.states import RegistrationState

LIFE = timedelta(hours=24)


def ask(keyring: Keyring, registration: Registration, new: MailAddress, now: datetime) -> None:
    """Writes to the new address, in the caller's transaction."""
    there = address_row(keyring, registration.school_id, new, now)
    old = Address.get_by_id(registration.address_id)
    if not _confirmed(there.id).exists():
        Address.update(language=old.language).where(Address.id == there.id).execute()
    letters.queue(LetterKind.CHANGE, there, now=now, life=LIFE, registration_id=registration.id)


def complete(asked: Delivery, now: datetime) -> None:
    """The new mailbox has said yes to the letter `asked`: moves all that the old one has at the school.

    A child that both have keeps one registration. Raises `WrongState`: too late, or nothing there any more.
    """
    registration: Registration | None = Registration.get_or_none(Registration.id == asked.registration_id)
    if registration is None or registration.state != RegistrationState.CONFIRMED:
        raise WrongState("the registration has ended")
    if now - asked.created_at >= LIFE:
        raise WrongState("asked too long ago")
    old_id, new_id = registration.address_id, asked.address_id
    if old_id == new_id:
        raise WrongState("moved already")
    if doubt.is_doubted(old_id):
        raise WrongState("the old address has to prove itself first")
    if _asked_since(asked, old_id):
        raise WrongState("another address was asked since")
    known = {row.child_id for row in _confirmed(new_id)}
    if not known:
        wish = Address.get_by_id(old_id).routine_off_at
        Address.update(routine_off_at=wish).where(Address.id == new_id).execute()
    for row in list(_confirmed(old_id)):
        if row.child_id in known:
            withdrawal.end(row, now)
        else:
            Registration.update(address=new_id).where(
                Registration.id == row.id, Registration.state == RegistrationState.CONFIRMED
            ).execute()
    withdrawal.mark_left(old_id, now)
    Address.update(left_at=None).where(Address.id == new_id).execute()
    for kind, address_id in ((LetterKind.CHANGED, new_id), (LetterKind.MOVED_AWAY, old_id)):
        letters.queue(kind, Address.get_by_id(address_id), now=now, life=LIFE)


def _asked_since(asked: Delivery, address_id: int) -> bool:
    """A mistyped address may be somebody's: it must not answer once the guardian has named another."""
    later = Delivery.select(Delivery.id).where(
        Delivery.registration.in_(_confirmed(address_id).select(Registration.id)),
        Delivery.kind == LetterKind.CHANGE,
        Delivery.created_at > asked.created_at,
    )
    return bool(later.exists())


def _confirmed(address_id: int) -> Any:
    return Registration.select().where(
        Registration.address == address_id, Registration.state == RegistrationState.CONFIRMED
    )
