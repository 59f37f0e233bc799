"""Apportionment: from shares to the integer number of draws of every class, down a tree."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

Bounds = Sequence["int | None"]
Amount = int | Fraction


@dataclass(frozen=True)
class Nodes:
    """What one level of a tree wants; the last level has the classes.

    Attributes
    ----------
    labels : sequence
        What errors call the nodes.
    parent : sequence of int
        Number of each node's parent in the level above, ascending; all 0 in the first level.
    shares : sequence of int
        Of each node among its siblings.
    minima : sequence of int
        Fewest draws in a batch.
    caps : sequence of int or None
        Most draws in an epoch.
    """

    labels: Sequence[Any]
    parent: Sequence[int]
    shares: Sequence[int]
    minima: Sequence[int]
    caps: Bounds

    def children(self, parents: int) -> list[list[int]]:
        """Numbers of the nodes below each parent."""
        below: list[list[int]] = [[] for _ in range(parents)]
        for node, parent in enumerate(self.parent):
            below[parent].append(node)
        return below


@dataclass(frozen=True)
class Names:
    """What the user calls the arguments from which minima come; for errors."""

    minima: str = "min_per_batch"


def apportion_cycle(levels: Sequence[Nodes], batch_size: int, steps: int, cycle: int, names: Names) -> list[int]:
    """Draws of every class in a cycle of epochs: every node's draws are shared out among its children.

    Raises
    ------
    ValueError
        When minima, caps and the number of classes cannot be met together.
    """
    least, most = bounds_of(levels, steps, cycle, at_least=1)
    total: list[Any] = [batch_size * steps * cycle]
    for level, low, high in zip(levels, least, most, strict=True):
        shared: list[int] = [0] * len(level.shares)
        for parent, nodes in enumerate(level.children(len(total))):
            part = [level.shares[c] for c in nodes]
            lows, highs = [low[c] for c in nodes], [high[c] for c in nodes]
            if total[parent]:
                _check_bounds(level, nodes, total[parent], lows, highs, steps, cycle, names)
                for c, n in zip(nodes, apportion(total[parent], part, lows, highs), strict=True):
                    shared[c] = n
        total = shared
    return total


def quotas(levels: Sequence[Nodes], batch_size: int, steps: int) -> list[Fraction] | None:
    """Exact draws of every class in an epoch, before rounding; None where the bounds cannot be met."""
    least, most = bounds_of(levels, steps, 1, at_least=0)
    total: list[Fraction] = [Fraction(batch_size * steps)]
    for level, low, high in zip(levels, least, most, strict=True):
        shared = [Fraction(0)] * len(level.shares)
        for parent, nodes in enumerate(level.children(len(total))):
            part = [level.shares[c] for c in nodes]
            lows, highs = [low[c] for c in nodes], [high[c] for c in nodes]
            if not total[parent]:
                continue
            if not _can_be_met(total[parent], part, lows, highs):
                return None
            fixed, free, rest = _bounded(total[parent], part, lows, highs)
            weight = sum(part[i] for i in free)
            for i, amount in fixed.items():
                shared[nodes[i]] = Fraction(amount)
            for i in free:
                shared[nodes[i]] = rest * part[i] / weight
        total = shared
    return total


def apportion(draws: int, shares: Sequence[int], least: Sequence[int], most: Bounds) -> list[int]:
    """Split `draws` in proportion to `shares`, each class within its bounds, by largest remainder.

    A class that its bounds hold away from its proportional part is fixed at the bound, and what that takes or frees is
    shared among the others in proportion. Ties between equal remainders go to the earlier class. All arithmetic is
    exact.

    >>> apportion(100, [1, 1, 2], [0, 40, 0], [None, None, 45])
    [20, 40, 40]
    """
    fixed, free, rest = _bounded(draws, shares, least, most)
    result = [fixed.get(c, 0) for c in range(len(shares))]
    total = sum(shares[c] for c in free)
    floors = {c: rest * shares[c] // total for c in free}
    left = rest - sum(floors.values())
    by_remainder = sorted(free, key=lambda c: (-(rest * shares[c] % total), c))
    for rank, c in enumerate(by_remainder):
        result[c] = floors[c] + (rank < left)
    return result


def _bounded(
    draws: Any, shares: Sequence[int], least: Sequence[int], most: Bounds
) -> tuple[dict[int, int], list[int], Any]:
    """Which classes are fixed at a bound, which are free, and what is left for those."""
    fixed: dict[int, int] = {}
    free = [c for c, share in enumerate(shares) if share]
    rest = draws
    while True:
        total = sum(shares[c] for c in free)
        # Compare rest * share / total with the bounds, multiplied out.
        below = [c for c in free if rest * shares[c] < least[c] * total]
        above = [c for c in free if _above(rest * shares[c], most[c], total)]
        if not below and not above:
            return fixed, free, rest
        missing = sum(least[c] * total - rest * shares[c] for c in below)
        surplus = sum(rest * shares[c] - (most[c] or 0) * total for c in above)
        # The larger of the two corrections is final for its classes, as in every box-constrained proportional split.
        now = {c: least[c] for c in below} if missing >= surplus else {c: most[c] or 0 for c in above}
        fixed |= now
        rest -= sum(now.values())
        free = [c for c in free if c not in now]


def _above(scaled: Amount, limit: "int | None", total: int) -> bool:
    return limit is not None and scaled > limit * total


def bounds_of(
    levels: Sequence[Nodes], steps: int, cycle: int, at_least: int
) -> tuple[list[list[int]], list[list["int | None"]]]:
    """Fewest and most draws of every node in a cycle: its own, and those of all that is below."""
    least: list[list[int]] = []
    most: list[list[int | None]] = []
    below_it: Nodes | None = None
    for level in reversed(levels):
        low = [steps * cycle * m for m in level.minima]
        high = [None if cap is None else cycle * cap for cap in level.caps]
        if below_it is None:
            low = [max(m, at_least) for m in low]
        else:
            below = below_it.children(len(low))
            low = [max(m, sum(least[0][c] for c in nodes)) for m, nodes in zip(low, below, strict=True)]
            high = [_least_of(own, [most[0][c] for c in nodes]) for own, nodes in zip(high, below, strict=True)]
        for c, share in enumerate(level.shares):
            if not share:
                low[c], high[c] = 0, 0
        least.insert(0, low)
        most.insert(0, high)
        below_it = level
    return least, most


def _least_of(own: "int | None", below: Bounds) -> "int | None":
    together = None if None in below else sum(high or 0 for high in below)
    if own is None or together is None:
        return together if own is None else own
    return min(own, together)


def _can_be_met(total: Amount, shares: Sequence[int], least: Sequence[int], most: Bounds) -> bool:
    drawn = [c for c, share in enumerate(shares) if share]
    if any(high is not None and high < least[c] for c, high in enumerate(most)) or sum(least[c] for c in drawn) > total:
        return False
    limits = [most[c] for c in drawn]
    return None in limits or sum(high or 0 for high in limits) >= total


def _check_bounds(
    level: Nodes,
    nodes: Sequence[int],
    draws: int,
    least: Sequence[int],
    most: Bounds,
    steps: int,
    cycle: int,
    names: Names,
) -> None:
    """Raise a ValueError that names the numbers when no apportionment can meet the bounds."""
    drawn = [i for i, c in enumerate(nodes) if level.shares[c]]
    for i in drawn:
        high = most[i]
        if high is not None and high < least[i]:
            raise ValueError(
                f"`max_repeats` allows label {level.labels[nodes[i]]!r} at most {high // cycle} draws an epoch, below "
                f"its minimum of {-(-least[i] // cycle)}; raise `max_repeats` or lower `{names.minima}`."
            )
    need = sum(least[i] for i in drawn)
    if need > draws:
        raise ValueError(
            f"the {len(drawn)} classes need at least {need} draws a cycle of {cycle} epochs (minima, and 1 each), "
            f"but a cycle has {draws}; raise `epoch_size` or `batch_size`, or lower `{names.minima}`."
        )
    limits = [most[i] for i in drawn]
    if None not in limits and sum(high or 0 for high in limits) < draws:
        together = sum(high or 0 for high in limits) // cycle
        raise ValueError(
            f"`max_repeats` caps all classes together at {together} draws an epoch, below the {draws // cycle} draws "
            f"that it has; raise `max_repeats` or shorten `epoch_size`."
        )


def drawn_nodes(levels: Sequence[Nodes]) -> list[list[bool]]:
    """Which nodes of every level are drawn: those with a share, below nodes with one."""
    drawn, above = [], [True]
    for level in levels:
        above = [share > 0 and above[parent] for share, parent in zip(level.shares, level.parent, strict=True)]
        drawn.append(above)
    return drawn


def check_minima(levels: Sequence[Nodes], names: Names) -> None:
    """Refuse a minimum for what is never drawn."""
    for level, drawn in zip(levels, drawn_nodes(levels), strict=True):
        for label, possible, low in zip(level.labels, drawn, level.minima, strict=True):
            if low and not possible:
                raise ValueError(f"`{names.minima}` asks for label {label!r}, whose share in `target` is 0.")
