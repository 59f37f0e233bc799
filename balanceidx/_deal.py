"""The deal: which class sits on which seat of which batch, exactly and without randomness.

The S = T * B seats of an epoch lie on a line, sorted by class in an order that changes every epoch. Batch b, slot k
gets seat b + T * k, as when a sorted deck is dealt to T players. A run of seats meets every residue mod T floor or ceil
times, so every batch holds floor or ceil of its share of every class; and the slots k = r mod W are one residue mod
T * W, so the same holds for every rank of every world size. `docs/promises.md` has the proof.
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
    multiplier: int
    offset: int

    @classmethod
    def of(cls, draws: Int64, steps: int, seed: int, epoch: int) -> "EpochDeal":
        """Lay out the line of an epoch: O(C)."""
        count = len(draws)
        places = np.arange(count, dtype=np.uint32)
        order = _mixing.permute(
            places, _mixing.Domain.single(count), _mixing.key(seed, _mixing.CLASS_ORDER, epoch)
        ).astype(np.intp)
        boundary = np.concatenate((np.zeros(1, np.int64), np.cumsum(draws[order])))
        offset = _mixing.below(_mixing.key(seed, _mixing.TIME_OFFSET, epoch), steps)
        return cls(steps, order, boundary, boundary // steps, boundary % steps, time_multiplier(steps), offset)

    def batches(self, start: int, stop: int) -> Int64:
        """Batch numbers b played at the steps start .. stop - 1: b = (multiplier * step + offset) mod T."""
        step = np.arange(start, stop, dtype=np.uint64)
        b = (step * np.uint64(self.multiplier) + np.uint64(self.offset)) % np.uint64(self.steps)
        return b.astype(np.int64)

    def runs(self, batches: Int64, position: int, layout: Layout) -> tuple[Int64, Int64, Int64]:
        """Consecutive slots of one class in every block of every batch.

        Returns
        -------
        first, count : int64 arrays, shape (batches * blocks,)
            The run's first slot within its block, and its length.
        draw : int64 array, same shape
            Draw number, within the epoch, of the run's first slot; it rises by `layout.stride` from slot to slot.
        """
        b = batches[:, None]
        below = self._slots_below(position, b)
        above = self._slots_below(position + 1, b)
        block = np.array(layout.first, np.int64)
        first = (below - block + (layout.stride - 1)) // layout.stride
        last = (above - block + (layout.stride - 1)) // layout.stride
        before = self._seats_before(position + 1, b) - self._seats_before(position, b)
        draw = before - below + block + layout.stride * first
        return first.reshape(-1), (last - first).reshape(-1), draw.reshape(-1)

    def slots(self, batches: Int64, layout: Layout) -> tuple[npt.NDArray[np.intp], Int64]:
        """Class, and draw number within the epoch, of every slot: shape (batches * blocks, block length), flattened."""
        block = np.array(layout.first, np.int64)
        slot = (block[:, None] + layout.stride * np.arange(layout.length)).reshape(-1)
        b = batches[:, None]
        position = np.searchsorted(self.boundary[1:], (b + self.steps * slot).reshape(-1), side="right")
        b = np.repeat(batches, len(slot))
        below = self._slots_below(position, b)
        before = self._seats_before(position + 1, b) - self._seats_before(position, b)
        return self.order[position], np.tile(slot, len(batches)) + before - below

    def _slots_below(self, boundary: "int | npt.NDArray[np.intp]", b: Int64) -> Int64:
        """G(M, b): slots of batch b on seats below M."""
        below: Int64 = self.quotient[boundary] + (b < self.remainder[boundary])
        return below

    def _seats_before(self, boundary: "int | npt.NDArray[np.intp]", b: Int64) -> Int64:
        """K(M, b): seats below M in batches before b."""
        before: Int64 = self.quotient[boundary] * b + np.minimum(self.remainder[boundary], b)
        return before


@lru_cache(maxsize=64)
def time_multiplier(steps: int) -> int:
    """Multiplier a of the time order b = (a * t + s) mod T, which spreads the larger batches evenly over the epoch.

    Among the 64 integers around the golden section of T, the one coprime to T whose continued fraction a / T has the
    smallest sum of terms, because that sum bounds the discrepancy of the sequence (Niederreiter 1992, theorem 3.4);
    ties go to the smallest.
    """
    centre = steps * 0x9E3779B9 >> 32
    candidates = range(max(1, centre - 32), min(max(steps, 2), centre + 32))
    return min((a for a in candidates if math.gcd(a, steps) == 1), key=lambda a: (_sum_of_terms(a, steps), a))


def _sum_of_terms(a: int, steps: int) -> int:
    total = 0
    while a:
        total += steps // a
        steps, a = a, steps % a
    return total
