"""The same random numbers on every rank: replay a sampler from (seed, epoch), and leave no trace.

A sampler may draw from torch's, numpy's or Python's global state, or from a generator of its own. All of them are
seeded while it runs, and put back afterwards, so that whoever else draws random numbers is not disturbed.
"""

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import numpy as np
import torch


def replay(sampler: Iterable[Any], seed: int, epoch: int) -> list[Any]:
    """All elements of a sampler, the same wherever seed and epoch are the same.

    >>> from torch.utils.data import RandomSampler
    >>> sampler = RandomSampler(range(100))
    >>> replay(sampler, seed=0, epoch=1) == replay(sampler, seed=0, epoch=1) != replay(sampler, seed=1, epoch=0)
    True
    """
    words = np.random.SeedSequence([seed, epoch]).generate_state(4)
    with ExitStack() as stack:
        for get, put, start in _random_states(sampler, words):
            stack.callback(put, get())
            start()
        return list(sampler)


def forward_epoch(sampler: object, epoch: int) -> None:
    """Call `set_epoch` of the sampler, of its own `sampler`, and so on, where they have one."""
    for one in nested(sampler):
        if hasattr(one, "set_epoch"):
            one.set_epoch(epoch)


def nested(sampler: object) -> Iterator[Any]:
    """The sampler, its own `sampler`, the `sampler` of that, and so on."""
    seen: list[object] = []
    while sampler is not None and all(sampler is not one for one in seen):
        seen.append(sampler)
        yield sampler
        sampler = getattr(sampler, "sampler", None)


_State = tuple[Callable[[], Any], Callable[[Any], None], Callable[[], None]]


def _random_states(sampler: object, words: Any) -> Iterator[_State]:
    """How to read, set and seed every random state that the sampler can be expected to use."""
    number = int(words[0]) << 32 | int(words[1])
    yield random.getstate, random.setstate, partial(random.seed, number)
    yield np.random.get_state, np.random.set_state, partial(np.random.seed, words)
    yield _of_torch(torch.default_generator, number)
    for one in nested(sampler):
        for value in vars(one).values() if hasattr(one, "__dict__") else ():
            if isinstance(value, torch.Generator):
                yield _of_torch(value, number)
            elif isinstance(value, random.Random):
                yield value.getstate, value.setstate, partial(value.seed, number)
            elif isinstance(value, np.random.RandomState):
                yield value.get_state, value.set_state, partial(value.seed, words)
            elif isinstance(value, np.random.Generator):
                bits = value.bit_generator
                put = partial(setattr, bits, "state")
                yield partial(getattr, bits, "state"), put, partial(put, type(bits)(words).state)


def _of_torch(generator: torch.Generator, number: int) -> _State:
    def start() -> None:
        generator.manual_seed(number)

    def put(state: torch.Tensor) -> None:
        generator.set_state(state)

    return generator.get_state, put, start
