"""Recomputes the whole operation record and names the first difference.

Owns the order of the questions: does each record still give the hash of its place, is none missing, does
every checkpoint's root follow from the hashes, is each signed by whom it should be, and does all of it
continue the checkpoints that others hold (this node's witness, the ward's mails). What anybody can bring
about who may write a single row (a record with a wrong time, a cosignature that is none) stands beside the
rest and ends no look. Refuses to mend. Deleted records are a difference unless their time was over when
their deletion was signed, itself a record. Fails as the database does.

A checkpoint is the grain of what can be named when record and hash were both rewritten: the first
difference is then "between this checkpoint and that".
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any, Self

from appliance import clock, db
from appliance.config import Config
from appliance.errors import NoteInvalid
from appliance.models import AuditCheckpoint, AuditNode
from appliance.models.fields import micros
from appliance.record import (
    cosignatures,
    dating,
    leaf,
    merkle,
    note,
    retention,
    seal,
    standing,
    trust,
    witness,
)
from appliance.record.dating import Dating
from appliance.record.merkle import TILE, TILE_BITS
from appliance.record.note import Checkpoint, VerifierKey

_BATCH = 5_000


class Kind(StrEnum):
    """What can be wrong."""

    ALTERED = "altered"  # the record is not the one that was sealed
    DELETED = "deleted"  # a record that was sealed is gone
    GAP = "gap"  # a place in the tree without a hash
    REWRITTEN = "rewritten"  # hashes were changed, put in between, taken out or put in another order
    TRUNCATED = "truncated"  # the end of the tree is gone
    UNSIGNED = "unsigned"  # more hashes than any checkpoint speaks of
    FORGED = "forged"  # a checkpoint without the signature that it should have
    NODE = "node"  # a kept inner hash that does not follow from the leaves
    ROLLED_BACK = "rolled_back"  # somebody else holds a checkpoint that this record does not continue
    EXPIRED_EARLY = "expired_early"  # records were deleted before their time
    NOT_SEALED = "not_sealed"  # a record the sealer should have seen long ago
    BACKDATED = "backdated"  # its time lies before a checkpoint that was signed without it
    COSIGNATURE = "cosignature"  # what a witness is said to have signed is no signature of his
    AHEAD = "ahead"  # its time lies after the checkpoint that it was sealed under


@dataclass(frozen=True, slots=True)
class Difference:
    """The first thing that is not as it was signed. `position` counts from 0."""

    kind: Kind
    position: int | None = None
    record_id: int | None = None
    size: int | None = None
    """Of the checkpoint that shows it."""
    after_size: int | None = None
    """Of the last checkpoint before, up to which everything is as it was signed."""
    many: int = 1
    """So many of this kind, for what stands beside the rest."""
    last: int | None = None
    """Where the last of several is."""


@dataclass(slots=True)
class Report:
    """What was looked at. `difference` is None when all is as it was signed."""

    records: int = 0
    expired: int = 0
    checkpoints: int = 0
    cosigned: int = 0
    against: int = 0
    waiting: int = 0
    """Records that wait for the next sealing."""
    beside: dict[Kind, Difference] = field(default_factory=dict)
    """Of each kind that ends no look the first, and how many there are."""
    examined: int = 0
    """Records with a wrong time at which an operator has looked (`dating.examine`)."""
    root: bytes = merkle.EMPTY_ROOT
    difference: Difference | None = None

    def note_beside(self, found: Difference) -> None:
        """One more that ends no look."""
        first = self.beside.get(found.kind)
        self.beside[found.kind] = (
            found if first is None else replace(first, many=first.many + 1, last=found.position)
        )


class _Found(Exception):
    """Carries the first difference out of the loops."""

    def __init__(self, kind: Kind, **where: Any) -> None:
        super().__init__(kind)
        self.difference = Difference(kind, **where)


def verify(config: Config, *, against: Iterable[str] = ()) -> Report:
    """Checks everything; `against` are notes that somebody else kept. Raises `SecretMissing`, `NoteInvalid`.

    The note of this node's witness is always among them. Reads in one snapshot of the database.
    """
    keys = trust.trusted(config)
    held = [text for text in (*against, witness.last_seen(config)) if text]
    outside = sorted((note.read_kept(text, keys) for text in held), key=lambda each: each.size)
    report = Report(against=len(outside))
    try:
        with db.snapshot():
            _check(config, keys, outside, report)
    except _Found as found:
        report.difference = found.difference
    else:
        report.difference = next(iter(report.beside.values()), None)
    return report


def _check(config: Config, keys: Sequence[VerifierKey], outside: list[Checkpoint], report: Report) -> None:
    signed = list(_signed(keys, report))
    expired, times = _Expired.of(config, signed), Dating(signed, dating.examined())
    marks = iter(
        sorted([*((each, False) for each in signed), *((each, True) for each in outside)], key=_order)
    )
    mark = next(marks, None)
    tree, tile, kept = merkle.Growing(), [], _KeptNodes()
    good = 0
    while mark is not None and mark[0].size == 0:
        mark = next(marks, None)
    for position, record_id, hash_, row in leaves():
        if position != tree.size:
            raise _Found(Kind.GAP, position=tree.size, after_size=good)
        length = _check_row(position, record_id, hash_, row, expired, good)
        report.expired += row[0] is None
        _check_time(report, times, position, row, length, good)
        tree.push(hash_)
        tile.append(hash_)
        if len(tile) == TILE:
            kept.check(tile, position)
            tile.clear()
        while mark is not None and mark[0].size == tree.size:
            checkpoint, others = mark
            if tree.root() != checkpoint.root:
                kind = Kind.ROLLED_BACK if others else Kind.REWRITTEN
                raise _Found(kind, size=checkpoint.size, after_size=good)
            if not others:
                times.signed(checkpoint, good)
                good = checkpoint.size
            mark = next(marks, None)
    report.records, report.root = tree.size, tree.root()
    if mark is not None:
        kind = Kind.ROLLED_BACK if mark[1] else Kind.TRUNCATED
        raise _Found(kind, position=tree.size, size=mark[0].size, after_size=good)
    if tree.size != good:
        raise _Found(Kind.UNSIGNED, position=good, after_size=good)
    kept.check_end(tree.size)
    _check_waiting(report)


def _order(mark: tuple[Checkpoint, bool]) -> tuple[int, bool]:
    return mark[0].size, mark[1]


def _signed(keys: Sequence[VerifierKey], report: Report) -> Iterator[Checkpoint]:
    good = 0
    for row in AuditCheckpoint.select().order_by(AuditCheckpoint.size):
        try:
            checkpoint, _ = note.read(row.note, keys)
        except NoteInvalid:
            raise _Found(Kind.FORGED, size=row.size, after_size=good) from None
        if (checkpoint.size, checkpoint.at) != (row.size, row.at):
            raise _Found(Kind.FORGED, size=row.size, after_size=good)
        names, wrong = cosignatures.signers(row, keys)
        for _ in range(wrong):
            report.note_beside(Difference(Kind.COSIGNATURE, size=row.size, after_size=good))
        report.checkpoints += 1
        report.cosigned += bool(names)
        good = row.size
        yield checkpoint


@dataclass(slots=True)
class _Expired:
    """What may be gone, by announcements that were signed when the time of all before them was over."""

    before: int = 0
    early: int = 0
    """An announcement that came too early, or that nobody has signed, speaks of all before this."""
    early_id: int | None = None

    @classmethod
    def of(cls, config: Config, signed: Sequence[Checkpoint]) -> Self:
        found = cls()
        times = {each.size: each.at for each in signed}
        sizes = [each.size for each in signed]
        for row in retention.announcements():
            border = int(row.object_id)
            place = len(sizes) if row.position is None else bisect_right(sizes, row.position)
            said_at = signed[place].at if place < len(sizes) else None  # the first that knows of it
            old = times.get(border)
            if said_at and old and old <= said_at - timedelta(days=config.audit.keep_days):
                found.before = max(found.before, border)
            elif border > found.early:
                found.early, found.early_id = border, int(row.id)
        return found


def leaves() -> Iterator[tuple[int, int, bytes, Any]]:
    """Every leaf with its record, or with a row of None where the record is gone."""
    columns = ", ".join(f"audit.{name}" for name in leaf.COLUMNS)
    after = -1
    while True:
        rows = db.statement(
            f"SELECT position, audit_id, hash, {columns} FROM audit_leaf "  # noqa: S608
            "LEFT JOIN audit ON audit.id = audit_leaf.audit_id WHERE position > ? ORDER BY position LIMIT ?",
            after,
            _BATCH,
        ).fetchall()
        for row in rows:
            yield row[0], row[1], bytes(row[2]), row[3:]
        if len(rows) < _BATCH:
            return
        after = rows[-1][0]


def _check_row(position: int, record_id: int, hash_: bytes, row: Any, expired: _Expired, good: int) -> int:
    """How long its line is; 0 where its time was over."""
    if row[0] is None:
        if expired.before <= position < expired.early:
            raise _Found(Kind.EXPIRED_EARLY, position=expired.early, record_id=expired.early_id)
        if position >= expired.before:
            raise _Found(Kind.DELETED, position=position, record_id=record_id, after_size=good)
        return 0
    line = leaf.line(row)
    if merkle.leaf_hash(line) != hash_:
        raise _Found(Kind.ALTERED, position=position, record_id=record_id, after_size=good)
    return len(line)


def _check_time(report: Report, times: Dating, position: int, row: Any, length: int, good: int) -> None:
    wrong = None if row[0] is None else times.wrong(position, row[1], length)
    if wrong is None:
        return
    if times.looked_at(position):
        report.examined += 1
    else:
        report.note_beside(Difference(Kind(wrong), position, row[0], after_size=good))


class _KeptNodes:
    """The inner nodes that the database keeps, against those that follow from the leaves."""

    def __init__(self) -> None:
        self._rows: list[list[bytes]] = [[]]
        self._kept = self._read()
        self._fault: int | None = None

    @staticmethod
    def _read() -> dict[tuple[int, int], bytes]:
        return {(row.level, row.position): bytes(row.hash) for row in AuditNode.select().iterator()}

    def check(self, tile: Sequence[bytes], position: int) -> None:
        """One full tile of leaves, the last of them at `position`."""
        self._check(0, merkle.fold(tile), position >> TILE_BITS)

    def _check(self, level: int, node: bytes, at: int) -> None:
        if self._kept.pop(((level + 1) * TILE_BITS, at), None) != node and self._fault is None:
            self._fault = at << ((level + 1) * TILE_BITS)
        if len(self._rows) == level:
            self._rows.append([])
        self._rows[level].append(node)
        if len(self._rows[level]) == TILE:
            full, self._rows[level] = self._rows[level], []
            if len(self._rows) == level + 1:
                self._rows.append([])
            self._check(level + 1, merkle.fold(full), at >> TILE_BITS)

    def check_end(self, size: int) -> None:
        """Only now: where leaves were changed too, a checkpoint says it better."""
        if self._fault is not None or self._kept:
            raise _Found(Kind.NODE, position=size if self._fault is None else self._fault)


def _check_waiting(report: Report) -> None:
    now = clock.now()
    report.waiting, _, _ = standing.waiting(0, 2**63 - 1, now)
    late, _, record_id = standing.waiting(0, micros(now - seal.EVERYWHERE - dating.APART), now)
    if late:
        raise _Found(Kind.NOT_SEALED, record_id=record_id)
