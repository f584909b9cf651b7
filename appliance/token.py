"""Tokens in links and cookies: 128 bits or more, written for people's mail programs, stored only hashed.

Owns their written form (base32, lower case, no padding) and their hash. Refuses to know what they open.
Fails with `TokenUnknown` on anything that could not have been written here.
"""

import base64
import binascii
import hashlib
import secrets

from appliance.errors import TokenUnknown

OCTETS = 16


def write(token: bytes) -> str:
    """26 characters that survive being typed."""
    return base64.b32encode(token).decode("ascii").rstrip("=").lower()


def read(text: str) -> bytes:
    """The inverse of `write`. Raises `TokenUnknown`."""
    if len(text) != 26 or not text.isascii():
        raise TokenUnknown("not the form of a token")
    try:
        return base64.b32decode(text.upper() + "======")
    except binascii.Error:
        raise TokenUnknown("not the form of a token") from None


def fresh() -> bytes:
    """A new random token of 256 bits, for cookies."""
    return secrets.token_bytes(32)


def hashed(token: bytes) -> bytes:
    """What the database keeps. Plain SHA-256 is enough for random tokens."""
    return hashlib.sha256(token).digest()
