"""The deal of chapters on the device: which class sits on which place of a batch, as the core's `Deal` computes it."""

from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
import numpy as np

from balanceidx import adapting
from balanceidx_jax import _wide
from balanceidx_jax._halving import DeviceHierarchy, split
from balanceidx_jax._ledger import child
from balanceidx_jax._permute import Key, absorb, below, key


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class DeviceChapters:
    """The chapters of an epoch: 2**levels of them, of two lengths at most.

    Attributes
    ----------
    multipliers : uint32 array, shape (2, 2)
        For chapters of floor(T / U) steps and of one more: the time multiplier, and the inverse of the slot multiplier.
    """

    multipliers: jax.Array
    steps: int = field(metadata={"static": True})
    batch_size: int = field(metadata={"static": True})
    levels: int = field(metadata={"static": True})

    @classmethod
    def of(cls, evaluator: adapting.Evaluator) -> "DeviceChapters":
        """Take over the core's chapters."""
        steps, size, levels = evaluator.chapters.steps, evaluator.batch_size, evaluator.chapters.levels
        shortest = steps >> levels
        multipliers = [
            (adapting.time_multiplier(length, size), pow(adapting.slot_multiplier(length, size), -1, size))
            for length in (shortest, shortest + 1 if steps % (1 << levels) else shortest)
        ]
        return cls(jnp.asarray(np.array(multipliers, np.uint32)), steps, size, levels)

    def start(self, chapter: jax.Array) -> jax.Array:
        """First step of each chapter: floor(k * T / U)."""
        product = _wide.multiply(chapter, jnp.full_like(chapter, self.steps))
        if not self.levels:
            return product.low
        return product.high << np.uint32(32 - self.levels) | product.low >> np.uint32(self.levels)

    def of_step(self, step: jax.Array) -> jax.Array:
        """Chapter of a step: ((t + 1) * U - 1) // T."""
        if not self.levels:
            return jnp.zeros_like(step)
        # (t + 1) * U - 1 = t * U + (U - 1), and the latter is below U.
        product = _wide.multiply(step, jnp.full_like(step, 1 << self.levels))
        last = _wide.add(product, jnp.uint32((1 << self.levels) - 1))
        chapter, _ = _wide.divide(last, jnp.full_like(step, self.steps))
        return chapter


def all_chapters(
    chapters: DeviceChapters, hierarchy: DeviceHierarchy, draws: jax.Array, prefix: Key
) -> tuple[jax.Array, jax.Array]:
    """Draws of every class in every chapter, and before it in the epoch, shape (U, C): level by level."""
    seats, before = draws[None], jnp.zeros_like(draws[None])
    for depth in range(chapters.levels):
        gets = _first_children(
            chapters, hierarchy, seats, prefix, jnp.uint32(depth), jnp.arange(1 << depth, dtype=np.uint32)
        )
        seats = jnp.stack((gets, seats - gets), axis=1).reshape(2 << depth, -1)
        before = jnp.stack((before, before + gets), axis=1).reshape(2 << depth, -1)
    return seats, before


