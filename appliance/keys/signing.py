"""The DKIM keys: several at once, each with its selector and its place in the rotation (RFC 6376 3.1).

Owns the file `dkim.json` (mode 0600, replaced in one piece) and the order publish → activate → keep → retire:

- `waiting`: made; its record is to be published. Nothing is signed with it.
- `active`: signs; at most one for each algorithm.
- `retiring`: signs no more; its record stays published for `KEEP`, because mail that it signed is still on
  its way or is judged late. Then the private key is destroyed.

RSA-2048 is for everybody, Ed25519 (RFC 8463) for those who know it. Refuses to ask DNS: whether a record can
be seen is for the caller to find out. Fails with `SecretMissing`, naming the file, and with `WrongState`.
"""

import json
import os
import re
import tempfile
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from appliance.errors import SecretMissing, WrongState

FILE = "dkim.json"
RSA_BITS = 2048
KEEP = timedelta(days=7)
"""Mail is signed at the moment it is sent; who forwards it later is judged by the record still."""
_SELECTOR = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


class Algorithm(StrEnum):
    """As the record's `k=` says it."""

    RSA = "rsa"
    ED25519 = "ed25519"


class KeyState(StrEnum):
    """Where a key is in the rotation."""

    WAITING = "waiting"
    ACTIVE = "active"
    RETIRING = "retiring"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key pair. `since` is when it came into its state; `pem` is the private half."""

    selector: str
    algorithm: Algorithm
    state: KeyState
    since: datetime
    pem: str = field(repr=False)

    def private(self) -> RSAPrivateKey | Ed25519PrivateKey:
        """The key to sign with. Raises `SecretMissing` for one that is too short or of another kind."""
        try:
            key = load_pem_private_key(self.pem.encode("ascii"), password=None)
        except (ValueError, TypeError):
            raise SecretMissing(f"{FILE}: the key {self.selector} is not a private key in PEM") from None
        if self.algorithm is Algorithm.ED25519 and isinstance(key, Ed25519PrivateKey):
            return key
        if self.algorithm is Algorithm.RSA and isinstance(key, RSAPrivateKey) and key.key_size >= RSA_BITS:
            return key
        expected = "Ed25519" if self.algorithm is Algorithm.ED25519 else f"RSA with at least {RSA_BITS} bits"
        raise SecretMissing(f"{FILE}: the key {self.selector} is not {expected}")

    def record(self) -> str:
        """The TXT record for `<selector>._domainkey.<domain>` (RFC 6376 3.6.1, RFC 8463 4.2)."""
        public = self.private().public_key()
        if self.algorithm is Algorithm.ED25519:
            octets = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        else:
            octets = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return f"v=DKIM1; k={self.algorithm}; p={b64encode(octets).decode('ascii')}"

    def name(self, domain: str) -> str:
        """Where the record is published."""
        return f"{self.selector}._domainkey.{domain}"

    def retires_at(self) -> datetime | None:
        """When a retiring key may go; None for the others."""
        return self.since + KEEP if self.state is KeyState.RETIRING else None


Keys = tuple[SigningKey, ...]


def fresh(keys: Sequence[SigningKey], now: datetime, *, state: KeyState = KeyState.WAITING) -> Keys:
    """`keys` and one new pair of each algorithm. Raises `WrongState` while others wait already.

    Selectors hold the date and are never used twice: receivers keep old records in their caches.
    """
    if any(key.state is KeyState.WAITING for key in keys):
        raise WrongState("new keys are waiting already: publish their records, then activate them")
    taken = {key.selector for key in keys}
    made = []
    for algorithm in Algorithm:
        stem = f"{algorithm.value[0]}{now:%Y%m%d}"
        selector = next(name for name in (stem, *(f"{stem}-{n}" for n in range(2, 99))) if name not in taken)
        made.append(SigningKey(selector, algorithm, state, now, _new_pem(algorithm)))
    return (*keys, *made)


def activated(keys: Sequence[SigningKey], now: datetime) -> Keys:
    """The waiting keys sign from now on, those before them retire. Raises `WrongState` when none waits."""
    coming = {key.algorithm for key in keys if key.state is KeyState.WAITING}
    if not coming:
        raise WrongState("no new key is waiting: make one first")

    def moved(key: SigningKey) -> SigningKey:
        if key.state is KeyState.WAITING:
            return replace(key, state=KeyState.ACTIVE, since=now)
        if key.state is KeyState.ACTIVE and key.algorithm in coming:
            return replace(key, state=KeyState.RETIRING, since=now)
        return key

    return tuple(moved(key) for key in keys)


def expired(keys: Sequence[SigningKey], now: datetime) -> Keys:
    """The retiring keys whose time is over."""
    return tuple(key for key in keys if (ends := key.retires_at()) is not None and ends <= now)


def active(keys: Sequence[SigningKey]) -> Keys:
    """The keys that sign, RSA first: a receiver that looks at one signature only looks at the first."""
    return tuple(
        key
        for algorithm in Algorithm
        for key in keys
        if key.state is KeyState.ACTIVE and key.algorithm is algorithm
    )


def read(folder: Path) -> Keys:
    """All keys of the file, oldest first. Raises `SecretMissing`."""
    path = folder / FILE
    try:
        rows = json.loads(path.read_bytes())["keys"]
        keys = tuple(_key(row) for row in rows)
    except OSError as error:
        raise SecretMissing(
            f"{path}: cannot be read ({error.strerror}). Run `karamail keys create`"
        ) from None
    except (ValueError, KeyError, TypeError):
        raise SecretMissing(f"{path}: not a file of DKIM keys. Restore it from the key backup") from None
    if len({key.selector for key in keys}) < len(keys):
        raise SecretMissing(f"{path}: a selector twice. Restore it from the key backup")
    return keys


def write(folder: Path, keys: Sequence[SigningKey]) -> None:
    """Replaces the file; whoever reads it sees all of the old or all of the new one."""
    descriptor, draft = tempfile.mkstemp(dir=folder, prefix=f".{FILE}.")  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(dumped(keys))
            file.flush()
            os.fsync(file.fileno())
        old = (folder / FILE).stat() if (folder / FILE).exists() else None
        if old is not None and os.geteuid() == 0:
            os.chown(draft, old.st_uid, old.st_gid)
        Path(draft).replace(folder / FILE)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def dumped(keys: Sequence[SigningKey]) -> bytes:
    """The file's content."""
    rows = [
        {
            "selector": key.selector,
            "algorithm": key.algorithm,
            "state": key.state,
            "since": key.since.isoformat(timespec="seconds"),
            "pem": key.pem,
        }
        for key in keys
    ]
    return json.dumps({"keys": rows}, indent=1).encode("ascii") + b"\n"


def version(folder: Path) -> tuple[int, int]:
    """Changes whenever the file is replaced; costs one stat(2). (0, 0) while it cannot be seen."""
    try:
        stat = (folder / FILE).stat()
    except OSError:
        return 0, 0
    return stat.st_ino, stat.st_mtime_ns


def _key(row: dict[str, str]) -> SigningKey:
    if _SELECTOR.fullmatch(row["selector"]) is None:
        raise ValueError("not a selector")
    since = datetime.fromisoformat(row["since"])
    if since.tzinfo is None:
        raise ValueError("a naive time")
    return SigningKey(row["selector"], Algorithm(row["algorithm"]), KeyState(row["state"]), since, row["pem"])


def _new_pem(algorithm: Algorithm) -> str:
    key = (
        Ed25519PrivateKey.generate()
        if algorithm is Algorithm.ED25519
        else generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    )
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")
