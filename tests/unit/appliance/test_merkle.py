"""The tree is that of RFC 6962: its published vectors, its definition word for word, and any proof at all."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.record import merkle

# The inputs and roots that the reference implementations of Certificate Transparency test themselves with.
INPUTS = [
    bytes.fromhex(text)
    for text in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LEAVES = [merkle.leaf_hash(data) for data in INPUTS]

SIZES = st.integers(1, 700)


def defined(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962 2.1, as it is written there."""
    if not leaves:
        return merkle.EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return merkle.node_hash(defined(leaves[:split]), defined(leaves[split:]))


def nodes_of(leaves: Sequence[bytes]) -> merkle.Nodes:
    """What a store would hand out."""

    def nodes(level: int, first: int, count: int) -> list[bytes]:
        width = 1 << level
        return [defined(leaves[at * width : (at + 1) * width]) for at in range(first, first + count)]

    return nodes


def some(size: int) -> list[bytes]:
    return [merkle.leaf_hash(b"%d" % number) for number in range(size)]


@pytest.mark.parametrize("size", range(9))
def test_the_roots_are_the_published_ones(size: int) -> None:
    assert merkle.root_of(LEAVES[:size]).hex() == ROOTS[size]


def test_the_proofs_are_the_published_ones() -> None:
    nodes = nodes_of(LEAVES)
    assert [node.hex()[:8] for node in merkle.inclusion_proof(nodes, 5, 8)] == [
        "bc1a0643", "ca854ea1", "d37ee418",
    ]  # fmt: skip
    assert [node.hex()[:8] for node in merkle.consistency_proof(nodes, 6, 8)] == [
        "0ebc5d34", "ca854ea1", "d37ee418",
    ]  # fmt: skip
    assert [node.hex()[:8] for node in merkle.consistency_proof(nodes_of(LEAVES[:5]), 2, 5)] == [
        "5f083f0a", "bc1a0643",
    ]  # fmt: skip


@given(SIZES)
def test_a_tree_that_grows_has_the_root_of_the_definition(size: int) -> None:
    leaves = some(size)
    assert merkle.root_of(leaves) == defined(leaves) == merkle.subtree(nodes_of(leaves), 0, size)


@given(SIZES, st.data())
def test_every_leaf_is_proved_to_be_in_its_tree_and_nowhere_else(size: int, data: st.DataObject) -> None:
    leaves = some(size)
    index = data.draw(st.integers(0, size - 1))
    proof = merkle.inclusion_proof(nodes_of(leaves), index, size)
    root = defined(leaves)
    assert merkle.is_included(leaves[index], index, size, proof, root)
    other = data.draw(st.integers(-1, size))
    assert merkle.is_included(leaves[index], other, size, proof, root) == (other == index)
    assert not merkle.is_included(merkle.leaf_hash(b"forged"), index, size, proof, root)
    assert not merkle.is_included(leaves[index], index, size, [*proof, root], root)


@given(SIZES, SIZES, st.data())
def test_a_tree_is_proved_to_continue_its_beginning_and_no_other(
    one: int, other: int, data: st.DataObject
) -> None:
    old, new = sorted((one, other))
    leaves = some(new)
    proof = merkle.consistency_proof(nodes_of(leaves), old, new)
    before, after = defined(leaves[:old]), defined(leaves)
    assert merkle.is_consistent(old, before, new, after, proof)
    changed = list(leaves)
    changed[data.draw(st.integers(0, old - 1))] = merkle.leaf_hash(b"altered")
    forged = merkle.consistency_proof(nodes_of(changed), old, new)
    assert not merkle.is_consistent(old, before, new, defined(changed), forged)
    assert not merkle.is_consistent(new + 1, after, new, after, [])
    if proof:
        assert not merkle.is_consistent(old, before, new, after, proof[:-1])
        assert not merkle.is_consistent(old, before, new, after, [*proof, after])


def test_nothing_is_the_beginning_of_everything() -> None:
    assert merkle.is_consistent(0, merkle.EMPTY_ROOT, 8, bytes.fromhex(ROOTS[8]), [])
    assert not merkle.is_consistent(0, LEAVES[0], 8, bytes.fromhex(ROOTS[8]), [])
