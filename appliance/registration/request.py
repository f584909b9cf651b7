"""The empty mail has arrived: make a pending registration and its reply, many at once, in one transaction.

Owns what a code leads to: an active code of an open school brings the link; a retired code, a closed school
and an unknown code each bring a kind letter that says what to do. Refuses to judge the mail (the mail zone
has) and to write the letter. Fails with `BudgetSpent` per request and `DatabaseUnavailable` for all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from peewee import fn

from appliance import db, token
from appliance.address import Address as MailAddress
from appliance.delivery.letters import LETTER_LANE, LetterKind
from appliance.errors import BudgetSpent
from appliance.keys import Keyring, Purpose, Slot
from appliance.keystore import WARD
from appliance.models import Address, Delivery, Inbound, Registration, School, SecurityCode
from appliance.models.fields import row_id
from appliance.registration.budgets import GENEROUS, BudgetKind, Budgets, Purse
from appliance.states import DeliveryState, RegistrationState

BUDGET_WINDOW = timedelta(hours=1)
LETTER_LIFE = timedelta(hours=24)
_ANSWERS = (
    LetterKind.REPLY, LetterKind.UNKNOWN_CODE, LetterKind.RETIRED_CODE, LetterKind.CLOSED_SCHOOL,
    LetterKind.INQUIRY_KEPT,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Request:
    """One empty mail. `digest` is SHA-256 over its envelope and content.

    `network` names where it came from, for counting only; `doubtful`: its sender's domain does not vouch for
    it.
    """

    local_part: str
    sender: MailAddress
    digest: bytes
    network: str = ""
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class Requested:
    """What was made of it. `kind` None: this very mail had been taken before."""

    kind: LetterKind | None
    school_id: int
    registration_id: int | None


@dataclass(frozen=True, slots=True)
class _Target:
    kind: LetterKind
    school_id: int


def request(
    keyring: Keyring,
    *,
    local_part: str,
    sender: MailAddress,
    digest: bytes,
    now: datetime,
    budget: int = 10,
    token_hours: int = 24,
) -> Requested:
    """One request. Raises `BudgetSpent`, `DatabaseUnavailable`."""
    (result,) = request_many(
        keyring, [Request(local_part, sender, digest)], now=now, budget=budget, token_hours=token_hours
    )
    if isinstance(result, BudgetSpent):
        raise result
    return result


def request_many(
    keyring: Keyring,
    requests: Sequence[Request],
    *,
    now: datetime,
    budget: int = 10,
    budgets: Budgets = GENEROUS,
    token_hours: int = 24,
) -> list[Requested | BudgetSpent]:
    """Takes all requests in one transaction; the answers come in their order.

    `budget` is how many answers one address gets in an hour, `budgets` what all together get. Raises
    `DatabaseUnavailable`; then none is taken.
    """
    with db.transaction():
        targets = _targets({item.local_part.lower() for item in requests})
        places = [targets[item.local_part.lower()] for item in requests]
        indexes = [keyring.index(Purpose.ADDRESSES, item.sender.index_form) for item in requests]
        spent = answers_within(set(indexes), now - BUDGET_WINDOW)
        fresh = claim_digests([item.digest for item in requests], now)
        purse = Purse(keyring, budgets, requests, now)
        refused: list[bytes] = []
        results: list[Requested | BudgetSpent] = []
        chosen: list[int] = []
        for place, item in enumerate(requests):
            if item.digest not in fresh:
                results.append(Requested(None, places[place].school_id, None))
                continue
            fresh.discard(item.digest)  # the same mail twice in one group
            if spent.get(indexes[place], 0) >= budget:
                kind: BudgetKind | None = purse.refuse(BudgetKind.ADDRESS)
            else:
                kind = purse.refusal(place, item.local_part)
            if kind is not None:
                refused.append(item.digest)
                results.append(BudgetSpent(f"too many requests: {kind}"))
                continue
            spent[indexes[place]] = spent.get(indexes[place], 0) + 1
            chosen.append(place)
            registration_id = row_id() if places[place].kind is LetterKind.REPLY else None
            results.append(Requested(places[place].kind, places[place].school_id, registration_id))
        if refused:  # their senders' retries are no repetitions
            Inbound.delete().where(Inbound.digest.in_(refused)).execute()
        purse.close()
        if chosen:
            addresses = _addresses(
                keyring, [(places[n].school_id, indexes[n], requests[n].sender) for n in chosen], now
            )
            _insert(
                keyring,
                [(results[n], addresses[places[n].school_id, indexes[n]]) for n in chosen],  # type: ignore[misc]
                now,
                timedelta(hours=token_hours),
            )
    return results


def _targets(codes: set[str]) -> dict[str, _Target]:
    """Where each code leads; a code that nobody knows leads to the ward's own letter."""
    found = {code: _Target(LetterKind.UNKNOWN_CODE, WARD) for code in codes}
    rows = (
        SecurityCode.select(SecurityCode.code, SecurityCode.state, School.id, School.state)
        .join(School)
        .where(SecurityCode.code.in_(list(codes)))
        .tuples()
    )
    for code, code_state, school_id, school_state in rows:
        kind = LetterKind.REPLY if code_state == "active" else LetterKind.RETIRED_CODE
        if school_state == "closed":
            kind = LetterKind.CLOSED_SCHOOL
        found[code] = _Target(kind, school_id)
    return found


