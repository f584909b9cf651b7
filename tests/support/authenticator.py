"""A security key made of software: answers WebAuthn's questions as a browser with an authenticator would.

    key = Authenticator("https://admin.example")
    answer = key.create(options)        # both are WebAuthn's JSON, as the pages carry it
    answer = key.get(options)

`verifies=False` is a key that asks its user for nothing; `synced=True` one whose maker syncs it.
"""

import hashlib
import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any
from urllib.parse import urlsplit

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

_PRESENT, _VERIFIED, _MAY_SYNC, _SYNCED, _ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40


def written(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


def octets(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Authenticator:
    """One key, at one origin."""

    def __init__(self, origin: str, *, verifies: bool = True, synced: bool = False) -> None:
        self.origin = origin
        self.rp_id = urlsplit(origin).hostname or ""
        self.verifies, self.synced = verifies, synced
        self.id = os.urandom(16)
        self.count = 0
        self._key = ec.generate_private_key(ec.SECP256R1())

    def create(self, options: str) -> str:
        asked = json.loads(options)
        numbers = self._key.public_key().public_numbers()
        public = cbor2.dumps(
            {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        )
        attested = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + public
        statement = {"fmt": "none", "attStmt": {}, "authData": self._said(_ATTESTED) + attested}
        return self._answer(
            {
                "clientDataJSON": self._client("webauthn.create", asked["challenge"]),
                "attestationObject": cbor2.dumps(statement),
            }
        )

    def get(self, options: str) -> str:
        asked = json.loads(options)
        client, said = self._client("webauthn.get", asked["challenge"]), self._said(0)
        signature = self._key.sign(said + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        return self._answer({"clientDataJSON": client, "authenticatorData": said, "signature": signature})

    def _said(self, more: int) -> bytes:
        flags = _PRESENT | more
        flags |= _VERIFIED if self.verifies else 0
        flags |= _MAY_SYNC | _SYNCED if self.synced else 0
        self.count += 1
        return hashlib.sha256(self.rp_id.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def _client(self, what: str, challenge: str) -> bytes:
        return json.dumps({"type": what, "challenge": challenge, "origin": self.origin}).encode()

    def _answer(self, response: dict[str, bytes]) -> str:
        number = written(self.id)
        parts: dict[str, Any] = {name: written(value) for name, value in response.items()}
        return json.dumps({"id": number, "rawId": number, "type": "public-key", "response": parts})
