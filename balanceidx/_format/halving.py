"""Halving: the seats of a stretch of time are split into those of its first part and those of its second.

A stretch of T' units has M_C = B' * T' seats. Its classes stand in a line, class i from seat M_i up to M_i+1, and its
first T1 units get F(M_i+1) - F(M_i) of class i, with F(M) = floor((M * T1 + x) / T') and x drawn below T'. So every
class, and every run of adjacent classes, gets the floor or the ceil of its part. `docs/promises.md` has the proofs.

All nodes of a level are one step of array operations, and all lines are put in order in one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from balanceidx._format.keys import LOW, SHIFT_32, State, UInt32, UInt64, absorb, below, high_low

Int64 = npt.NDArray[np.int64]
Intp = npt.NDArray[np.intp]

# From this many classes on, numpy is faster row by row.
_LONG_ROW = 1 << 10
# Products of seats and units below this fit 64 bits with room for x.
_ONE_PRODUCT = 1 << 62


@dataclass(frozen=True)
class Level:
    """Nodes of one level of a tree, in the order of their numbers.

    Attributes
    ----------
    high, low : uint32 arrays, shape (nodes,)
        Words of each node's label key.
    parent : intp array, shape (nodes,)
        Number of its parent in the level above; all 0 in the first.
    """

    high: UInt32
    low: UInt32
    parent: Intp


@dataclass(frozen=True)
class Hierarchy:
    """How the classes of a line are put in order: level by level, by the keys of their labels; the last has the classes."""

    levels: tuple[Level, ...]

    @classmethod
    def of(cls, keys: list[UInt64], parents: list[Intp]) -> "Hierarchy":
        """Take label keys and parents of every level, top first."""
        return cls(tuple(Level(*high_low(key), parent) for key, parent in zip(keys, parents, strict=True)))

    @cached_property
    def _words(self) -> tuple[tuple[UInt32, UInt32], ...]:
        """High and low words of every level; one high word for all where they agree, as those of small integers do."""
        return tuple(
            (level.high[:1] if (level.high == level.high[0]).all() else level.high, level.low) for level in self.levels
        )

    def order(self, keys: State) -> Intp:
        """Class at each place of the line of each key: shape (keys, classes).

        The children of a node stand in ascending order of word u of the key after it has absorbed their labels' keys,
        and of their numbers where these are equal.
        """
        rows = keys.reshape(-1, 1)
        order: Intp | None = None
        for level, (high, low) in zip(self.levels, self._words, strict=True):
            u = absorb(absorb(rows, high), low).u.astype(np.uint64)
            u <<= SHIFT_32
            if order is None:
                u |= np.arange(u.shape[1], dtype=np.uint64)
                u.sort(axis=1)
                u &= LOW
                order = u.astype(np.intp)
            else:
                rank = np.empty(order.shape, np.uint64)
                np.put_along_axis(rank, order, np.arange(order.shape[1], dtype=np.uint64)[None], 1)
                u >>= SHIFT_32
                u |= rank[:, level.parent] << SHIFT_32
                order = np.argsort(u, axis=1, kind="stable")
        assert order is not None
        return order


def along(values: Int64, order: Intp) -> Int64:
    """Values of every row in the order of the row."""
    if values.shape[1] < _LONG_ROW:
        return np.take_along_axis(values, order, 1)
    taken = np.empty(order.shape, values.dtype)
    for row, at, out in zip(np.broadcast_to(values, order.shape), order, taken, strict=True):
        np.take(row, at, out=out)
    return taken


def put_along(out: Int64, order: Intp, values: Int64) -> None:
    """Write values, in the order of each row, back to where they belong: the inverse of `along`."""
    if values.shape[1] < _LONG_ROW:
        np.put_along_axis(out, order, values, 1)
        return
    for row, at, value in zip(out, order, values, strict=True):
        row[at] = value


def halve(
    hierarchy: Hierarchy,
    seats: Int64,
    mark: Callable[[Int64], Int64],
    levels: int,
    first: int,
    last: int,
    prefix: State,
) -> tuple[Int64, Int64]:
    """Halve a stretch of time `levels` times, and return what its parts first .. last - 1 of 2**levels get.

    Parameters
    ----------
    seats : int64 array, shape (C,)
        Of every class in the whole stretch.
    mark : callable
        Unit of time at which each part begins.
    prefix : State of shape (1,)
        Key of the stretch; a node is absorbed as its level and its number, both from 0.

    Returns
    -------
    seats, before : int64 arrays, shape (last - first, C)
        Seats of every class in each part, and in all parts of the stretch before it.
    """
    spans = [(first >> (levels - level), ((last - 1) >> (levels - level)) + 1) for level in range(levels + 1)]
    here, before = seats[None], np.zeros((1, len(seats)), np.int64)
    if not levels:
        return here, before
    level_of = np.repeat(np.arange(levels), [end - begin for begin, end in spans[:-1]])
    numbers = np.concatenate([np.arange(begin, end) for begin, end in spans[:-1]])
    keys = absorb(absorb(prefix, level_of.astype(np.uint32)), numbers.astype(np.uint32))
    orders = hierarchy.order(keys)
    units, first_units, x = _measures(mark, numbers, levels - level_of, keys)
    done = 0
    for level in range(levels):
        part = slice(done, done + spans[level][1] - spans[level][0])
        done = part.stop
        gets = _split(here, orders[part], units[part], first_units[part], x[part])
        inside = slice(spans[level + 1][0] - 2 * spans[level][0], spans[level + 1][1] - 2 * spans[level][0])
        here = np.stack((gets, here - gets), axis=1).reshape(-1, len(seats))[inside]
        before = np.stack((before, before + gets), axis=1).reshape(-1, len(seats))[inside]
    return here, before


def part_of(
    hierarchy: Hierarchy,
    seats: Int64,
    mark: Callable[[Int64], Int64],
    levels: int,
    prefix: State,
    number: int,
    draw: int,
) -> int:
    """Which of the 2**levels parts holds a draw of class `number`: `halve` backwards, one node a level."""
    part = 0
    for level in range(levels):
        width = levels - level
        keys = absorb(absorb(prefix, level), part)
        nodes = np.array([part])
        units, first_units, x = _measures(mark, nodes, np.array([width]), keys)
        gets = _split(seats[None], hierarchy.order(keys), units, first_units, x)[0]
        part *= 2
        if draw < gets[number]:
            seats = gets
        else:
            draw -= int(gets[number])
            seats, part = seats - gets, part + 1
    return part


def _measures(
    mark: Callable[[Int64], Int64], numbers: Int64, width: Int64, keys: State
) -> tuple[Int64, Int64, Int64]:
    """T', T1 and x of nodes, each of 2**width parts; shape (nodes, 1)."""
    begin, middle, end = (mark(at) for at in (numbers << width, (2 * numbers + 1) << (width - 1), (numbers + 1) << width))
    units = end - begin
    x = below(keys, units.astype(np.uint64)).astype(np.int64)
    return units[:, None], (middle - begin)[:, None], x[:, None]


def _split(seats: Int64, order: Intp, units: Int64, first_units: Int64, x: Int64) -> Int64:
    """Seats of every class in the first part of every node."""
    line = _first_part(np.cumsum(along(seats, order), axis=1), units, first_units, x)
    line[:, 1:] -= line[:, :-1].copy()
    gets = np.empty_like(line)
    put_along(gets, order, line)
    return gets


def _first_part(seats: Int64, units: Int64, first_units: Int64, x: Int64) -> Int64:
    """F(M): seats of the first part below M, for M = `seats`."""
    if int(seats[:, -1].max()) * int(first_units.max()) < _ONE_PRODUCT:
        whole: Int64 = (seats * first_units + x) // units
        return whole
    # 64 bits do for the parts: M mod T' and T1 are below 2**32, and T1 is at most half of T' and a half.
    quotient = seats // units
    rest = seats - quotient * units
    parts: Int64 = quotient * first_units + (rest * first_units + x) // units
    return parts
