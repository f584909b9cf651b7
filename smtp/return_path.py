"""Signed return paths: who a bounce is about, without a table and without being forgeable.

Owns the local part under which everything we send leaves: `b`, then 32 characters of base32 that hold a key
mark (1 octet), the day (2), the delivery's id (7) and a MAC (10 octets, 80 bits, HMAC-SHA256). The day is
the one on which the delivery was made, so that a retry leaves under the same path (greylisting), and it
ends the path's life without a look into the database. Refuses to know domains and why a mail bounced.
Fails with `ReturnPathForged` or `ReturnPathExpired`; a peer hears the same for both.
"""

import functools
import hashlib
import hmac
from base64 import b32decode
from datetime import UTC, datetime, timedelta

from appliance import stamp
from appliance.errors import KaramailError

_LETTER = "b"
_DAY_OCTETS = 2  # until the year 2149
_ID_OCTETS = 7
_MAC_OCTETS = 10
_TEXT_LENGTH = 32  # 20 octets fill it to the last bit, so that one token has one spelling
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ReturnPathForged(KaramailError):
    """Not a return path that this installation wrote."""


class ReturnPathExpired(KaramailError):
    """A return path of ours, of a mail so old that nobody bounces it any more."""


def mint(key: bytes, delivery_id: int, created_at: datetime) -> str:
    """The local part of a delivery's return path: 33 characters, lower case.

    `key` is the zone's secret `return-path.key`; `delivery_id` fits into 56 bits.
    """
    day = (created_at - _EPOCH).days.to_bytes(_DAY_OCTETS)
    return _LETTER + stamp.text(_sealed(key, day + delivery_id.to_bytes(_ID_OCTETS)))


def read(key: bytes, local_part: str, *, now: datetime, life_days: int) -> int:
    """The delivery id of a return path, in whatever case it comes back.

    Raises `ReturnPathForged`, and `ReturnPathExpired` more than `life_days` after the day it was made
    for. The MAC is compared first and in constant time, so that the age of a forgery tells nothing.
    """
    text = local_part.lower()
    if not is_shaped(text):
        raise ReturnPathForged
    try:
        octets = b32decode(text[1:].upper().encode("ascii"))
    except ValueError:  # binascii.Error, and non-ASCII text
        raise ReturnPathForged from None
    identity = octets[1 : 1 + _DAY_OCTETS + _ID_OCTETS]
    if not hmac.compare_digest(octets, _sealed(key, identity)):
        raise ReturnPathForged
    made_at = _EPOCH + timedelta(days=int.from_bytes(identity[:_DAY_OCTETS]))
    if now - made_at > timedelta(days=life_days + 1):  # a whole day more: it was made some time on that day
        raise ReturnPathExpired
    return int.from_bytes(identity[_DAY_OCTETS:])


def is_shaped(local_part: str) -> bool:
    """It has the outward form of a return path; says nothing about its MAC."""
    return len(local_part) == 1 + _TEXT_LENGTH and local_part[0] in "bB"


@functools.cache
def _mark(key: bytes) -> bytes:
    return hashlib.sha256(b"return-path mark\x1f" + key).digest()[:1]


def _sealed(key: bytes, identity: bytes) -> bytes:
    marked = _mark(key) + identity
    return marked + stamp.mac(key, b"return-path\x1f", marked)[:_MAC_OCTETS]
