"""確認: what a guardian does at the link in a mail, to show that it arrived.

Owns the token of that link (a delivery's id, signed, see `appliance.link`) and its two uses: a test broadcast
is confirmed by a press, an address in doubt by the name of a child (`appliance.doubt`). Refuses to show
anything that was stored about guardian or child. Fails with `TokenUnknown`, `TokenExpired`, `ProofUsedUp`,
`NameInvalid`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from peewee import fn

from appliance import db, doubt, link, log, names, withdrawal
from appliance.broadcast.wording import TEST
from appliance.delivery.letters import LetterKind
from appliance.errors import TokenExpired, TokenUnknown
from appliance.keys import Keyring
from appliance.models import Address, Broadcast, Confirmation, Delivery, School

LIFE = timedelta(days=30)
_PURPOSE = "confirmation"
_READ = (
    Delivery.id, Delivery.kind, Delivery.school_id, Delivery.address, Delivery.broadcast, Delivery.created_at,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """What the page may show. `by_name`: the address is in doubt, and a press is not enough."""

    school_name: str
    school_name_en: str
    by_name: bool
    done: bool


def token(key: bytes, delivery_id: int) -> str:
    """For the link in one mail."""
    return link.mint(key, _PURPOSE, delivery_id)


def look(key: bytes, text: str, now: datetime) -> Asked:
    """What is asked. Changes nothing: scanners open links too. Raises `TokenUnknown`, `TokenExpired`."""
    with db.guarded():
        delivery = _delivery(key, text, now)
        school = School.get_by_id(delivery.school_id)
        by_name = delivery.kind == LetterKind.PROVE
        if by_name:
            done = not doubt.is_doubted(delivery.address_id)
        else:
            done = Confirmation.select().where(Confirmation.delivery == delivery.id).exists()
    return Asked(school.name, school.name_en, by_name, done)


def confirm(key: bytes, text: str, now: datetime) -> None:
    """A press on the link of a test broadcast. Raises as `look`, `TokenUnknown` for another link."""
    with db.transaction():
        delivery = _delivery(key, text, now)
        if delivery.kind == LetterKind.PROVE:
            raise TokenUnknown("this address has to prove itself")
        _note(delivery, now)


def prove(keyring: Keyring, text: str, child_name: str, now: datetime, names_max: int = 60) -> bool:
    """Is a child of this name registered there? Raises as `look`, `NameInvalid`, `ProofUsedUp`."""
    name = names.clean(child_name, "child_name", names_max)
    with db.transaction():
        delivery = _delivery(keyring.secret(link.SECRET), text, now)
        if delivery.kind != LetterKind.PROVE:
            raise TokenUnknown("this link asks for no name")
        right = doubt.prove(keyring, delivery.address_id, name, now)
        if right:
            _note(delivery, now)
    log.proof(right=right)
    return right


def _note(delivery: Delivery, now: datetime) -> None:
    Confirmation.insert(delivery=delivery.id, at=now, how="link").on_conflict_ignore().execute()


def _delivery(key: bytes, text: str, now: datetime) -> Delivery:
    found: Delivery | None = (
        Delivery.select(*_READ)
        .join(Address)
        .where(Delivery.id == link.read(key, _PURPOSE, text), fn.EXISTS(withdrawal.live_at_address()))
        .get_or_none()
    )
    if found is None or not _asks(found):
        raise TokenUnknown("no mail asks for this")
    if now - found.created_at >= LIFE:
        raise TokenExpired("the mail is too old")
    return found


def _asks(delivery: Delivery) -> bool:
    if delivery.kind == LetterKind.PROVE:
        return True
    category = Broadcast.select(Broadcast.category).where(Broadcast.id == delivery.broadcast_id).scalar()
    return bool(category == TEST)
