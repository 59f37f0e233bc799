"""The public ways to make a plan from labels: by ratio, stratified, and with minimum positives."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from balanceidx import _checks
from balanceidx._make.build import build
from balanceidx._make.index import ClassIndex, index_of
from balanceidx._make.shares import levels_of, repeats_of
from balanceidx._make.targets import has_labels
from balanceidx._make.weights import weights as read_weights
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
    groups: Any = None,
) -> Plan:
    """Plan batches in which the classes have given shares.

    >>> import balanceidx as bx
    >>> plan = bx.ratio(["cat"] * 900 + ["dog"] * 100, {"cat": 0.75, "dog": 0.25}, batch_size=100)
    >>> plan.draws(epoch=0).tolist()
    [750, 250]

    Parameters
    ----------
    labels : array-like of shape (N,), ClassIndex, or Tree
        One label per item: integers, strings or booleans.
    target : str, mapping, array-like or target
        "natural", "balanced", "square_root" ("sqrt"), "effective_number"; {label: share}, or a pandas Series with the
        labels as its index; shares in the sorted order of the labels; or a target such as `Power(0.3)` or
        `EffectiveNumber(0.99)`. Shares need not sum to 1. For a `Tree`: one name or target for every level, a tuple
        with one target a level, or a nested mapping {label: {label: share}} of the classes' shares of the whole.
    batch_size : int
        Items in a global batch, all ranks together.
    epoch_size : int or str
        Draws per epoch, rounded down to full batches: an integer, "dataset" (N), "undersample" (the longest epoch in
        which no item need repeat: no class has more draws than items) or "oversample" (the shortest in which every item
        can appear: no class has fewer). A later epoch may begin in the middle of a pass over a class: then an item may
        come twice in it, or not at all, while over all epochs together the uses still differ by one at most.
    min_per_batch : mapping {label: int}, optional
        At least so many items of the label in every global batch (and the m // world_size of it on every rank). For a
        `Tree`, a label of its first level, or the tuple of labels on the way to a node.
    max_repeats : float, optional
        No class gets more than this many times its size in draws per epoch.
    item_weights : array-like of floats, shape (N,), optional
        How often items are drawn relative to others of their class; items of weight 0 never are.
    groups : array-like of shape (N,), optional
        One group per item (a patient, a speaker, a video): a class draws its groups in turn, and each group its items.
        Both are covered evenly, and no batch holds a group twice while the class has enough of them.

    Returns
    -------
    Plan

    Raises
    ------
    TypeError, ValueError
        For bad labels, weights or shares, and for shares, minima and caps that cannot be met together.

    Notes
    -----
    Draws are apportioned by largest remainder over a cycle of epochs (of 1,024, unless epochs are very long), so each
    class gets its share of the cycle to within one draw, unless a minimum or a cap binds; what that takes or frees is
    shared among the other classes in proportion. Every epoch holds the floor or the ceil of the class's mean.
    """
    return _ratio(labels, target, batch_size, epoch_size, min_per_batch, max_repeats, item_weights, groups)


def _ratio(
    labels: Any,
    target: Any,
    batch_size: int,
    epoch_size: int | str,
    min_per_batch: Any,
    max_repeats: float | None,
    item_weights: Any,
    groups: Any,
    minima: str = "min_per_batch",
) -> Plan:
    """`ratio`, where errors give the argument `min_per_batch` the name `minima`."""
    size = _checks.batch_size(batch_size)
    index = index_of(labels, groups)
    weights = None
    if item_weights is not None:
        index, weights = _weighted_members(index, item_weights)
    repeats = repeats_of(max_repeats)
    levels = levels_of(index, target, min_per_batch, repeats, size, minima)
    return build(index, levels, size, epoch_size, weights, max_repeats=repeats, minima=minima)


def stratified(
    labels: Any,
    *,
    batch_size: int,
    epoch_size: int | str = "dataset",
    min_per_batch: Mapping[Any, int] | None = None,
    max_repeats: float | None = None,
    item_weights: Any = None,
    groups: Any = None,
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
        groups=groups,
    )


def min_positives(
    labels: Any,
    minimum: Mapping[Any, int],
    *,
    batch_size: int,
    epoch_size: int | str = "dataset",
    max_repeats: float | None = None,
    item_weights: Any = None,
    groups: Any = None,
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
    if not (isinstance(minimum, Mapping) or has_labels(minimum)) or not len(minimum):
        raise TypeError(f"`minimum` must be a mapping such as {{label: 4}}, not {minimum!r}.")
    return _ratio(labels, "natural", batch_size, epoch_size, minimum, max_repeats, item_weights, groups, "minimum")


def _weighted_members(index: ClassIndex, item_weights: Any) -> tuple[ClassIndex, npt.NDArray[np.float64]]:
    if index._members is None:
        raise ValueError("`item_weights` need an index of items; classes given by their lengths have equal weights.")
    array = read_weights("item_weights", item_weights)
    if len(array) != index.num_items:
        hint = " (one weight per class?)" if len(array) == len(index.classes) else ""
        raise ValueError(
            f"`item_weights` has {len(array)} entries for {index.num_items} items{hint}; give one per item."
        )
    by_member = array[index._members]
    positive = by_member > 0
    return index._keep(positive), by_member[positive]
