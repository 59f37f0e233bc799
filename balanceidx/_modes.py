"""The public ways to make a plan from labels: by ratio, stratified, and with minimum positives."""

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from balanceidx import _checks, _targets
from balanceidx._build import build
from balanceidx._classes import Classes, classes_of
from balanceidx._plan import Plan


def ratio(
    labels: Any,
    target: Any = "balanced",
    *,
    batch_size: int,
    epoch_size: int | str = "dataset",
    min_per_batch: Mapping[Any, int] | None = None,
    max_repeats: float | None = None,
    item_weights: Any = None,
) -> Plan:
    """Plan batches in which the classes have given shares.

    >>> import balanceidx as bx
    >>> plan = bx.ratio(["cat"] * 900 + ["dog"] * 100, {"cat": 0.75, "dog": 0.25}, batch_size=100)
    >>> [int(n) for n in plan.draws_per_epoch]
    [750, 250]

    Parameters
    ----------
    labels : array-like of shape (N,)
        One label per item: integers, strings or booleans.
    target : str, mapping, array-like or target
        "natural", "balanced", "square_root" ("sqrt"), "effective_number"; {label: share}, or a pandas Series with the
        labels as its index; shares in the sorted order of the labels; or a target such as `Power(0.3)` or
        `EffectiveNumber(0.99)`. Shares need not sum to 1.
    batch_size : int
        Items in a global batch, all ranks together.
    epoch_size : int or str
        Draws per epoch, rounded down to full batches: an integer, "dataset" (N), "undersample" (the longest epoch in
        which no item need repeat: no class has more draws than items) or "oversample" (the shortest in which every item
        can appear: no class has fewer). A later epoch may begin in the middle of a pass over a class: then an item may
        come twice in it, or not at all, while over all epochs together the uses still differ by one at most.
    min_per_batch : mapping {label: int}, optional
        At least so many items of the label in every global batch (and the m // world_size of it on every rank).
    max_repeats : float, optional
        No class gets more than this many times its size in draws per epoch.
    item_weights : array-like of floats, shape (N,), optional
        How often items are drawn relative to others of their class; items of weight 0 never are.

    Returns
    -------
    Plan

    Raises
    ------
    TypeError, ValueError
        For bad labels, weights or shares, and for shares, minima and caps that cannot be met together.

    Notes
    -----
    Draws are apportioned by largest remainder, so each class gets its share of the epoch to within one draw, unless a
    minimum or a cap binds; what that takes or frees is shared among the other classes in proportion.
    """
    return _ratio(labels, target, batch_size, epoch_size, min_per_batch, max_repeats, item_weights)


def _ratio(
    labels: Any,
    target: Any,
    batch_size: int,
    epoch_size: int | str,
    min_per_batch: Mapping[Any, int] | None,
    max_repeats: float | None,
    item_weights: Any,
    minima: str = "min_per_batch",
) -> Plan:
    """`ratio`, where errors give the argument `min_per_batch` the name `minima`."""
    size = _checks.batch_size(batch_size)
    classes = classes_of(labels)
    weights = None
    if item_weights is not None:
        classes, weights = _weighted_members(classes, item_weights)
    names: list[Any] = classes.labels.tolist()
    goal = _targets.resolve(target, names)
    shares = _targets.shares_of(goal, classes.sizes.tolist())
    given = isinstance(goal, _targets.Explicit)  # the others leave empty classes out by themselves
    for name, n, share in zip(names, classes.sizes.tolist(), shares, strict=True):
        if n or (given and not share):
            continue
        raise ValueError(
            f"`target` gives label {name!r} a share, but none of its items has a positive weight; "
            f"give the label a share of 0 or its items a weight."
        )
    least = _minima(min_per_batch, names, size, minima)
    return build(classes, weights, shares, size, epoch_size, least, _caps(max_repeats, classes), minima=minima)