def one_chapter(
    chapters: DeviceChapters, hierarchy: DeviceHierarchy, draws: jax.Array, prefix: Key, chapter: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """The same for one chapter, on the way down to it: shape (1, C)."""

    def halve(depth: jax.Array, halves: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        level, (seats, before) = depth.astype(np.uint32), halves
        width = np.uint32(chapters.levels) - level
        gets = _first_children(chapters, hierarchy, seats, prefix, level, (chapter >> width)[None])
        return child(seats, before, gets, chapter >> (width - np.uint32(1)) & np.uint32(1))

    start = draws[None], jnp.zeros_like(draws[None])
    result: tuple[jax.Array, jax.Array] = jax.lax.fori_loop(0, chapters.levels, halve, start)
    return result


def _first_children(
    chapters: DeviceChapters,
    hierarchy: DeviceHierarchy,
    seats: jax.Array,
    prefix: Key,
    depth: jax.Array,
    nodes: jax.Array,
) -> jax.Array:
    """What the first children of some nodes of a level get."""
    width = np.uint32(chapters.levels) - depth
    begin, end = chapters.start(nodes << width), chapters.start((nodes + np.uint32(1)) << width)
    middle = chapters.start((nodes << np.uint32(1) | np.uint32(1)) << (width - np.uint32(1)))
    return split(hierarchy, seats, absorb(absorb(prefix, depth), nodes), end - begin, middle - begin)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class DeviceDeal:
    """Lines of chapters; every number of seats fits a word. Without the leading axis, the line of one chapter.

    Attributes
    ----------
    order : uint32 array, shape (chapters, C)
        Class at each position of the line.
    boundary, quotient, remainder : uint32 arrays, shape (chapters, C + 1)
        Seats at which the classes begin, and these divided by the chapter's length.
    start, length, time_multiplier, time_offset, slot_inverse, slot_offset : uint32 arrays, shape (chapters,)
    """

    order: jax.Array
    boundary: jax.Array
    quotient: jax.Array
    remainder: jax.Array
    start: jax.Array
    length: jax.Array
    time_multiplier: jax.Array
    time_offset: jax.Array
    slot_inverse: jax.Array
    slot_offset: jax.Array
    batch_size: int = field(metadata={"static": True})

    @classmethod
    def of(
        cls,
        chapters: DeviceChapters,
        hierarchy: DeviceHierarchy,
        seats: jax.Array,
        numbers: jax.Array,
        seed: _wide.Wide,
        epoch: jax.Array,
    ) -> "DeviceDeal":
        """Lay out the lines of some chapters, given their numbers and what every class has in each."""
        keys = (
            absorb(key(seed, purpose, epoch), numbers)
            for purpose in (adapting.CLASS_ORDER, adapting.TIME_OFFSET, adapting.SLOT_OFFSET)
        )
        order_key, time_key, slot_key = keys
        order = hierarchy.order(order_key).astype(np.uint32)
        ends = jnp.cumsum(jnp.take_along_axis(seats, order, 1), axis=1, dtype=np.uint32)
        boundary = jnp.concatenate((jnp.zeros_like(ends[:, :1]), ends), axis=1)
        start = chapters.start(numbers)
        length = chapters.start(numbers + np.uint32(1)) - start
        longer = (length - np.uint32(chapters.steps >> chapters.levels)).astype(np.int32)
        quotient = boundary // length[:, None]
        # A chapter of one or two steps is played in order.
        offset = jnp.where(length > np.uint32(2), below(time_key, length), np.uint32(0))
        slot_offset = below(slot_key, jnp.full_like(length, chapters.batch_size))
        return cls(
            order,
            boundary,
            quotient,
            boundary - quotient * length[:, None],
            start,
            length,
            chapters.multipliers[longer, 0],
            offset,
            chapters.multipliers[longer, 1],
            slot_offset,
            chapters.batch_size,
        )

    def batch(self, step: jax.Array) -> jax.Array:
        """Batch number played at a step of the epoch: b = (time_multiplier * step + time_offset) mod g."""
        line = _wide.add(_wide.multiply(self.time_multiplier, step - self.start), self.time_offset)
        _, b = _wide.divide(line, self.length)
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
        _, place = _wide.divide(_wide.multiply(past_offset, self.slot_inverse), jnp.uint32(size))
        return place

    def draws(self, b: jax.Array, place: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Class, and draw number within the chapter, of places of batch b."""
        seat = b + self.length * place
        position = jnp.zeros_like(seat)  # of the last class that begins at or before the seat
        for bit in reversed(range(len(self.order).bit_length())):
            candidate = position + np.uint32(1 << bit)  # beyond the end, the look-up gives the end: more than any seat
            position = jnp.where(self.boundary[candidate] <= seat, candidate, position)
        below_, seats_below = self._below(position, b)
        _, seats_above = self._below(position + np.uint32(1), b)
        return self.order[position], place + (seats_above - seats_below) - below_

    def _below(self, boundary: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array]:
        """G(M, b), places of batch b on seats below M; and K(M, b), seats below M in batches before b."""
        quotient, remainder = self.quotient[boundary], self.remainder[boundary]
        return quotient + (b < remainder).astype(np.uint32), quotient * b + jnp.minimum(remainder, b)
