"""The witness of a node: it signs a checkpoint only if it continues the last one that it saw.

Owns one file on the node's own disk: the last checkpoint it cosigned, signatures and all. The database may be
rolled back or rewritten; that file is not in it. Refuses to cosign, and says so loudly, what is not proved to
continue it (RFC 6962 2.1.2); the file then stays as it is, until a person has looked. Fails with
`TreeBroken`, `NoteInvalid`, and OSError when the disk takes no file.
"""

import os
import secrets
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from appliance import clock, db, log
from appliance.config import Config
from appliance.errors import DatabaseUnavailable, NoteInvalid, OperatorError, TreeBroken
from appliance.models import AuditCheckpoint, AuditCosignature
from appliance.record import merkle, note, tree, trust
from appliance.record.note import Checkpoint, Signer
from appliance.record.seal import wait


def cosign(config: Config, signer: Signer, now: datetime) -> int | None:
    """Looks at the newest checkpoint and cosigns it; its size, or None when there is nothing new.

    Raises `TreeBroken`, `NoteInvalid`, `DatabaseUnavailable`.
    """
    keys = [*trust.trusted(config), signer.key]
    seen = last_seen(config)
    with db.guarded():
        row = AuditCheckpoint.select().order_by(AuditCheckpoint.size.desc()).first()
        if row is None:
            if seen:
                raise TreeBroken("the record has no checkpoint any more, and this witness has seen one")
            return None
        new, _ = note.read(row.note, keys)
        if seen:
            old, _ = note.read(seen, keys)
            if old == new:
                return None
            _require_continued(old, new)
    line = signer.line(new.text, now)
    _remember(trust.witness_file(config), note.write(new, [*_lines(row.note), line]))
    _hand_over(new.size, signer.name, line)
    log.record_cosigned(new.size)
    return new.size


def keep_watching(config: Config, signer: Signer, stopped: Callable[[], bool]) -> None:
    """Until `stopped`. What is broken is an event each time; nothing is cosigned until it is mended."""
    while not stopped():
        try:
            cosign(config, signer, clock.now())
        except DatabaseUnavailable as error:
            log.database_unavailable(error)
        except (TreeBroken, NoteInvalid) as error:
            log.record_broken(error)
        db.close()
        wait(config.audit.seal_every_s, stopped)


def last_seen(config: Config) -> str:
    """The note on this node's disk; empty before the first. Raises `OperatorError`: it may not be read."""
    path = trust.witness_file(config)
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except PermissionError:
        raise OperatorError(f"{path} cannot be read by this user: run the command as root") from None


def _hand_over(size: int, name: str, line: str) -> None:
    """Where another one has written a row under this name, ours stands under one that nobody can guess."""
    with db.transaction():
        AuditCosignature.insert(size=size, name=name, line=line).on_conflict_ignore().execute()
        there = AuditCosignature.get(AuditCosignature.size == size, AuditCosignature.name == name)
        if there.line != line:
            AuditCosignature.create(size=size, name=f"{name} {secrets.token_hex(8)}", line=line)


def _require_continued(old: Checkpoint, new: Checkpoint) -> None:
    if old.origin != new.origin or new.size < old.size:
        raise TreeBroken("the record is smaller than this witness has seen it: it was rolled back")
    proof = merkle.consistency_proof(tree.nodes, old.size, new.size)
    if not merkle.is_consistent(old.size, old.root, new.size, new.root, proof):
        raise TreeBroken("the record does not continue what this witness has seen")


def _lines(text: str) -> list[str]:
    return text.partition("\n\n")[2].splitlines()


def _remember(path: Path, text: str) -> None:
    """Replaces the file in one piece, on disk before the signature leaves."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
