"""The pools: which item of its class a draw stands for: a keyed permutation, evaluated at one point.

An *even* pool holds items of equal weight: draw j of the class is place j mod n of pass j // n, and every pass has its
own permutation of the n items, so draws j = 0 .. n - 1 are every item once. A *lined* pool holds items of different
weights: the N_c draws of an epoch are N_c evenly spaced seats on the class's weight line, in permuted order.
An *independent* pool draws hashed positions on the line instead: the textbook multinomial sampler.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from balanceidx import _mixing
from balanceidx._line import Lines

Int64 = npt.NDArray[np.int64]
UInt64 = npt.NDArray[np.uint64]

_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)


@dataclass(frozen=True)
class Pools:
    """The items of every class, and how they are drawn.

    Attributes
    ----------
    members : int32 or int64 array
        Items grouped by class.
    offsets : int64 array, shape (C + 1,)
        The members of class c are at offsets[c] : offsets[c + 1].
    draws : int64 array, shape (C,)
        Draws per epoch, N_c.
    lines : Lines or None
        The weight lines, when some pool is not even.
    lined : bool array, shape (C,)
        Which pools are lined.
    independent : bool
        Draw positions at random instead of seat by seat.
    sizes : uint64 array, shape (C,)
        Places a pass permutes: n_c, or N_c in a lined pool; 1 where nothing is ever drawn.
    domain : Domain
        The same sizes, prepared for the permutation.
    """

    members: npt.NDArray[np.signedinteger[Any]]
    offsets: Int64
    draws: Int64
    lines: Lines | None
    lined: npt.NDArray[np.bool_]
    independent: bool
    sizes: UInt64
    domain: _mixing.Domain

    @classmethod
    def of(
        cls,
        members: npt.NDArray[np.signedinteger[Any]],
        offsets: Int64,
        draws: Int64,
        weights: npt.NDArray[np.float64] | None = None,
        independent: bool = False,
    ) -> "Pools":
        """Prepare pools; `weights` are those of the members, all positive, or None when all pools are even."""
        lined = np.zeros(len(draws), np.bool_)
        lines = None
        if weights is not None:
            lined = _uneven(weights, offsets) | independent
            lines = Lines.of(weights, offsets) if lined.any() else None
        sizes = np.maximum(np.where(lined & (not independent), draws, np.diff(offsets)), 1)
        sizes = np.where(draws > 0, sizes, 1)
        return cls(
            members, offsets, draws, lines, lined, independent, sizes.astype(np.uint64), _mixing.Domain.of(sizes)
        )

    def epoch(self, seed: int, epoch: int) -> "EpochPools":
        """Tables of one epoch: O(C)."""
        return EpochPools.of(self, seed, epoch)


def _uneven(weights: npt.NDArray[np.float64], offsets: Int64) -> npt.NDArray[np.bool_]:
    filled = np.flatnonzero(np.diff(offsets))
    uneven = np.zeros(len(offsets) - 1, np.bool_)
    if len(filled):
        starts = offsets[filled]
        uneven[filled] = np.minimum.reduceat(weights, starts) != np.maximum.reduceat(weights, starts)
    return uneven


@dataclass(frozen=True)
class EpochPools:
    """Where every pool stands when an epoch begins.

    Attributes
    ----------
    first_pass, first_place : uint64 arrays, shape (C,)
        Pass and place of the epoch's first draw; a lined pool starts pass number `epoch` at place 0.
    keys : State of shape (C,)
        Key of each class and of the high word of its first pass, before the low word is absorbed.
    step, phase : uint64 arrays, shape (C,)
        Distance of two seats on the weight line, and the place of the first; unused in even pools.
    """

    pools: Pools
    seed: int
    number: int
    first_pass: UInt64
    first_place: UInt64
    keys: _mixing.State
    step: UInt64
    phase: UInt64

    @classmethod
    def of(cls, pools: Pools, seed: int, epoch: int) -> "EpochPools":
        """Tables of an epoch."""
        # E_c = epoch * N_c draws were made before. Written as epoch * (whole passes, rest) it stays within 64 bits.
        draws = pools.draws.astype(np.uint64)
        whole, rest = draws // pools.sizes, draws % pools.sizes
        rest_before = rest * np.uint64(epoch)
        first_pass = whole * np.uint64(epoch) + rest_before // pools.sizes
        first_place = rest_before % pools.sizes
        first_pass[pools.lined] = epoch
        first_place[pools.lined] = 0
        classes = np.arange(len(draws), dtype=np.uint32)
        keys = _mixing.key(seed, _mixing.POOL, classes, (first_pass >> _HALF).astype(np.uint32))
        step = np.uint64(2**64 - 1) // np.maximum(draws, np.uint64(1))
        # The phase moves by the golden ratio, so that over many epochs the seats fill the gaps they left.
        turn = _mixing.key(seed, _mixing.LINE_PHASE, classes).u + np.uint32(epoch * 0x9E3779B9 & 0xFFFFFFFF)
        turn64 = turn.astype(np.uint64)
        phase = (step >> _HALF) * turn64 + (((step & _LOW) * turn64) >> _HALF)
        return cls(pools, seed, epoch, first_pass, first_place, keys, step, phase)

    def items(self, classes: npt.NDArray[np.intp], draws: Int64) -> npt.NDArray[np.signedinteger[Any]]:
        """Item of each draw, given its class (one entry for all, or one each) and its number within the epoch."""
        pools = self.pools
        if pools.independent:
            assert pools.lines is not None
            return self._members(pools.lines.find(classes, self._hashed(draws.astype(np.uint64))))
        places, passes = self._places(classes, draws)
        places = _mixing.permute(places, pools.domain.take(classes), self._keys(classes, passes))
        if pools.lines is None:
            return self._members(self._plain(classes, places))
        return self._members(self._on_lines(pools.lines, classes, places))

    def _members(self, index: Int64) -> npt.NDArray[np.signedinteger[Any]]:
        items: npt.NDArray[np.signedinteger[Any]] = self.pools.members[index]
        return items

    def _places(self, classes: npt.NDArray[np.intp], draws: Int64) -> tuple[_mixing.UInt32, UInt64]:
        """Place before permutation, and pass: the quotient and remainder of the running draw number."""
        size = self.pools.sizes[classes]
        place = draws.astype(np.uint64)
        place += self.first_place[classes]
        first = self.first_pass[classes]
        if len(classes) == 1:
            passed = place // size
            place -= passed * size
            return place.astype(np.uint32), passed + first
        passes = first.copy()
        later = np.flatnonzero(place >= size)
        if len(later):
            passed = place[later] // size[later]
            place[later] -= passed * size[later]
            passes[later] += passed
        return place.astype(np.uint32), passes

    def _keys(self, classes: npt.NDArray[np.intp], passes: UInt64) -> _mixing.State:
        first, last = passes.min(), passes.max()
        if len(classes) == 1 and last - first < len(passes):
            # One class: its draws run through few passes, so derive each key once.
            table = self._absorb_passes(classes, first + np.arange(int(last - first) + 1, dtype=np.uint64))
            if first == last:
                return table
            index = (passes - first).astype(np.intp)
            return _mixing.State(table.u[index], table.v[index])
        return self._absorb_passes(classes, passes)

    def _absorb_passes(self, classes: npt.NDArray[np.intp], passes: UInt64) -> _mixing.State:
        high = passes >> _HALF
        if (high == self.first_pass[classes] >> _HALF).all():
            state = _mixing.State(self.keys.u[classes], self.keys.v[classes])
        else:
            state = _mixing.key(self.seed, _mixing.POOL, classes.astype(np.uint32), high.astype(np.uint32))
        return _mixing.absorb(state, (passes & _LOW).astype(np.uint32))

    def _on_lines(self, lines: Lines, classes: npt.NDArray[np.intp], places: _mixing.UInt32) -> Int64:
        positions = places * self.step[classes] + self.phase[classes]
        if len(classes) == 1:
            return lines.find(classes, positions) if self.pools.lined[classes[0]] else self._plain(classes, places)
        lined = self.pools.lined[classes]
        index = self._plain(classes, places)
        index[lined] = lines.find(classes[lined], positions[lined])
        return index

    def _plain(self, classes: npt.NDArray[np.intp], places: _mixing.UInt32) -> Int64:
        index: Int64 = self.pools.offsets[classes] + places
        return index

    def _hashed(self, draws: UInt64) -> UInt64:
        """A position per draw: all 64 bits of a key that absorbed the epoch, the draw number, and a last zero."""
        state = _mixing.key(self.seed, _mixing.INDEPENDENT, self.number, (draws >> _HALF).astype(np.uint32))
        state = _mixing.absorb(_mixing.absorb(state, (draws & _LOW).astype(np.uint32)), 0)
        position: UInt64 = (state.u.astype(np.uint64) << _HALF) | state.v
        return position
