"""Halving: the seats of a stretch of time are split into those of its first part and those of its second.

A stretch of T' units has M_C = B' * T' seats. Its classes stand in a line, class i from seat M_i up to M_i+1, and its
first T1 units get F(M_i+1) - F(M_i) of class i, with F(M) = floor((M * T1 + x) / T') and x drawn below T'. So every
class, and every run of adjacent classes, gets the floor or the ceil of its part. `docs/promises.md` has the proofs.

All nodes of a level are one step of array operations, and all lines are put in order in one.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from balanceidx._format.keys import LOW, SHIFT_32, State, UInt32, UInt64, absorb, below, high_low

Int64 = npt.NDArray[np.int64]
Intp = npt.NDArray[np.intp]

_ALL = slice(None)
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
    """How the classes of a line are put in order: level by level, by the keys of labels; the last has the classes."""

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

    def order(self, keys: State, classes: "Intp | slice" = _ALL) -> Intp:
        """Which of some classes, by default all, is at each place of the line of each key: shape (keys, classes).

        The children of a node stand in ascending order of word u of the key after it has absorbed their labels' keys,
        and of their numbers where these are equal.
        """
        if len(keys.u) > 1 and len(self.levels[-1].low) >= _LONG_ROW:
            # Row by row: the arrays of one row stay in the cache.
            return np.concatenate([self.order(keys.take(slice(i, i + 1)), classes) for i in range(len(keys.u))])
        rows = keys.reshape(-1, 1)
        order: Intp | None = None
        for level, (high, low) in zip(self.levels, self._words, strict=True):
            parent = level.parent
            if level is self.levels[-1]:
                high, low, parent = high if len(high) == 1 else high[classes], low[classes], parent[classes]
            u = absorb(absorb(rows, high), low).u.astype(np.uint64)
            u <<= SHIFT_32
            if order is None:
                u |= np.arange(u.shape[1], dtype=np.uint64)
                u.sort(axis=1)
                u &= LOW
                order = u.view(np.int64).astype(np.intp, copy=False)
            else:
                rank = np.empty(order.shape, np.uint64)
                np.put_along_axis(rank, order, np.arange(order.shape[1], dtype=np.uint64)[None], 1)
                u >>= SHIFT_32
                u |= rank[:, parent] << SHIFT_32
                order = np.argsort(u, axis=1, kind="stable")
        assert order is not None
        return order


def along(values: Int64, order: Intp) -> Int64:
    """Values of every row, or of one for all, in the order of the row; an order may leave classes out."""
    values = np.broadcast_to(values, (len(order), values.shape[1]))
    if values.shape[1] < _LONG_ROW:
        return np.take_along_axis(values, order, 1)
    taken = np.empty(order.shape, values.dtype)
    for row, at, out in zip(values, order, taken, strict=True):
        np.take(row, at, out=out)
    return taken


def put_along(out: Int64, order: Intp, values: Int64) -> None:
    """Write values, in the order of each row, back to where they belong: the inverse of `along`."""
    if values.shape[1] < _LONG_ROW:
        np.put_along_axis(out, order, values, 1)
        return
    for row, at, value in zip(out, order, values, strict=True):
        row[at] = value


@dataclass(frozen=True)
class _Node:
    """A node on the way to a part: its number in its level, and what its first child gets."""

    number: int
    gets: Int64


@dataclass(frozen=True, eq=False)
class Stretch:
    """A stretch of time that is halved `levels` times, into 2**levels parts.

    Attributes
    ----------
    seats : int64 array, shape (C,)
        Of every class in the whole stretch.
    mark : callable
        Unit of time at which each part begins.
    levels : int
    prefix : State of shape (1,)
        Key of the stretch; a node is absorbed as its level and its number, both from 0.
    """

    hierarchy: Hierarchy
    seats: Int64
    mark: Callable[[Int64], Int64]
    levels: int
    prefix: State
    _ways: list[tuple[_Node, ...]] = field(default_factory=lambda: [()], init=False, repr=False)

    def parts(self, first: int, last: int) -> tuple[Int64, Int64]:
        """What the parts first .. last - 1 get.

        Returns
        -------
        seats, before : int64 arrays, shape (last - first, C)
            Seats of every class in each part, and in all parts of the stretch before it.
        """
        if last - first == 1:
            return self._part(first)
        levels, count = self.levels, len(self.seats)
        spans = [(first >> (levels - level), ((last - 1) >> (levels - level)) + 1) for level in range(levels + 1)]
        here, before = self.seats[None], np.zeros((1, count), np.int64)
        level_of = np.repeat(np.arange(levels), [end - begin for begin, end in spans[:-1]])
        numbers = np.concatenate([np.arange(begin, end) for begin, end in spans[:-1]])
        keys, units, first_units, x = self._measures(level_of, numbers)
        orders = self.hierarchy.order(keys)
        done = 0
        for level in range(levels):
            part = slice(done, done + spans[level][1] - spans[level][0])
            done = part.stop
            gets = _split(here, orders[part], units[part], first_units[part], x[part])
            inside = slice(spans[level + 1][0] - 2 * spans[level][0], spans[level + 1][1] - 2 * spans[level][0])
            here = np.stack((gets, here - gets), axis=1).reshape(-1, count)[inside]
            before = np.stack((before, before + gets), axis=1).reshape(-1, count)[inside]
        return here, before

    def _part(self, part: int) -> tuple[Int64, Int64]:
        """What one part gets; going on in order halves every node once, because the way down is kept."""
        (kept,) = self._ways
        seats, before, way = self.seats, np.zeros(len(self.seats), np.int64), []
        for level in range(self.levels):
            number = part >> (self.levels - level)
            known = level < len(kept) and kept[level].number == number
            node = kept[level] if known else _Node(number, self._first_child(level, number, seats))
            kept = kept if known else ()
            way.append(node)
            if part >> (self.levels - level - 1) & 1:
                seats, before = seats - node.gets, before + node.gets
            else:
                seats = node.gets
        self._ways[:] = [tuple(way)]
        return seats[None], before[None]

    def part_of(self, number: int, draw: int) -> int:
        """Which part holds a draw of class `number`."""
        seats, part = self.seats, 0
        for level in range(self.levels):
            gets = self._first_child(level, part, seats)
            part *= 2
            if draw < gets[number]:
                seats = gets
            else:
                draw -= int(gets[number])
                seats, part = seats - gets, part + 1
        return part

    def _first_child(self, level: int, number: int, seats: Int64) -> Int64:
        keys, *measures = self._measures(np.array([level]), np.array([number]))
        classes = seated(seats)
        first = np.zeros_like(seats)
        first[classes] = _split(seats[classes][None], self.hierarchy.order(keys, classes), *measures)[0]
        return first

    def _measures(self, level: Int64, number: Int64) -> tuple[State, Int64, Int64, Int64]:
        """Keys of nodes, and their T', T1 and x, shape (nodes, 1)."""
        keys = absorb(absorb(self.prefix, level.astype(np.uint32)), number.astype(np.uint32))
        width = self.levels - level
        at = (number << width, (2 * number + 1) << (width - 1), (number + 1) << width)
        begin, middle, end = (self.mark(parts) for parts in at)
        units = end - begin
        x = below(keys, units.astype(np.uint64)).astype(np.int64)
        return keys, units[:, None], (middle - begin)[:, None], x[:, None]


def _split(seats: Int64, order: Intp, units: Int64, first_units: Int64, x: Int64) -> Int64:
    """Seats of every class in the first part of every node."""
    gets = np.empty(order.shape, np.int64)
    for row in _rows(order):
        line = np.cumsum(along(seats[row], order[row]), axis=1)
        line = _first_part(line, units[row], first_units[row], x[row])
        line[:, 1:] -= line[:, :-1].copy()
        put_along(gets[row], order[row], line)
    return gets


def seated(seats: Int64) -> "Intp | slice":
    """The classes that have seats, where leaving out the others is worth it: they change nothing."""
    if len(seats) < _LONG_ROW or 4 * np.count_nonzero(seats) > 3 * len(seats):
        return _ALL
    return np.flatnonzero(seats)


def _rows(table: Intp) -> list[slice]:
    """The rows of a table at once, or one by one where they are long: the arrays of one row stay in the cache."""
    if table.shape[1] < _LONG_ROW:
        return [slice(None)]
    return [slice(row, row + 1) for row in range(len(table))]


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
