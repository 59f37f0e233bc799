"""Delivery: one epoch's elements, handed out without a Python call for each.

Requirements, and what they led to:

* an epoch of 1e7 indices is delivered one by one: the iterator is an `itertools.chain`, which runs in C, over lists;
* a Python int is made faster where one before has just been freed: lists are short, and what they are made from is
  computed in larger blocks, by the source;
* torchdata asks the iterator for its state after every batch: the position is what the current list has not yet
  handed out, so nobody counts, and every state is a small new dict;
* a state is loaded into an iterator that has just been made, or into one that has begun: both move.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Generic, Protocol, TypeVar, cast

from balanceidx_torch._epochs import Epochs

T = TypeVar("T")
Made = TypeVar("Made", covariant=True)

# Indices in a list: their int objects fit into a core's cache.
LIST_SIZE = 1 << 12


class Source(Protocol[Made]):
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

    def fetch(self, epoch: int, start: int, stop: int) -> Sequence[Made]:
        """Elements of the steps start .. stop - 1, as a list or an array that nothing else holds."""
        ...

    def write(self, epoch: int, step: int, within: int) -> dict[str, Any]:
        """State at a position: `within` elements into a step."""
        ...

    def read(self, state: Mapping[str, Any]) -> tuple[int, int, int]:
        """Position of a state: epoch, step and within."""
        ...


class _Lists(Generic[T]):
    """Iterator over list iterators, one for every few steps, that knows how far the current one has come."""

    def __init__(self, source: Source[T], epochs: Epochs) -> None:
        self.source = source
        self.epochs = epochs
        self.move(*epochs.begin(), 0)

    def move(self, epoch: int, step: int, within: int) -> None:
        self.epoch = epoch
        self.began = step
        self.step = step  # the first one not in `current`
        self.skip = within  # elements of that step not to hand out
        self.current: Iterator[T] = iter(())

    def __iter__(self) -> "_Lists[T]":
        return self

    def __next__(self) -> Iterator[T]:
        steps = self.source.steps(self.epoch)
        self.epochs.note(self)
        if self.step >= steps:
            raise StopIteration
        stop = min(steps, self.step + max(1, LIST_SIZE // self.source.indices_per_step))
        elements = self.source.fetch(self.epoch, self.step, stop)
        self.current = iter(elements[self.skip :] if self.skip else elements)
        self.step, self.skip = stop, 0
        return self.current

    def position(self) -> tuple[int, int]:
        taken = self.step * self.source.per_step + self.skip - _left(self.current)
        return divmod(taken, self.source.per_step)

    def finished(self) -> bool:
        return self.step >= self.source.steps(self.epoch) and not _left(self.current)


def _left(iterator: Iterator[object]) -> int:
    """How many elements of a list, tuple or array its iterator has not handed out.

    It tells pickle what it iterates over, and its index unless it is at the end. An array's has no length hint.
    """
    _, (elements,), *index = cast("tuple[Any, tuple[Sequence[object]], *tuple[int, ...]]", iterator.__reduce__())
    return len(elements) - sum(index)


class Delivery(chain[T]):
    """Iterator over the elements of one epoch, with a state by torchdata's protocol. Made by `deliver`."""

    _lists: _Lists[T]

    def state_dict(self) -> dict[str, Any]:
        """Position of the element that comes next, with its epoch; a new dict every time."""
        lists = self._lists
        return lists.source.write(lists.epoch, *lists.position())

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a saved position, unless `set_epoch` has chosen another epoch than that of the state.

        Raises
        ------
        ValueError
            When the state does not fit; the iterator is then unchanged.
        """
        lists = self._lists
        epoch, step, within = lists.source.read(state)
        if lists.epochs.accepts(epoch, step >= lists.source.steps(epoch)):
            deque(lists.current, maxlen=0)  # what the chain still holds of the old position
            lists.move(epoch, step, within)
            lists.epochs.note(lists)


def deliver(source: Source[T], epochs: Epochs) -> Delivery[T]:
    """Begin the epoch that comes next; nothing is computed, and `epochs` stays as it is, until elements are taken."""
    lists = _Lists(source, epochs)
    delivery = cast("Delivery[T]", Delivery.from_iterable(lists))
    delivery._lists = lists
    return delivery
