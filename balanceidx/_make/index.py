"""The index: which items belong to each class, as one compact table that plans share."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from balanceidx import _checks
from balanceidx._format.keys import OF_GROUP, UInt64, chain, label_keys
from balanceidx._make.grouping import Codes, Int64, Members, count_codes, sort_by_code
from balanceidx._make.labels import encode
from balanceidx._make.tree import NodeLevel, Tree, leaves_of


@dataclass(frozen=True)
class GroupTable:
    """Groups of items inside the classes: which of them belong to each class, and where their members begin."""

    begin: Int64  # shape (C + 1,): groups of class c are begin[c] .. begin[c + 1] - 1
    offsets: Int64  # shape (groups + 1,): places in the table of members
    keys: UInt64  # chains of the labels on the way and the group's own
    label_keys: UInt64  # of the groups' own labels


class ClassIndex:
    """Items grouped by class, made once and used by any number of plans.

    >>> import balanceidx as bx
    >>> index = bx.ClassIndex(["cat", "dog", "cat", "cat"])
    >>> index.classes.tolist(), index.sizes.tolist()
    (['cat', 'dog'], [3, 1])
    >>> plan = bx.ratio(index, batch_size=2)

    Parameters
    ----------
    labels : array-like of shape (N,), or Tree
        One label per item: integers, strings or booleans. A `Tree` has several columns of them.
    groups : array-like of shape (N,), optional
        One group per item (a patient, a speaker, a video): a class draws its groups in turn, and each group its items.
        Groups of one name in two classes are two groups.

    Attributes
    ----------
    classes : array, shape (C,)
        The distinct labels in sorted order; for a `Tree`, the tuples of labels that occur.
    sizes : int64 array, shape (C,)
        Items of each class.
    num_items : int
        Items in the dataset, N.

    Raises
    ------
    TypeError, ValueError
        For labels or groups that are empty, missing (None or NaN), floats, of mixed types, beyond 64 bits, not
        one-dimensional, or of different lengths.
    """

    classes: npt.NDArray[Any]
    num_items: int
    _members: Members | None
    _offsets: Int64
    _keys: UInt64
    _above: tuple[NodeLevel, ...]
    _parent: npt.NDArray[np.intp]
    _groups: GroupTable | None

    def __init__(self, labels: Any, groups: Any = None) -> None:
        if isinstance(labels, ClassIndex):
            raise TypeError("`labels` is a ClassIndex already; pass it to the plans as it is.")
        if isinstance(labels, Tree):
            classes, codes, above, parent, keys = leaves_of(labels)
        else:
            classes, codes = encode(labels)
            above, parent = (), np.zeros(len(classes), np.intp)
            keys = label_keys(classes)
        group_names, group_codes = (None, None) if groups is None else encode(groups, "groups")
        if group_codes is not None and len(group_codes) != len(codes):
            raise ValueError(f"`groups` has {len(group_codes)} entries for {len(codes)} items; give one per item.")
        self._fill(classes, codes, above, parent, keys, group_names, group_codes)

    def _fill(
        self,
        classes: npt.NDArray[Any],
        codes: Codes,
        above: tuple[NodeLevel, ...],
        parent: npt.NDArray[np.intp],
        keys: UInt64,
        group_names: npt.NDArray[Any] | None,
        group_codes: Codes | None,
    ) -> None:
        offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(count_codes(codes, len(classes)))))
        table = None
        if group_names is None or group_codes is None:
            members = sort_by_code(codes, len(classes))
        else:
            members, table = _grouped(codes, offsets, keys, above, parent, group_names, group_codes)
        self._set(classes, len(codes), members, offsets, keys, above, parent, table)

    def _set(
        self,
        classes: npt.NDArray[Any],
        num_items: int,
        members: Members | None,
        offsets: Int64,
        keys: UInt64,
        above: tuple[NodeLevel, ...],
        parent: npt.NDArray[np.intp],
        groups: GroupTable | None,
    ) -> None:
        largest = int(np.diff(offsets).max())
        if members is not None and largest > _checks.MAX_POOL:
            raise ValueError(f"a class has {largest} items; the stream format allows 2**32 a class.")
        _refuse_equal_keys(keys, classes)
        self.classes, self.num_items = classes, num_items
        self._members, self._offsets, self._keys = members, offsets, keys
        self._above, self._parent, self._groups = above, parent, groups

    @classmethod
    def of_lengths(cls, lengths: Mapping[Any, int]) -> "ClassIndex":
        """Classes that are given by their lengths alone: items count through them in the order of the mapping.

        No table is kept, so that a class may have 10**12 items.

        >>> import balanceidx as bx
        >>> index = bx.ClassIndex.of_lengths({"web": 10**12, "books": 40_000_000})
        >>> index.num_items, bx.ratio(index, batch_size=10, epoch_size=100).draws(0).tolist()
        (1000040000000, [50, 50])

        Parameters
        ----------
        lengths : mapping {label: int}

        Raises
        ------
        TypeError, ValueError
            For anything but a mapping of labels to lengths, and for fewer than 1 or more than 2**63 - 1 items in all.
        """
        if not isinstance(lengths, Mapping) or not lengths:
            raise TypeError(f"`lengths` must be a mapping {{label: number of items}}, not {lengths!r}.")
        sizes = [_checks.integer(f"lengths[{label!r}]", n, 0, 2**63) for label, n in lengths.items()]
        if not 0 < sum(sizes) < 2**63:
            raise ValueError(f"`lengths` add up to {sum(sizes)} items; there must be at least 1 and fewer than 2**63.")
        distinct, codes = encode(list(lengths), "lengths")
        classes = distinct[codes]
        offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(np.array(sizes, np.int64))))
        return cls._made(classes, sum(sizes), None, offsets, label_keys(classes))

    @classmethod
    def _made(
        cls, classes: npt.NDArray[Any], num_items: int, members: Members | None, offsets: Int64, keys: UInt64
    ) -> "ClassIndex":
        """An index without levels and groups from its table."""
        index = cls.__new__(cls)
        index._set(classes, num_items, members, offsets, keys, (), np.zeros(len(classes), np.intp), None)
        return index

    def __repr__(self) -> str:
        """Number of items and classes."""
        return f"ClassIndex(num_items={self.num_items}, classes={len(self.classes)})"

    @property
    def sizes(self) -> Int64:
        """Items of each class, shape (C,)."""
        return np.diff(self._offsets)

    def _keep(self, chosen: npt.NDArray[np.bool_]) -> "ClassIndex":
        """The same classes with only the members at the chosen places of the table."""
        assert self._members is not None
        before = np.concatenate((np.zeros(1, np.int64), np.cumsum(chosen, dtype=np.int64)))
        groups = self._groups
        if groups is not None:
            offsets = before[groups.offsets]
            filled = np.diff(offsets) > 0
            number = np.concatenate((np.zeros(1, np.int64), np.cumsum(filled, dtype=np.int64)))
            ends = np.append(offsets[:-1][filled], offsets[-1])
            groups = GroupTable(number[groups.begin], ends, groups.keys[filled], groups.label_keys[filled])
        index = ClassIndex.__new__(ClassIndex)
        index._set(
            self.classes,
            self.num_items,
            self._members[chosen],
            before[self._offsets],
            self._keys,
            self._above,
            self._parent,
            groups,
        )
        return index


def index_of(labels: Any, groups: Any) -> ClassIndex:
    """Take the index that the user passes for labels, or make one."""
    if not isinstance(labels, ClassIndex):
        return ClassIndex(labels, groups)
    if groups is not None:
        raise ValueError("`groups` are part of a ClassIndex; make it as ClassIndex(labels, groups=groups).")
    return labels


def label_path(keys: UInt64, above: tuple[NodeLevel, ...], parent: npt.NDArray[np.intp]) -> list[UInt64]:
    """Keys of the labels on the way to every class, the class's own last: one array a level."""
    if not above:
        return [keys]
    own = above[-1].leaf_label_keys
    assert own is not None
    path, nodes = [own], parent
    for level in reversed(above):
        path.insert(0, level.label_keys[nodes])
        nodes = level.parent[nodes]
    return path


