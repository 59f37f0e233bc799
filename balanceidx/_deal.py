"""The deal: which class sits on which seat of which batch, exactly and without randomness.

The S = T * B seats of an epoch lie on a line, sorted by class in an order that changes every epoch, and are dealt as a
sorted deck is dealt to T players: the hand of batch b is the seats b + T * h, h = 0 .. B - 1. A run of seats meets
every residue mod T floor or ceil times, so every batch holds floor or ceil of its share of every class; and the places
h that leave one remainder mod W are one residue mod T * W, so the same holds for every rank of every world size.

Place h of batch b is slot (slot_multiplier * h + b + slot_offset) mod B, and rank r has the slots k = r mod W. Along
the line the slots count up, so that all ranks get their part of a class with less than one item a rank and batch.
`docs/promises.md` has the proofs.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from balanceidx import _mixing

Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Layout:
    """One rank's part of a batch: `blocks` equal contiguous blocks; all ranks together have `stride` of them."""

    first: tuple[int, ...]  # block d holds the slots k with k mod stride == first[d]
    stride: int
    length: int  # slots in a block

    @classmethod
    def of(cls, batch_size: int, rank: int, world_size: int, blocks: int) -> "Layout":
        """Layout of a rank whose arguments have been checked."""
        stride = world_size * blocks
        return cls(tuple(rank + world_size * d for d in range(blocks)), stride, batch_size // stride)


@dataclass(frozen=True)
class EpochDeal:
    """The line of one epoch.

    Attributes
    ----------
    order : intp array, shape (C,)
        Class at each position of the line.
    quotient, remainder : int64 array, shape (C + 1,)
        Of the boundaries M_0 = 0 .. M_C = S between classes, divided by T.
    boundary : int64 array, shape (C + 1,)
        The boundaries themselves.
    """

    steps: int
    order: npt.NDArray[np.intp]
    boundary: Int64
    quotient: Int64
    remainder: Int64
    batch_size: int
    time_multiplier: int
    time_offset: int
    slot_multiplier: int
    slot_offset: int

    @classmethod
    def of(cls, draws: Int64, steps: int, seed: int, epoch: int) -> "EpochDeal":
        """Lay out the line of an epoch: O(C)."""
        count = len(draws)
        places = np.arange(count, dtype=np.uint32)
        order = _mixing.permute(
            places, _mixing.Domain.single(count), _mixing.key(seed, _mixing.CLASS_ORDER, epoch)
        ).astype(np.intp)
        boundary = np.concatenate((np.zeros(1, np.int64), np.cumsum(draws[order])))
        batch_size = int(boundary[-1]) // steps
        quotient, remainder = np.divmod(boundary, steps)
        return cls(
            steps,
            order,
            boundary,
            quotient,
            remainder,
            batch_size,
            time_multiplier(steps, batch_size),
            _mixing.below(_mixing.key(seed, _mixing.TIME_OFFSET, epoch), steps),
            slot_multiplier(steps, batch_size),
            _mixing.below(_mixing.key(seed, _mixing.SLOT_OFFSET, epoch), batch_size),
        )

    def batches(self, start: int, stop: int) -> Int64:
        """Batch numbers b played at the steps start .. stop - 1: b = (time_multiplier * step + time_offset) mod T."""
        step = np.arange(start, stop, dtype=np.uint64)
        b = (step * np.uint64(self.time_multiplier) + np.uint64(self.time_offset)) % np.uint64(self.steps)
        return b.astype(np.int64)

    def first_places(self, batches: Int64, layout: Layout) -> Int64:
        """First place of every block in the hand of every batch, shape (batches, blocks); others follow by strides."""
        past_offset = (np.array(layout.first, np.int64) - batches[:, None] - self.slot_offset) % layout.stride
        return past_offset * pow(self.slot_multiplier, -1, layout.stride) % layout.stride

    def slot_numbers(self, batches: Int64, layout: Layout) -> Int64:
        """Number, within its block, of the slot of every place: shape (batches, blocks, block length)."""
        place = self.first_places(batches, layout)
        slot = (place * self.slot_multiplier + batches[:, None] + self.slot_offset) % self.batch_size
        first = (slot - np.array(layout.first, np.int64)) // layout.stride
        numbers: Int64 = (first[:, :, None] + self.slot_multiplier * np.arange(layout.length)) % layout.length
        return numbers

    def runs(self, batches: Int64, position: int, first_places: Int64, stride: int) -> tuple[Int64, Int64, Int64]:
        """Consecutive places of one class in every block of every batch.

        Returns
        -------
        first, count : int64 arrays, shape (batches * blocks,)
            Number of the run's first place within its block, and its length.
        draw : int64 array, same shape
            Draw number, within the epoch, of the run's first place; it rises by `stride` from place to place.
        """
        b = batches[:, None]
        below = self._places_below(position, b)
        above = self._places_below(position + 1, b)
        first = (below - first_places + (stride - 1)) // stride
        last = (above - first_places + (stride - 1)) // stride
        before = self._seats_before(position + 1, b) - self._seats_before(position, b)
        draw = before - below + first_places + stride * first
        return first.reshape(-1), (last - first).reshape(-1), draw.reshape(-1)

    def places(self, batches: Int64, layout: Layout) -> tuple[npt.NDArray[np.intp], Int64]:
        """Class, and draw number within the epoch, of every place: shape (batches, blocks, block length), flattened."""
        first = self.first_places(batches, layout)
        place = (first[:, :, None] + layout.stride * np.arange(layout.length)).reshape(len(batches), -1)
        b = batches[:, None]
        position = np.searchsorted(self.boundary[1:], b + self.steps * place, side="right")
        # As `_places_below` and `_seats_before`, with every table read once.
        quotient, remainder = self.quotient[position], self.remainder[position]
        draw = place - quotient
        draw -= b < remainder
        draw -= np.minimum(remainder, b)
        position += 1
        draw += np.minimum(self.remainder[position], b)
        quotient_above = self.quotient[position]
        quotient_above -= quotient
        quotient_above *= b
        draw += quotient_above
        position -= 1
        return self.order[position].reshape(-1), draw.reshape(-1)

    def _places_below(self, boundary: "int | npt.NDArray[np.intp]", b: Int64) -> Int64:
        """G(M, b): places in the hand of batch b on seats below M."""
        below: Int64 = self.quotient[boundary] + (b < self.remainder[boundary])
        return below

    def _seats_before(self, boundary: "int | npt.NDArray[np.intp]", b: Int64) -> Int64:
        """K(M, b): seats below M in batches before b."""
        before: Int64 = self.quotient[boundary] * b + np.minimum(self.remainder[boundary], b)
        return before


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
