"""Mail for the people who run the appliance: postmaster and abuse.

Owns a directory of mails as they came (`<spool_dir>/postmaster/*.eml`, mode 0600), bounded in number and
octets; somebody reads and deletes them there. A file's name is the mail's digest, so a retry writes the same
file. Refuses to forward or to answer. Fails with `PostmasterFull` and `OSError`; nothing half-written is
ever left under a final name.
"""

import os
from pathlib import Path

from appliance.address import Address

MAILS = 500
OCTETS = 200_000_000


class PostmasterFull(Exception):
    """Somebody has to read the postmaster's mail first."""


def store(directory: Path, *, sender: Address | None, content: bytes, digest: bytes) -> int:
    """Writes one mail durably and returns how many there are now. Raises `PostmasterFull`, `OSError`."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    target = directory / f"{digest.hex()}.eml"
    kept = [entry.stat() for entry in directory.glob("*.eml")]
    if target.exists():
        return len(kept)
    if len(kept) >= MAILS or sum(stat.st_size for stat in kept) + len(content) > OCTETS:
        raise PostmasterFull
    draft = directory / f"{digest.hex()}.{os.getpid()}.draft"
    return_path = sender.wire() if sender is not None else ""
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(f"Return-Path: <{return_path}>\r\n".encode("ascii"))
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(target)
    folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return len(kept) + 1
