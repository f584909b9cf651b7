"""Routine mail off and on again, by the link in each routine mail's header (RFC 8058, one-click).

Owns the token of that link and the mark `address.routine_off_at`: this address of this school gets no routine
mail. Urgent mail and letters go on; nothing here can stop them. Refuses to know headers and pages. Fails with
`TokenUnknown`, also for an address that is gone.

The token (`appliance.link`) holds the address's id. Nothing about it is stored; it works as long as the key.
"""

from dataclasses import dataclass
from datetime import datetime

from peewee import fn

from appliance import db, link, log, withdrawal
from appliance.errors import TokenUnknown
from appliance.models import Address, School

SECRET = link.SECRET
_PURPOSE = "routine"


@dataclass(frozen=True, slots=True)
class Routine:
    """What the page may show: the school and the mark, nothing about the guardian."""

    school_name: str
    school_name_en: str
    off: bool


def stop_token(key: bytes, address_id: int) -> str:
    """The token for one address: 32 characters, lower case. `key` is the secret `unsubscribe.key`."""
    return link.mint(key, _PURPOSE, address_id)


def look(key: bytes, text: str) -> Routine:
    """What the link is about. Changes nothing: scanners open links too. Raises `TokenUnknown`."""
    with db.guarded():
        address = _address(key, text)
        school = School.get_by_id(address.school_id)
    return Routine(school.name, school.name_en, address.routine_off_at is not None)


def switch(key: bytes, text: str, *, off: bool, now: datetime) -> None:
    """Sets or takes away the mark; doing it again changes nothing. Raises `TokenUnknown`."""
    with db.transaction():
        address = _address(key, text)
        if off == (address.routine_off_at is not None):
            return
        Address.update(routine_off_at=now if off else None).where(Address.id == address.id).execute()
    log.routine_switched(off=off)


def resume(address_id: int) -> None:
    """A new registration of the address switches routine mail on: whoever registers wants mail."""
    Address.update(routine_off_at=None).where(
        Address.id == address_id, Address.routine_off_at.is_null(False)
    ).execute()


def _address(key: bytes, text: str) -> Address:
    address_id = link.read(key, _PURPOSE, text)
    found: Address | None = Address.get_or_none(
        Address.id == address_id, Address.school_id != 0, fn.EXISTS(withdrawal.live_at_address())
    )
    if found is None:
        raise TokenUnknown("the address is no longer registered")
    return found
