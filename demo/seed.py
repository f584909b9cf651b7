"""Fills the ward: n registered guardians with names, children and addresses, sealed as always.

Owns the bulk way into the tables of the registry, which the domain itself does not offer because nobody but
a town needs it. What it writes is what `registration.confirm` would have left behind. The crowd's rows
have the ids 1, 2, 3…; the domain draws 63-bit ids, so the two never meet and a second run knows where the
first one stopped. Refuses to change or remove anything. Fails as the domain does; what is committed stays.
"""

import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from peewee import fn

from appliance import clock, config, db, keystore, token
from appliance.config import Zone
from appliance.directory import schools
from appliance.keys import Keyring, Purpose, Slot, name_form
from appliance.models import Address, Child, Registration, School
from appliance.registration.request import site_label
from appliance.states import RegistrationState
from demo.people import Guardian, guardian
from demo.ward import SCHOOLS

LAST_NUMBER = 10_000_000
_CHUNK = 1000
_ROWS_PER_INSERT = 500


@dataclass(frozen=True, slots=True)
class Place:
    """A school and the class that a child of the crowd goes to."""

    school_id: int
    class_id: int


@dataclass(frozen=True, slots=True)
class Rows:
    """What one stretch of guardians adds."""

    addresses: list[dict[str, Any]]
    children: list[dict[str, Any]]
    registrations: list[dict[str, Any]]


def seeded() -> int:
    """How many of the crowd are registered."""
    last = Registration.select(fn.MAX(Registration.id)).where(Registration.id <= LAST_NUMBER).scalar()
    return int(last or 0)


def seed(config_file: Path, wanted: int, told: Any = None) -> int:
    """Registers the crowd up to number `wanted`; returns how many there are. `told(done)` hears of it."""
    first = seeded() + 1
    if first > wanted:
        return first - 1
    places = _places()
    now = clock.now()
    bounds = [*range(first, wanted + 1, _CHUNK), wanted + 1]
    stretches = [(low, high, places, now) for low, high in pairwise(bounds)]
    db.vanish()  # connections do not survive a fork
    with ProcessPoolExecutor(
        max_workers=min(os.cpu_count() or 1, len(stretches)),
        mp_context=get_context("fork"),
        initializer=_begin,
        initargs=(config_file,),
    ) as pool:
        for (_, high, _, _), rows in zip(stretches, pool.map(_sealed, stretches), strict=True):
            _write(rows)
            if told:
                told(high - 1)
    return wanted


def _write(rows: Rows) -> None:
    with db.transaction():
        for table, added in (
            (Address, rows.addresses), (Child, rows.children), (Registration, rows.registrations),
        ):  # fmt: skip
            for at in range(0, len(added), _ROWS_PER_INSERT):
                table.insert_many(added[at : at + _ROWS_PER_INSERT]).execute()


def _places() -> list[list[Place]]:
    """One hundred shares of the ward by weight; each is the classes of one school."""
    by_name = {school.name: school for school in School.select()}
    shares: list[list[Place]] = []
    for founding in SCHOOLS:
        school = by_name[founding.name]
        rooms = [Place(school.id, room.id) for room in schools.classes(school.id)]
        shares += [rooms] * founding.weight
    return shares


# --- in the sealing processes

_keyring: Keyring


def _begin(config_file: Path) -> None:
    global _keyring
    settings = config.load(config_file)
    db.connect(settings)
    _keyring = keystore.open_keyring(settings, Zone.ADMIN)  # the zone that may index names and addresses


def _sealed(stretch: tuple[int, int, list[list[Place]], datetime]) -> Rows:
    low, high, shares, now = stretch
    rows = Rows([], [], [])
    for person in map(guardian, range(low, high)):
        shared = shares[
            person.child * 37 % len(shares)
        ]  # 37 and 100 have no common divisor: all shares in turn
        place = shared[person.child // len(shares) % len(shared)]
        registered_at = now - timedelta(minutes=person.number % 43_200)
        rows.addresses.append(_address(person, place, registered_at))
        if _is_first(person):
            rows.children.append(_child(person, place, registered_at))
        rows.registrations.append(_registration(person, place, registered_at))
    return rows


def _is_first(person: Guardian) -> bool:
    """The first guardian of a child brings the child; numbers of children never go back."""
    return person.number == 1 or guardian(person.number - 1).child != person.child


def _address(person: Guardian, place: Place, at: datetime) -> dict[str, Any]:
    slot = Slot(Purpose.ADDRESSES, "address", "sealed", place.school_id, person.number)
    return {
        "id": person.number,
        "school_id": place.school_id,
        "address_index": _keyring.index(Purpose.ADDRESSES, person.address.index_form),
        "sealed": _keyring.seal(slot, person.address.canonical),
        "site": site_label(_keyring, person.address),
        "created_at": at,
    }


def _child(person: Guardian, place: Place, at: datetime) -> dict[str, Any]:
    slot = Slot(Purpose.NAMES, "child", "name_sealed", place.school_id, person.child)
    return {
        "id": person.child,
        "school": place.school_id,
        "school_class": place.class_id,
        "name_sealed": _keyring.seal(slot, person.child_name),
        "name_index": _keyring.index(Purpose.NAMES, name_form(person.child_name)),
        "created_at": at,
    }


def _registration(person: Guardian, place: Place, at: datetime) -> dict[str, Any]:
    slot = Slot(Purpose.NAMES, "registration", "guardian_name_sealed", place.school_id, person.number)
    return {
        "id": person.number,
        "school": place.school_id,
        "address": person.number,
        "child": person.child,
        "guardian_name_sealed": _keyring.seal(slot, person.name),
        "state": RegistrationState.CONFIRMED,
        "token_hash": token.hashed(token.fresh()),
        "requested_at": at,
        "expires_at": at + timedelta(hours=24),
        "confirmed_at": at,
    }
