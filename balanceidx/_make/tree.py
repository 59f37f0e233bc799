"""Trees: labels of several levels, such as source and class, with exact shares at every node."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from balanceidx._format.keys import OF_TREE, UInt64, chain, label_keys
from balanceidx._make.grouping import Codes
from balanceidx._make.labels import encode

Intp = npt.NDArray[np.intp]


class Tree:
    """Labels of several levels, the coarsest first: every batch holds exact shares of the nodes of every level.

    >>> import balanceidx as bx
    >>> source, label = ["web"] * 6 + ["book"] * 2, [0, 0, 0, 0, 1, 1, 0, 1]
    >>> plan = bx.ratio(bx.Tree(source, label), batch_size=4)
    >>> plan.classes.tolist()
    [('book', 0), ('book', 1), ('web', 0), ('web', 1)]
    >>> plan.draws(0).tolist()
    [2, 2, 2, 2]

    Parameters
    ----------
    *columns : array-like of shape (N,)
        One label per item and level. Only combinations that occur are classes.

    Raises
    ------
    ValueError
        For no column, and for columns of different lengths; the labels themselves are read by `ClassIndex`.
    """

    def __init__(self, *columns: Any) -> None:
        if not columns:
            raise ValueError("`Tree` needs a column of labels for each level, as in Tree(source, label).")
        self.columns = columns


@dataclass(frozen=True)
class NodeLevel:
    """The nodes of one level above the classes, sorted by parent and label.

    Attributes
    ----------
    names : list of tuple
        The labels on the way to each node.
    keys, label_keys : uint64 arrays
        What the order of a line depends on, and the keys of the nodes' own labels.
    parent : intp array
        Number of each node's parent in the level above.
    leaf_label_keys : uint64 array or None
        In the last level above the classes, the keys of the classes' own labels.
    """

    names: list[tuple[Any, ...]]
    keys: UInt64
    label_keys: UInt64
    parent: Intp
    leaf_label_keys: UInt64 | None = None


def leaves_of(tree: Tree) -> tuple[npt.NDArray[Any], Codes, tuple[NodeLevel, ...], Intp, UInt64]:
    """Classes of a tree: their labels, the class of every item, the levels above, and the classes' parents and keys."""
    nodes: list[tuple[Any, ...]] = [()]
    codes: Codes | None = None
    path_keys = [np.zeros(1, np.uint64)]
    levels: list[NodeLevel] = []
    for depth, column in enumerate(tree.columns, 1):
        labels, own = encode(column, f"labels of level {depth}")
        if codes is None:
            codes = np.zeros(len(own), np.uint8)
        elif len(own) != len(codes):
            raise ValueError(
                f"`Tree` has {len(codes)} labels in its first column and {len(own)} in column {depth}; give one label "
                f"per item in each."
            )
        codes, pairs = _paired(codes, own, len(nodes), len(labels))
        parent, which = np.divmod(pairs, len(labels))
        values = labels.tolist()
        nodes = [(*nodes[p], values[w]) for p, w in zip(parent.tolist(), which.tolist(), strict=True)]
        own_keys = label_keys(labels)[which]
        path_keys = [keys[parent] for keys in path_keys] if depth > 1 else []
        path_keys.append(own_keys)
        keys = own_keys if depth == 1 else chain(OF_TREE, path_keys)
        levels.append(NodeLevel(nodes, keys, own_keys, parent.astype(np.intp)))
    assert codes is not None
    last = levels.pop()
    if levels:
        above = levels[-1]
        levels[-1] = NodeLevel(above.names, above.keys, above.label_keys, above.parent, last.label_keys)
        classes = np.empty(len(nodes), object)
        classes[:] = nodes
    else:
        classes = np.array([name for (name,) in nodes])
    return classes, codes, tuple(levels), last.parent, last.keys


def _paired(codes: Codes, own: Codes, parents: int, labels: int) -> tuple[Codes, npt.NDArray[np.int64]]:
    """Number every pair of parent and label that occurs, in ascending order; and the pairs, parent * labels + label."""
    pair = codes.astype(np.int64)
    pair *= labels
    pair += own
    if parents * labels <= max(1 << 16, len(pair)):
        pairs = np.flatnonzero(np.bincount(pair, minlength=parents * labels))
        number = np.zeros(parents * labels, np.min_scalar_type(len(pairs) - 1))
        number[pairs] = np.arange(len(pairs))
        return number[pair], pairs
    pairs, inverse = np.unique(pair, return_inverse=True)
    return inverse.reshape(-1).astype(np.min_scalar_type(len(pairs) - 1)), pairs
