"""Records go when their time is over (`audit.keep_days`); what they prove stays.

Owns the deletion: always everything before one checkpoint that is older than that, so that anyone can see
from the signatures that nothing went early, and recorded before the first row goes. Leaf hashes stay, so
every later root can still be recomputed. Of old checkpoints one a day is kept. Refuses less than a year.
Fails as the database does; run again, it goes on where it stopped.
"""

from datetime import datetime, timedelta
from typing import Any

from peewee import fn

from appliance import audit, db
from appliance.config import Config
from appliance.models import Audit, AuditCheckpoint, AuditCosignature, AuditLeaf
from appliance.models.fields import micros

_CHUNK = 5_000
_ALL_CHECKPOINTS = timedelta(days=40)
_DAY_MICROS = 86_400_000_000


def expire(config: Config, now: datetime) -> int:
    """Deletes what is over; how many records that were. Raises `DatabaseUnavailable`."""
    with db.guarded():
        border = (
            AuditCheckpoint.select(fn.MAX(AuditCheckpoint.size))
            .where(AuditCheckpoint.at <= now - timedelta(days=config.audit.keep_days))
            .scalar()
        )
        thin(now)
        if border is None or not _waiting(border).exists():
            return 0
        with db.transaction():
            audit.record_operation(
                audit.Act.RECORDS_EXPIRED, "position", int(border), days=config.audit.keep_days
            )
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
