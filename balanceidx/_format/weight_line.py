"""The weight line: items laid side by side, each as long as its weight, on a line of 2**64 exact units.

A position on the line belongs to one item. Evenly spaced seats on it give every item the floor or the ceil of its
expected draws (systematic sampling, Madow 1949); hashed positions give independent draws with the same probabilities.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

UInt64 = npt.NDArray[np.uint64]

_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)


@dataclass(frozen=True)
class Lines:
    """The lines of several pools, one after the other in pool order.

    Attributes
    ----------
    starts : uint64 array, shape (members,)
        Where each member's stretch begins; the first of a pool is 0, and the last ends at 2**64.
    guide : uint32 array, shape (members + pools,)
        For each of n equal buckets of a line of n members, how many members start in earlier buckets (Chen and
        Asau 1974): the search for a position begins there and takes O(1) expected steps.
    offsets : int64 array, shape (pools + 1,)
        Members of pool c are at offsets[c] : offsets[c + 1]; its guide begins at offsets[c] + c.
    """

    starts: UInt64
    guide: npt.NDArray[np.uint32]
    offsets: npt.NDArray[np.int64]

    @classmethod
    def of(cls, weights: npt.NDArray[np.float64], offsets: npt.NDArray[np.int64]) -> "Lines":
        """Lay out positive weights, grouped by pool."""
        starts = np.empty(len(weights), np.uint64)
        guide = np.empty(len(weights) + len(offsets) - 1, np.uint32)
        bounds = offsets.tolist()
        for c, (begin, end) in enumerate(pairwise(bounds)):
            if end > begin:
                starts[begin:end] = _starts(weights[begin:end])
                _fill_guide(starts[begin:end], guide[begin + c : end + c + 1])
        return cls(starts, guide, offsets)

    @classmethod
    def of_starts(cls, starts: UInt64, offsets: npt.NDArray[np.int64]) -> "Lines":
        """Take over lines that are laid out; a pool without one has zeros."""
        guide = np.zeros(len(starts) + len(offsets) - 1, np.uint32)
        for c, (begin, end) in enumerate(pairwise(offsets.tolist())):
            if end > begin:
                _fill_guide(starts[begin:end], guide[begin + c : end + c + 1])
        return cls(starts, guide, offsets)

    def find(self, pools: npt.NDArray[np.intp], positions: UInt64) -> npt.NDArray[np.int64]:
        """Which member's stretch holds each position, as a place in the table of members.

        `pools` has one entry for all positions or one for each.
        """
        begin = self.offsets[pools]
        size = (self.offsets[pools + 1] - begin).astype(np.uint64)
        bucket = (((positions >> _HALF) * size) >> _HALF).astype(np.int64) + begin + pools
        # The answer is one less than the number of starts <= position, which lies between these two counts.
        low = self.guide[bucket].astype(np.int64)
        high = self.guide[bucket + 1].astype(np.int64)
        first = np.broadcast_to(begin, low.shape)
        open_ = np.flatnonzero(low < high)
        while len(open_):
            lo, hi = low[open_], high[open_]
            middle = (lo + hi) >> 1
            reached = self.starts[first[open_] + middle] <= positions[open_]
            lo = np.where(reached, middle + 1, lo)
            hi = np.where(reached, hi, middle)
            low[open_], high[open_] = lo, hi
            open_ = open_[lo < hi]
        found: npt.NDArray[np.int64] = first + low - 1
        return found


def _starts(weights: npt.NDArray[np.float64]) -> UInt64:
    """Start of each stretch: cumulative integer weights, scaled from their sum U to 2**64."""
    units = _integer_units(weights)
    before = np.cumsum(units, dtype=np.uint64)
    total = int(before[-1])
    before -= units
    return _multiply_shift_62(before, (1 << 126) // total)


def _integer_units(weights: npt.NDArray[np.float64]) -> UInt64:
    """Weights as integers with a sum in [2**61, 2**63): exact scaling by a power of two, then the integer part."""
    exponent = int(np.frexp(weights.max())[1])
    bits = 63 - len(weights).bit_length() - exponent
    total = int(_scaled(weights, bits).sum(dtype=np.uint64))
    return _scaled(weights, bits + 62 - total.bit_length())


def _scaled(weights: npt.NDArray[np.float64], bits: int) -> UInt64:
    # Two steps, because 2**bits may exceed a float when the weights are subnormal; each is exact or below one unit.
    half = bits // 2
    scaled = np.ldexp(np.ldexp(weights, half), bits - half)
    np.maximum(scaled, 1.0, out=scaled)
    return scaled.astype(np.uint64)


def _multiply_shift_62(values: UInt64, factor: int) -> UInt64:
    """(values * factor) >> 62 for values < 2**63 and factor <= 2**65, when the result is below 2**64."""
    # factor = f2 * 2**64 + f1 * 2**32 + f0; values = v1 * 2**32 + v0.
    f0, f1, f2 = (np.uint64(factor >> shift & 0xFFFFFFFF) for shift in (0, 32, 64))
    v1, v0 = values >> _HALF, values & _LOW
    low = v0 * f0
    middle = v1 * f0 + (low >> _HALF)  # < 2**64, because v1 < 2**31
    middle_low = v0 * f1 + (middle & _LOW)
    high = v1 * f1 + (middle >> _HALF) + (middle_low >> _HALF)
    # The product is high * 2**64 + middle_low's low word * 2**32 + low's low word, plus f2 * values * 2**64.
    high += f2 * values
    product: UInt64 = (high << np.uint64(2)) | ((middle_low & _LOW) >> np.uint64(30))
    return product


def _fill_guide(starts: UInt64, guide: npt.NDArray[np.uint32]) -> None:
    size = len(starts)
    bucket = ((starts >> _HALF) * np.uint64(size)) >> _HALF
    guide[0] = 0
    np.cumsum(np.bincount(bucket.astype(np.intp), minlength=size), out=guide[1:])
