"""The tree of the operation record as it lies in the database.

Owns which hashes are kept (every leaf, and the root of every complete subtree of 256, 65,536, … leaves), so
that a root or a proof costs a few hundred rows whatever the size. Refuses to sign. Fails as the database
does, and with `TreeBroken` where a hash that must be there is not.
"""

from collections.abc import Sequence

from peewee import fn

from appliance import db
from appliance.errors import TreeBroken
from appliance.models import AuditLeaf, AuditNode
from appliance.record import merkle
from appliance.record.merkle import STORED, TILE, TILE_BITS, Growing

_BATCH = 5_000


def size() -> int:
    """How many leaves there are."""
    last = AuditLeaf.select(fn.MAX(AuditLeaf.position)).scalar()
    return 0 if last is None else int(last) + 1


def nodes(level: int, first: int, count: int) -> list[bytes]:
    """Kept hashes, for `merkle`'s proofs. Raises `TreeBroken`."""
    if level == 0:
        rows = db.statement(
            "SELECT hash FROM audit_leaf WHERE position >= ? AND position < ? ORDER BY position",
            first, first + count,
        )  # fmt: skip
    else:
        rows = db.statement(
            "SELECT hash FROM audit_node WHERE level = ? AND position >= ? AND position < ? "
            "ORDER BY position",
            level, first, first + count,
        )  # fmt: skip
    found = [bytes(row[0]) for row in rows.fetchall()]
    if len(found) != count:
        raise TreeBroken("a hash of the tree is missing: run `karamail audit verify`")
    return found


def growing(of_size: int) -> Growing:
    """The tree of the first so many leaves, ready to grow."""
    tree = Growing()
    for level in reversed(STORED):
        for node in nodes(level, tree.size >> level, (of_size - tree.size) >> level):
            tree.push(node, level)
    return tree


def root(of_size: int) -> bytes:
    """The root over the first so many leaves."""
    return growing(of_size).root()


def append(ids: Sequence[int], hashes: Sequence[bytes], at: int) -> None:
    """Adds leaves behind the first `at`, and the nodes they complete; in the caller's transaction."""
    for start in range(0, len(ids), _BATCH):
        part = range(start, min(start + _BATCH, len(ids)))
        AuditLeaf.insert_many(
            [(at + n, ids[n], hashes[n]) for n in part],
            fields=[AuditLeaf.position, AuditLeaf.audit_id, AuditLeaf.hash],
        ).execute()
    _complete(0, at, at + len(ids))


def _complete(level: int, before: int, after: int) -> None:
    """Where `level` grew from so many nodes to so many, the next stored level grows with it."""
    first, last = before >> TILE_BITS, after >> TILE_BITS
    if first == last:
        return
    row = nodes(level, first << TILE_BITS, (last - first) << TILE_BITS)
    above = level + TILE_BITS
    AuditNode.insert_many(
        [(above, first + n, merkle.fold(row[n * TILE : (n + 1) * TILE])) for n in range(last - first)],
        fields=[AuditNode.level, AuditNode.position, AuditNode.hash],
    ).execute()
    _complete(above, first, last)
