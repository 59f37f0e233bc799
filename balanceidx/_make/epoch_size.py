"""How many steps an epoch has: an integer, the dataset's size, or just enough not to repeat or not to miss an item."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from balanceidx import _checks
from balanceidx._make.apportion import Names, Nodes, apportion_cycle, drawn_nodes, quotas

NAMES = ("dataset", "undersample", "oversample")


@dataclass(frozen=True)
class Limits:
    """Per class, the most draws in which no item repeats, and the fewest in which every item appears."""

    most: Sequence[int]
    fewest: Sequence[int]


def steps_per_epoch(
    epoch_size: object,
    batch_size: int,
    num_items: int,
    levels: Sequence[Nodes],
    limits: Limits | None,
    names: Names | None = None,
) -> int:
    """Resolve `epoch_size` to a number of full batches.

    Parameters
    ----------
    limits : Limits or None
        Needed where the epoch is searched for: `epoch_size` "undersample" or "oversample".
    names : Names, optional
        What the user calls the arguments from which minima come.
    """
    if not isinstance(epoch_size, str):
        size = _checks.integer("epoch_size", epoch_size, 1, 2**63)
        return _whole_batches(size, batch_size, f"`epoch_size` (={size})")
    if epoch_size == "dataset":
        return _whole_batches(num_items, batch_size, f"`epoch_size` 'dataset' (={num_items} items)")
    if epoch_size not in NAMES:
        known = ", ".join(map(repr, NAMES))
        raise ValueError(f"`epoch_size` must be an integer or one of {known}, not {epoch_size!r}.")
    assert limits is not None
    last = min(_checks.MAX_DRAWS // batch_size, _checks.MAX_STEPS - 1)
    bounded = any(any(level.minima) or any(cap is not None for cap in level.caps) for level in levels)
    search = _searched if bounded else _closed
    if epoch_size == "undersample":
        steps = search(levels, batch_size, last, limits.most, longest=True)
        if not steps:
            apportion_cycle(levels, batch_size, 1, 1 << 10, names or Names())  # says what is wrong with the bounds
            raise ValueError(
                f"`epoch_size` 'undersample' leaves less than one batch: no epoch of full batches of {batch_size} is "
                f"free of repeated items under these shares; lower `batch_size` or give `epoch_size` as an integer."
            )
        return steps
    steps = search(levels, batch_size, last, limits.fewest, longest=False)
    if not 0 < steps <= last:
        apportion_cycle(levels, batch_size, 1, 1 << 10, names or Names())
        raise ValueError(
            "`epoch_size` 'oversample' cannot be met: no epoch in which every item appears fits the caps and the "
            "limit of 2**40 draws; raise `max_repeats` or give `epoch_size` as an integer."
        )
    return steps


def searched_for(epoch_size: object) -> bool:
    """Whether the length depends on the sizes of the classes."""
    return isinstance(epoch_size, str) and epoch_size in NAMES[1:]


def _closed(levels: Sequence[Nodes], batch_size: int, last: int, limits: Sequence[int], longest: bool) -> int:
    """Without minima and caps: T * B * p_c against the limit of every class that is drawn."""
    parts = [Fraction(1)]
    for level in levels:
        totals = [0] * len(parts)
        for share, parent in zip(level.shares, level.parent, strict=True):
            totals[parent] += share
        parts = [
            parts[parent] * share / totals[parent] if share else Fraction(0)
            for share, parent in zip(level.shares, level.parent, strict=True)
        ]
    if longest:
        return min(last, *(math.floor(limit / (p * batch_size)) for limit, p in zip(limits, parts, strict=True) if p))
    return max(1, *(math.ceil(limit / (p * batch_size)) for limit, p in zip(limits, parts, strict=True) if p))


def _searched(levels: Sequence[Nodes], batch_size: int, last: int, limits: Sequence[int], longest: bool) -> int:
    """With them: the quotas of every class rise with the length, so that bisection finds it; 0 or last + 1 if none."""
    drawn = drawn_nodes(levels)[-1]

    def fits(steps: int) -> bool:
        amounts = quotas(levels, batch_size, steps)
        if amounts is None:
            return False
        if longest:
            return all(amount <= limit for amount, limit in zip(amounts, limits, strict=True))
        return all(amount >= limit for amount, limit, is_drawn in zip(amounts, limits, drawn, strict=True) if is_drawn)

    def too_long(steps: int) -> bool:
        return quotas(levels, batch_size, steps) is None

    if longest:
        return _last_that(fits, last)
    possible = _last_that(lambda steps: not too_long(steps), last)
    shortest = _last_that(lambda steps: not fits(steps), possible) + 1
    return shortest if shortest <= possible else last + 1


def _last_that(holds: Callable[[int], bool], last: int) -> int:
    low, high = 0, last + 1
    while high - low > 1:
        middle = (low + high) // 2
        if holds(middle):
            low = middle
        else:
            high = middle
    return low


def _whole_batches(size: int, batch_size: int, what: str) -> int:
    steps = size // batch_size
    if steps < 1:
        raise ValueError(f"{what} is smaller than one batch of `batch_size` (={batch_size}); lower `batch_size`.")
    if size > _checks.MAX_DRAWS:
        raise ValueError(f"{what} is more than the 2**40 draws that an epoch can have; give a smaller `epoch_size`.")
    if steps >= _checks.MAX_STEPS:
        raise ValueError(f"{what} makes {steps} steps an epoch; the stream format allows fewer than 2**32.")
    return steps
