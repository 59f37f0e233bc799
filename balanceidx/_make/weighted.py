"""The public way to make a plan from weights alone: few distinct weights are classes, many are a weight line."""

from typing import Any

import numpy as np
import numpy.typing as npt

from balanceidx import _checks
from balanceidx._format.keys import label_keys
from balanceidx._make import targets
from balanceidx._make.apportion import Nodes
from balanceidx._make.build import build
from balanceidx._make.grouping import count_codes, sort_by_code
from balanceidx._make.index import ClassIndex
from balanceidx._make.weights import weights as read_weights
from balanceidx._plan import Plan

Float64 = npt.NDArray[np.float64]

# Plain weights with at most this many distinct values are classes in disguise ...
_MOST_CLASSES = 1 << 10
# ... if every one expects so many draws an epoch that rounding them to an integer cannot matter.
_DRAWS_PER_CLASS = 16


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
    array = read_weights("weights", weights)
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
        return _on_one_line(array, size, epoch_size, independent=True)
    distinct = _distinct(array)
    plan = None if distinct is None else _dealt_as_classes(array, distinct, size, epoch_size)
    return _on_one_line(array, size, epoch_size, independent=False) if plan is None else plan


def _on_one_line(weights: Float64, batch_size: int, epoch_size: int | str, independent: bool) -> Plan:
    """Plan in which all items of positive weight are one class."""
    positive = weights > 0
    compact: type[np.signedinteger[Any]] = np.int32 if len(weights) <= 2**31 else np.int64
    members: npt.NDArray[np.signedinteger[Any]] = np.flatnonzero(positive).astype(compact)
    if len(members) >= _checks.MAX_POOL:
        raise ValueError(f"`weights` has {len(members)} positive entries; the stream format allows fewer than 2**32.")
    classes = np.array(["all items"])
    index = ClassIndex._made(classes, len(weights), members, np.array([0, len(members)]), label_keys(classes))
    level = Nodes(["all items"], [0], [1], [0], [None])
    return build(index, [level], batch_size, epoch_size, weights[positive], independent, weights_name="weights")


def _distinct(weights: Float64) -> Float64 | None:
    """Distinct weights in ascending order, or None when there are too many; stops reading as soon as it knows."""
    distinct = np.zeros(0)
    for start in range(0, len(weights), 1 << 16):
        distinct = np.union1d(distinct, weights[start : start + (1 << 16)])
        if len(distinct) > _MOST_CLASSES + 1:
            return None
    positive = distinct[distinct > 0]
    return positive if len(positive) <= _MOST_CLASSES else None


def _dealt_as_classes(weights: Float64, distinct: Float64, batch_size: int, epoch_size: int | str) -> Plan | None:
    """Plan with one class per distinct weight, or None when an epoch is too short for that."""
    with_zero = np.concatenate((np.zeros(1), distinct))
    codes = np.empty(len(weights), np.uint16)
    for start in range(0, len(weights), 1 << 20):
        codes[start : start + (1 << 20)] = np.searchsorted(with_zero, weights[start : start + (1 << 20)])
    sizes = count_codes(codes, len(with_zero))
    members = sort_by_code(codes, len(with_zero))[sizes[0] :]
    offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(sizes[1:])))
    ranks = np.arange(len(distinct), dtype=np.uint64)  # a weight has no key of its own, but its rank
    index = ClassIndex._made(distinct, len(weights), members, offsets, ranks)
    per_item = targets.exact_integers(distinct.tolist())
    shares = [n * value for n, value in zip(sizes[1:].tolist(), per_item, strict=True)]
    none = [0] * len(shares)
    try:
        level = Nodes(distinct.tolist(), none, shares, none, [None] * len(shares))
        plan = build(index, [level], batch_size, epoch_size)
    except ValueError:
        # Fewer draws than classes, say: the weight line has no such limits, or a better word for what is wrong.
        return None
    return plan if float(plan.draws_per_epoch.min()) >= _DRAWS_PER_CLASS else None
