"""A zone's keyring: seal with a school's public key, open what the zone may, find without opening.

Owns the cryptography of R24. Each school has one key pair per purpose; its private key is itself sealed to
the zones that may open that purpose. A sealed value begins with an octet that says how it was sealed:

- 1, by a zone that may not open it: an HPKE message (X25519, HKDF-SHA256, AES-256-GCM) to the public key;
- 2, by a zone that may: AES-256-GCM under a key derived from the private key (12 octets of nonce before it).
  Opening costs 2 µs instead of 50, which a broadcast pays for each recipient.

Both bind version, purpose, table, column, school and row, so that a ciphertext moved elsewhere does not open;
both are gone with the private key (R20). Refuses everything else with `KeyRefused`. A damaged value, a wrong
slot and a missing key look the same to the caller.
"""

import hmac
import os
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from appliance.config import Zone
from appliance.errors import KeyRefused, SealBroken
from appliance.keys import secrets, signing

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_VERSION = "1"
_TO_PUBLIC = b"\x01"
_BY_OPENER = b"\x02"
_NONCE_OCTETS = 12
INDEX_OCTETS = 16  # 128 bits


class Purpose(StrEnum):
    """What a school's key pair protects."""

    NAMES = "names"
    ADDRESSES = "addresses"


OPENERS: Mapping[Purpose, frozenset[Zone]] = {
    Purpose.NAMES: frozenset({Zone.ADMIN}),
    Purpose.ADDRESSES: frozenset({Zone.ADMIN, Zone.MAIL}),
}


@dataclass(frozen=True, slots=True)
class Slot:
    """The one place where a sealed value belongs. `school_id` 0 is the ward itself."""

    purpose: Purpose
    table: str
    column: str
    school_id: int
    row_id: int

    def info(self) -> bytes:
        return "\x1f".join(
            (_VERSION, self.purpose, self.table, self.column, str(self.school_id), str(self.row_id))
        ).encode()


class KeyStore(Protocol):
    """Where the public and the wrapped keys of schools lie."""

    def public(self, school_id: int, purpose: Purpose) -> bytes:
        """32 bytes. Raises `KeyRefused` where the school has no such key."""

    def wrapped(self, school_id: int, purpose: Purpose, zone: Zone) -> bytes:
        """The private key, sealed to the zone. Raises `KeyRefused` where it is not wrapped for it."""


@dataclass(frozen=True, slots=True)
class _Unwrapped:
    """A school's private key, and the cipher that is derived from it for the zones that hold it."""

    private: X25519PrivateKey = field(repr=False)
    cipher: AESGCM = field(repr=False)


@dataclass(frozen=True, slots=True)
class NewSchoolKey:
    """A fresh key pair of one school and purpose; the private half exists only wrapped."""

    public: bytes
    wrapped: Mapping[Zone, bytes]


def _wrap_info(school_id: int, purpose: Purpose, zone: Zone) -> bytes:
    return "\x1f".join((_VERSION, "wrap", str(school_id), purpose, zone)).encode()


def _cipher_info(slot: Slot) -> bytes:
    return "\x1f".join((_VERSION, "cipher", str(slot.school_id), slot.purpose)).encode()


def new_school_key(school_id: int, purpose: Purpose, zone_keys: Mapping[Zone, bytes]) -> NewSchoolKey:
    """Makes a key pair and wraps it for every zone that may open `purpose` (public keys in `zone_keys`)."""
    private = X25519PrivateKey.generate()
    wrapped = {
        zone: _SUITE.encrypt(
            private.private_bytes_raw(),
            X25519PublicKey.from_public_bytes(zone_keys[zone]),
            _wrap_info(school_id, purpose, zone),
        )
        for zone in OPENERS[purpose]
    }
    return NewSchoolKey(private.public_key().public_bytes_raw(), wrapped)


