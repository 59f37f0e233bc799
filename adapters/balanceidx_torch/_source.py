"""A plan as torch wants it: lists of Python ints, and a state that any layout can load.

The first index is wanted at once, and small computations cost more an index: blocks begin small and grow.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from balanceidx import Plan, Position
from balanceidx.adapting import sealed

# Indices in the largest block: smaller ones cost more an index by the overhead of calls, larger ones by the cache.
LARGEST_BLOCK = 1 << 17

# 64-bit integers in Python's arrays: a C long where it has 64 bits, which Python converts fastest.
_INT64 = "l" if array("l").itemsize == 8 else "q"


@dataclass
class _Ahead:
    """What was computed: the steps start .. stop - 1 of an epoch."""

    epoch: int = -1
    start: int = 0
    stop: int = 0
    indices: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))


@dataclass(frozen=True)
class PlanSource:
    """The steps of a plan for one layout: flat indices, or lists of `list_size` of them.

    >>> import balanceidx as bx
    >>> plan = bx.ratio([0] * 90 + [1] * 10, batch_size=10)
    >>> source = PlanSource(plan, 0, rank=0, world_size=1, blocks=2, list_size=5)
    >>> [len(batch) for batch in source.fetch(epoch=0, start=3, stop=4)]
    [5, 5]
    """

    plan: Plan
    seed: int
    rank: int
    world_size: int
    blocks: int = 1
    list_size: int | None = None
    _ahead: _Ahead = field(default_factory=_Ahead, repr=False)

    @property
    def indices_per_step(self) -> int:
        """Indices in this rank's part of a batch."""
        return self.plan.batch_size // self.world_size

    @property
    def per_step(self) -> int:
        """Elements of a step: indices or lists."""
        return self.indices_per_step // (self.list_size or 1)

    def steps(self, epoch: int) -> int:
        """Steps of an epoch, the same for all."""
        return self.plan.steps_per_epoch

    def fetch(self, epoch: int, start: int, stop: int) -> Sequence[Any]:
        """Elements of the steps start .. stop - 1, which nothing else holds."""
        ahead = self._ahead
        if epoch != ahead.epoch or not ahead.start <= start <= stop <= ahead.stop:
            self._compute(epoch, start, stop)
        width = self.indices_per_step
        indices = ahead.indices[(start - ahead.start) * width : (stop - ahead.start) * width]
        if self.list_size is None:
            # Its iterator makes each int when it is wanted: up to 2 ns an index less than a list or a tuple of all.
            return array(_INT64, indices.tobytes())
        lists: list[Any] = indices.reshape(-1, self.list_size).tolist()
        return lists

    def _compute(self, epoch: int, start: int, stop: int) -> None:
        """Compute what is wanted, and if that continues the last block, some more of the same size."""
        ahead, wanted = self._ahead, (stop - start) * self.indices_per_step
        continued = epoch == ahead.epoch and start == ahead.stop
        times = min(4 * len(ahead.indices), LARGEST_BLOCK) // wanted if continued else 1
        stop = min(self.plan.steps_per_epoch, start + (stop - start) * max(1, times))
        ahead.indices = self.plan.range_indices(
            self.seed, start, stop, self.rank, epoch=epoch, world_size=self.world_size, blocks=self.blocks
        )
        ahead.epoch, ahead.start, ahead.stop = epoch, start, stop

    def write(self, epoch: int, step: int, within: int = 0) -> dict[str, Any]:
        """State of a position, `within` elements into a step; inside a step it carries the layout as well."""
        state = Position(self.seed, epoch, step, within * (self.list_size or 1)).state_dict(self.plan)
        return sealed({**state, "layout": self._shape}) if within else state

    def read(self, state: Any) -> tuple[int, int, int]:
        """Position of a state: epoch, step and elements into the step.

        Raises
        ------
        TypeError, ValueError
            For a state of another plan, stream format or seed, for one that is damaged, and for one saved inside a
            batch of another layout.
        """
        position = self.plan.position(state)
        if position.seed != self.seed:
            raise ValueError(
                f"`state` was saved with seed {position.seed}, but this sampler has `seed` {self.seed}; make it "
                f"with seed={position.seed}."
            )
        if position.within and state.get("layout") != self._shape:
            raise ValueError(
                f"`state` was saved inside step {position.step}, {position.within} indices into it, by a sampler or a "
                f"world size that parts a batch otherwise; to change either, save after whole batches of "
                f"plan.batch_size // world_size items."
            )
        return position.epoch, position.step, position.within // (self.list_size or 1)

    @property
    def _shape(self) -> list[int]:
        """What a position inside a step depends on: ranks, blocks, and indices in a list, 0 where there are none."""
        return [self.world_size, self.blocks, self.list_size or 0]
