"""Records go when their time is over (`audit.keep_days`); what they prove stays.

Owns the deletion, in two steps: a record announces that everything before one checkpoint that is old enough
goes; it goes when that record is sealed and signed itself, so the next night. So anyone can see from the
signatures alone that nothing went early: no time that the database claims counts. Leaf hashes stay, so every
later root can still be recomputed. Of old checkpoints one a day is kept. Refuses less than a year. Fails as
the database does; run again, it goes on where it stopped.
"""

from datetime import datetime, timedelta
from typing import Any

from peewee import JOIN, fn

from appliance import audit, db
from appliance.config import Config
from appliance.models import Audit, AuditCheckpoint, AuditCosignature, AuditLeaf
from appliance.models.fields import micros

_CHUNK = 5_000
_ALL_CHECKPOINTS = timedelta(days=40)
_DAY_MICROS = 86_400_000_000


def expire(config: Config, now: datetime) -> int:
    """Deletes what is over and was announced, announces what is over; how many records were deleted.

    Raises `DatabaseUnavailable`.
    """
    with db.guarded():
        thin(now)
        border = _border(now - timedelta(days=config.audit.keep_days), now)
        if not border:
            return 0
        gone = _delete(min(border, _announced(signed=True)))
        if border > _announced() and _waiting(border).exists():
            with db.transaction():
                audit.record_operation(
                    audit.Act.RECORDS_EXPIRED, "position", border, days=config.audit.keep_days
                )
        return gone


def _border(limit: datetime, now: datetime) -> int:
    """Up to where all checkpoints are that old: one that says so behind a younger one had a clock that was
    years behind, and what lies before it is not over."""
    young = AuditCheckpoint.select(fn.MIN(AuditCheckpoint.size)).where(
        AuditCheckpoint.at > limit, AuditCheckpoint.at <= now
    )
    old = AuditCheckpoint.select(fn.MAX(AuditCheckpoint.size)).where(AuditCheckpoint.at <= limit)
    first = young.scalar()
    return int((old if first is None else old.where(AuditCheckpoint.size < first)).scalar() or 0)


def announcements() -> Any:
    """Records that say what may go, with their places in the tree: only the vendor's command writes one."""
    return (
        Audit.select(Audit, AuditLeaf.position.alias("position"))
        .join(AuditLeaf, JOIN.LEFT_OUTER, on=AuditLeaf.audit_id == Audit.id)
        .where(Audit.act == audit.Act.RECORDS_EXPIRED, Audit.zone == "cli")
        .order_by(Audit.object_id)
        .objects()
    )


def _announced(*, signed: bool = False) -> int:
    """Up to where; `signed`: by records under a checkpoint."""
    end = AuditCheckpoint.select(fn.MAX(AuditCheckpoint.size)).scalar() or 0
    borders = [
        int(row.object_id)
        for row in announcements()
        if not signed or (row.position is not None and row.position < end)
    ]
    return max(borders, default=0)


def _delete(border: int) -> int:
    gone = 0
    while True:
        with db.transaction():
            ids = [row[0] for row in _waiting(border).limit(_CHUNK).tuples()]
            if ids:
                gone += Audit.delete().where(Audit.id.in_(ids)).execute()
        if len(ids) < _CHUNK:
            return gone


def _waiting(border: int) -> Any:
    return (
        Audit.select(Audit.id)
        .join(AuditLeaf, on=AuditLeaf.audit_id == Audit.id)
        .where(AuditLeaf.position < border)
        .order_by(AuditLeaf.position)
    )


def thin(now: datetime) -> int:
    """Of checkpoints older than forty days only each day's last stays; how many went."""
    old = AuditCheckpoint.at < now - _ALL_CHECKPOINTS
    with db.transaction():
        kept = [
            row[0]
            for row in db.statement(
                "SELECT MAX(size) FROM audit_checkpoint WHERE at < ? GROUP BY at / ?",
                micros(now - _ALL_CHECKPOINTS), _DAY_MICROS,
            ).fetchall()
        ]  # fmt: skip
        going = old & AuditCheckpoint.size.not_in(kept)
        sizes = AuditCheckpoint.select(AuditCheckpoint.size).where(going)
        AuditCosignature.delete().where(AuditCosignature.size.in_(sizes)).execute()
        return int(AuditCheckpoint.delete().where(going).execute())