class Keyring:
    """What one running process can do with personal data."""

    def __init__(self, zone: Zone, folder: Path, store: KeyStore) -> None:
        """Reads the zone's secrets at once, so that a missing file is found at start (`SecretMissing`)."""
        self.zone = zone
        self._store = store
        self._folder = folder
        read = partial(secrets.read, folder)
        held = secrets.SECRETS[zone]
        self._zone_key = X25519PrivateKey.from_private_bytes(read("zone.key")) if "zone.key" in held else None
        self._index_keys = {
            purpose: read(f"{purpose}.index") for purpose in Purpose if f"{purpose}.index" in held
        }
        self._links = read("links.key") if "links.key" in held else None
        self._public: dict[tuple[int, Purpose], X25519PublicKey] = {}
        self._unwrapped: dict[tuple[int, Purpose], _Unwrapped] = {}

    @classmethod
    def load(cls, zone: Zone, secrets_dir: Path, store: KeyStore) -> "Keyring":
        return cls(zone, secrets.directory(secrets_dir, zone), store)

    def secret(self, name: str) -> bytes:
        """Another 32-byte secret of this zone (`cookie`, `return-path.key`). Raises `KeyRefused`."""
        self._require(name)
        return secrets.read(self._folder, name)

    def signing_keys(self) -> signing.Keys:
        """The DKIM keys, read anew at each call. Raises `KeyRefused`, `SecretMissing`."""
        self._require(signing.FILE)
        return signing.read(self._folder)

    def signing_version(self) -> tuple[int, int]:
        """Changes when the DKIM keys were changed (`appliance.keys.signing.version`)."""
        return signing.version(self._folder)

    def _require(self, name: str) -> None:
        if name not in secrets.SECRETS[self.zone]:
            raise KeyRefused(f"zone {self.zone} does not hold {name}")

    def seal(self, slot: Slot, text: str) -> bytes:
        """Seals for the slot; any zone may. Raises `KeyRefused` where the school has no key."""
        if self._zone_key is not None and self.zone in OPENERS[slot.purpose]:
            nonce = os.urandom(_NONCE_OCTETS)
            return _BY_OPENER + nonce + self._key(slot).cipher.encrypt(nonce, text.encode(), slot.info())
        key = (slot.school_id, slot.purpose)
        public = self._public.get(key)
        if public is None:
            public = self._public[key] = X25519PublicKey.from_public_bytes(self._store.public(*key))
        return _TO_PUBLIC + _SUITE.encrypt(text.encode(), public, slot.info())

    def open(self, slot: Slot, sealed: bytes) -> str:
        """Opens a value sealed for exactly this slot. Raises `KeyRefused`, `SealBroken`."""
        key = self._key(slot)
        try:
            if sealed[:1] == _BY_OPENER:
                nonce, content = sealed[1 : 1 + _NONCE_OCTETS], sealed[1 + _NONCE_OCTETS :]
                return key.cipher.decrypt(nonce, content, slot.info()).decode()
            if sealed[:1] == _TO_PUBLIC:
                return _SUITE.decrypt(sealed[1:], key.private, slot.info()).decode()
        except (InvalidTag, ValueError):
            pass
        raise SealBroken(f"a sealed {slot.table}.{slot.column} does not belong to its row")

    def _key(self, slot: Slot) -> _Unwrapped:
        return self._unwrapped.get((slot.school_id, slot.purpose)) or self._unwrap(slot)

    def _unwrap(self, slot: Slot) -> _Unwrapped:
        if self._zone_key is None or self.zone not in OPENERS[slot.purpose]:
            raise KeyRefused(f"zone {self.zone} may not open {slot.purpose}")
        wrapped = self._store.wrapped(slot.school_id, slot.purpose, self.zone)
        try:
            raw = _SUITE.decrypt(wrapped, self._zone_key, _wrap_info(slot.school_id, slot.purpose, self.zone))
        except (InvalidTag, ValueError):
            raise KeyRefused(
                f"zone {self.zone}: its key does not open a school key; was it replaced?"
            ) from None
        derived = HKDF(hashes.SHA256(), 32, salt=None, info=_cipher_info(slot)).derive(raw)
        unwrapped = _Unwrapped(X25519PrivateKey.from_private_bytes(raw), AESGCM(derived))
        self._unwrapped[(slot.school_id, slot.purpose)] = unwrapped
        return unwrapped

    def index(self, purpose: Purpose, text: str) -> bytes:
        """16 bytes that are equal for equal values and tell nothing without the key (HMAC-SHA256)."""
        key = self._index_keys.get(purpose)
        if key is None:
            raise KeyRefused(f"zone {self.zone} may not recognise {purpose}")
        return hmac.digest(key, text.encode(), "sha256")[:INDEX_OCTETS]

    def link_token(self, seed: bytes) -> bytes:
        """The 128 bits of a registration link; never stored, derived again when the mail is written."""
        if self._links is None:
            raise KeyRefused(f"zone {self.zone} may not make links")
        return hmac.digest(self._links, b"registration\x1f" + seed, "sha256")[:16]


def name_form(name: str) -> str:
    """A name as the index compares it: NFKC, no spaces, folded; 「山田　花子」 equals 「山田花子」."""
    return "".join(unicodedata.normalize("NFKC", name).split()).casefold()
