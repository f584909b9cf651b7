"""How the keeping of the record stands: what waits to be sealed, and which witness is behind.

Owns these few cheap questions, for who looks every day. Refuses to verify anything: `appliance.record.verify`
does, and takes its time. Fails with `SecretMissing` and `NoteInvalid` as `trust` does, and as the database
does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from peewee import fn

from appliance import db
from appliance.config import Config
from appliance.models import AuditCheckpoint, AuditCosignature
from appliance.models.fields import micros, moment
from appliance.record import cosignatures, seal, trust
from appliance.record.note import WITNESS, VerifierKey

_NO_ID = 2**63 - 1
_LOOK_BACK = 100
"""So many checkpoints, the newest first, are asked for a witness's signature."""


@dataclass(frozen=True, slots=True)
class Behind:
    """A witness that has cosigned neither the checkpoint of `since` nor any later one, and should have."""

    name: str
    since: datetime
    checkpoints: int


@dataclass(frozen=True, slots=True)
class Standing:
    """`unsealed` counts records that have waited longer than `patience`, `oldest_at` is the first of them."""

    patience: timedelta
    unsealed: int
    oldest_at: datetime | None
    size: int
    last_at: datetime | None
    """Of the last checkpoint, which speaks of `size` records."""
    witnesses: list[str]
    behind: list[Behind]
    holders: list[str]
    """Where records wait: who has locked the tree, and waits for nobody himself."""


def patience(config: Config) -> timedelta:
    """So long sealing and cosigning may take: ten minutes, or three rounds where rounds are long."""
    return max(timedelta(minutes=10), 3 * timedelta(seconds=config.audit.seal_every_s))


def look(config: Config, now: datetime) -> Standing:
    """Of this moment. What was passed over long ago is `verify`'s to find."""
    due_at = now - patience(config)
    keys = trust.trusted(config)
    names = sorted({key.name for key in keys if key.kind == WITNESS and key.until is None})
    with db.guarded():
        unsealed, oldest, _ = waiting(seal.mark(now), micros(due_at), now)
        last = AuditCheckpoint.select().order_by(AuditCheckpoint.size.desc()).first()
        holders = _holders() if unsealed else []
        behind = [found for name in names if (found := _behind(name, keys, due_at)) is not None]
    return Standing(
        patience=patience(config),
        unsealed=unsealed,
        oldest_at=None if oldest is None else moment(oldest),
        size=0 if last is None else int(last.size),
        last_at=None if last is None else last.at,
        witnesses=names,
        behind=behind,
        holders=holders,
    )


def waiting(above: int, before: int, now: datetime) -> tuple[int, int | None, int | None]:
    """Of records of a higher id than `above` that have waited since before then: how many, since when, an id.

    What came after the last checkpoint has waited no longer than that, whatever time it says itself.
    """
    last = AuditCheckpoint.select().order_by(AuditCheckpoint.size.desc()).first()
    top, at = (last.top_id, micros(last.at)) if last is not None and last.at <= now else (_NO_ID, 0)
    count, since, record_id = db.statement(
        "SELECT COUNT(*), MIN(since), MIN(id) FROM (SELECT id, "
        "CASE WHEN id > ? AND at < ? THEN ? ELSE at END AS since FROM audit WHERE id > ? AND NOT EXISTS "
        "(SELECT 1 FROM audit_leaf WHERE audit_id = audit.id)) AS unsealed WHERE since < ?",
        top, at, at, above, before,
    ).fetchone()  # fmt: skip
    return int(count), since, record_id


def _holders() -> list[str]:
    """Role and process of PostgreSQL's sessions; SQLite knows no holder."""
    if db.engine() == "sqlite":
        return []
    rows = db.statement(
        "SELECT DISTINCT pg_get_userbyid(a.usesysid), l.pid FROM pg_locks AS l JOIN pg_stat_activity AS a "
        "ON a.pid = l.pid WHERE a.datname = current_database() "
        "AND l.relation IN (SELECT oid FROM pg_class WHERE relname IN ('audit_leaf', 'audit_node', "
        "'audit_checkpoint') AND relnamespace = 'public'::regnamespace) AND l.granted "
        "AND l.mode <> 'AccessShareLock' AND l.pid <> pg_backend_pid() "
        "AND NOT EXISTS (SELECT 1 FROM pg_locks AS w WHERE w.pid = l.pid AND NOT w.granted) ORDER BY 2"
    ).fetchall()
    return [f"{role} (process {pid})" for role, pid in rows]


def _behind(name: str, keys: Sequence[VerifierKey], due_at: datetime) -> Behind | None:
    """A witness passes over what was followed by the next before it looked: only what is later counts."""
    reached = _reached(name, keys)
    count, since = (
        AuditCheckpoint.select(fn.COUNT(AuditCheckpoint.size), fn.MIN(AuditCheckpoint.at))
        .where(AuditCheckpoint.size > reached, AuditCheckpoint.at < due_at)
        .tuples()
        .get()
    )
    return Behind(name, since, int(count)) if count else None


def _reached(name: str, keys: Sequence[VerifierKey]) -> int:
    """The size of the last checkpoint that a witness has signed, and not somebody under its name."""
    said = (
        AuditCheckpoint.select()
        .join(AuditCosignature)
        .where(AuditCosignature.name.startswith(name))
        .distinct()
        .order_by(AuditCheckpoint.size.desc())
        .limit(_LOOK_BACK)
    )
    return next((int(row.size) for row in said if name in cosignatures.signers(row, keys)[0]), 0)
