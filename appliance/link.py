"""Links that are signed and not stored: an id and a MAC over it, under a key that two zones share.

Owns their form: 32 characters, lower case, one spelling for each. The purpose is part of the MAC, so that a
link made for one use is nothing for another. Refuses to know what the id stands for. Fails with
`TokenUnknown`.

The MAC is HMAC-SHA256, 96 bits, under `unsubscribe.key`, which the mail zone (writes) and the guardian zone
(reads) share.
"""

import base64
import binascii
import hmac

from appliance import stamp
from appliance.errors import TokenUnknown

SECRET = "unsubscribe.key"
_ID_OCTETS = 8
_MAC_OCTETS = 12
_TEXT_LENGTH = 32  # 20 octets fill it to the last bit, so that one token has one spelling


def mint(key: bytes, purpose: str, number: int) -> str:
    """The token for one id."""
    return stamp.text(_sealed(key, purpose, number.to_bytes(_ID_OCTETS)))


def read(key: bytes, purpose: str, text: str) -> int:
    """The id. Raises `TokenUnknown` for what is not ours, or was made for another purpose."""
    if len(text) != _TEXT_LENGTH or not text.isascii():
        raise TokenUnknown("not the form of a token")
    try:
        octets = base64.b32decode(text.upper())
    except binascii.Error:
        raise TokenUnknown("not the form of a token") from None
    identity = octets[:_ID_OCTETS]
    if not hmac.compare_digest(octets, _sealed(key, purpose, identity)):
        raise TokenUnknown("not a token of ours")
    return int.from_bytes(identity)


def _sealed(key: bytes, purpose: str, identity: bytes) -> bytes:
    return identity + stamp.mac(key, purpose.encode() + b"\x1f", identity)[:_MAC_OCTETS]
