"""The credential files of a zone.

Owns which zone holds which secret, their creation and their reading. On a node systemd hands each unit only
its own files through `LoadCredential=`; elsewhere they lie in `secrets_dir/<zone>/`, mode 0600. Refuses to
overwrite a file: a lost key is lost data. Fails with `SecretMissing`, naming the file and what creates it.

| file | zones | opens |
|---|---|---|
| `zone.key` | admin, mail | the school keys wrapped for that zone |
| `names.index` | guardian, sender, admin | nothing; recognises a name |
| `addresses.index` | mail, admin | nothing; recognises an address |
| `links.key` | mail | mints the links of reply mails |
| `return-path.key` | mail | mints and checks return paths |
| `unsubscribe.key` | guardian, mail | makes and checks the links that switch routine mail off |
| `cookie` | guardian, sender, admin | signs that zone's cookies and forms |
| `second-factor.key` | sender, admin | the secrets of one-time codes of that site, each site its own |
| `dkim.json` | mail | signs mail: the keys of `appliance.keys.signing` |
| `role.password` | all | logs the zone's own role in to PostgreSQL; each zone and keeper has its own |
"""

import os
import secrets as random
from base64 import b64decode, b64encode
from collections.abc import Collection
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from appliance import clock
from appliance.config import Keeper, Zone
from appliance.errors import SecretMissing
from appliance.keys import signing

ROLE_PASSWORD = "role.password"
SECRETS: dict[Zone, tuple[str, ...]] = {
    Zone.GUARDIAN: ("names.index", "unsubscribe.key", "cookie", ROLE_PASSWORD),
    Zone.SENDER: ("names.index", "cookie", "second-factor.key", ROLE_PASSWORD),
    Zone.ADMIN: ("zone.key", "names.index", "addresses.index", "cookie", "second-factor.key", ROLE_PASSWORD),
    Zone.MAIL: (
        "zone.key",
        "addresses.index",
        "links.key",
        "return-path.key",
        "unsubscribe.key",
        signing.FILE,
        ROLE_PASSWORD,
    ),
}
SHARED = ("names.index", "addresses.index", "unsubscribe.key")
_BYTES = 32


def directory(secrets_dir: Path, holder: Zone | Keeper) -> Path:
    """Where its files are: the unit's credentials if systemd gave any, else its own directory."""
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    return Path(credentials) if credentials else secrets_dir / holder.value


def read(folder: Path, name: str) -> bytes:
    """The 32 bytes of one secret. Raises `SecretMissing`."""
    content = read_file(folder, name)
    try:
        value = b64decode(content.strip(), validate=True)
    except ValueError:
        raise SecretMissing(f"{folder / name}: expected 32 bytes in base64") from None
    if len(value) != _BYTES:
        raise SecretMissing(f"{folder / name}: expected 32 bytes in base64, found {len(value)}")
    return value


def text(folder: Path, name: str) -> str:
    """A secret as its one line says it, for those that are passwords. Raises `SecretMissing`."""
    read(folder, name)
    return read_file(folder, name).decode("ascii").strip()


def read_file(folder: Path, name: str) -> bytes:
    """A credential file as it is. Raises `SecretMissing`."""
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise SecretMissing(
            f"{folder / name}: cannot be read ({error.strerror}). Run `karamail keys create`"
        ) from None


def create_secrets(secrets_dir: Path, *, leave: Collection[str] = ()) -> list[Path]:
    """Creates every secret that is not there yet and returns the new files. Existing ones stay untouched.

    `leave`: names of files not to be made.
    """
    made = []
    shared: dict[str, bytes] = {}
    for zone, names in SECRETS.items():
        folder = secrets_dir / zone.value
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in names:
            path = folder / name
            if name in leave:
                continue
            if path.exists():
                if name in SHARED:
                    shared[name] = path.read_bytes()
                continue
            content = shared.get(name) or _existing(secrets_dir, name) or _new(name)
            if name in SHARED:
                shared[name] = content
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            made.append(path)
    return made


def _existing(secrets_dir: Path, name: str) -> bytes | None:
    """A shared key must be the same in every zone that has it."""
    if name not in SHARED:
        return None
    for zone in Zone:
        path = secrets_dir / zone.value / name
        if path.exists():
            return path.read_bytes()
    return None


def _new(name: str) -> bytes:
    if name == signing.FILE:
        return signing.dumped(signing.fresh((), clock.now(), state=signing.KeyState.ACTIVE))
    if name == "zone.key":
        raw = X25519PrivateKey.generate().private_bytes_raw()
    else:
        raw = random.token_bytes(_BYTES)
    return b64encode(raw) + b"\n"


def zone_public_key(secrets_dir: Path, zone: Zone) -> bytes:
    """The public half of a zone's key (32 bytes), to be put into the database. Raises `SecretMissing`."""
    private = X25519PrivateKey.from_private_bytes(read(secrets_dir / zone.value, "zone.key"))
    return private.public_key().public_bytes_raw()
