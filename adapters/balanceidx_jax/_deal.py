"""The deal on the device: which class sits on which slot of a batch, as `balanceidx._deal` computes it."""

from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
import numpy as np

from balanceidx import _mixing
from balanceidx_jax import _wide
from balanceidx_jax._permute import Domain, below, key, permute


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class EpochDeal:
    """The line of one epoch, as in `balanceidx._deal.EpochDeal`; every number of seats fits a word.

    Attributes
    ----------
    order : uint32 array, shape (C,)
    boundary, quotient, remainder : uint32 arrays, shape (C + 1,)
    multiplier, offset : uint32 scalars
    steps : int
    """

    order: jax.Array
    boundary: jax.Array
    quotient: jax.Array
    remainder: jax.Array
    multiplier: jax.Array
    offset: jax.Array
    steps: int = field(metadata={"static": True})

    @classmethod
    def of(cls, draws: jax.Array, steps: int, multiplier: jax.Array, seed: _wide.Wide, epoch: jax.Array) -> "EpochDeal":
        """Lay out the line of an epoch: O(C)."""
        count = len(draws)
        domain = Domain.of(_mixing.Domain.single(count))
        order = permute(jnp.arange(count, dtype=np.uint32), domain, key(seed, _mixing.CLASS_ORDER, epoch))
        ends = jnp.cumsum(draws[order], dtype=np.uint32)
        boundary = jnp.concatenate((jnp.zeros_like(ends, shape=1), ends))
        offset = below(key(seed, _mixing.TIME_OFFSET, epoch), steps)
        length = np.uint32(steps)
        return cls(order, boundary, boundary // length, boundary % length, multiplier, offset, steps)

    def batch(self, step: jax.Array) -> jax.Array:
        """Batch number played at a step: b = (multiplier * step + offset) mod T."""
        _, b = _wide.divide(_wide.add(_wide.multiply(self.multiplier, step), self.offset), jnp.uint32(self.steps))
        return b

    def slots(self, b: jax.Array, slot: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Class, and draw number within the epoch, of slots of batch b."""
        seat = b + np.uint32(self.steps) * slot
        position = jnp.zeros_like(seat)  # of the last class that begins at or before the seat
        for bit in reversed(range(len(self.order).bit_length())):
            candidate = position + np.uint32(1 << bit)  # beyond the end, the look-up gives the end: more than any seat
            position = jnp.where(self.boundary[candidate] <= seat, candidate, position)
        below, seats_below = self._below(position, b)
        _, seats_above = self._below(position + np.uint32(1), b)
        return self.order[position], slot + (seats_above - seats_below) - below

    def _below(self, boundary: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array]:
        """G(M, b), slots of batch b on seats below M; and K(M, b), seats below M in batches before b."""
        quotient, remainder = self.quotient[boundary], self.remainder[boundary]
        return quotient + (b < remainder).astype(np.uint32), quotient * b + jnp.minimum(remainder, b)
