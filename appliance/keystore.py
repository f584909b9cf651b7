"""Where school keys lie: the `KeyStore` over the database, and their creation.

Owns the rows of `zone_key`, `school_key` and `wrapped_key`. Refuses to hold a private key unwrapped. Fails
with `KeyRefused` where a school has no key or none for the zone that asks.
"""

from collections.abc import Mapping
from pathlib import Path

from appliance import clock, db
from appliance.config import Config, Zone
from appliance.errors import KeyRefused, OperatorError
from appliance.keys import Keyring, Purpose, new_school_key, zone_public_key
from appliance.models import SchoolKey, WrappedKey, ZoneKey

WARD = 0
"""School id of the ward itself: keys for addresses that belong to no school."""


class DatabaseKeyStore:
    """Reads keys row by row; a `Keyring` remembers what it has read."""

    def public(self, school_id: int, purpose: Purpose) -> bytes:
        with db.guarded():
            row = SchoolKey.get_or_none(SchoolKey.school_id == school_id, SchoolKey.purpose == purpose)
        if row is None:
            raise KeyRefused(f"school {school_id} has no key for {purpose}")
        return bytes(row.public)

    def wrapped(self, school_id: int, purpose: Purpose, zone: Zone) -> bytes:
        with db.guarded():
            row = (
                WrappedKey.select(WrappedKey.wrapped)
                .join(SchoolKey)
                .where(
                    SchoolKey.school_id == school_id,
                    SchoolKey.purpose == purpose,
                    WrappedKey.zone == zone,
                )
                .get_or_none()
            )
        if row is None:
            raise KeyRefused(f"the {purpose} key of school {school_id} is not wrapped for zone {zone}")
        return bytes(row.wrapped)


class Remembered:
    """All keys as the database has them now; a `KeyStore` that outlives the rows."""

    def __init__(self) -> None:
        self._public = {(row.school_id, row.purpose): bytes(row.public) for row in SchoolKey.select()}
        self._wrapped = {
            (row.school_key.school_id, row.school_key.purpose, row.zone): bytes(row.wrapped)
            for row in WrappedKey.select(WrappedKey, SchoolKey).join(SchoolKey)
        }

    def public(self, school_id: int, purpose: Purpose) -> bytes:
        if (school_id, purpose) not in self._public:
            raise KeyRefused(f"school {school_id} had no key for {purpose}")
        return self._public[school_id, purpose]

    def wrapped(self, school_id: int, purpose: Purpose, zone: Zone) -> bytes:
        if (school_id, purpose, zone) not in self._wrapped:
            raise KeyRefused(f"the {purpose} key of school {school_id} was not wrapped for zone {zone}")
        return self._wrapped[school_id, purpose, zone]


def open_keyring(config: Config, zone: Zone) -> Keyring:
    """The keyring of a process of `zone`. Raises `SecretMissing`."""
    return Keyring.load(zone, config.secrets_dir, DatabaseKeyStore())


def publish_zone_keys(secrets_dir: Path) -> None:
    """Puts the public keys of the opening zones into the database and makes the ward's own keys.

    Raises `OperatorError` when the database already has another key for a zone: what was wrapped to that
    one would be lost.
    """
    with db.transaction():
        for zone, public in _public_keys(secrets_dir).items():
            row = ZoneKey.get_or_none(ZoneKey.zone == zone)
            if row is None:
                ZoneKey.create(zone=zone, public=public, created_at=clock.now())
            elif bytes(row.public) != public:
                raise OperatorError(
                    f"{secrets_dir / zone.value / 'zone.key'}: not the key this database is wrapped to. "
                    "Restore that file from the key backup"
                )
        create_keys(WARD)


def sealed_to(secrets_dir: Path) -> bool:
    """Whether what the database has is sealed to the zones of these secrets. Raises `SecretMissing`."""
    known = {row.zone: bytes(row.public) for row in ZoneKey.select()}
    return known == _public_keys(secrets_dir)


def _public_keys(secrets_dir: Path) -> dict[Zone, bytes]:
    """Of the zones that open anything. Raises `SecretMissing`."""
    return {zone: zone_public_key(secrets_dir, zone) for zone in (Zone.ADMIN, Zone.MAIL)}


def replace(secrets_dir: Path) -> None:
    """Puts the zones of these secrets in place of those that the database knows, and new keys for old.

    In the caller's transaction, who seals anew what was sealed to the old ones: `appliance.exchange`. A key
    that was destroyed (R20) does not come back.
    """
    had = [(row.school_id, Purpose(row.purpose)) for row in SchoolKey.select()]
    for table in (WrappedKey, SchoolKey, ZoneKey):
        table.delete().execute()
    zone_keys = _public_keys(secrets_dir)
    for zone, public in zone_keys.items():
        ZoneKey.create(zone=zone, public=public, created_at=clock.now())
    for school_id, purpose in had:
        _create_key(school_id, purpose, zone_keys)


def create_keys(school_id: int) -> None:
    """Makes the key pairs that a school lacks, one per purpose. Raises `OperatorError`."""
    zone_keys = {Zone(row.zone): bytes(row.public) for row in ZoneKey.select()}
    if not zone_keys:
        raise OperatorError("the database knows no zone keys: run `karamail keys create`")
    have = {row.purpose for row in SchoolKey.select().where(SchoolKey.school_id == school_id)}
    for purpose in Purpose:
        if purpose not in have:
            _create_key(school_id, purpose, zone_keys)


def _create_key(school_id: int, purpose: Purpose, zone_keys: Mapping[Zone, bytes]) -> None:
    new = new_school_key(school_id, purpose, zone_keys)
    key = SchoolKey.create(school_id=school_id, purpose=purpose, public=new.public, created_at=clock.now())
    for zone, wrapped in new.wrapped.items():
        WrappedKey.create(school_key=key, zone=zone, wrapped=wrapped)
