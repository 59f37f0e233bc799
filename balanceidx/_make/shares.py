"""Shares, minima and caps of every node: what a target and a user's bounds mean for the classes of an index."""

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from balanceidx import _checks
from balanceidx._make import targets
from balanceidx._make.apportion import Nodes
from balanceidx._make.index import ClassIndex


def levels_of(
    index: ClassIndex, target: Any, min_per_batch: Any, max_repeats: Fraction | None, batch_size: int, minima_name: str
) -> list[Nodes]:
    """Read target and bounds for the classes of an index and for the levels above them."""
    names = _names(index)
    parents = [level.parent.tolist() for level in index._above] + [index._parent.tolist()]
    sizes = _sizes(index, parents)
    if index._above:
        shares = _tree_shares(target, names, parents, sizes)
    else:
        shares = [_flat_shares(target, [label for (label,) in names[0]], sizes[0])]
    minima = _minima(min_per_batch, names, shares, sizes, batch_size, minima_name)
    caps: list[list[int | None]] = [[None] * len(level) for level in names]
    if max_repeats is not None:
        caps[-1] = [math.floor(max_repeats * n) for n in sizes[-1]]
    return [
        Nodes([path[0] if len(path) == 1 else path for path in level], above, share, low, high)
        for level, above, share, low, high in zip(names, parents, shares, minima, caps, strict=True)
    ]


def _names(index: ClassIndex) -> list[list[tuple[Any, ...]]]:
    """The labels on the way to every node, level by level."""
    classes: list[Any] = index.classes.tolist()
    above = [level.names for level in index._above]
    return [*above, classes if above else [(label,) for label in classes]]


def _sizes(index: ClassIndex, parents: Sequence[Sequence[int]]) -> list[list[int]]:
    """Items below every node, level by level."""
    sizes = [index.sizes.tolist()]
    for level, parent in zip(reversed(index._above), reversed(parents), strict=False):
        below = np.bincount(np.array(parent), minlength=len(level.names))
        total = [0] * len(below)
        for node, n in zip(parent, sizes[0], strict=True):
            total[node] += n
        sizes.insert(0, total)
    return sizes


def _flat_shares(target: Any, labels: Sequence[Any], sizes: Sequence[int], name: str = "target") -> list[int]:
    goal = targets.resolve(target, labels)
    shares = targets.shares_of(goal, sizes)
    given = isinstance(goal, targets.Explicit)  # the others leave empty classes out by themselves
    for label, n, share in zip(labels, sizes, shares, strict=True):
        if not n and (share or not given):
            raise ValueError(
                f"`{name}` gives label {label!r} a share, but none of its items has a positive weight; "
                f"give the label a share of 0 or its items a weight."
            )
    return shares


def _tree_shares(
    target: Any, names: list[list[tuple[Any, ...]]], parents: list[list[int]], sizes: list[list[int]]
) -> list[list[int]]:
    """Integer shares of every node among its siblings."""
    if isinstance(target, Mapping):
        return _shares_of_leaves(target, names, parents, sizes)
    if isinstance(target, (tuple, list)) and len(target) != len(names):
        raise ValueError(
            f"`target` has {len(target)} entries for the {len(names)} levels of the tree; give one target a level."
        )
    each = list(target) if isinstance(target, (tuple, list)) else [target] * len(names)
    shares = []
    for goal, level, parent, n in zip(each, names, parents, sizes, strict=True):
        of_level = [0] * len(level)
        known = {path[-1] for path in level}
        for siblings in _siblings(parent):
            labels = [level[c][-1] for c in siblings]
            own = goal
            if isinstance(goal, Mapping):
                unknown = next((label for label in goal if label not in known), None)
                if unknown is not None:
                    raise ValueError(f"`target` names label {unknown!r}, which no item has at this level of the tree.")
                own = {label: goal[label] for label in labels if label in goal}
            elif not isinstance(goal, str) and not callable(getattr(goal, "shares", None)):
                raise TypeError(
                    f"`target` for a level of a tree must be a name, a {{label: share}} mapping or a target, not "
                    f"{goal!r}."
                )
            for c, share in zip(siblings, _flat_shares(own, labels, [n[c] for c in siblings]), strict=True):
                of_level[c] = share
        shares.append(of_level)
    return shares


def _siblings(parent: Sequence[int]) -> list[list[int]]:
    below: dict[int, list[int]] = {}
    for node, above in enumerate(parent):
        below.setdefault(above, []).append(node)
    return list(below.values())


def _shares_of_leaves(
    target: Mapping[Any, Any], names: list[list[tuple[Any, ...]]], parents: list[list[int]], sizes: list[list[int]]
) -> list[list[int]]:
    """A nested mapping gives every class its share of the whole; a node has the sum of what is below it."""
    flat: dict[tuple[Any, ...], Any] = {}

    def walk(part: Any, path: tuple[Any, ...]) -> None:
        if len(path) == len(names):
            flat[path] = part
            return
        if not isinstance(part, Mapping):
            raise TypeError(
                f"`target` gives {path[-1]!r} the share {part!r}, but the tree has {len(names)} levels: nest the "
                f"mapping down to the classes, or give one target a level as a tuple, such as ({{label: share}}, "
                f"'natural')."
            )
        for label, below in part.items():
            walk(below, (*path, label))

    walk(target, ())
    shares = [_flat_shares(flat, names[-1], sizes[-1])]
    for level, parent in zip(reversed(names[:-1]), reversed(parents), strict=False):
        total = [0] * len(level)
        for node, share in zip(parent, shares[0], strict=True):
            total[node] += share
        shares.insert(0, total)
    return shares


def _minima(
    min_per_batch: Any,
    names: list[list[tuple[Any, ...]]],
    shares: list[list[int]],
    sizes: list[list[int]],
    batch_size: int,
    argument: str,
) -> list[list[int]]:
    minima = [[0] * len(level) for level in names]
    if min_per_batch is None:
        return minima
    if not isinstance(min_per_batch, Mapping) and not targets.has_labels(min_per_batch):
        raise TypeError(f"`{argument}` must be a mapping {{label: count}}, not {min_per_batch!r}.")
    if len(names) == 1:
        given = targets.per_label(argument, min_per_batch, [label for (label,) in names[0]], unnamed=0)
        minima[0] = [_minimum(argument, label, m) for (label,), m in zip(names[0], given, strict=True)]
    else:
        number = [{path: c for c, path in enumerate(level)} for level in names]
        for label, m in min_per_batch.items():
            path = label if isinstance(label, tuple) else (label,)
            depth = len(path) - 1
            if not 0 <= depth < len(names) or path not in number[depth]:
                raise ValueError(f"`{argument}` names {label!r}, which is no node of the tree.")
            minima[depth][number[depth][path]] = _minimum(argument, label, m)
    for level in minima:
        if sum(level) > batch_size:
            raise ValueError(
                f"`{argument}` asks for {sum(level)} items in every batch, but `batch_size` is {batch_size}."
            )
    return minima


def _minimum(argument: str, label: Any, value: Any) -> int:
    return _checks.integer(f"{argument}[{label!r}]", value, 0, _checks.MAX_BATCH)


def repeats_of(max_repeats: Any) -> Fraction | None:
    """Check `max_repeats`; 1.2 of ten items is twelve, though the float is a little less."""
    if max_repeats is None:
        return None
    if not _checks.finite(max_repeats) or max_repeats <= 0:
        raise ValueError(f"`max_repeats` must be a positive finite number, not {max_repeats!r}.")
    return max_repeats if isinstance(max_repeats, Fraction) else Fraction(repr(float(max_repeats)))
