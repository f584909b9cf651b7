"""The keys of the operation record: one that signs checkpoints, one of each node's witness.

Owns two directories beside those of the zones, because neither belongs to any: who has taken a zone over
must not be able to sign its record. `audit/seal.key` is the same on every node that may seal,
`witness/witness.key` each node's own; beside each the password of its role in the database, the same on all
nodes, and the list of the public keys that were exchanged. Refuses to overwrite a key. Fails with
`SecretMissing`.
"""

import os
import secrets as random
from base64 import b64encode
from collections.abc import Iterable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from appliance.config import Keeper
from appliance.keys import secrets

FORMER = (Keeper.SEALER, "former.keys")
"""Public: what counted until it was exchanged, a line each."""
SEAL, WITNESS = (Keeper.SEALER, "seal.key"), (Keeper.WITNESS, "witness.key")
PASSWORDS = tuple((keeper, secrets.ROLE_PASSWORD) for keeper in Keeper)


def create(
    secrets_dir: Path, which: Iterable[tuple[Keeper, str]] = (SEAL, WITNESS, *PASSWORDS)
) -> list[Path]:
    """Creates what is not there and returns the new files."""
    made = []
    for keeper, name in which:
        path = secrets_dir / keeper / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if path.exists():
            continue
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(b64encode(random.token_bytes(32)) + b"\n")
        made.append(path)
    return made


def former(secrets_dir: Path) -> list[str]:
    """The lines of `FORMER`; none where nobody has exchanged anything, or where this process may not look."""
    keeper, name = FORMER
    try:
        return (secrets.directory(secrets_dir, keeper) / name).read_text(encoding="ascii").splitlines()
    except (FileNotFoundError, PermissionError):
        return []


def keep_former(secrets_dir: Path, lines: Iterable[str]) -> None:
    """Writes the whole list, beside new keys."""
    keeper, name = FORMER
    path = secrets_dir / keeper / name
    path.touch(mode=0o600)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")


def forget(secrets_dir: Path, which: tuple[Keeper, str]) -> None:
    """Deletes a key, so that `create` makes another."""
    keeper, name = which
    (secrets.directory(secrets_dir, keeper) / name).unlink()


def private(secrets_dir: Path, which: tuple[Keeper, str]) -> Ed25519PrivateKey:
    """One of the two keys; the unit's credentials win. Raises `SecretMissing`."""
    keeper, name = which
    return Ed25519PrivateKey.from_private_bytes(secrets.read(secrets.directory(secrets_dir, keeper), name))
