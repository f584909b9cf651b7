"""Where school keys lie: the `KeyStore` over the database, and their creation.

Owns the rows of `zone_key`, `school_key` and `wrapped_key`. Refuses to hold a private key unwrapped. Fails
with `KeyRefused` where a school has no key or none for the zone that asks.
"""

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


def open_keyring(config: Config, zone: Zone) -> Keyring:
    """The keyring of a process of `zone`. Raises `SecretMissing`."""
    return Keyring.load(zone, config.secrets_dir, DatabaseKeyStore())


def publish_zone_keys(secrets_dir: Path) -> None:
    """Puts the public keys of the opening zones into the database and makes the ward's own keys.

    Raises `OperatorError` when the database already has another key for a zone: what was wrapped to that
    one would be lost.
    """
    with db.transaction():
        for zone in (Zone.ADMIN, Zone.MAIL):
            public = zone_public_key(secrets_dir, zone)
            row = ZoneKey.get_or_none(ZoneKey.zone == zone)
            if row is None:
                ZoneKey.create(zone=zone, public=public, created_at=clock.now())
            elif bytes(row.public) != public:
                raise OperatorError(
                    f"{secrets_dir / zone.value / 'zone.key'}: not the key this database is wrapped to. "
                    "Restore that file from the key backup"
                )
        create_keys(WARD)


def create_keys(school_id: int) -> None:
    """Makes the key pairs that a school lacks, one per purpose. Raises `OperatorError`."""
    zone_keys = {Zone(row.zone): bytes(row.public) for row in ZoneKey.select()}
    if not zone_keys:
        raise OperatorError("the database knows no zone keys: run `karamail keys create`")
    have = {row.purpose for row in SchoolKey.select().where(SchoolKey.school_id == school_id)}
    for purpose in Purpose:
        if purpose in have:
            continue
        new = new_school_key(school_id, purpose, zone_keys)
        key = SchoolKey.create(
            school_id=school_id, purpose=purpose, public=new.public, created_at=clock.now()
        )
        for zone, wrapped in new.wrapped.items():
            WrappedKey.create(school_key=key, zone=zone, wrapped=wrapped)
