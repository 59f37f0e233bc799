"""The flat sampler: ints, for a DataLoader's `sampler`; the shape that most trainers take as it is.

Lightning, Ray, Composer and ignite replace or reshuffle a sampler unless it is a `DistributedSampler`: it is one.
"""

from typing import Any

from balanceidx import Plan
from balanceidx_torch._base import PlanState
from balanceidx_torch._delivery import Delivery, deliver
from balanceidx_torch._late import LateDistributedSampler
from balanceidx_torch._source import PlanSource


class PlanSampler(PlanState, LateDistributedSampler[int]):
    """Sampler whose consecutive local batches are this rank's parts of the global batches.

    >>> import balanceidx as bx
    >>> from torch.utils.data import DataLoader
    >>> plan = bx.ratio([0] * 90 + [1] * 10, batch_size=20)
    >>> sampler = PlanSampler(plan, seed=0, rank=1, world_size=2)
    >>> loader = DataLoader(range(100), sampler=sampler, batch_size=sampler.local_batch_size)
    >>> [int((batch >= 90).sum()) for batch in loader]  # five of ten on this rank, in every batch
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

    Notes
    -----
    Give the DataLoader `batch_size=sampler.local_batch_size`, which is known when the process group exists: the sampler
    may be made before it, the DataLoader not. Batches of another size are windows of the same stream: their composition
    is then close to the plan's, but not exact, and `state_dict(step)` still counts the plan's steps, of
    `local_batch_size` items each.
    """

    drop_last = True
    _answered: int | None = None  # world size for which somebody has taken the local batch size

    def __init__(
        self, plan: Plan, seed: int, *, rank: int | None = None, world_size: int | None = None, start: Any = None
    ) -> None:
        self._set_up(plan, seed, rank, world_size, start)
        self.seed = self._seed
        self.dataset: Any = range(plan.num_items)

    def __len__(self) -> int:
        """Indices in an epoch on this rank."""
        return self.plan.steps_per_epoch * super().local_batch_size

    @property
    def local_batch_size(self) -> int:
        """Items in one rank's part of a batch: batch_size // world_size. Ask when the process group exists."""
        size = super().local_batch_size
        self._answered = self._ranks.now()[1]
        return size

    def __iter__(self) -> Delivery[int]:
        """Iterate over the epoch that comes next; without side effects until indices are taken.

        Raises
        ------
        RuntimeError
            When `local_batch_size` was taken for another number of processes than there are now.
        """
        world_size = self._ranks.now()[1]
        if self._answered is not None and self._answered != world_size:
            raise RuntimeError(
                f"`local_batch_size` was taken when `world_size` was {self._answered}, but now it is {world_size}, so "
                f"the DataLoader's batches have the wrong size. Make the DataLoader (and a weighted_sampler without "
                f"`batch_size`) after torch.distributed.init_process_group()."
            )
        return deliver(self._source(), self._epochs)

    def _source(self) -> PlanSource:
        return PlanSource(self.plan, self._seed, *self._layout())
