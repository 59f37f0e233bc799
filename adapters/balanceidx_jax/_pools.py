"""The pools on the device: which item of its class a draw stands for, as `balanceidx._pools` computes it."""

from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
import numpy as np

from balanceidx import _mixing
from balanceidx._pools import Pools
from balanceidx_jax import _wide
from balanceidx_jax._lines import DeviceLines, wide
from balanceidx_jax._permute import Domain, Key, absorb, key, permute


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class DevicePools:
    """The items of every class, and how they are drawn.

    Attributes
    ----------
    members : int32 array
        Items grouped by class.
    begin, size : uint32 arrays, shape (C,)
        First member of each class, and places a pass permutes (`Pools.sizes`).
    whole, rest : uint32 arrays, shape (C,)
        Draws per epoch, divided by `size`.
    domain : Domain of shape (C,)
    lines : DeviceLines or None
        The weight lines, when some pool is not even.
    lined : bool array, shape (C,)
    seat : Wide of shape (C,)
        Distance of two seats on the weight line; unused in even pools.
    independent : bool
    """

    members: jax.Array
    begin: jax.Array
    size: jax.Array
    whole: jax.Array
    rest: jax.Array
    domain: Domain
    lines: DeviceLines | None
    lined: jax.Array
    seat: _wide.Wide
    independent: bool = field(metadata={"static": True})

    @classmethod
    def of(cls, pools: Pools) -> "DevicePools":
        """Take over the core's pools, whose sizes and draws must fit a word."""
        draws = pools.draws.astype(np.uint64)
        return cls(
            jnp.asarray(pools.members.astype(np.int32, copy=False)),
            jnp.asarray(pools.offsets[:-1].astype(np.uint32)),
            jnp.asarray(pools.sizes.astype(np.uint32)),
            jnp.asarray((draws // pools.sizes).astype(np.uint32)),
            jnp.asarray((draws % pools.sizes).astype(np.uint32)),
            Domain.of(pools.domain),
            None if pools.lines is None else DeviceLines.of(pools.lines),
            jnp.asarray(pools.lined),
            wide(np.uint64(2**64 - 1) // np.maximum(draws, np.uint64(1))),
            pools.independent,
        )


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class EpochPools:
    """Where every pool stands when an epoch begins.

    Attributes
    ----------
    first_pass : uint32 array, shape (C,)
        Low word of the pass of the epoch's first draw; a lined pool starts pass number `epoch` at place 0.
    first_place : uint32 array, shape (C,)
    keys : Key of shape (2, C)
        Keys that absorbed the high word of the first pass, and the same plus one, for when the low word overflows.
    phase : Wide of shape (C,)
        Place of the first seat on the weight line; unused in even pools.
    hashed : Key
        Key of the epoch's independent draws.
    """

    pools: DevicePools
    first_pass: jax.Array
    first_place: jax.Array
    keys: Key
    phase: _wide.Wide
    hashed: Key

    @classmethod
    def of(cls, pools: DevicePools, seed: _wide.Wide, epoch: jax.Array) -> "EpochPools":
        """Tables of an epoch: O(C)."""
        # epoch * N_c draws were made before: epoch * whole passes, and epoch * rest, which may hold further passes.
        passed, place = _wide.divide(_wide.multiply(pools.rest, epoch), pools.size)
        first = _wide.add(_wide.multiply(pools.whole, epoch), passed)
        zero = np.uint32(0)
        first_pass = jnp.where(pools.lined, epoch, first.low)
        high = jnp.where(pools.lined, zero, first.high)
        classes = jnp.arange(len(pools.size), dtype=np.uint32)
        keys = key(seed, _mixing.POOL, classes, jnp.stack((high, high + np.uint32(1))))
        # The phase moves by the golden ratio, so that over many epochs the seats fill the gaps they left.
        turn = key(seed, _mixing.LINE_PHASE, classes).u + epoch * _mixing._GOLDEN
        return cls(
            pools,
            first_pass,
            jnp.where(pools.lined, zero, place),
            keys,
            _wide.multiply_shift(turn, pools.seat),
            key(seed, _mixing.INDEPENDENT, epoch, 0),  # the high word of a draw number is 0 here
        )

    def items(self, classes: jax.Array, draws: jax.Array) -> jax.Array:
        """Item of each draw, given its class and its number within the epoch."""
        pools = self.pools
        if pools.independent:
            assert pools.lines is not None
            return pools.members[pools.lines.find(classes, self._hashed(draws))]
        size = pools.size[classes]
        passed = draws // size
        place = draws - passed * size + self.first_place[classes]  # < 2 * size, which fits: see DevicePlan
        again = place >= size
        place = jnp.where(again, place - size, place)
        low = self.first_pass[classes]
        pass_ = low + passed + again.astype(np.uint32)
        overflow = (pass_ < low).astype(np.uint32)
        state = Key(self.keys.u[overflow, classes], self.keys.v[overflow, classes])
        place = permute(place, pools.domain.take(classes), absorb(state, pass_))
        index = pools.begin[classes] + place
        if pools.lines is not None:
            seat, phase = (_wide.Wide(w.high[classes], w.low[classes]) for w in (pools.seat, self.phase))
            position = _wide.add_wide(_wide.multiply_low(place, seat), phase)
            index = jnp.where(pools.lined[classes], pools.lines.find(classes, position), index)
        return pools.members[index]

    def _hashed(self, draws: jax.Array) -> _wide.Wide:
        """A position per draw: all 64 bits of a key that absorbed the epoch, the draw number, and a last zero."""
        state = absorb(absorb(self.hashed, draws), 0)
        return _wide.Wide(state.u, state.v)
