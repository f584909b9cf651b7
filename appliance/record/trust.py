"""Whose signatures count, and this node's own keys under their names.

Owns the names: the log is called by the registration domain, a witness by its node; and until when a key
that was exchanged counts. Refuses to look keys up
in the database: whoever can change records could change them too. Fails with `SecretMissing` where a private
key is asked for and with `NoteInvalid` on a malformed line of `audit.keys`.
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from peewee import fn

from appliance import db
from appliance.config import Config
from appliance.errors import SecretMissing
from appliance.keys import record as keys
from appliance.keys import secrets
from appliance.models import AuditCheckpoint
from appliance.record import note
from appliance.record.note import LOG, WITNESS, Signer, VerifierKey


def origin(config: Config) -> str:
    """The log's name."""
    return f"{config.mail.registration_domain}/karamail"


def sealer(config: Config) -> Signer:
    """Raises `SecretMissing`."""
    return Signer(origin(config), LOG, keys.private(config.secrets_dir, keys.SEAL))


def witness(config: Config) -> Signer:
    """Raises `SecretMissing`."""
    name = f"{config.mail.hostname}/witness"
    return Signer(name, WITNESS, keys.private(config.secrets_dir, keys.WITNESS))


def trusted(config: Config) -> Sequence[VerifierKey]:
    """`audit.keys`, or this node's own where none are named. Raises `SecretMissing`, `NoteInvalid`."""
    if config.audit.keys:
        return [note.read_key(text) for text in config.audit.keys]
    try:
        own = [sealer(config).key]
    except SecretMissing:
        raise SecretMissing(
            "audit.keys names no key of the operation record: put there what `karamail audit keys` prints on "
            "the node that seals"
        ) from None
    try:
        own.append(witness(config).key)
    except SecretMissing:
        pass  # a node without a witness
    return [*own, *former(config)]


def former(config: Config) -> list[VerifierKey]:
    """Keys that counted until they were exchanged; none where nobody may read them. Raises `NoteInvalid`."""
    keeper, name = keys.FORMER
    try:
        text = (secrets.directory(config.secrets_dir, keeper) / name).read_text(encoding="ascii")
    except (FileNotFoundError, PermissionError):
        return []
    return [note.read_key(line) for line in text.splitlines()]


def retire(config: Config, fresh: Path) -> None:
    """Notes beside new keys in `fresh` that those of today count for what has been signed, and no further.

    Nobody may seal meanwhile. Raises `SecretMissing`, `NoteInvalid`, `DatabaseUnavailable`.
    """
    with db.guarded():
        size = int(AuditCheckpoint.select(fn.MAX(AuditCheckpoint.size)).scalar() or 0)
    ended = {key.id: key for key in former(config)}
    for key in trusted(config):
        if key.id not in ended:
            ended[key.id] = key if key.until is not None else replace(key, until=size)
    keeper, name = keys.FORMER
    path = fresh / keeper / name
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)
    path.write_text("".join(f"{key.text}\n" for key in ended.values()), encoding="ascii")


def drop_retired_witness(config: Config) -> None:
    """This node's witness gets another key: what it signs by one that was exchanged counts no more."""
    try:
        own = witness(config).key.id
    except SecretMissing:
        return
    if own in {key.id for key in former(config)}:
        keeper, name = keys.WITNESS
        os.unlink(secrets.directory(config.secrets_dir, keeper) / name)


def witness_file(config: Config) -> Path:
    """Where the witness of this node remembers."""
    return config.audit.witness_file or config.relay.spool_dir / "witness.note"
