"""Where an account's notices go.

Owns the address for one empty mail, what comes of that mail, and the end. Refuses mail addresses on pages.
Fails as the database does, and with `TokenUnknown` for mail to an address that is not good any more.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from peewee import Expression

from appliance import audit, db, token
from appliance.actor import Actor, Role
from appliance.address import Address as MailAddress
from appliance.audit import Act
from appliance.config import Zone
from appliance.delivery import letters
from appliance.delivery.letters import LetterKind
from appliance.errors import TokenUnknown
from appliance.keys import Keyring
from appliance.keystore import WARD
from appliance.models import Account, Address, Delivery, NoticeAddress
from appliance.registration.request import address_row, claim_digests
from appliance.states import DeliveryState

ASKED_FOR = timedelta(hours=1)
"""So long the address for the empty mail is good."""
_LIFE = timedelta(days=3)
_PREFIX = "oshirase-"
_TOKEN_LENGTH = 26
_SAYS_NOTHING = (
    DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.DEFERRED, DeliveryState.SUPPRESSED,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """Where notices go: since when, and whether the last one arrived; None while none has ended."""

    since: datetime
    arrived: bool | None


def place(actor: Actor) -> Place | None:
    """The actor's own, or None."""
    with db.guarded():
        found = NoticeAddress.get_or_none(NoticeAddress.account == actor.account_id)
        if found is None or found.address_id is None:
            return None
        last = (
            Delivery.select(Delivery.state)
            .where(
                Delivery.address == found.address_id,
                Delivery.kind.in_(letters.TO_STAFF),
                Delivery.state.not_in(_SAYS_NOTHING),
            )
            .order_by(Delivery.id.desc())
            .limit(1)
            .tuples()
        )
        ended = next(iter(last), None)
    return Place(found.since, None if ended is None else ended[0] == DeliveryState.ACCEPTED)


def ask(actor: Actor, now: datetime) -> str:
    """The local part to which the actor's next empty mail goes; the one asked for before is void."""
    secret = secrets.token_bytes(token.OCTETS)
    asked = {"token_hash": token.hashed(secret), "token_ends_at": now + ASKED_FOR}
    with db.transaction():
        made = NoticeAddress.insert(account=actor.account_id, **asked)
        made.on_conflict(conflict_target=[NoticeAddress.account], update=asked).execute()
        audit.record(actor, Act.NOTICES_ASKED, "account", actor.account_id)
    return _PREFIX + token.write(secret)


def is_asked(actor: Actor, local_part: str, now: datetime) -> bool:
    """Is this what the actor asked for last, and still good?"""
    if not is_shaped(local_part):
        return False
    try:
        mine = (NoticeAddress.account == actor.account_id) & _asked(local_part)
    except TokenUnknown:
        return False
    with db.guarded():
        found: bool = NoticeAddress.select().where(mine, NoticeAddress.token_ends_at > now).exists()
    return found


def end(actor: Actor, now: datetime) -> None:
    """No notices any more; one last letter says so to where they went."""
    with db.transaction():
        if forget(actor.account_id, now):
            audit.record(actor, Act.NOTICES_ENDED, "account", actor.account_id)


def forget(account_id: int, now: datetime) -> bool:
    """The same for whose account ends, in the caller's transaction. Whether there was anything to forget."""
    mine = NoticeAddress.account == account_id
    found = NoticeAddress.get_or_none(mine)
    if found is None or NoticeAddress.delete().where(mine).execute() != 1:
        return False
    if found.address_id is not None:
        letter(LetterKind.NOTICES_LEFT, found.address_id, now)
    return True


def is_shaped(local_part: str) -> bool:
    """It has the outward form of what `ask` gives; says nothing about whether it is good."""
    return local_part.startswith(_PREFIX) and len(local_part) == len(_PREFIX) + _TOKEN_LENGTH


def take(keyring: Keyring, local_part: str, sender: MailAddress, digest: bytes, now: datetime) -> None:
    """Sends the notices of whoever asked for this local part to `sender`. When it returns, that is committed.

    `digest` tells the same mail tried again from another one. Raises `TokenUnknown`: never asked for, used,
    or too late.
    """
    asked = _asked(local_part)
    with db.transaction():
        if not claim_digests([digest], now):  # a worker has or had it: its sender did not hear our 250
            return
        found = NoticeAddress.get_or_none(asked, NoticeAddress.token_ends_at > now)
        if found is None:
            raise TokenUnknown("nobody asked for this address, or its hour is over")
        to = address_row(keyring, WARD, sender, now)
        setting = NoticeAddress.update(token_hash=None, token_ends_at=None, address=to, since=now)
        if setting.where(asked).execute() != 1:
            raise TokenUnknown("used a moment ago")
        letter(LetterKind.NOTICES_SET, to.id, now)
        if found.address_id not in (None, to.id):
            letter(LetterKind.NOTICES_LEFT, found.address_id, now)
        role = Account.select(Account.role).where(Account.id == found.account_id).scalar()
        who = Actor(found.account_id, Role(role), frozenset(), Zone.MAIL)
        audit.record(who, Act.NOTICES_SET, "account", found.account_id)


def _asked(local_part: str) -> Expression:
    hashed: bytes = token.hashed(token.read(local_part.removeprefix(_PREFIX)))
    return NoticeAddress.token_hash == hashed


def letter(kind: LetterKind, address_id: int, now: datetime, about: str = "") -> None:
    """Queues one to where notices go, in the caller's transaction."""
    to = Address.select(Address.id, Address.school_id, Address.site).where(Address.id == address_id).get()
    letters.queue(kind, to, now=now, life=_LIFE, about=about)
