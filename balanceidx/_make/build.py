"""From an index and shares to a plan: the length of the epoch, the draws of every class, and the pools."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from balanceidx import _checks
from balanceidx._format.chapters import Chapters, levels_of
from balanceidx._format.evaluate import Evaluator
from balanceidx._format.halving import Hierarchy
from balanceidx._format.keys import OF_GROUP, UInt64, chain
from balanceidx._format.ledger import Ledger, cycle_of
from balanceidx._format.pools import Groups, Passes, Pools
from balanceidx._format.weight_line import Lines
from balanceidx._make.apportion import Names, Nodes, apportion_cycle, check_minima
from balanceidx._make.epoch_size import Limits, searched_for, steps_per_epoch
from balanceidx._make.index import ClassIndex
from balanceidx._plan import Plan

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]

# Items of a group of consecutive items, where a class that is given by its length has more than a pass can hold.
_LARGE_GROUP = 1 << 31
# Fewest seats of a weight line.
_FEWEST_SEATS = 16


@dataclass(frozen=True)
class Wishes:
    """What a plan was made from, kept for the stages of a run."""

    index: ClassIndex
    levels: Sequence[Nodes]
    max_repeats: Fraction | None


def build(
    index: ClassIndex,
    levels: Sequence[Nodes],
    batch_size: int,
    epoch_size: int | str,
    weights: Float64 | None = None,
    independent: bool = False,
    max_repeats: Fraction | None = None,
    minima: str = "min_per_batch",
    weights_name: str = "item_weights",
) -> Plan:
    """Choose the length of the epoch, apportion the draws of a cycle, and prepare the pools.

    Parameters
    ----------
    levels : sequence of Nodes
        Shares, minima and caps, the classes last.
    weights : float64 array, shape (number of members,), optional
        Positive, in the order of the members.
    max_repeats : Fraction, optional
        From which the caps come.
    minima, weights_name : str
        What the user calls the arguments that minima and `weights` come from.
    """
    names = Names(minima)
    check_minima(levels, names)
    limits = _limits(index, weights, weights_name) if searched_for(epoch_size) else None
    steps = steps_per_epoch(epoch_size, batch_size, index.num_items, levels, limits, names)
    cycle = cycle_of(steps * batch_size)
    cycle_draws = apportion_cycle(levels, batch_size, steps, cycle, names)
    pools = _pools(index, weights, independent, cycle_draws, cycle)
    hierarchy = hierarchy_of(index)
    halvings = levels_of(steps, batch_size, cycle, cycle_draws, pools.in_pass.tolist())
    evaluator = Evaluator(
        batch_size, Chapters(steps, halvings), Ledger(hierarchy, cycle, np.array(cycle_draws, np.int64)), pools
    )
    wishes = Wishes(index, levels, max_repeats)
    return Plan(index.classes, batch_size, steps, index.num_items, index.sizes, evaluator, wishes)


def hierarchy_of(index: ClassIndex) -> Hierarchy:
    """How the classes of an index line up."""
    return Hierarchy.of(
        [*(level.keys for level in index._above), index._keys],
        [*(level.parent for level in index._above), index._parent],
    )


def seats_of(cycle_draws: int, cycle: int) -> int:
    """Seats of a weight line: the mean draws of an epoch, at least 16."""
    return max(_FEWEST_SEATS, (2 * cycle_draws + cycle) // (2 * cycle))


def _pools(
    index: ClassIndex, weights: Float64 | None, independent: bool, cycle_draws: Sequence[int], cycle: int
) -> Pools:
    offsets = index._offsets
    lined = np.zeros(len(index.classes), np.bool_)
    lines = None
    if weights is not None:
        lined = _uneven(weights, offsets) | independent
        lines = Lines.of(weights, offsets) if lined.any() else None
    size: Int64 = np.diff(offsets)
    if not independent:
        seats = np.array([seats_of(n, cycle) for n in cycle_draws], np.int64)
        if lined.any() and int(seats.max()) > _checks.MAX_POOL:
            raise ValueError(f"a class with item weights gets {seats.max()} draws an epoch; it can have 2**32.")
        size = np.where(lined, seats, size)
    groups = _groups(index, lined)
    if groups is not None:
        in_class = np.diff(groups.begin)
        size = np.where(in_class > 0, in_class, size)
    size = np.maximum(size, 1)
    return Pools(index._members, offsets, Passes.of(index._keys, size), groups, lines, lined, independent)


def _groups(index: ClassIndex, lined: npt.NDArray[np.bool_]) -> Groups | None:
    """The groups of the pools that are nested: by the user's groups, or of consecutive items where a range is long."""
    if index._groups is not None:
        table = index._groups
        if lined.any():  # a weight line keeps the items of a group together by their order alone
            chosen = np.repeat(~lined, np.diff(table.begin))
            begin = np.concatenate((np.zeros(1, np.int64), np.cumsum(np.where(lined, 0, np.diff(table.begin)))))
            sizes = np.diff(table.offsets)[chosen]
            starts = table.offsets[:-1][chosen]
            return _group_table(begin, starts, sizes, table.keys[chosen]) if len(sizes) else None
        return _group_table(table.begin, table.offsets[:-1], np.diff(table.offsets), table.keys)
    sizes = index.sizes
    if index._members is not None or int(sizes.max()) <= _checks.MAX_POOL:
        return None
    counts = np.where(sizes > _checks.MAX_POOL, -(-sizes // _LARGE_GROUP), 0)
    begin = np.concatenate((np.zeros(1, np.int64), np.cumsum(counts)))
    numbers = np.arange(int(begin[-1])) - np.repeat(begin[:-1], counts)
    pieces = [(n, g, i) for n, g in zip(sizes.tolist(), counts.tolist(), strict=True) for i in range(g)]
    first = np.array([i * n // g for n, g, i in pieces], np.int64)
    last = np.array([(i + 1) * n // g for n, g, i in pieces], np.int64)
    offsets = np.repeat(index._offsets[:-1], counts)
    keys = chain(OF_GROUP, [np.repeat(index._keys, counts), numbers.astype(np.uint64)])
    return _group_table(begin, offsets + first, last - first, keys)


def _group_table(begin: Int64, starts: Int64, sizes: Int64, keys: UInt64) -> Groups:
    return Groups(begin, starts.astype(np.int64), Passes.of(keys, sizes))


def _uneven(weights: Float64, offsets: Int64) -> npt.NDArray[np.bool_]:
    """Which classes have members of different weights."""
    filled = np.flatnonzero(np.diff(offsets))
    uneven = np.zeros(len(offsets) - 1, np.bool_)
    if len(filled):
        starts = offsets[filled]
        uneven[filled] = np.minimum.reduceat(weights, starts) != np.maximum.reduceat(weights, starts)
    return uneven


def _limits(index: ClassIndex, weights: Float64 | None, weights_name: str) -> Limits:
    sizes: list[int] = index.sizes.tolist()
    if weights is None:
        return Limits(sizes, sizes)
    most: list[int] = []
    fewest: list[int] = []
    for begin, end in pairwise(index._offsets.tolist()):
        part: Any = weights[begin:end]
        # Equal weights are none; a rounded sum would say that three of 0.1 need four draws.
        if begin == end or part.min() == part.max():
            most.append(end - begin)
            fewest.append(end - begin)
            continue
        try:
            total = Fraction(math.fsum(part.tolist()))
        except OverflowError as error:
            raise ValueError(
                f"`{weights_name}` of one class sum to more than a float can hold; scale them down."
            ) from error
        most.append(math.floor(total / Fraction(float(part.max()))))
        fewest.append(math.ceil(total / Fraction(float(part.min()))))
    return Limits(most, fewest)