def stratified(
    labels: Any,
    *,
    batch_size: int,
    epoch_size: int | str = "dataset",
    min_per_batch: Mapping[Any, int] | None = None,
    max_repeats: float | None = None,
    item_weights: Any = None,
) -> Plan:
    """Plan batches that all look like the dataset: `ratio` with the target "natural".

    >>> import balanceidx as bx
    >>> plan = bx.stratified([0] * 900 + [1] * 100, batch_size=100)
    >>> [int((plan.batch_indices(0, step) >= 900).sum()) for step in range(3)]
    [10, 10, 10]

    The arguments and errors are those of `ratio`.
    """
    return ratio(
        labels,
        "natural",
        batch_size=batch_size,
        epoch_size=epoch_size,
        min_per_batch=min_per_batch,
        max_repeats=max_repeats,
        item_weights=item_weights,
    )


def min_positives(
    labels: Any,
    minimum: Mapping[Any, int],
    *,
    batch_size: int,
    epoch_size: int | str = "dataset",
    max_repeats: float | None = None,
    item_weights: Any = None,
) -> Plan:
    """Plan batches with natural shares but at least `minimum[label]` items of a label in every batch.

    >>> import balanceidx as bx
    >>> plan = bx.min_positives([0] * 990 + [1] * 10, {1: 4}, batch_size=100)
    >>> [int((plan.batch_indices(0, step) >= 990).sum()) for step in range(3)]
    [4, 4, 4]

    The other arguments and the errors are those of `ratio`.

    Parameters
    ----------
    minimum : mapping {label: int}
        At least so many items of the label in every global batch (and the m // world_size of it on every rank). A label
        whose natural share is larger keeps its share; one that is not named has no minimum. Not empty.
    """
    if not isinstance(minimum, Mapping) or not minimum:
        raise TypeError(f"`minimum` must be a mapping such as {{label: 4}}, not {minimum!r}.")
    return _ratio(labels, "natural", batch_size, epoch_size, minimum, max_repeats, item_weights, minima="minimum")


def _weighted_members(classes: Classes, item_weights: Any) -> tuple[Classes, npt.NDArray[np.float64]]:
    array = _checks.weights("item_weights", item_weights)
    if len(array) != classes.num_items:
        hint = " (one weight per class?)" if len(array) == len(classes.labels) else ""
        raise ValueError(
            f"`item_weights` has {len(array)} entries for {classes.num_items} items{hint}; give one per item."
        )
    by_member = array[classes.members]
    positive = by_member > 0
    return classes.keep(positive), by_member[positive]


def _minima(min_per_batch: Mapping[Any, int] | None, names: Sequence[Any], batch_size: int, argument: str) -> list[int]:
    if min_per_batch is None:
        return [0] * len(names)
    if not isinstance(min_per_batch, Mapping):
        raise TypeError(f"`{argument}` must be a mapping {{label: count}}, not {min_per_batch!r}.")
    given = _targets.per_label(argument, min_per_batch, names, unnamed=0)
    minima = [
        _checks.integer(f"{argument}[{name!r}]", m, 0, _checks.MAX_BATCH) for name, m in zip(names, given, strict=True)
    ]
    if sum(minima) > batch_size:
        raise ValueError(f"`{argument}` asks for {sum(minima)} items in every batch, but `batch_size` is {batch_size}.")
    return minima


def _caps(max_repeats: float | None, classes: Classes) -> list[int | None]:
    if max_repeats is None:
        return [None] * len(classes.labels)
    if not _checks.finite(max_repeats) or max_repeats <= 0:
        raise ValueError(f"`max_repeats` must be a positive finite number, not {max_repeats!r}.")
    # 1.2 of ten items is twelve, though the float is a little less.
    exact = max_repeats if isinstance(max_repeats, Fraction) else Fraction(repr(float(max_repeats)))
    return [math.floor(exact * n) for n in classes.sizes.tolist()]
