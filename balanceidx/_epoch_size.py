"""How many steps an epoch has: an integer, the dataset's size, or just enough not to repeat or not to miss an item."""

import math
from collections.abc import Callable, Sequence

from balanceidx import _checks
from balanceidx._apportion import longest

NAMES = ("dataset", "undersample", "oversample")

# Apportionments of one class each that the last part of a search may cost: a fraction of a second.
_CLASSES_WALKED = 1 << 17


def steps_per_epoch(
    epoch_size: object,
    batch_size: int,
    num_items: int,
    first: int,
    last: int,
    draws: Callable[[int], list[int]],
    limits: Callable[[], tuple[Sequence[float], Sequence[float]]],
) -> int:
    """Resolve `epoch_size` to a number of full batches.

    Parameters
    ----------
    first, last : int
        Fewest steps that give every class a draw, and most that the caps and the format allow.
    draws : callable
        Draws of each class in an epoch of the given number of steps; raises ValueError where there is no way.
    limits : callable
        Per class, the most draws in which no item repeats and the fewest in which every item appears.
    """
    if not isinstance(epoch_size, str):
        size = _checks.integer("epoch_size", epoch_size, 1, 2**63)
        return _whole_batches(size, batch_size, f"`epoch_size` (={size})")
    if epoch_size == "dataset":
        return _whole_batches(num_items, batch_size, f"`epoch_size` 'dataset' (={num_items} items)")
    if epoch_size not in NAMES:
        names = ", ".join(map(repr, NAMES))
        raise ValueError(f"`epoch_size` must be an integer or one of {names}, not {epoch_size!r}.")
    most, fewest = limits()
    further = max(1, _CLASSES_WALKED // len(most))

    def possible(t: int) -> list[int] | None:
        try:
            return draws(t)
        except ValueError:
            return None

    if epoch_size == "undersample":

        def over(t: int) -> float:
            counts = possible(t)
            return math.inf if counts is None else max(n - limit for n, limit in zip(counts, most, strict=True) if n)

        steps = longest(over, first, min(int(sum(most)) // batch_size, last), further)
        if steps < first:
            draws(first)  # says what is wrong when no epoch at all can meet the bounds
            raise ValueError(
                f"`epoch_size` 'undersample' leaves less than one batch: no epoch of full batches of {batch_size} is "
                f"free of repeated items under these shares; lower `batch_size` or give `epoch_size` as an integer."
            )
        return steps

    def under(t: int) -> float:
        counts = possible(-t)
        return math.inf if counts is None else max(need - n for n, need in zip(counts, fewest, strict=True) if n)

    steps = -longest(under, -last, -first, further)
    if steps > last:
        draws(first)
        raise ValueError(
            "`epoch_size` 'oversample' cannot be met: no epoch in which every item appears fits the caps and the "
            "limit of 2**40 draws; raise `max_repeats` or give `epoch_size` as an integer."
        )
    return steps


def _whole_batches(size: int, batch_size: int, what: str) -> int:
    steps = size // batch_size
    if steps < 1:
        raise ValueError(f"{what} is smaller than one batch of `batch_size` (={batch_size}); lower `batch_size`.")
    if size > _checks.MAX_DRAWS:
        raise ValueError(f"{what} is more than the 2**40 draws that an epoch can have; give a smaller `epoch_size`.")
    if steps >= _checks.MAX_STEPS:
        raise ValueError(f"{what} makes {steps} steps an epoch; the stream format allows fewer than 2**32.")
    return steps
