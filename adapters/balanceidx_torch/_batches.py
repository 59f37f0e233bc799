"""The batch samplers: lists of ints, for a DataLoader's `batch_sampler`.

Requirements, and what they led to:

* collators and trainers expect fresh lists of Python ints, never arrays;
* trainers look for `batch_size` and `drop_last`, and call `set_epoch` only on `batch_sampler.sampler` or on
  `batch_sampler.batch_sampler`: both are the batch sampler itself;
* ignite and accelerate ask for torch's `BatchSampler` by type: both inherit from it, and never call its constructor;
* accelerate gives batch i to process i mod W: there is one shape that yields the ranks' parts in that order. A block
  of one rank is, by the stream format, what a rank with the same number gets.
"""

from typing import Any

from torch.utils.data import BatchSampler

from balanceidx import Plan
from balanceidx_torch._base import PlanState
from balanceidx_torch._delivery import Delivery, deliver
from balanceidx_torch._source import PlanSource


class _BatchSampler(PlanState, BatchSampler):
    """What both have: the names that trainers look for."""

    drop_last = True

    @property
    def sampler(self) -> "_BatchSampler":  # type: ignore[override]
        """Itself: trainers call `batch_sampler.sampler.set_epoch`."""
        return self

    @property
    def batch_sampler(self) -> "_BatchSampler":
        """Itself: Transformers calls `batch_sampler.batch_sampler.set_epoch`, in some steps of a run."""
        return self

    @property
    def batch_size(self) -> int:  # type: ignore[override]
        """Indices in each list."""
        return self.local_batch_size

    @property
    def seed(self) -> int:
        """The seed."""
        return self._seed

    @property
    def epoch(self) -> int:
        """The epoch that an iteration begun now plays."""
        return self._epochs.next

    @property
    def world_size(self) -> int:
        """Number of processes that share a batch."""
        return self._layout()[1]

    def __iter__(self) -> Delivery[list[int]]:
        """Iterate over the epoch that comes next; without side effects until lists are taken."""
        return deliver(self._source(), self._epochs)


class PlanBatchSampler(_BatchSampler):
    """Batch sampler that yields this rank's part of every global batch of one epoch.

    >>> import balanceidx as bx
    >>> from torch.utils.data import DataLoader
    >>> plan = bx.ratio([0] * 90 + [1] * 10, batch_size=20)
    >>> sampler = PlanBatchSampler(plan, seed=0, rank=1, world_size=2)
    >>> [int((batch >= 90).sum()) for batch in DataLoader(range(100), batch_sampler=sampler)]
    [5, 5, 5, 5, 5]

    Parameters
    ----------
    plan : balanceidx.Plan
    seed : int in [0, 2**64)
    rank, world_size : int, optional
        By default those of torch.distributed when the sampler is used, which may be initialised later than the sampler
        is made; 0 and 1 without it.
    start : state or Position, optional
        Where to begin, saved by any sampler or stream of the plan, for any world size. The epoch in it is played from
        its step on; later ones are whole. `len` is that of a whole epoch.

    Raises
    ------
    TypeError, ValueError
        For arguments that `Plan.batch_indices` refuses, and for a rank without a world size.
    RuntimeError
        At the first use, when a launcher has started several processes but torch.distributed is not initialised.
    """

    def __init__(
        self, plan: Plan, seed: int, *, rank: int | None = None, world_size: int | None = None, start: Any = None
    ) -> None:
        self._set_up(plan, seed, rank, world_size, start)

    @property
    def rank(self) -> int:
        """Number of this process."""
        return self._layout()[0]

    def __len__(self) -> int:
        """Batches in an epoch."""
        return self.plan.steps_per_epoch

    def _source(self) -> PlanSource:
        return PlanSource(self.plan, self._seed, *self._layout(), list_size=self.local_batch_size)


class InterleavedPlanBatchSampler(_BatchSampler):
    """Batch sampler that yields every rank's part: step 0 of rank 0, step 0 of rank 1, ..., step 1 of rank 0, ...

    For accelerate and others who give every world_size-th batch to a process: each then gets its rank's part.

    >>> import balanceidx as bx
    >>> plan = bx.ratio([0] * 90 + [1] * 10, batch_size=20)
    >>> batches = list(InterleavedPlanBatchSampler(plan, seed=0, world_size=2))
    >>> len(batches), batches[7] == plan.batch_indices(seed=0, step=3, rank=1, world_size=2).tolist()
    (10, True)

    Parameters
    ----------
    plan : balanceidx.Plan
    seed : int in [0, 2**64)
    world_size : int, optional
        Number of processes among which the batches will be shared. By default that of torch.distributed when the
        sampler is used; 1 without it.
    start : state or Position, optional
        As in `PlanBatchSampler`.

    Raises
    ------
    TypeError, ValueError
        For arguments that `Plan.batch_indices` refuses.
    RuntimeError
        At the first use, when a launcher has started several processes but torch.distributed is not initialised.
    """

    def __init__(self, plan: Plan, seed: int, *, world_size: int | None = None, start: Any = None) -> None:
        self._set_up(plan, seed, None if world_size is None else 0, world_size, start)

    def __len__(self) -> int:
        """Batches in an epoch, those of all ranks."""
        return self.plan.steps_per_epoch * self.world_size

    def _source(self) -> PlanSource:
        return PlanSource(self.plan, self._seed, 0, 1, blocks=self.world_size, list_size=self.local_batch_size)
