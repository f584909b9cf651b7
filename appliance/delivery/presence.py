"""Which mail workers are alive, on all nodes: among them the limits of each receiving site are divided.

Owns the table of workers and who counts. A worker counts as long as its sign of life is no older than a
lease, and not before it has been known for a moment: by then all others have read of it, so that at no time
two of them hold the same connection of a site. Where nobody is known so long, the eldest counts alone.
Refuses to decide who serves what: `smtp.shaping` does. Fails with `DatabaseUnavailable`; the worker then goes
by what it last knew.
"""

from datetime import datetime, timedelta

from appliance import db
from appliance.models import Worker
from appliance.models.fields import micros

SETTLE_IN_S = 2.0
"""Longer than a worker takes from one look at the table to the next."""


def report(name: str, node: str, *, lease_s: float, now: datetime) -> None:
    """A sign of life. Whoever was silent for longer than a lease begins anew."""
    silent_since = now - timedelta(seconds=lease_s)
    with db.transaction():
        db.statement(
            """
            INSERT INTO worker (name, node, since, seen_at) VALUES (?, ?, ?, ?)
            ON CONFLICT (name) DO UPDATE SET node = excluded.node, seen_at = excluded.seen_at,
                since = CASE WHEN worker.seen_at < ? THEN excluded.since ELSE worker.since END
            """,
            name,
            node,
            micros(now),
            micros(now),
            micros(silent_since),
        )
        Worker.delete().where(Worker.seen_at < silent_since).execute()


def leave(name: str) -> None:
    """An orderly end: the others need not wait for a lease to run out."""
    with db.transaction():
        Worker.delete().where(Worker.name == name).execute()


def serving(*, lease_s: float, now: datetime) -> tuple[str, ...]:
    """The workers among which the sites are divided, in the order of their names."""
    with db.guarded():
        known = list(Worker.select().where(Worker.seen_at >= now - timedelta(seconds=lease_s)))
    settled = [row for row in known if row.since <= now - timedelta(seconds=SETTLE_IN_S)]
    if known and not settled:
        settled = [min(known, key=lambda row: (row.since, row.name))]
    return tuple(sorted(row.name for row in settled))
