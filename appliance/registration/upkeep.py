"""What time does to registrations: links expire, and what never became a registration is forgotten.

Owns the retention of data that nobody confirmed: collected only for the answer, kept a week for inquiries;
and of inquiries themselves, half a year. Refuses to touch a confirmed registration. Fails as the database
does; running it again is harmless.
"""

from datetime import datetime, timedelta

from peewee import fn

from appliance import db, withdrawal
from appliance.models import (
    Address,
    Alarm,
    Attempt,
    CodePause,
    Confirmation,
    Delivery,
    Inbound,
    Inquiry,
    NoticeAddress,
    Registration,
)
from appliance.states import DELIVERY_OPEN, RegistrationState

KEEP_UNCONFIRMED = timedelta(days=7)
KEEP_INQUIRIES = timedelta(days=180)
KEEP_DIGESTS = timedelta(days=6)  # senders retry for five
KEEP_ALARMS = timedelta(days=30)
_BATCH = 500


def expire(now: datetime) -> int:
    """Ends the requests whose time is over and forgets the old ones. Returns how many were ended."""
    with db.transaction():
        ended = (
            Registration.update(state=RegistrationState.EXPIRED, ended_at=now)
            .where(Registration.state == RegistrationState.REQUESTED, Registration.expires_at <= now)
            .execute()
        )
        CodePause.delete().where(CodePause.until_at < now).execute()
        Alarm.delete().where(Alarm.at < now - KEEP_ALARMS).execute()
        Inbound.delete().where(Inbound.received_at < now - KEEP_DIGESTS).execute()
        Inquiry.delete().where(Inquiry.received_at < now - KEEP_INQUIRIES).execute()
    withdrawal.erase_left()
    while _forget_some(now - KEEP_UNCONFIRMED):
        pass
    return int(ended)


def _forget_some(before: datetime) -> bool:
    """Deletes up to a batch of addresses that nobody confirmed, with what hangs on them."""
    with db.transaction():
        used = Registration.select(Registration.id).where(
            Registration.address == Address.id,
            (Registration.state.in_((RegistrationState.CONFIRMED, RegistrationState.REQUESTED)))
            | (Registration.requested_at >= before),
        )
        busy = Delivery.select(Delivery.id).where(
            Delivery.address == Address.id,
            Delivery.state.in_(DELIVERY_OPEN)
            | Delivery.broadcast.is_null(False)
            | (Delivery.created_at >= before),
        )
        asked = Inquiry.select(Inquiry.id).where(Inquiry.address == Address.id)
        staff = NoticeAddress.select(NoticeAddress.account).where(NoticeAddress.address == Address.id)
        unused = (~fn.EXISTS(used), ~fn.EXISTS(busy), ~fn.EXISTS(asked), ~fn.EXISTS(staff))
        ids = withdrawal.free(
            Address.select(Address.id).where(Address.created_at < before, *unused).limit(_BATCH)
        )
        if not ids:
            return False
        theirs = Delivery.select(Delivery.id).where(Delivery.address.in_(ids))
        Confirmation.delete().where(Confirmation.delivery.in_(theirs)).execute()
        Attempt.delete().where(Attempt.delivery.in_(theirs)).execute()
        Delivery.delete().where(Delivery.address.in_(ids)).execute()
        Registration.delete().where(Registration.address.in_(ids)).execute()
        Address.delete().where(Address.id.in_(ids)).execute()
    return True
