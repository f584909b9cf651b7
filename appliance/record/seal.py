"""The sealer: gives every committed record its place in the tree, and signs checkpoints.

Owns which records come next. Writers never wait for it: they insert, and whatever is committed and has no
leaf yet is taken in the order of ids. Ids are no commit order: a transaction that takes id 7 may commit after
8 was sealed. So the sealer never believes that all below an id is done. Each round looks again at everything
above what had been sealed a quarter of an hour before, and once a day (and at its start) at everything
(`seal(…, everywhere=True)`): a record that came late gets a later place, and none is lost, whatever
the database's transaction numbers do after a restore.

One transaction holds the leaves, the inner nodes and the checkpoint, and reads the database of one moment.
One sealer at a time, because a place is given once: whoever comes second waits at the first leaf, finds it
taken and goes away. So nobody can hold the sealers up who may not write leaves himself (0162). Each node runs
one: whoever comes first when `audit.seal_every_s` is over seals, the others find a fresh checkpoint and wait.
So three nodes sign no more than one would, and sealing does not end with a node. Refuses to seal on a tree
whose last signed root it cannot find again: `TreeBroken`. Fails as the database does; the next round does
what this one could not.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from peewee import IntegrityError, fn

from appliance import clock, db, log
from appliance.config import Config
from appliance.errors import DatabaseUnavailable, TreeBroken
from appliance.models import AuditCheckpoint
from appliance.record import leaf, note, tree, trust
from appliance.record.note import Checkpoint, Signer

ROUND_ROWS = 20_000
ROUND_CHARACTERS = 32_000_000
LOOK_BACK = timedelta(minutes=15)
"""A transaction that took an id is over by then: the database ends it after seconds."""
EVERYWHERE = timedelta(days=1)
_TEXTS = ("role", "zone", "network", "act", "object_kind", "reason", "result", "detail")


def seal(config: Config, signer: Signer, now: datetime, *, everywhere: bool = False) -> int:
    """Seals a round of what is committed; how many that were. 0 also when another one was quicker.

    Raises `TreeBroken`, `DatabaseUnavailable`.
    """
    return one_round(config, signer, now, everywhere=everywhere)[0]


def one_round(config: Config, signer: Signer, now: datetime, *, everywhere: bool = False) -> tuple[int, bool]:
    """At most `ROUND_ROWS`, and no more when they hold `ROUND_CHARACTERS`: how many, and is it full?"""
    with db.guarded():
        before = tree.size()
    try:
        return _round(config, signer, now, everywhere=everywhere)
    except IntegrityError:
        with db.guarded():
            if tree.size() == before:  # no other one was quicker
                raise TreeBroken(
                    "a place is taken that the tree does not reach: run `karamail audit verify`"
                ) from None
        return 0, False


def _round(config: Config, signer: Signer, now: datetime, *, everywhere: bool) -> tuple[int, bool]:
    with db.transaction():
        db.of_one_moment()
        size = tree.size()
        _check_last(config, signer, size)
        rows = _unsealed(0 if everywhere else mark(now))
        if not rows:
            return 0, False
        tree.append([row[0] for row in rows], [leaf.hash_of(row) for row in rows], size)
        grown = size + len(rows)
        checkpoint = Checkpoint(trust.origin(config), grown, tree.root(grown), now.replace(microsecond=0))
        AuditCheckpoint.create(
            size=grown,
            at=checkpoint.at,
            top_id=max(rows[-1][0], _top()),
            note=note.write(checkpoint, [signer.line(checkpoint.text, now)]),
        )
    log.records_sealed(len(rows), grown)
    return len(rows), _is_full(rows)


def keep_sealing(config: Config, signer: Signer, stopped: Callable[[], bool]) -> None:
    """Until `stopped`. Raises `TreeBroken`: a person must look."""
    everywhere_at = clock.monotonic()
    behind = False
    while not stopped():
        everywhere = clock.monotonic() >= everywhere_at
        try:
            if behind or not _others_sealed(config):
                _, behind = one_round(config, signer, clock.now(), everywhere=everywhere)
                if everywhere and not behind:
                    everywhere_at = clock.monotonic() + EVERYWHERE.total_seconds()
        except DatabaseUnavailable as error:
            log.database_unavailable(error)
            behind = False
        db.close()
        if not behind:
            wait(config.audit.seal_every_s, stopped)


def _others_sealed(config: Config) -> bool:
    """Whether the last checkpoint is so young that the next one is not due yet.

    One from the future is no reason to wait: a clock was ahead once, and the record does not stand still
    until that time comes.
    """
    with db.guarded():
        last = AuditCheckpoint.select(AuditCheckpoint.at).order_by(AuditCheckpoint.size.desc()).first()
    due = timedelta(seconds=config.audit.seal_every_s / 2)
    return last is not None and timedelta() <= clock.now() - last.at < due


def wait(seconds: float, stopped: Callable[[], bool]) -> None:
    """Sleeps, but no longer than until `stopped`."""
    until = clock.monotonic() + seconds
    while not stopped() and (left := until - clock.monotonic()) > 0:
        time.sleep(min(left, 0.5))


def _check_last(config: Config, signer: Signer, size: int) -> None:
    """The tree must still be the one that was signed last: else signing on would paint over a break."""
    last = AuditCheckpoint.select().order_by(AuditCheckpoint.size.desc()).first()
    if last is None:
        if size:
            raise TreeBroken("leaves without any checkpoint: run `karamail audit verify`")
        return
    signed, _ = note.read(last.note, [signer.key, *trust.trusted(config)])
    if signed.size != size or tree.root(size) != signed.root:
        raise TreeBroken("the tree is not the one that was signed last: run `karamail audit verify`")


def mark(now: datetime) -> int:
    """Below this id everything was sealed long ago, or will be found by the look at everything."""
    return int(
        AuditCheckpoint.select(fn.MAX(AuditCheckpoint.top_id))
        .where(AuditCheckpoint.at < now - LOOK_BACK)
        .scalar()
        or 0
    )


def _top() -> int:
    return int(AuditCheckpoint.select(fn.MAX(AuditCheckpoint.top_id)).scalar() or 0)


def _unsealed(mark: int) -> list[leaf.Row]:
    """The next ones in the order of ids; the first of them whatever its size."""
    columns = ", ".join(leaf.COLUMNS)
    size = " + ".join(f"LENGTH({name})" for name in _TEXTS)
    return list(
        db.statement(
            f"SELECT {columns} FROM (SELECT {columns}, SUM({size}) OVER "  # noqa: S608
            "(ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before_it FROM audit "
            "WHERE id > ? AND NOT EXISTS (SELECT 1 FROM audit_leaf WHERE audit_id = audit.id) "
            "ORDER BY id LIMIT ?) AS found WHERE before_it IS NULL OR before_it < ? ORDER BY id",
            mark,
            ROUND_ROWS,
            ROUND_CHARACTERS,
        ).fetchall()
    )


def _is_full(rows: list[leaf.Row]) -> bool:
    """Whether more may wait."""
    held = sum(len(value) for row in rows for value in row if isinstance(value, str))
    return len(rows) >= ROUND_ROWS or held >= ROUND_CHARACTERS