def answers_within(indexes: set[bytes], since: datetime) -> dict[bytes, int]:
    """How many letters each address, by its index, has caused since then without being registered."""
    rows = (
        Address.select(Address.address_index, fn.COUNT(Delivery.id))
        .join(Delivery, on=(Delivery.address == Address.id))
        .where(
            Address.address_index.in_(list(indexes)),
            Delivery.kind.in_(_ANSWERS),
            Delivery.created_at > since,
        )
        .group_by(Address.address_index)
        .tuples()
    )
    return {bytes(index): count for index, count in rows}


def claim_digests(digests: Sequence[bytes], now: datetime) -> set[bytes]:
    """The digests that nobody had before us. A worker that has the same one in hand makes us wait."""
    rows = (
        Inbound.insert_many([{"digest": digest, "received_at": now} for digest in digests])
        .on_conflict_ignore()
        .returning(Inbound.digest)
        .tuples()
        .execute()
    )
    return {bytes(row[0]) for row in rows}


def _addresses(
    keyring: Keyring, wanted: Sequence[tuple[int, bytes, MailAddress]], now: datetime
) -> dict[tuple[int, bytes], tuple[int, str]]:
    """Id and site of each (school, index), making the rows that are not there, held until the commit.

    Without looking first: a known address must take as long, and as many statements, as an unknown one.
    """
    senders = {(school_id, index): sender for school_id, index, sender in wanted}
    held: dict[tuple[int, bytes], tuple[int, str]] = {}
    while missing := senders.keys() - held.keys():  # again only for a row that was just then erased
        Address.insert_many(
            [_row(keyring, school_id, index, senders[school_id, index], now) for school_id, index in missing]
        ).on_conflict_ignore().execute()
        rows = Address.select(Address.school_id, Address.address_index, Address.id, Address.site).where(
            Address.address_index.in_([index for _, index in missing])
        )
        for school_id, index, row, site in db.held(rows, "FOR KEY SHARE").tuples():
            held[school_id, bytes(index)] = row, site
    return held


def _row(
    keyring: Keyring, school_id: int, index: bytes, sender: MailAddress, now: datetime
) -> dict[str, object]:
    new = row_id()
    slot = Slot(Purpose.ADDRESSES, "address", "sealed", school_id, new)
    return {
        "id": new,
        "school_id": school_id,
        "address_index": index,
        "sealed": keyring.seal(slot, sender.canonical),
        "site": site_label(keyring, sender),
        "created_at": now,
    }


def address_row(keyring: Keyring, school_id: int, address: MailAddress, now: datetime) -> Address:
    """The row of one address at a school, made if it is not there; in the caller's transaction."""
    index = keyring.index(Purpose.ADDRESSES, address.index_form)
    found = _addresses(keyring, [(school_id, index, address)], now)
    row: Address = Address.get_by_id(found[school_id, index][0])
    return row


def site_label(keyring: Keyring, address: MailAddress) -> str:
    """The receiving site as far as the address tells: a carrier's name, or a keyed hash of the domain.

    A family's own domain would name the family; the hash still lets the queue group by it.
    """
    if address.carrier != "other":
        return str(address.carrier)
    return "other-" + keyring.index(Purpose.ADDRESSES, "domain:" + address.domain)[:6].hex()


def _insert(
    keyring: Keyring, chosen: Sequence[tuple[Requested, tuple[int, str]]], now: datetime, life: timedelta
) -> None:
    registrations = [
        {
            "id": made.registration_id,
            "school": made.school_id,
            "address": address_id,
            "state": RegistrationState.REQUESTED,
            "token_hash": token.hashed(link_token(keyring, made.registration_id)),
            "requested_at": now,
            "expires_at": now + life,
        }
        for made, (address_id, _) in chosen
        if made.registration_id is not None
    ]
    if registrations:
        Registration.insert_many(registrations).execute()
    Delivery.insert_many(
        [
            {
                "kind": made.kind,
                "school_id": made.school_id,
                "registration": made.registration_id,
                "address": address_id,
                "site": site,
                "lane": LETTER_LANE,
                "state": DeliveryState.QUEUED,
                "next_at": now,
                "expires_at": now + LETTER_LIFE,
                "created_at": now,
            }
            for made, (address_id, site) in chosen
        ]
    ).execute()


def link_token(keyring: Keyring, registration_id: int) -> bytes:
    """The token in the reply's link: derived, so that the database never holds one that works."""
    return keyring.link_token(registration_id.to_bytes(8, "big"))
