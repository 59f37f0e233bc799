"""The public way to make a plan from weights alone: few distinct weights are classes, many are a weight line."""

from typing import Any

import numpy as np
import numpy.typing as npt

from balanceidx import _checks, _targets
from balanceidx._build import build
from balanceidx._classes import Classes, group
from balanceidx._plan import Plan

# Plain weights with at most this many distinct values are classes in disguise ...
_MOST_GROUPS = 1 << 10
# ... if every group expects so many draws that rounding them to an integer cannot matter.
_DRAWS_PER_GROUP = 16


def weighted(weights: Any, *, batch_size: int, epoch_size: int | str = "dataset", iid: bool = False) -> Plan:
    """Plan draws in proportion to one weight per item, as torch's WeightedRandomSampler does with replacement.

    >>> import balanceidx as bx
    >>> plan = bx.weighted([1.0] * 990 + [99.0] * 10, batch_size=100)
    >>> [int((plan.batch_indices(0, step) >= 990).sum()) for step in range(3)]
    [50, 50, 50]

    Parameters
    ----------
    weights : array-like of floats, shape (N,)
        Not negative; they need not sum to 1. Items of weight 0 are never drawn. One weight per class instead is
        noticed only when there are fewer classes than items in a batch; check plan.num_items == len(dataset).
    batch_size, epoch_size
        As in `ratio`.
    iid : bool
        Draw independently, as the textbook multinomial sampler, instead of giving every item its expected draws of an
        epoch, rounded up or down.

    Returns
    -------
    Plan

    Raises
    ------
    TypeError, ValueError
        For weights that are negative, not finite, all zero, or labels, and for fewer weights than a batch has items.

    Notes
    -----
    Weights with few distinct values, such as inverse class frequencies, are dealt like classes: every batch gets its
    exact share of each, and the uses of two items of equal weight differ by one at most after any number of epochs. In
    a single epoch an item may then have one draw more or less than the rounded expectation, where the epoch goes from
    one pass over the items to the next.
    """
    size = _checks.batch_size(batch_size)
    array = _checks.weights("weights", weights)
    if len(array) < size:
        raise ValueError(
            f"`weights` has {len(array)} entries, fewer than one batch of `batch_size` (={size}); "
            f"give one weight per item, not one per class."
        )
    if not isinstance(iid, (bool, np.bool_)):
        raise TypeError(f"`iid` must be True or False, not {iid!r}.")
    if iid:
        if isinstance(epoch_size, str) and epoch_size in ("undersample", "oversample"):
            raise ValueError(f"`epoch_size` {epoch_size!r} promises coverage, which independent draws cannot give.")
        everything, positive = _one_class(array)
        return build(everything, positive, [1], size, epoch_size, [0], [None], independent=True, weights_name="weights")
    groups = _groups(array)
    plan = None if groups is None else _dealt_as_classes(array, groups, size, epoch_size)
    if plan is not None:
        return plan
    everything, positive = _one_class(array)
    return build(everything, positive, [1], size, epoch_size, [0], [None], weights_name="weights")


def _one_class(weights: npt.NDArray[np.float64]) -> tuple[Classes, npt.NDArray[np.float64]]:
    """All items of positive weight as one class."""
    everything = group(np.array(["all items"]), np.zeros(len(weights), np.uint8))
    positive = weights > 0
    if not positive.all():
        everything, weights = everything.keep(positive), weights[positive]
    if len(weights) >= _checks.MAX_POOL:
        raise ValueError(f"`weights` has {len(weights)} positive entries; the stream format allows fewer than 2**32.")
    return everything, weights


def _groups(weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64] | None:
    """Distinct weights in ascending order, or None when there are too many; stops reading as soon as it knows."""
    distinct = np.zeros(0)
    for start in range(0, len(weights), 1 << 16):
        distinct = np.union1d(distinct, weights[start : start + (1 << 16)])
        if len(distinct) > _MOST_GROUPS + 1:
            return None
    positive = distinct[distinct > 0]
    return positive if len(positive) <= _MOST_GROUPS else None


def _dealt_as_classes(
    weights: npt.NDArray[np.float64], groups: npt.NDArray[np.float64], batch_size: int, epoch_size: int | str
) -> Plan | None:
    """Plan with one class per distinct weight, or None when an epoch is too short for that."""
    with_zero = np.concatenate((np.zeros(1), groups))
    codes = np.empty(len(weights), np.uint16)
    for start in range(0, len(weights), 1 << 20):
        codes[start : start + (1 << 20)] = np.searchsorted(with_zero, weights[start : start + (1 << 20)])
    classes = group(with_zero, codes).without_first()
    per_item = _targets.exact_integers(groups.tolist())
    shares = [n * value for n, value in zip(classes.sizes.tolist(), per_item, strict=True)]
    try:
        plan = build(classes, None, shares, batch_size, epoch_size, [0] * len(shares), [None] * len(shares))
    except ValueError:
        # Fewer draws than groups, say: the weight line has no such limits, or a better word for what is wrong.
        return None
    return plan if int(plan.draws_per_epoch.min()) >= _DRAWS_PER_GROUP else None
