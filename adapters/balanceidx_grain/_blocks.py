"""The blocks: batches computed a few together and kept for the next requests, safe to share between threads.

Requirements, and what they led to:

* a batch costs about 0.3 ms alone, and 16 small ones together hardly more: a block holds several steps;
* Grain asks from 16 threads, out of order and far ahead: a lock, so that each block is computed once, and room for all
  the steps that the threads work on;
* workers receive a pickle: it carries the run, never what was computed.
"""

import threading
from typing import Any

import numpy as np
import numpy.typing as npt

from balanceidx_grain._run import Run

# Indices computed in one call: 4,096 cost little more than 64.
_INDICES_AT_ONCE = 1 << 12
# Steps kept beyond the current and the previous block: as many as threads may be busy with.
_STEPS_KEPT = 32


class Blocks:
    """Random access to the batches of every rank of a run.

    >>> import balanceidx as bx
    >>> plan = bx.ratio([0] * 90 + [1] * 10, batch_size=10)
    >>> blocks = Blocks(Run.of(plan, seed=0, world_size=2, blocks=1, num_epochs=None, start=None))
    >>> bool((blocks.row(rank=1, number=13) == plan.batch_indices(0, 3, 1, epoch=1, world_size=2)).all())
    True
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self._steps = min(run.plan.steps_per_epoch, max(1, _INDICES_AT_ONCE // run.local_batch_size))
        self._room = 2 + _STEPS_KEPT // self._steps
        self._forget()

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[int, dict[tuple[int, int], npt.NDArray[np.int64]]] = {}

    def row(self, rank: int, number: int) -> npt.NDArray[np.int64]:
        """Indices of a rank's part of step `number` of the run, counted from epoch 0; not to be written to."""
        epoch, step = divmod(number, self.run.plan.steps_per_epoch)
        block, row = divmod(step, self._steps)
        with self._lock:
            kept = self._kept.setdefault(rank, {})
            found = kept.pop((epoch, block), None)
            if found is None:
                found = self._compute(rank, epoch, block)
                if len(kept) >= self._room:
                    del kept[next(iter(kept))]
            kept[epoch, block] = found  # the dict's order is the order of use
        result: npt.NDArray[np.int64] = found[row]
        return result

    def _compute(self, rank: int, epoch: int, block: int) -> npt.NDArray[np.int64]:
        run = self.run
        start = block * self._steps
        stop = min(start + self._steps, run.plan.steps_per_epoch)
        indices = run.plan.range_indices(
            run.seed, start, stop, rank, epoch=epoch, world_size=run.world_size, blocks=run.blocks
        )
        indices.flags.writeable = False
        return indices.reshape(-1, run.local_batch_size)

    def __getstate__(self) -> dict[str, Any]:
        """Leave what was computed behind."""
        return {name: value for name, value in self.__dict__.items() if name not in ("_lock", "_kept")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Start with nothing computed."""
        self.__dict__.update(state)
        self._forget()
