"""One element per step: this rank's part of the global batch.

Requirements, and what they led to:

* workers stride a dataset's elements, and shard options stride them again: an element is a whole batch, so whatever
  strides them can reorder batches but never change what a batch holds;
* Grain has no notion of an epoch: element t is step t mod T of epoch t div T, and the length covers all epochs;
* workers receive a pickle of the dataset: a plan pickles without its tables.
"""

import sys
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from balanceidx import Plan

try:
    import grain
except ImportError as error:  # pragma: no cover - exercised in an environment without Grain
    raise ImportError("balanceidx_grain needs Grain: pip install 'balanceidx[grain]'") from error


@dataclass(frozen=True)
class _Batches:
    """Random access to the batches of one rank, as Grain wants it."""

    plan: Plan
    seed: int
    rank: int
    world_size: int
    blocks: int
    length: int

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> npt.NDArray[np.int64]:
        epoch, step = divmod(index, self.plan.steps_per_epoch)
        return self.plan.batch_indices(
            self.seed, step, self.rank, epoch=epoch, world_size=self.world_size, blocks=self.blocks
        )


def batches(
    plan: Plan, seed: int, *, rank: int = 0, world_size: int = 1, blocks: int = 1, num_epochs: int | None = None
) -> "grain.MapDataset[npt.NDArray[np.int64]]":
    """Dataset whose element t is this rank's index array for step t.

    Map a loading function over it; augment after that, so that an item drawn twice is augmented twice.

    Parameters
    ----------
    plan, seed, rank, world_size, blocks
        As in `Plan.batch_indices`.
    num_epochs : int, optional
        Number of epochs, one after the other; None for no end.

    Returns
    -------
    grain.MapDataset of int64 arrays of shape (batch_size // world_size,)

    Raises
    ------
    TypeError, ValueError
        For arguments that `Plan.batch_indices` refuses, and for fewer than one epoch.
    """
    plan.range_indices(seed, 0, 0, rank, world_size=world_size, blocks=blocks)  # refuses bad arguments here and now
    if num_epochs is not None and (isinstance(num_epochs, bool) or not isinstance(num_epochs, int) or num_epochs < 1):
        raise ValueError(f"`num_epochs` must be a positive integer or None for no end, not {num_epochs!r}.")
    most = min(sys.maxsize, 2**32 * plan.steps_per_epoch)
    length = most if num_epochs is None else min(most, num_epochs * plan.steps_per_epoch)
    return grain.MapDataset.source(_Batches(plan, seed, rank, world_size, blocks, length))
