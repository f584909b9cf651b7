"""Whose signatures count, and this node's own keys under their names.

Owns the names: the log is called by the registration domain, a witness by its node; and until when a key
that was exchanged counts. Refuses to look keys up in the database: whoever can change records could change
them too. Fails with `SecretMissing` where a private key is asked for and with `NoteInvalid` on a malformed
line of `audit.keys`.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from appliance.config import Config
from appliance.errors import SecretMissing
from appliance.keys import record as keys
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
    """Keys that counted until they were exchanged. Raises `NoteInvalid`."""
    return [note.read_key(line) for line in keys.former(config.secrets_dir)]


def retire(config: Config, size: int, fresh: Path) -> None:
    """Notes beside new keys in `fresh` that those of today count for checkpoints of at most `size` records.

    Raises `SecretMissing`, `NoteInvalid`.
    """
    ended = {key.id: key for key in former(config)}
    for key in trusted(config):
        ended.setdefault(key.id, key if key.until is not None else replace(key, until=size))
    keys.keep_former(fresh, [key.text for key in ended.values()])


def drop_retired_witness(config: Config) -> None:
    """This node's witness gets another key: what it signs by one that was exchanged counts no more."""
    try:
        own = witness(config).key.id
    except SecretMissing:
        return
    if own in {key.id for key in former(config)}:
        keys.forget(config.secrets_dir, keys.WITNESS)


def witness_file(config: Config) -> Path:
    """Where the witness of this node remembers."""
    return config.audit.witness_file or config.relay.spool_dir / "witness.note"
