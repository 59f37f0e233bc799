"""The public ways to make a plan: by ratio, stratified, with minimum positives, and by weights."""

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from balanceidx import _checks, _targets
from balanceidx._apportion import apportion, check_bounds
from balanceidx._classes import Classes, classes_of, group
from balanceidx._epoch_size import steps_per_epoch
from balanceidx._plan import Plan
from balanceidx._pools import Pools

# Plain weights with at most this many distinct values are classes in disguise ...
_MOST_GROUPS = 1 << 10
# ... if every group expects so many draws that rounding them to an integer cannot matter.
_DRAWS_PER_GROUP = 16


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
        "natural", "balanced", "square_root" ("sqrt"), "effective_number"; {label: share}; shares in the sorted order
        of the labels; or a target such as `Power(0.3)` or `EffectiveNumber(0.99)`. Shares need not sum to 1.
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
    size = _batch_size(batch_size)
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
    return _plan(classes, weights, shares, size, epoch_size, least, _caps(max_repeats, classes), minima=minima)


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
    """
    if not isinstance(minimum, Mapping) or not minimum:
        raise TypeError(f"`minimum` must be a mapping such as {{label: 4}}, not {minimum!r}.")
    return _ratio(labels, "natural", batch_size, epoch_size, minimum, max_repeats, item_weights, minima="minimum")


def weighted(weights: Any, *, batch_size: int, epoch_size: int | str = "dataset", iid: bool = False) -> Plan:
    """Plan draws in proportion to one weight per item, as torch's WeightedRandomSampler does with replacement.

    >>> import balanceidx as bx
    >>> plan = bx.weighted([1.0] * 990 + [99.0] * 10, batch_size=100)
    >>> [int((plan.batch_indices(0, step) >= 990).sum()) for step in range(3)]
    [50, 50, 50]

    Parameters
    ----------
    weights : array-like of floats, shape (N,)
        Not negative; they need not sum to 1. Items of weight 0 are never drawn.
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
    size = _batch_size(batch_size)
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
        return _plan(everything, positive, [1], size, epoch_size, [0], [None], independent=True)
    groups = _groups(array)
    plan = None if groups is None else _dealt_as_classes(array, groups, size, epoch_size)
    if plan is not None:
        return plan
    everything, positive = _one_class(array)
    return _plan(everything, positive, [1], size, epoch_size, [0], [None])


def _batch_size(value: object) -> int:
    return _checks.integer("batch_size", value, 1, _checks.MAX_BATCH, "all ranks together")


def _plan(
    classes: Classes,
    weights: npt.NDArray[np.float64] | None,
    shares: Sequence[int],
    batch_size: int,
    epoch_size: int | str,
    per_batch: Sequence[int],
    caps: Sequence[int | None],
    independent: bool = False,
    minima: str = "min_per_batch",
) -> Plan:
    """Choose the length of the epoch, apportion its draws, and prepare the pools."""
    names: list[Any] = classes.labels.tolist()

    def draws(steps: int) -> list[int]:
        least = [m * steps for m in per_batch]
        check_bounds(steps * batch_size, names, shares, least, caps, minima)
        return apportion(steps * batch_size, shares, least, caps)

    steps = steps_per_epoch(
        epoch_size,
        batch_size,
        classes.num_items,
        _fewest_steps(shares, per_batch, batch_size),
        _most_steps(shares, per_batch, caps, batch_size),
        draws,
        lambda: _limits(classes, weights),
    )
    counts = np.array(draws(steps), np.int64)
    if weights is not None and not independent and int(counts.max()) > _checks.MAX_POOL:
        raise ValueError(f"a class with item weights gets {int(counts.max())} draws an epoch; it can have 2**32.")
    pools = Pools.of(classes.members, classes.offsets, counts, weights, independent)
    for array in (classes.labels, counts):
        array.flags.writeable = False
    return Plan(classes.labels, counts, batch_size, steps, classes.num_items, pools)


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
    given = _targets.per_label(argument, min_per_batch, names)
    minima = [
        0 if m is None else _checks.integer(f"{argument}[{name!r}]", m, 0, _checks.MAX_BATCH)
        for name, m in zip(names, given, strict=True)
    ]
    if sum(minima) > batch_size:
        raise ValueError(f"`{argument}` asks for {sum(minima)} items in every batch, but `batch_size` is {batch_size}.")
    return minima


def _caps(max_repeats: float | None, classes: Classes) -> list[int | None]:
    if max_repeats is None:
        return [None] * len(classes.labels)
    number = isinstance(max_repeats, (int, float, np.integer, np.floating)) and not isinstance(max_repeats, bool)
    if not number or not math.isfinite(max_repeats) or max_repeats <= 0:
        raise ValueError(f"`max_repeats` must be a positive finite number, not {max_repeats!r}.")
    exact = Fraction(repr(float(max_repeats)))  # 1.2 of ten items is twelve, though the float is a little less
    return [math.floor(exact * n) for n in classes.sizes.tolist()]


def _fewest_steps(shares: Sequence[int], minima: Sequence[int], batch_size: int) -> int:
    """Steps after which even the classes without a minimum can have a draw each."""
    others = sum(1 for share, m in zip(shares, minima, strict=True) if share and not m)
    rest = batch_size - sum(minima)
    return max(1, -(-others // rest)) if rest else 1


def _most_steps(shares: Sequence[int], minima: Sequence[int], caps: Sequence[int | None], batch_size: int) -> int:
    """Steps beyond which the caps cannot be met, or the stream format ends."""
    steps = min(_checks.MAX_DRAWS // batch_size, _checks.MAX_STEPS - 1)
    limits = [cap for cap, share in zip(caps, shares, strict=True) if share and cap is not None]
    if len(limits) == sum(1 for share in shares if share):
        steps = min(steps, sum(limits) // batch_size)
    return min([steps, *(cap // m for cap, m in zip(caps, minima, strict=True) if m and cap is not None)])


def _limits(classes: Classes, weights: npt.NDArray[np.float64] | None) -> tuple[list[float], list[float]]:
    """Per class, the most draws in which no item repeats, and the fewest in which every item appears."""
    if weights is None:
        sizes: list[float] = classes.sizes.tolist()
        return sizes, sizes
    most: list[float] = []
    fewest: list[float] = []
    for begin, end in zip(classes.offsets[:-1].tolist(), classes.offsets[1:].tolist(), strict=True):
        if begin == end:
            most.append(0)
            fewest.append(0)
            continue
        part = weights[begin:end]
        if part.min() == part.max():  # no weights at all; a rounded sum would say that three of 0.1 need four draws
            most.append(end - begin)
            fewest.append(end - begin)
            continue
        try:
            total = Fraction(math.fsum(part.tolist()))
        except OverflowError as error:
            raise ValueError("`weights` of a class sum to more than a float can hold; scale them down.") from error
        most.append(math.floor(total / Fraction(float(part.max()))))
        fewest.append(math.ceil(total / Fraction(float(part.min()))))
    return most, fewest


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
        plan = _plan(classes, None, shares, batch_size, epoch_size, [0] * len(shares), [None] * len(shares))
    except ValueError:
        return (
            None  # fewer draws than groups, say: the weight line has no such limits, or a better word for what is wrong
        )
    return plan if int(plan.draws_per_epoch.min()) >= _DRAWS_PER_GROUP else None
