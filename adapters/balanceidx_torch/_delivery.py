"""Delivery: one epoch's elements, computed some thousands at a time and handed out without a Python call for each.

Requirements, and what they led to:

* an epoch of 1e7 indices is delivered one by one: the iterator is an `itertools.chain`, which runs in C, over lists;
* the first index is wanted at once, and small computations cost more an index: blocks begin small and grow;
* torchdata asks the iterator for its state after every batch: the position is what the current list has not yet
  handed out, so nobody counts, and every state is a small new dict;
* a state is loaded into an iterator that has just been made, or into one that has begun: both move.
"""

import operator
from collections import deque
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, Generic, Protocol, TypeVar, cast

from balanceidx_torch._epochs import Epochs

T = TypeVar("T")

# Indices in the first block and in the largest: one on which a call's overhead no longer shows, and which still takes
# a few milliseconds.
FIRST_BLOCK, LARGEST_BLOCK = 1 << 10, 1 << 16


class Source(Protocol[T]):
    """What is delivered: epochs of steps, each of so many elements."""

    @property
    def per_step(self) -> int:
        """Elements of a step."""
        ...

    @property
    def indices_per_step(self) -> int:
        """What a step costs to compute."""
        ...

    def steps(self, epoch: int) -> int:
        """Steps of an epoch."""
        ...

    def fetch(self, epoch: int, start: int, stop: int) -> list[T]:
        """Elements of the steps start .. stop - 1, in a new list."""
        ...

    def write(self, epoch: int, step: int, within: int) -> dict[str, Any]:
        """State at a position: `within` elements into a step."""
        ...

    def read(self, state: Mapping[str, Any]) -> tuple[int, int, int]:
        """Position of a state: epoch, step and within."""
        ...


class _Blocks(Generic[T]):
    """Iterator over list iterators, one for each block of steps, that knows how far the current one has come."""

    def __init__(self, source: Source[T], epochs: Epochs) -> None:
        self.source = source
        self.epochs = epochs
        self.move(*epochs.begin(), 0)

    def move(self, epoch: int, step: int, within: int) -> None:
        self.epoch = epoch
        self.step = step  # the first one not in `current`
        self.skip = within  # elements of that step not to hand out
        self.size = FIRST_BLOCK
        self.current: Iterator[T] = iter(())

    def __iter__(self) -> "_Blocks[T]":
        return self

    def __next__(self) -> Iterator[T]:
        steps = self.source.steps(self.epoch)
        self.epochs.note(self)
        if self.step >= steps:
            raise StopIteration
        stop = min(steps, self.step + max(1, self.size // self.source.indices_per_step))
        elements = self.source.fetch(self.epoch, self.step, stop)
        del elements[: self.skip]
        self.step, self.skip = stop, 0
        self.size = min(4 * self.size, LARGEST_BLOCK)
        self.current = iter(elements)
        return self.current

    def position(self) -> tuple[int, int]:
        left = operator.length_hint(self.current)
        return divmod(self.step * self.source.per_step + self.skip - left, self.source.per_step)

    def finished(self) -> bool:
        return self.step >= self.source.steps(self.epoch) and not operator.length_hint(self.current)


class Delivery(chain[T]):
    """Iterator over the elements of one epoch, with a state by torchdata's protocol. Made by `deliver`."""

    _blocks: _Blocks[T]

    def state_dict(self) -> dict[str, Any]:
        """Position of the element that comes next, with its epoch; a new dict every time."""
        blocks = self._blocks
        return blocks.source.write(blocks.epoch, *blocks.position())

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a saved position, unless `set_epoch` has chosen another epoch than that of the state.

        Raises
        ------
        ValueError
            When the state does not fit; the iterator is then unchanged.
        """
        blocks = self._blocks
        epoch, step, within = blocks.source.read(state)
        if blocks.epochs.accepts(epoch, step >= blocks.source.steps(epoch)):
            deque(blocks.current, maxlen=0)  # what the chain still holds of the old position
            blocks.move(epoch, step, within)
            blocks.epochs.note(blocks)


def deliver(source: Source[T], epochs: Epochs) -> Delivery[T]:
    """Begin the epoch that comes next; nothing is computed, and `epochs` stays as it is, until elements are taken."""
    blocks = _Blocks(source, epochs)
    delivery = cast("Delivery[T]", Delivery.from_iterable(blocks))
    delivery._blocks = blocks
    return delivery
