"""Signed addresses for answers: the Reply-To of everything we send.

Owns their local part: `a`, then 32 characters of base32 that hold a key mark (1 octet), the delivery's id (8)
and a MAC (11 octets, 88 bits, HMAC-SHA256). An answer is thereby bound to the delivery it answers; that it
comes from the address which got that delivery is asked of the database. The key is that of the return paths;
the MAC is over another purpose, so that neither is ever the other. Refuses to know domains. Fails with
`AnswerAddressForged`, which says nothing about what was wrong.
"""

import functools
import hashlib
import hmac
from base64 import b32decode

from appliance import stamp
from appliance.errors import KaramailError

_LETTER = "a"
_ID_OCTETS = 8
_MAC_OCTETS = 11
_TEXT_LENGTH = 32  # 20 octets fill it to the last bit, so that one token has one spelling


class AnswerAddressForged(KaramailError):
    """Not an address for answers that this installation wrote."""


def mint(key: bytes, delivery_id: int) -> str:
    """The local part for answers to a delivery: 33 characters, lower case.

    `key` is the zone's secret `return-path.key`; `delivery_id` fits into 63 bits.
    """
    return _LETTER + stamp.text(_sealed(key, delivery_id.to_bytes(_ID_OCTETS)))


def read(key: bytes, local_part: str) -> int:
    """The delivery's id, in whatever case it comes back. Raises `AnswerAddressForged`."""
    text = local_part.lower()
    if not is_shaped(text):
        raise AnswerAddressForged
    try:
        octets = b32decode(text[1:].upper().encode("ascii"))
    except ValueError:  # binascii.Error, and non-ASCII text
        raise AnswerAddressForged from None
    identity = octets[1 : 1 + _ID_OCTETS]
    if not hmac.compare_digest(octets, _sealed(key, identity)):
        raise AnswerAddressForged
    return int.from_bytes(identity)


def is_shaped(local_part: str) -> bool:
    """It has the outward form; says nothing about its MAC."""
    return len(local_part) == 1 + _TEXT_LENGTH and local_part[0] in "aA"


@functools.cache
def _mark(key: bytes) -> bytes:
    return hashlib.sha256(b"answer mark\x1f" + key).digest()[:1]


def _sealed(key: bytes, identity: bytes) -> bytes:
    marked = _mark(key) + identity
    return marked + stamp.mac(key, b"answer\x1f", marked)[:_MAC_OCTETS]