def _grouped(
    codes: Codes,
    offsets: Int64,
    keys: UInt64,
    above: tuple[NodeLevel, ...],
    parent: npt.NDArray[np.intp],
    names: npt.NDArray[Any],
    group_codes: Codes,
) -> tuple[Members, GroupTable]:
    """Members sorted by class, then group, then item, and where their groups begin."""
    compact: type[np.signedinteger[Any]] = np.int32 if len(codes) <= 2**31 else np.int64
    by_group = sort_by_code(group_codes, len(names))
    members = by_group[np.argsort(codes[by_group], kind="stable")].astype(compact)
    group_of = group_codes[members].astype(np.int64)
    new = np.concatenate((np.ones(1, np.bool_), group_of[1:] != group_of[:-1]))
    new[offsets[:-1][np.diff(offsets) > 0]] = True
    starts = np.flatnonzero(new)
    begin = np.searchsorted(starts, offsets).astype(np.int64)
    class_of = np.repeat(np.arange(len(keys)), np.diff(begin))
    path = [keys_of[class_of] for keys_of in label_path(keys, above, parent)]
    name_keys = label_keys(names)
    _refuse_equal_keys(name_keys, names)
    of_group = name_keys[group_of[starts]]
    group_keys = chain(OF_GROUP, [*path, of_group])
    return members, GroupTable(begin, np.append(starts, len(codes)).astype(np.int64), group_keys, of_group)


def _refuse_equal_keys(keys: UInt64, labels: npt.NDArray[Any]) -> None:
    """Two labels with one key would be drawn in step; among a million labels that has a chance of 1 in 37 million."""
    order = np.argsort(keys, kind="stable")
    same = np.flatnonzero(keys[order[1:]] == keys[order[:-1]])
    if len(same):
        first, second = labels[order[same[0]]], labels[order[same[0] + 1]]
        raise ValueError(f"`labels` {first!r} and {second!r} have the same 64-bit key; rename one of them.")
