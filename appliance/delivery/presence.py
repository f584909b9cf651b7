"""Which mail workers are alive, on all nodes: among them the limits of each receiving site are divided.

Owns the table of workers and who counts. Others count from the moment they are seen until their sign of life
is older than a lease. A worker counts itself only when it has been there for a moment: by then the others
have seen it and let go of its share, so that at no time two of them hold the same connection of a site. The
eldest need not wait. Refuses to decide who serves what: `smtp.shaping` does. Fails with
`DatabaseUnavailable`: the worker then goes by what it last knew.
"""

from datetime import datetime, timedelta

from appliance import db
from appliance.models import Worker
from appliance.models.fields import micros

SETTLE_IN_S = 3.0
"""Longer than a worker takes from one look at the table to the next, and to end a connection."""

_FORGOTTEN = timedelta(days=1)


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
        # Not sooner: a worker that froze inside a transaction holds its row, and must not hold up the others.
        Worker.delete().where(Worker.seen_at < now - _FORGOTTEN).execute()


def leave(name: str) -> None:
    """An orderly end: the others need not wait for a lease to run out."""
    with db.transaction():
        Worker.delete().where(Worker.name == name).execute()


def crew(name: str, *, lease_s: float, now: datetime) -> tuple[str, ...]:
    """The workers among which `name` divides the sites, by their names; none while it must wait."""
    with db.guarded():
        known = list(Worker.select().where(Worker.seen_at >= now - timedelta(seconds=lease_s)))
    eldest_first = sorted(known, key=lambda row: (row.since, row.name))
    mine = next((row for row in known if row.name == name), None)
    if mine is None:
        return ()
    waits = mine.since > now - timedelta(seconds=SETTLE_IN_S) and mine is not eldest_first[0]
    return () if waits else tuple(sorted(row.name for row in known))
