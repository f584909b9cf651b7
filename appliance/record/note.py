"""Checkpoints as signed text: c2sp.org/signed-note, tlog-checkpoint and tlog-cosignature.

Owns the bytes of a checkpoint (origin, size, root, and one extension line with the time), their Ed25519
signatures, and the form in which public keys are given to people (`vkey`). Refuses to know the database and
where private keys lie. Fails with `NoteInvalid`, a sentence without anything of the text in it.
"""

import base64
import binascii
import re
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from appliance.errors import NoteInvalid
from appliance.record.merkle import HASH_BYTES

LOG, WITNESS = 1, 4
"""Kinds of keys: a plain signature of the text, and one that also says when (cosignature/v1)."""
_DASH = "— "
_NAME = re.compile(r"[!-*,-~]+")
_TIME = "time "
_UNTIL = " until "
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_SIZE_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key, as one line of ASCII: name+id+key."""

    name: str
    kind: int
    public: bytes
    until: int | None = None
    """It counts for checkpoints of at most so many records: another has taken its place. None: for all."""

    @property
    def id(self) -> bytes:
        """Four bytes that say which key a signature belongs to."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]

    @property
    def text(self) -> str:
        """The line."""
        line = f"{self.name}+{self.id.hex()}+{_b64(bytes([self.kind]) + self.public)}"
        return line if self.until is None else f"{line}{_UNTIL}{self.until}"

    def counts_for(self, size: int) -> bool:
        """Whether its signature under a checkpoint of so many records is one."""
        return self.until is None or size <= self.until


def read_key(text: str) -> VerifierKey:
    """The key of a line. Raises `NoteInvalid`."""
    line, separator, until = text.strip().partition(_UNTIL)
    name, id_, packed = [*line.split("+", 2), "", ""][:3]
    raw = _bytes(packed)
    if _NAME.fullmatch(name) is None or len(raw) != 1 + HASH_BYTES or raw[0] not in (LOG, WITNESS):
        raise NoteInvalid("not a verifier key: expected name+id+key")
    if separator and not _SIZE.fullmatch(until):
        raise NoteInvalid("a verifier key that counts until nobody knows when: expected a number of records")
    key = VerifierKey(name, raw[0], raw[1:], int(until) if separator else None)
    if key.id.hex() != id_:
        raise NoteInvalid("a verifier key whose id does not belong to it: mistyped")
    return key


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key with its name."""

    name: str
    kind: int
    private: Ed25519PrivateKey = field(repr=False)

    @property
    def key(self) -> VerifierKey:
        """The public half."""
        return VerifierKey(self.name, self.kind, self.private.public_key().public_bytes_raw())

    def line(self, text: str, now: datetime) -> str:
        """The signature line for a note's text."""
        if self.kind == LOG:
            signature = self.private.sign(text.encode())
        else:
            seconds = int(now.timestamp())
            signature = struct.pack(">Q", seconds) + self.private.sign(_timed(text, seconds))
        return f"{_DASH}{self.name} {_b64(self.key.id + signature)}"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How large the tree was, and its root, at a time."""

    origin: str
    size: int
    root: bytes
    at: datetime

    @property
    def text(self) -> str:
        """What is signed."""
        at = self.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return f"{self.origin}\n{self.size}\n{_b64(self.root)}\n{_TIME}{at}\n"


def write(checkpoint: Checkpoint, lines: Iterable[str]) -> str:
    """The note: text, blank line, signatures."""
    return checkpoint.text + "\n" + "".join(f"{line}\n" for line in lines)


def read(note: str, keys: Iterable[VerifierKey]) -> tuple[Checkpoint, list[str]]:
    """The checkpoint, signed by its log, and the names of all known keys that signed it.

    Unknown signatures are passed over, and those of keys that no longer counted; a wrong one of a known key
    spoils the note. Raises `NoteInvalid`.
    """
    text, separator, signatures = note.partition("\n\n")
    text += "\n"
    if not separator or not signatures.endswith("\n"):
        raise NoteInvalid("not a signed checkpoint")
    checkpoint = _checkpoint(text)
    given = list(keys)
    signed: list[str] = []
    by_log = False
    for line in signatures[:-1].split("\n"):
        key = signer_of(line, text, checkpoint.size, given)
        if key is not None:
            signed.append(key.name)
            by_log |= _is_of_log(key, checkpoint)
    if not by_log:
        raise NoteInvalid("no signature of a known key of this log")
    return checkpoint, signed


def read_kept(note: str, keys: Iterable[VerifierKey]) -> Checkpoint:
    """The checkpoint of a note that somebody else kept, signed by its log.

    What else stands under it may be worth nothing: it came to him by the database. Raises `NoteInvalid`.
    """
    text, separator, signatures = note.partition("\n\n")
    if not separator:
        raise NoteInvalid("not a signed checkpoint")
    checkpoint = _checkpoint(text + "\n")
    given = list(keys)
    for line in signatures.split("\n"):
        try:
            key = signer_of(line, text + "\n", checkpoint.size, given)
        except NoteInvalid:
            continue
        if key is not None and _is_of_log(key, checkpoint):
            return checkpoint
    raise NoteInvalid("no signature of a known key of this log")


def signer_of(line: str, text: str, size: int, keys: Sequence[VerifierKey]) -> VerifierKey | None:
    """Whose signature a line under a checkpoint's text is; None where nobody knows the key, or no longer.

    Raises `NoteInvalid`: it is none, or a wrong one of a known key.
    """
    name, _, packed = line.removeprefix(_DASH).partition(" ")
    raw = _bytes(packed)
    if not line.startswith(_DASH) or len(raw) < 5:
        raise NoteInvalid("a line that is no signature")
    over = {key.id for key in keys if not key.counts_for(size)}  # even if it stands there twice
    for key in keys:
        if (key.name, key.id) == (name, raw[:4]) and key.id not in over:
            _check(key, text, raw[4:])
            return key
    return None


def _is_of_log(key: VerifierKey, checkpoint: Checkpoint) -> bool:
    return key.kind == LOG and key.name == checkpoint.origin


def _checkpoint(text: str) -> Checkpoint:
    lines = text.split("\n")[:-1]
    if len(lines) != 4 or not _SIZE.fullmatch(lines[1]):
        raise NoteInvalid("not a checkpoint: expected origin, size, root and time")
    size, root = int(lines[1]), _bytes(lines[2])
    try:
        at = datetime.strptime(lines[3], f"{_TIME}%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise NoteInvalid("not a checkpoint: its time cannot be read") from None
    checkpoint = Checkpoint(lines[0], size, root, at)
    if _NAME.fullmatch(lines[0]) is None or size > _SIZE_MAX or len(root) != HASH_BYTES:
        raise NoteInvalid("not a checkpoint: origin, size or root cannot be read")
    if checkpoint.text != text:
        raise NoteInvalid("not a checkpoint in its one written form")
    return checkpoint


def _check(key: VerifierKey, text: str, signature: bytes) -> None:
    message = text.encode()
    if key.kind == WITNESS:
        if len(signature) != 72:
            raise NoteInvalid("a signature of the wrong length")
        message = _timed(text, struct.unpack(">Q", signature[:8])[0])
        signature = signature[8:]
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise NoteInvalid("a signature that does not belong to the text") from None


def _timed(text: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _bytes(text: str) -> bytes:
    """What base64 holds; nothing where it is none, or not in its one written form."""
    try:
        found = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return b""
    return found if _b64(found) == text else b""
