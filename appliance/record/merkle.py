"""The Merkle tree of RFC 6962 (and RFC 9162), as arithmetic on hashes.

Owns leaf and node hashes, roots, and the making and checking of inclusion and consistency proofs. Refuses to
know where hashes are kept: whoever asks for a proof hands over `Nodes`, which gives complete subtrees of the
levels in `STORED`. No library does this on a database without a hash for every inner node; the arithmetic is
short and held by the RFC's own vectors. Checking never raises: a malformed proof is a wrong one.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256

HASH_BYTES = 32
TILE_BITS = 8
TILE = 1 << TILE_BITS
"""So many nodes of one stored level make one of the next."""
STORED = (0, 8, 16, 24, 32)
"""Levels of which every complete subtree's hash is kept; level 0 are the leaves."""
EMPTY_ROOT = sha256(b"").digest()

Nodes = Callable[[int, int, int], Sequence[bytes]]
"""(level, first, count) -> the hashes of so many complete subtrees of 2**level leaves."""


def leaf_hash(data: bytes) -> bytes:
    """RFC 6962 2.1."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """RFC 6962 2.1."""
    return sha256(b"\x01" + left + right).digest()


def fold(nodes: Sequence[bytes]) -> bytes:
    """The root over neighbouring complete subtrees of one size; their number is a power of two."""
    row = list(nodes)
    while len(row) > 1:
        row = [
            sha256(b"\x01" + left + right).digest() for left, right in zip(row[::2], row[1::2], strict=True)
        ]
    return row[0]


class Growing:
    """A tree that grows to the right, held as its few complete subtrees (a compact range)."""

    def __init__(self) -> None:
        self.size = 0
        self._stack: list[tuple[int, bytes]] = []

    def push(self, node: bytes, level: int = 0) -> None:
        """Adds a complete subtree of 2**level leaves; the size so far is a multiple of that."""
        self.size += 1 << level
        while self._stack and self._stack[-1][0] == level:
            node = node_hash(self._stack.pop()[1], node)
            level += 1
        self._stack.append((level, node))

    def root(self) -> bytes:
        """The root of what was pushed."""
        if not self._stack:
            return EMPTY_ROOT
        root = self._stack[-1][1]
        for _, node in reversed(self._stack[:-1]):
            root = node_hash(node, root)
        return root


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root over leaf hashes."""
    tree = Growing()
    for leaf in leaves:
        tree.push(leaf)
    return tree.root()


def subtree(nodes: Nodes, begin: int, end: int) -> bytes:
    """The root over the leaves from `begin`, which is a multiple of a power of two not below end - begin."""
    tree = Growing()
    at = begin
    for level in reversed(STORED):
        count = (end - at) >> level
        if count:
            for node in nodes(level, at >> level, count):
                tree.push(node, level)
            at += count << level
    return tree.root()


def inclusion_proof(nodes: Nodes, index: int, size: int) -> list[bytes]:
    """RFC 6962 2.1.1, nearest neighbour first. Raises ValueError for an index outside."""
    if not 0 <= index < size:
        raise ValueError("no such leaf in a tree of that size")
    begin, end, proof = 0, size, []
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            proof.append(subtree(nodes, middle, end))
            end = middle
        else:
            proof.append(subtree(nodes, begin, middle))
            begin = middle
    return proof[::-1]


def consistency_proof(nodes: Nodes, old: int, new: int) -> list[bytes]:
    """RFC 6962 2.1.2; empty when there is nothing to prove. Raises ValueError when the tree has shrunk."""
    if not 0 <= old <= new:
        raise ValueError("a tree does not shrink")
    if old in (0, new):
        return []
    begin, end, whole, proof = 0, new, True, []
    while old != end:
        middle = begin + _split(end - begin)
        if old <= middle:
            proof.append(subtree(nodes, middle, end))
            end = middle
        else:
            proof.append(subtree(nodes, begin, middle))
            begin, whole = middle, False
    if not whole:
        proof.append(subtree(nodes, begin, end))
    return proof[::-1]


def is_included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """RFC 9162 2.1.3.2."""
    if not 0 <= index < size:
        return False
    at, last, found = index, size - 1, leaf
    for node in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = node_hash(node, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, node)
        at, last = at >> 1, last >> 1
    return last == 0 and found == root


def is_consistent(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """RFC 9162 2.1.4.2: whether the tree of `new` leaves begins with the tree of `old` leaves."""
    if not 0 <= old <= new or (old == 0 and old_root != EMPTY_ROOT):
        return False
    if old in (0, new):
        return not proof and (old == 0 or old_root == new_root)
    steps: Iterator[bytes] = iter(proof)
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = old_root if at == 0 else next(steps, None)
    if first is None:
        return False
    found_old = found_new = first
    for node in steps:
        if last == 0:
            return False
        if at & 1 or at == last:
            found_old, found_new = node_hash(node, found_old), node_hash(node, found_new)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found_new = node_hash(found_new, node)
        at, last = at >> 1, last >> 1
    return last == 0 and found_old == old_root and found_new == new_root


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)
