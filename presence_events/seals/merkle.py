"""Merkle trees as in RFC 6962, section 2.1, with SHA-256.

The hash of a leaf is SHA-256 of a zero byte and its data. That of an inner node is SHA-256 of a one byte and the hashes
of its two children. The left child of a tree with n leaves has as many leaves as the largest power of two below n. The
root of an empty tree is SHA-256 of nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

__all__ = ["EMPTY", "Tree", "leaf_hash", "path", "root_of_path"]

EMPTY = sha256().digest()
"""The root of a tree without leaves."""


def leaf_hash(data: bytes) -> bytes:
    """Returns the hash of a leaf."""
    return sha256(b"\0" + data).digest()


def _node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\1" + left + right).digest()


class Tree:
    """Computes the root of leaves that are added one after the other. It keeps one hash for each level only."""

    def __init__(self) -> None:
        self.size = 0
        self._subtrees: list[bytes] = []
        """The roots of complete subtrees, the largest first. Their sizes are the bits of ``size``."""

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Adds leaves by their hashes."""
        subtrees, size = self._subtrees, self.size
        for leaf in leaves:
            node, rest = leaf, size
            while rest & 1:
                node = _node_hash(subtrees.pop(), node)
                rest >>= 1
            subtrees.append(node)
            size += 1
        self.size = size

    def root(self) -> bytes:
        """Returns the root of the leaves that were added so far."""
        if not self._subtrees:
            return EMPTY
        *rest, node = self._subtrees
        for left in reversed(rest):
            node = _node_hash(left, node)
        return node


def path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Returns the audit path of the leaf ``index`` (RFC 6962, section 2.1.1): the siblings from the leaf up.

    ``leaves`` are hashes. Raises an IndexError if there is no such leaf.
    """
    if not 0 <= index < len(leaves):
        raise IndexError(f"There is no leaf {index} in a tree of {len(leaves)}.")
    siblings = []
    first, end = 0, len(leaves)
    while end - first > 1:
        split = first + (1 << (end - first - 1).bit_length() - 1)
        if index < split:
            siblings.append(_root(leaves[split:end]))
            end = split
        else:
            siblings.append(_root(leaves[first:split]))
            first = split
    return siblings[::-1]


def root_of_path(leaf: bytes, index: int, size: int, siblings: Sequence[bytes]) -> bytes | None:
    """Returns the root of a tree of ``size`` leaves that has ``leaf`` at ``index``, by its audit path.

    Returns None if a path of this length proves nothing about such a tree (RFC 9162, section 2.1.3.2).
    """
    if not 0 <= index < size:
        return None
    node, last = leaf, size - 1
    for sibling in siblings:
        if last == 0:
            return None
        if index & 1 or index == last:
            node = _node_hash(sibling, node)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            node = _node_hash(node, sibling)
        index, last = index >> 1, last >> 1
    return node if last == 0 else None


def _root(leaves: Sequence[bytes]) -> bytes:
    tree = Tree()
    tree.extend(leaves)
    return tree.root()
