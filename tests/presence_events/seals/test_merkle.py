"""Merkle trees against the definition of RFC 6962, written down a second time."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from presence_events.seals.merkle import EMPTY, Tree, leaf_hash, path, root_of_path

VECTORS = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
]
"""The leaves of the test vectors of Certificate Transparency, and the roots of the first 1 to 8 of them."""
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def definition(data: list[bytes]) -> bytes:
    """The Merkle tree hash of RFC 6962, as the text gives it."""
    if not data:
        return sha256(b"").digest()
    if len(data) == 1:
        return sha256(b"\x00" + data[0]).digest()
    split = 1
    while split * 2 < len(data):
        split *= 2
    return sha256(b"\x01" + definition(data[:split]) + definition(data[split:])).digest()


def root(data: list[bytes]) -> bytes:
    tree = Tree()
    half = len(data) // 2
    for part in (data[:half], data[half:]):
        tree.extend(map(leaf_hash, part))
    return tree.root()


def test_the_root_of_nothing() -> None:
    assert root([]) == EMPTY == definition([])


def test_the_vectors_of_certificate_transparency() -> None:
    data = [bytes.fromhex(each) for each in VECTORS]
    assert [root(data[:size]).hex() for size in range(1, 9)] == ROOTS


@given(st.lists(st.binary(max_size=4), max_size=70))
def test_a_root_is_that_of_the_definition(data: list[bytes]) -> None:
    assert root(data) == definition(data)


@given(st.lists(st.binary(max_size=4), min_size=1, max_size=70), st.data())
def test_a_path_leads_to_the_root_for_its_leaf_alone(data: list[bytes], draw: st.DataObject) -> None:
    leaves = [leaf_hash(each) for each in data]
    index = draw.draw(st.integers(0, len(leaves) - 1))
    siblings = path(leaves, index)
    assert len(siblings) <= (len(leaves) - 1).bit_length()
    assert root_of_path(leaves[index], index, len(leaves), siblings) == root(data)
    assert root_of_path(leaf_hash(b"other"), index, len(leaves), siblings) != root(data)
    for wrong in (siblings[1:], [*siblings, leaves[0]]):
        if len(wrong) != len(siblings):
            assert root_of_path(leaves[index], index, len(leaves), wrong) is None
    for sibling in range(len(siblings)):
        altered = [*siblings]
        altered[sibling] = EMPTY
        assert root_of_path(leaves[index], index, len(leaves), altered) != root(data)


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_there_is_no_path_of_a_leaf_that_is_not_in_the_tree(index: int, size: int) -> None:
    leaves = [leaf_hash(b"")] * size
    with pytest.raises(IndexError, match=f"There is no leaf {index} in a tree of {size}."):
        path(leaves, index)
    assert root_of_path(leaf_hash(b""), index, size, []) is None
