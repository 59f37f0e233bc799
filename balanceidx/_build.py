"""From classes and shares to a plan: the length of the epoch, the draws of every class, and the pools."""

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from balanceidx import _checks
from balanceidx._apportion import apportion, check_bounds
from balanceidx._classes import Classes
from balanceidx._epoch_size import steps_per_epoch
from balanceidx._plan import Plan
from balanceidx._pools import Pools


def build(
    classes: Classes,
    weights: npt.NDArray[np.float64] | None,
    shares: Sequence[int],
    batch_size: int,
    epoch_size: int | str,
    per_batch: Sequence[int],
    caps: Sequence[int | None],
    independent: bool = False,
    minima: str = "min_per_batch",
    weights_name: str = "item_weights",
) -> Plan:
    """Choose the length of the epoch, apportion its draws, and prepare the pools.

    Parameters
    ----------
    weights : float64 array, shape (number of members,), optional
        Positive, in the order of the members.
    per_batch, caps : one int per class
        Fewest draws in a batch, and most in an epoch.
    minima, weights_name : str
        What the user calls the arguments that `per_batch` and `weights` come from.
    """
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
        lambda: _limits(classes, weights, weights_name),
    )
    counts = np.array(draws(steps), np.int64)
    if weights is not None and not independent and int(counts.max()) > _checks.MAX_POOL:
        raise ValueError(f"a class with item weights gets {int(counts.max())} draws an epoch; it can have 2**32.")
    pools = Pools.of(classes.members, classes.offsets, counts, weights, independent)
    return Plan(classes.labels, counts, batch_size, steps, classes.num_items, pools)


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


def _limits(
    classes: Classes, weights: npt.NDArray[np.float64] | None, weights_name: str
) -> tuple[list[float], list[float]]:
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
            raise ValueError(
                f"`{weights_name}` of one class sum to more than a float can hold; scale them down."
            ) from error
        most.append(math.floor(total / Fraction(float(part.max()))))
        fewest.append(math.ceil(total / Fraction(float(part.min()))))
    return most, fewest
