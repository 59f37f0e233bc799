"""Apportionment: from shares to the integer number of draws of every class in an epoch."""

from collections.abc import Callable, Sequence

Bounds = Sequence["int | None"]


def apportion(draws: int, shares: Sequence[int], least: Sequence[int], most: Bounds) -> list[int]:
    """Split `draws` in proportion to `shares`, each class within its bounds, by largest remainder.

    A class that its bounds hold away from its proportional part is fixed at the bound, and what that takes or frees is
    shared among the others in proportion. Ties between equal remainders go to the earlier class. A class with a share
    always gets a draw. All arithmetic is exact.

    >>> apportion(100, [1, 1, 2], [0, 40, 0], [None, None, 45])
    [20, 40, 40]
    """
    result = _bounded(draws, shares, least, most)
    if any(share and not count for share, count in zip(shares, result, strict=True)):
        at_least_one = [max(low, int(share > 0)) for low, share in zip(least, shares, strict=True)]
        result = _bounded(draws, shares, at_least_one, most)
    return result


def check_bounds(
    draws: int,
    labels: Sequence[object],
    shares: Sequence[int],
    least: Sequence[int],
    most: Bounds,
    minima: str = "min_per_batch",
) -> None:
    """Raise a ValueError that names the numbers when no apportionment can meet the bounds.

    `minima` is the argument's name from which `least` comes.
    """
    for label, share, low, high in zip(labels, shares, least, most, strict=True):
        if low and not share:
            raise ValueError(f"`{minima}` asks for label {label!r}, whose share in `target` is 0.")
        if high is not None and share and high < max(1, low):
            raise ValueError(
                f"`max_repeats` allows label {label!r} at most {high} draws an epoch, below its minimum of "
                f"{max(1, low)}; raise `max_repeats` or lower `{minima}`."
            )
    drawn = [max(low, 1) for low, share in zip(least, shares, strict=True) if share]
    if sum(drawn) > draws:
        raise ValueError(
            f"the {len(drawn)} classes need at least {sum(drawn)} draws an epoch (their minima, and 1 each), but an "
            f"epoch has {draws}; raise `epoch_size` or `batch_size`, or lower `{minima}`."
        )
    limits = [high for high, share in zip(most, shares, strict=True) if share]
    if None not in limits and sum(high or 0 for high in limits) < draws:
        raise ValueError(
            f"`max_repeats` caps all classes together at {sum(high or 0 for high in limits)} draws, below the {draws} "
            f"draws of an epoch; raise `max_repeats` or shorten `epoch_size`."
        )


def _bounded(draws: int, shares: Sequence[int], least: Sequence[int], most: Bounds) -> list[int]:
    result = [0] * len(shares)
    free = [c for c, share in enumerate(shares) if share]
    rest = draws
    while True:
        total = sum(shares[c] for c in free)
        # Compare rest * share / total with the bounds, multiplied out.
        below = [c for c in free if rest * shares[c] < least[c] * total]
        above = [c for c in free if _above(rest * shares[c], most[c], total)]
        if not below and not above:
            break
        missing = sum(least[c] * total - rest * shares[c] for c in below)
        surplus = sum(rest * shares[c] - (most[c] or 0) * total for c in above)
        # The larger of the two corrections is final for its classes, as in every box-constrained proportional split.
        fixed = {c: least[c] for c in below} if missing >= surplus else {c: most[c] or 0 for c in above}
        for c, count in fixed.items():
            result[c] = count
            rest -= count
        free = [c for c in free if c not in fixed]
    floors = {c: rest * shares[c] // total for c in free}
    left = rest - sum(floors.values())
    by_remainder = sorted(free, key=lambda c: (-(rest * shares[c] % total), c))
    for rank, c in enumerate(by_remainder):
        result[c] = floors[c] + (rank < left)
    return result


def _above(scaled: int, limit: "int | None", total: int) -> bool:
    return limit is not None and scaled > limit * total


def longest(excess: Callable[[int], float], first: int, last: int, further: int) -> int:
    """Largest t in [first, last] whose excess is at most 0; first - 1 if there is none.

    `excess(t)` is the largest number of draws by which a class is over its limit in an epoch of t steps. It rises with
    t but for single draws (largest remainders do not rise monotonically: the Alabama paradox). So bisect, then walk on
    while the excess is a single draw, but no more than `further` steps: a class that is due a draw in a billion is over
    by one draw for a billion steps.
    """
    low, high = first - 1, last + 1
    while high - low > 1:
        middle = (low + high) // 2
        if excess(middle) <= 0:
            low = middle
        else:
            high = middle
    best = low
    for t in range(low + 1, min(last, low + further) + 1):
        over = excess(t)
        if over > 1:
            break
        if over <= 0:
            best = t
    return best
