"""The deal on the device: which class sits on which place of a batch, as `balanceidx._deal` computes it."""

from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
import numpy as np

from balanceidx import _mixing
from balanceidx._deal import slot_multiplier
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
    time_multiplier, time_offset, slot_offset : uint32 scalars
    steps, batch_size : int
    """

    order: jax.Array
    boundary: jax.Array
    quotient: jax.Array
    remainder: jax.Array
    time_multiplier: jax.Array
    time_offset: jax.Array
    slot_offset: jax.Array
    steps: int = field(metadata={"static": True})
    batch_size: int = field(metadata={"static": True})

    @classmethod
    def of(
        cls,
        draws: jax.Array,
        steps: int,
        batch_size: int,
        time_multiplier: jax.Array,
        seed: _wide.Wide,
        epoch: jax.Array,
    ) -> "EpochDeal":
        """Lay out the line of an epoch: O(C)."""
        count = len(draws)
        domain = Domain.of(_mixing.Domain.single(count))
        order = permute(jnp.arange(count, dtype=np.uint32), domain, key(seed, _mixing.CLASS_ORDER, epoch))
        ends = jnp.cumsum(draws[order], dtype=np.uint32)
        boundary = jnp.concatenate((jnp.zeros_like(ends, shape=1), ends))
        time_offset = below(key(seed, _mixing.TIME_OFFSET, epoch), steps)
        slot_offset = below(key(seed, _mixing.SLOT_OFFSET, epoch), batch_size)
        length = np.uint32(steps)
        quotient, remainder = boundary // length, boundary % length
        return cls(order, boundary, quotient, remainder, time_multiplier, time_offset, slot_offset, steps, batch_size)

    def batch(self, step: jax.Array) -> jax.Array:
        """Batch number played at a step: b = (time_multiplier * step + time_offset) mod T."""
        line = _wide.add(_wide.multiply(self.time_multiplier, step), self.time_offset)
        _, b = _wide.divide(line, jnp.uint32(self.steps))
        return b

    def places(self, b: jax.Array, blocks: jax.Array, stride: int, *, by_slot: bool) -> jax.Array:
        """Places of blocks of batch b, one row a block: in ascending order, or in the order of their slots."""
        number = np.uint32(stride) * jnp.arange(self.batch_size // stride, dtype=np.uint32)
        if by_slot:
            return self._place(b, blocks[:, None] + number)
        return self._place(b, blocks)[:, None] % np.uint32(stride) + number

    def _place(self, b: jax.Array, slot: jax.Array) -> jax.Array:
        """Place of a slot of batch b, from slot = (slot_multiplier * place + b + slot_offset) mod B."""
        size = np.uint32(self.batch_size)
        past_offset = (slot + (size - (b % size + self.slot_offset) % size)) % size
        inverse = pow(slot_multiplier(self.steps, self.batch_size), -1, self.batch_size)
        _, place = _wide.divide(_wide.multiply(past_offset, jnp.uint32(inverse)), jnp.uint32(size))
        return place

    def draws(self, b: jax.Array, place: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Class, and draw number within the epoch, of places of batch b."""
        seat = b + np.uint32(self.steps) * place
        position = jnp.zeros_like(seat)  # of the last class that begins at or before the seat
        for bit in reversed(range(len(self.order).bit_length())):
            candidate = position + np.uint32(1 << bit)  # beyond the end, the look-up gives the end: more than any seat
            position = jnp.where(self.boundary[candidate] <= seat, candidate, position)
        below, seats_below = self._below(position, b)
        _, seats_above = self._below(position + np.uint32(1), b)
        return self.order[position], place + (seats_above - seats_below) - below

    def _below(self, boundary: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array]:
        """G(M, b), places of batch b on seats below M; and K(M, b), seats below M in batches before b."""
        quotient, remainder = self.quotient[boundary], self.remainder[boundary]
        return quotient + (b < remainder).astype(np.uint32), quotient * b + jnp.minimum(remainder, b)
