"""問合せ: what a guardian wrote in words of his own, kept sealed until a desk reads it.

Owns keeping it, cut to a length, under the school's `names` key, because it may hold any name: the zone that
took it in cannot read it back. Also the limits: so many an hour from one address, so many from strangers in
all. Refuses attachments and answering. Fails with `BudgetSpent`.
"""

from datetime import datetime, timedelta

from appliance.delivery import letters
from appliance.delivery.letters import LetterKind
from appliance.errors import BudgetSpent
from appliance.keys import Keyring, Purpose, Slot
from appliance.models import Address, Delivery, Inquiry
from appliance.models.fields import row_id

CHARACTERS = 4000
PER_ADDRESS = 5
FROM_STRANGERS = 300
WINDOW = timedelta(hours=1)
_LETTER_LIFE = timedelta(hours=24)


def keep(
    keyring: Keyring,
    address: Address,
    text: str,
    *,
    now: datetime,
    delivery_id: int | None,
    acknowledge: bool = True,
) -> None:
    """Keeps one inquiry, in the caller's transaction, and acknowledges it, once an hour and address.

    `delivery_id` is what it answers; None for mail to the inquiry address. Raises `BudgetSpent`.
    """
    recent = Inquiry.select().where(Inquiry.received_at > now - WINDOW)
    if recent.where(Inquiry.address == address.id).count() >= PER_ADDRESS:
        raise BudgetSpent("too many inquiries from one address")
    if delivery_id is None and recent.where(Inquiry.delivery.is_null()).count() >= FROM_STRANGERS:
        raise BudgetSpent("too many inquiries in all")
    new = row_id()
    slot = Slot(Purpose.NAMES, "inquiry", "sealed", address.school_id, new)
    Inquiry.insert(
        id=new,
        school_id=address.school_id,
        address=address.id,
        delivery=delivery_id,
        sealed=keyring.seal(slot, text[:CHARACTERS]),
        received_at=now,
    ).execute()
    if not acknowledge:
        return
    acknowledged = Delivery.select().where(
        Delivery.address == address.id,
        Delivery.kind == LetterKind.INQUIRY_KEPT,
        Delivery.created_at > now - WINDOW,
    )
    if not acknowledged.exists():
        letters.queue(LetterKind.INQUIRY_KEPT, address, now=now, life=_LETTER_LIFE)
