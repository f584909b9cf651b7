"""One-time codes of an app (TOTP, RFC 6238, by pyotp): six digits, half a minute each.

Owns the secret, encrypted under the site's `second-factor.key` and bound to its row, and the last step that
was used: a code counts once, also for two who send it at the same moment. A clock may be wrong by one step.
Refuses to count attempts (`second_step` does). Fails with `FactorRefused`.
"""

import hmac
import os
import unicodedata
from collections.abc import Mapping
from datetime import datetime

import pyotp
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from appliance import db
from appliance.account.person import Person
from appliance.errors import FactorRefused, KeyRefused
from appliance.keys import Keyring
from appliance.models import Account, Factor
from appliance.models.fields import row_id

_STEP_S = 30
_NONCE_OCTETS = 12
_SECRET_LETTERS = 32  # 160 bits (RFC 4226 section 4, R6)


def fresh() -> str:
    """A new secret, as apps take it (base32)."""
    return pyotp.random_base32(_SECRET_LETTERS)


def is_secret(text: str) -> bool:
    """Could `fresh` have made it?"""
    return len(text) == _SECRET_LETTERS and set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")


def address(secret: str, account: Account, issuer: str) -> str:
    """The otpauth: address that apps read from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=account.login_id, issuer_name=issuer)


def add(keyring: Keyring, who: Person, name: str, secret: str, code: str, now: datetime) -> Factor:
    """Keeps a secret whose first code was right. Raises `FactorRefused`."""
    step = _step(secret, code, now) if is_secret(secret) else None
    if step is None:
        raise FactorRefused("code")
    number = row_id()
    sealed = _sealed(keyring, _place(who.zone, who.account_id, number), secret)
    factor: Factor = Factor.create(
        id=number, account=who.account_id, zone=who.zone, kind="totp", name=name, secret=sealed,
        last_step=step, created_at=now,
    )  # fmt: skip
    return factor


def check(keyring: Keyring, who: Person, code: str, now: datetime) -> Factor:
    """The factor whose code this is. Raises `FactorRefused`: `code`, or `replayed` for one used before."""
    replayed = False
    for factor in Factor.select().where(
        Factor.account == who.account_id, Factor.zone == who.zone, Factor.kind == "totp"
    ):
        step = _step(_secret(keyring, factor), code, now)
        if step is None:
            continue
        with db.transaction():
            newer = (
                Factor.update(last_step=step, used_at=now)
                .where(Factor.id == factor.id, Factor.last_step < step)
                .execute()
            )
        if newer == 1:
            found: Factor = factor
            return found
        replayed = True
    raise FactorRefused("replayed" if replayed else "code")


def reseal(keyrings: Mapping[str, tuple[Keyring, Keyring]]) -> int:
    """Seals all secrets anew, from the old keyring of a site to its new one; returns how many there are.

    Raises `KeyRefused`.
    """
    rows = list(Factor.select().where(Factor.kind == "totp"))
    for factor in rows:
        old, new = keyrings[factor.zone]
        sealed = _sealed(new, _place(factor.zone, factor.account_id, factor.id), _secret(old, factor))
        Factor.update(secret=sealed).where(Factor.id == factor.id).execute()
    return len(rows)


def _sealed(keyring: Keyring, place: bytes, secret: str) -> bytes:
    nonce = os.urandom(_NONCE_OCTETS)
    return nonce + _cipher(keyring).encrypt(nonce, secret.encode(), place)


def _step(secret: str, code: str, now: datetime) -> int | None:
    """The step whose code was typed; compared in constant time."""
    typed = "".join(unicodedata.normalize("NFKC", code).split())
    current = int(now.timestamp()) // _STEP_S
    found = None
    for step in (current - 1, current, current + 1):
        if hmac.compare_digest(pyotp.TOTP(secret).at(step * _STEP_S).encode(), typed.encode()):
            found = step
    return found


def _secret(keyring: Keyring, factor: Factor) -> str:
    sealed = bytes(factor.secret)
    nonce, content = sealed[:_NONCE_OCTETS], sealed[_NONCE_OCTETS:]
    try:
        return (
            _cipher(keyring)
            .decrypt(nonce, content, _place(factor.zone, factor.account_id, factor.id))
            .decode()
        )
    except InvalidTag:
        raise KeyRefused(
            "a one-time secret does not belong to its row, or second-factor.key was replaced"
        ) from None


def _cipher(keyring: Keyring) -> AESGCM:
    return AESGCM(keyring.secret("second-factor.key"))


def _place(zone: str, account_id: int, factor_id: int) -> bytes:
    return "\x1f".join(("1", "factor", "secret", zone, str(account_id), str(factor_id))).encode()
