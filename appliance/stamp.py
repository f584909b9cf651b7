"""What signed addresses and signed links are made of: a MAC under a zone's secret, and base32 in lower case.

Owns both, because every mail of a broadcast carries two or three of them: the hash is begun once per key and
purpose, and the text comes from a table of pairs. Refuses to know what is signed and how much of the MAC is
kept. Cannot fail.
"""

import functools
import hmac

_DIGITS = "abcdefghijklmnopqrstuvwxyz234567"  # RFC 4648 6, in lower case
_PAIRS = [high + low for high in _DIGITS for low in _DIGITS]
_SHIFTS = range(150, -1, -10)


def mac(key: bytes, purpose: bytes, value: bytes) -> bytes:
    """HMAC-SHA256 over purpose and value; a purpose ends so that it is never the beginning of another."""
    begun = _begun(key, purpose).copy()
    begun.update(value)
    return begun.digest()


@functools.lru_cache(maxsize=64)
def _begun(key: bytes, purpose: bytes) -> hmac.HMAC:
    return hmac.new(key, purpose, "sha256")


def text(octets: bytes) -> str:
    """Base32 of 20 octets: 32 characters that they fill to the last bit, so that there is one spelling."""
    number = int.from_bytes(octets)
    return "".join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS])
