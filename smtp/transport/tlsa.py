"""TLSA records as DANE for SMTP uses them (RFC 6698, RFC 7671, RFC 7672).

Owns which records are usable and what they match. Refuses DNS and connections. Cannot fail: what it does not
know it does not use.
"""

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

DANE_TA, DANE_EE = 2, 3
_DIGESTS = {1: (hashlib.sha256, 32), 2: (hashlib.sha512, 64)}


class Record(NamedTuple):
    """One TLSA record (RFC 6698 2.1)."""

    usage: int
    selector: int  # 0: the whole certificate, 1: its public key
    matching: int  # 0: as it is, 1: SHA-256, 2: SHA-512
    association: bytes

    def matches(self, certificate: x509.Certificate) -> bool:
        """Whether the certificate is the one that is meant."""
        if self.selector == 0:
            selected = certificate.public_bytes(Encoding.DER)
        else:
            selected = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        if self.matching == 0:
            return selected == self.association
        return _DIGESTS[self.matching][0](selected).digest() == self.association


def usable(records: Iterable[Record]) -> tuple[Record, ...]:
    """Those that SMTP goes by. PKIX-TA(0) and PKIX-EE(1) are not (RFC 7672 3.1.3); nor is an unknown
    selector or matching type, or a digest of the wrong length."""
    return tuple(record for record in records if _is_usable(record))


def _is_usable(record: Record) -> bool:
    if record.usage not in (DANE_TA, DANE_EE) or record.selector not in (0, 1):
        return False
    if record.matching == 0:
        return bool(record.association)
    return record.matching in _DIGESTS and len(record.association) == _DIGESTS[record.matching][1]
