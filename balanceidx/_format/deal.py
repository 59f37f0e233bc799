"""The deal: which class sits on which place of which batch of a chapter, exactly and without randomness.

The B * g seats of a chapter of g steps lie on a line, sorted by class in an order of the chapter's own, and are dealt
as a sorted deck is dealt to g players: the hand of batch b is the seats b + g * h, h = 0 .. B - 1. A run of seats meets
every residue mod g floor or ceil times, so every batch holds floor or ceil of its share of every class; and the places
h that leave one remainder mod W are one residue mod g * W, so the same holds for every rank of every world size.

Place h of batch b is slot (slot_multiplier * h + b + slot_offset) mod B, and rank r has the slots k = r mod W. Along
the line the slots count up, so that all ranks get their part of a class with less than one item a rank and batch.
`docs/promises.md` has the proofs.
"""

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from balanceidx._format.halving import Hierarchy, along, seated
from balanceidx._format.keys import CLASS_ORDER, SLOT_OFFSET, TIME_OFFSET, absorb, below, key
from balanceidx._format.layout import Layout

Int64 = npt.NDArray[np.int64]
Intp = npt.NDArray[np.intp]

# Where a table of the class of every seat beats a search: at most so many seats a class, and so many a seat wanted.
_SEATS_PER_CLASS = 16
_SEARCHES_PER_SEAT = 4


@dataclass(frozen=True)
class Rows:
    """Some consecutive steps as the batches that they play; arrays of shape (steps, 1).

    Attributes
    ----------
    chapter : intp array
        Number of the chapter within its table.
    batch : int64 array
        Number of the batch within its chapter.
    length, slot_multiplier, slot_shift : int64 arrays
        Of the chapter: its steps, u, and b + z of the batch.
    """

    chapter: Intp
    batch: Int64
    length: Int64
    slot_multiplier: Int64
    slot_shift: Int64
    batch_size: int

    def first_places(self, layout: Layout) -> Int64:
        """First place of every block in the hand of every batch, shape (batches, blocks); others follow by strides."""
        stride = layout.stride
        if stride == 1:
            return np.zeros((len(self.batch), 1), np.int64)
        past = (np.array(layout.first, np.int64) - self.slot_shift) % stride
        multipliers, which = np.unique(self.slot_multiplier, return_inverse=True)
        inverses = np.array([pow(u, -1, stride) for u in multipliers.tolist()], np.int64)
        first: Int64 = past * inverses[which.reshape(-1, 1)] % stride
        return first

    def sort(self) -> tuple["Rows", Intp]:
        """The same rows in the order of their batches, and which row stood where."""
        order = np.lexsort((self.batch[:, 0], self.chapter[:, 0]))
        rows = Rows(
            self.chapter[order],
            self.batch[order],
            self.length[order],
            self.slot_multiplier[order],
            self.slot_shift[order],
            self.batch_size,
        )
        return rows, order

    def slots(self, places: Int64) -> Int64:
        """Slot of each place: shape (batches, ...)."""
        shape = (-1,) + (1,) * (places.ndim - 1)
        slots: Int64 = (places * self.slot_multiplier.reshape(shape) + self.slot_shift.reshape(shape)) % self.batch_size
        return slots

    def slot_numbers(self, layout: Layout) -> Int64:
        """Number, within its block, of the slot of every place: shape (batches, blocks, block length)."""
        first = (self.slots(self.first_places(layout)) - np.array(layout.first, np.int64)) // layout.stride
        rise = self.slot_multiplier[:, :, None] * np.arange(layout.length)
        numbers: Int64 = (first[:, :, None] + rise) % layout.length
        return numbers


