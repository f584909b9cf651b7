"""Passwords: what may be one, and how one is kept (R16, R21).

Owns the Argon2id form and the rules for a new password. Refuses to know accounts and the database. Fails with
`TextInvalid`, field `password`.
"""

import os
import unicodedata
from collections.abc import Iterable

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from appliance.account.guessable import guessable
from appliance.config import Config
from appliance.errors import TextInvalid

_ITERATIONS, _LANES, _MEMORY_KIB = 2, 1, 19 * 1024  # OWASP's minimum for Argon2id
NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$MDAwMDAwMDAwMDAwMDAwMA$" + "A" * 43
"""The kept form of no password at all: to compare against where there is no account, in the same time."""


def kept(password: str) -> str:
    """The form in which a password is stored (PHC string)."""
    kdf = Argon2id(
        salt=os.urandom(16), length=32, iterations=_ITERATIONS, lanes=_LANES, memory_cost=_MEMORY_KIB
    )
    return kdf.derive_phc_encoded(_password_form(password))


def matches(password: str, phc: str) -> bool:
    """Whether this is the password that was kept as `phc`."""
    try:
        Argon2id.verify_phc_encoded(_password_form(password), phc)
    except InvalidKey:
        return False
    return True


def _password_form(password: str) -> bytes:
    """The same password from a Japanese and a western keyboard is the same bytes (RFC 8265)."""
    return unicodedata.normalize("NFKC", password).encode()


def check(config: Config, password: str, known: Iterable[str]) -> None:
    """`known` is what a stranger may know of the person and the ward (`guessable.words_of_ward`).

    Raises `TextInvalid("password", …)`: `too_short`, `too_long`, `guessable`.
    """
    if len(password) < config.account.password_min_length:
        raise TextInvalid("password", "too_short")
    if len(password) > 200:
        raise TextInvalid("password", "too_long")
    if guessable(password, known):
        raise TextInvalid("password", "guessable")
