"""Recovery codes: ten on paper, each stands once for a lost factor (ASVS 5.0 6.5).

Owns the codes: 80 random bits each, kept only hashed, shown once when they are made. Refuses to show them
again; new ones replace the old ones. Fails with `FactorRefused`.
"""

import base64
import hashlib
import secrets
import unicodedata
from datetime import datetime

from appliance import db
from appliance.account.person import Person
from appliance.config import Zone
from appliance.errors import FactorRefused
from appliance.models import RecoveryCode

HOW_MANY = 10
_OCTETS = 10
_GROUP = 4


def renew(who: Person, now: datetime) -> list[str]:
    """Ten new codes in place of all old ones, inside the caller's transaction; nobody can read them again."""
    codes = [base64.b32encode(secrets.token_bytes(_OCTETS)).decode("ascii").lower() for _ in range(HOW_MANY)]
    with db.transaction():
        RecoveryCode.delete().where(
            RecoveryCode.account == who.account_id, RecoveryCode.zone == who.zone
        ).execute()
        for code in codes:
            RecoveryCode.create(
                account=who.account_id, zone=who.zone, code_hash=_hashed(who, code), created_at=now
            )
    return ["-".join(code[at : at + _GROUP] for at in range(0, len(code), _GROUP)) for code in codes]


def left(account_id: int, zone: Zone) -> int:
    """How many are still unused."""
    found: int = (
        RecoveryCode.select()
        .where(RecoveryCode.account == account_id, RecoveryCode.zone == zone, RecoveryCode.used_at.is_null())
        .count()
    )
    return found


def check(who: Person, typed: str, now: datetime) -> None:
    """Uses a code up. Raises `FactorRefused("code")`: unknown or used, never said which."""
    code = unicodedata.normalize("NFKC", typed).lower()
    code = "".join(letter for letter in code if letter.isalnum())
    with db.transaction():
        used = (
            RecoveryCode.update(used_at=now)
            .where(
                RecoveryCode.account == who.account_id,
                RecoveryCode.zone == who.zone,
                RecoveryCode.code_hash == _hashed(who, code),
                RecoveryCode.used_at.is_null(),
            )
            .execute()
        )
    if used != 1:
        raise FactorRefused("code")


def _hashed(who: Person, code: str) -> bytes:
    """Plain SHA-256 is enough for 80 random bits; bound to whose they are."""
    return hashlib.sha256(f"{who.zone}\x1f{who.account_id}\x1f{code}".encode()).digest()