@dataclass(frozen=True)
class Deal:
    """The lines of some consecutive chapters of an epoch, one after the other.

    Arrays of shape (chapters, C) are in the order of the line, but for the first two.

    Attributes
    ----------
    starts : int64 array, shape (chapters + 1,)
        Step at which each chapter begins.
    seats, before : int64 arrays, shape (chapters, C)
        Draws of each class in each chapter, and before it since the beginning of the run, in the order of the classes.
    order : intp array, shape (chapters, C)
        Class at each position of the line; classes without seats may be left out.
    begin : int64 array, shape (chapters, C)
        Seat at which the class begins, counted from the beginning of the epoch.
    quotient, low, high, slope : int32 or int64 arrays, and base : int64 array, shape (chapters, C)
        With the seats M and M' at which the class begins and ends in its chapter: M // g, M mod g, M' mod g,
        M' // g - M // g, and its draws before the chapter less M // g.
    time_multiplier, time_offset, slot_multiplier, slot_offset : int64 arrays, shape (chapters,)
    """

    batch_size: int
    starts: Int64
    seats: Int64
    before: Int64
    order: Intp
    begin: Int64
    quotient: Int64
    low: Int64
    high: Int64
    slope: Int64
    base: Int64
    time_multiplier: Int64
    time_offset: Int64
    slot_multiplier: Int64
    slot_offset: Int64

    @classmethod
    def of(
        cls, hierarchy: Hierarchy, seats: Int64, before: Int64, starts: Int64, seed: int, epoch: int, first: int
    ) -> "Deal":
        """Lay out the lines of the chapters from number `first` on.

        Parameters
        ----------
        seats, before : int64 arrays, shape (chapters, C)
            Draws of each class in each chapter, and before it since the beginning of the run.
        """
        chapters = np.arange(first, first + len(seats), dtype=np.uint32)
        order_key, time_key, slot_key = (
            absorb(key(seed, purpose, epoch), chapters) for purpose in (CLASS_ORDER, TIME_OFFSET, SLOT_OFFSET)
        )
        classes = seated(seats[0]) if len(seats) == 1 else slice(None)
        order = hierarchy.order(order_key, classes)
        if not isinstance(classes, slice):
            order = classes[order]
        length = np.diff(starts)
        ends = np.cumsum(along(seats, order), axis=1)
        batch_size = int(ends[0, -1]) // int(length[0])
        above = ends // length[:, None]
        high = ends - above * length[:, None]
        quotient, low, begin = _shifted(above), _shifted(high), _shifted(ends)
        begin += (starts[:-1] * batch_size)[:, None]
        base = along(before, order)
        base -= quotient
        above -= quotient
        if int(length.max()) < 2**31:  # smaller tables are read faster
            small: Any = [table.astype(np.int32) for table in (quotient, low, high, above)]
            quotient, low, high, above = small
        lengths, which = np.unique(length, return_inverse=True)
        times = np.array([time_multiplier(g, batch_size) for g in lengths.tolist()], np.int64)
        slots = np.array([slot_multiplier(g, batch_size) for g in lengths.tolist()], np.int64)
        offsets = below(time_key, length.astype(np.uint64)).astype(np.int64)
        offsets[length <= 2] = 0  # a chapter of one or two steps is played in order
        return cls(
            batch_size,
            starts,
            seats,
            before,
            order,
            begin,
            quotient,
            low,
            high,
            above,
            base,
            times[which],
            offsets,
            slots[which],
            below(slot_key, batch_size).astype(np.int64),
        )

    def rows(self, start: int, stop: int) -> Rows:
        """Batches played at the steps start .. stop - 1: b = (time_multiplier * step + time_offset) mod g."""
        step = np.arange(start, stop)
        if len(self.starts) == 2:
            chapter = np.zeros(stop - start, np.intp)
        else:
            chapter = np.searchsorted(self.starts, step, side="right") - 1
        length = np.diff(self.starts)[chapter]
        turned = (step - self.starts[chapter]).astype(np.uint64) * self.time_multiplier[chapter].astype(np.uint64)
        turned += self.time_offset[chapter].astype(np.uint64)
        batch = (turned % length.astype(np.uint64)).astype(np.int64)
        return Rows(
            chapter[:, None],
            batch[:, None],
            length[:, None],
            self.slot_multiplier[chapter][:, None],
            (batch + self.slot_offset[chapter])[:, None],
            self.batch_size,
        )

    def step_of(self, chapter: Intp, batch: Int64) -> Int64:
        """Step of the epoch at which batches of chapters (numbers within this table) are played."""
        length = np.diff(self.starts)[chapter]
        multipliers, which = np.unique(
            np.stack((self.time_multiplier, np.diff(self.starts)), axis=1), axis=0, return_inverse=True
        )
        inverses = np.array([pow(a, -1, g) for a, g in multipliers.tolist()], np.uint64)[which.reshape(-1)]
        past = ((batch - self.time_offset[chapter]) % length).astype(np.uint64) * inverses[chapter]
        step: Int64 = self.starts[chapter] + (past % length.astype(np.uint64)).astype(np.int64)
        return step

    def runs(self, rows: Rows, number: int, first_places: Int64, stride: int) -> tuple[Int64, Int64, Int64]:
        """Consecutive places of class `number` in every block of every batch.

        Returns
        -------
        first, count : int64 arrays, shape (batches * blocks,)
            Number of the run's first place within its block, and its length.
        draw : int64 array, same shape
            Draw number of the run's first place; it rises by `stride` from place to place.
        """
        at = rows.chapter, self._position[:, number][rows.chapter]
        b = rows.batch
        low, high, quotient, slope = self.low[at], self.high[at], self.quotient[at], self.slope[at]
        below_ = quotient + (b < low)
        above = quotient + slope + (b < high)
        first = (below_ - first_places + (stride - 1)) // stride
        last = (above - first_places + (stride - 1)) // stride
        start = self.base[at] + slope * b + np.minimum(high, b) - np.minimum(low, b + 1)
        draw = start + first_places + stride * first
        return first.reshape(-1), (last - first).reshape(-1), draw.reshape(-1)

    def places(self, rows: Rows, layout: Layout) -> tuple[Intp, Int64]:
        """Class, and draw number, of every place: shape (blocks, block length, batches), flattened.

        With batches in the order of their numbers, these are seats along the line: tables are read in order.
        """
        first = rows.first_places(layout).T[:, None]
        place = (first + (layout.stride * np.arange(layout.length))[:, None]).reshape(-1, len(rows.batch))
        b = rows.batch.reshape(-1)
        seat = place * rows.length.reshape(-1)
        seat += b + self.starts[rows.chapter.reshape(-1)] * self.batch_size
        at = self._line_at(seat)
        draw = self.slope.reshape(-1)[at] * b
        draw += place
        draw += self.base.reshape(-1)[at]
        draw += np.minimum(self.high.reshape(-1)[at], b)
        draw -= np.minimum(self.low.reshape(-1)[at], b + 1)
        return self.order.reshape(-1)[at].reshape(-1), draw.reshape(-1)

    def _line_at(self, seat: Int64) -> Intp:
        """Which entry of the lines, all in a row, holds each seat: the last one that begins at or before it."""
        begin = self.begin.reshape(-1)
        seats = int(self.starts[-1] - self.starts[0]) * self.batch_size
        if seats > _SEATS_PER_CLASS * len(begin) or seats > _SEARCHES_PER_SEAT * seat.size:
            at: Intp = np.searchsorted(begin, seat, side="right")
            at -= 1
            return at
        owner: Intp = self._owner[seat - begin[0]]
        return owner

    @cached_property
    def _owner(self) -> npt.NDArray[np.intp]:
        """Entry of the lines that holds each seat: cheaper than a search for each, where there are few a class."""
        begin = self.begin.reshape(-1)
        end = int(self.starts[-1]) * self.batch_size
        return np.repeat(np.arange(len(begin)), np.diff(begin, append=end))

    @cached_property
    def _position(self) -> Intp:
        """Position in each line of each class that has seats: shape (chapters, C)."""
        position = np.zeros(self.seats.shape, np.intp)
        np.put_along_axis(position, self.order, np.arange(self.order.shape[1])[None], 1)
        return position

    def span(self, chapter: int) -> tuple[Int64, Int64]:
        """Draws of each class before a chapter and with it, shape (C,)."""
        return self.before[chapter], self.before[chapter] + self.seats[chapter]

    def draws_of(self, number: int) -> tuple[Int64, int]:
        """Draws of a class before each chapter of the table, shape (chapters,), and behind the last."""
        before = self.before[:, number]
        return before, int(before[-1] + self.seats[-1, number])

    def locate(self, chapter: Intp, classes: Intp, draws: Int64) -> tuple[Int64, Int64]:
        """Batch and place of draws of the run, each in the given chapter of this table: the inverse of `places`."""
        at = chapter, self._position[chapter, classes]
        low, high, slope = (table[at].astype(np.int64) for table in (self.low, self.high, self.slope))
        drawn = draws - self.base[at] - self.quotient[at]  # within the chapter
        # Draws in the batches before b are slope * b + min(high, b) - min(low, b): three straight pieces.
        left, right = np.minimum(low, high), np.maximum(low, high)
        middle = slope + np.sign(high - low)
        at_left = slope * left
        at_right = at_left + middle * (right - left)
        some, some_middle = np.maximum(slope, 1), np.maximum(middle, 1)
        batch = np.where(
            drawn < at_left,
            drawn // some,
            np.where(drawn < at_right, left + (drawn - at_left) // some_middle, right + (drawn - at_right) // some),
        )
        before = slope * batch + np.minimum(high, batch) - np.minimum(low, batch)
        place = drawn - before + self.quotient[at] + (batch < low)
        return batch, place


def _shifted(ends: Int64) -> Int64:
    """Where each class begins, from where it ends."""
    begins = np.empty_like(ends)
    begins[:, 0] = 0
    begins[:, 1:] = ends[:, :-1]
    return begins


def slot_multiplier(steps: int, batch_size: int) -> int:
    """Multiplier u of the slots: T, or the next integer that is coprime to B, so that every slot is taken once.

    From seat b + T * h to the next on the line, the slot u * h + b then rises by 1, and by 1 + u - T where h rises.
    """
    u = steps
    while math.gcd(u, batch_size) > 1:
        u += 1
    return u % batch_size


@lru_cache(maxsize=64)
def time_multiplier(steps: int, batch_size: int) -> int:
    """Multiplier a of the time order b = (a * t + s) mod T, which spreads batches and ranks evenly over the epoch.

    Batches: among the 1,024 integers around the golden section of T that are coprime to it, those whose continued
    fraction a / T has the smallest sum of terms, give or take 2, because that sum bounds the discrepancy of the
    sequence (Niederreiter 1992, theorem 3.4). Ranks: of these, the one that is best in the same sense for the steps of
    one rank, which follow each other by w / a mod T in w ranks; w = 2 .. 64 are looked at where they divide B.
    """
    centre = steps * 0x9E3779B9 >> 32
    around = range(max(1, centre - 512), min(max(steps, 2), centre + 512))
    terms = {a: _sum_of_terms(a, steps) for a in around if math.gcd(a, steps) == 1}
    most = min(terms.values()) + 2
    # Where w divides T, the ranks take turns exactly.
    worlds = [w for w in range(2, 65) if batch_size % w == 0 and steps % w]

    def worst(a: int) -> int:
        inverse = pow(a, -1, steps)
        return max((_sum_of_terms(w * inverse % steps, steps) for w in worlds), default=0)

    return min((a for a in terms if terms[a] <= most), key=lambda a: (worst(a), terms[a], a))


def _sum_of_terms(a: int, steps: int) -> int:
    total = 0
    while a:
        total += steps // a
        steps, a = a, steps % a
    return total
