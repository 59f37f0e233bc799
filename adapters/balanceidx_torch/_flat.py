"""The flat sampler: ints, for a DataLoader's `sampler`; the shape that most trainers take as it is.

Requirements, and what they led to:

* Lightning, Ray, Composer and ignite replace or reshuffle a sampler unless it is a `DistributedSampler`: it is one;
* the attributes of a `DistributedSampler` are fixed when it is made, but ranks may become known later: they are
  looked up at the time of use.
"""

from typing import Any

from torch.utils.data.distributed import DistributedSampler

from balanceidx import Plan
from balanceidx_torch._base import PlanState
from balanceidx_torch._delivery import Delivery, deliver
from balanceidx_torch._source import PlanSource


class PlanSampler(PlanState, DistributedSampler[int]):
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

    Raises
    ------
    TypeError, ValueError
        For arguments that `Plan.batch_indices` refuses, and for a rank without a world size.
    RuntimeError
        At the first use, when a launcher has started several processes but torch.distributed is not initialised.

    Notes
    -----
    Give the DataLoader `batch_size=sampler.local_batch_size`. Batches of another size are windows of the same stream:
    their composition is then close to the plan's, but not exact.
    """

    shuffle = True
    drop_last = True

    def __init__(self, plan: Plan, seed: int, *, rank: int | None = None, world_size: int | None = None) -> None:
        # The constructor of DistributedSampler would fix the ranks now.
        self._set_up(plan, seed, rank, world_size)
        self.seed = self._seed
        self.dataset: Any = range(plan.num_items)

    def __getattr__(self, name: str) -> int:
        # Asked only for names that are not set: those that DistributedSampler's constructor would have set.
        if name in ("rank", "num_replicas", "world_size"):
            return self._layout()[name != "rank"]
        if name == "num_samples":
            return len(self)
        if name == "total_size":
            return self.plan.steps_per_epoch * self.plan.batch_size
        if name == "epoch":
            return self._epochs.next
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __len__(self) -> int:
        """Indices in an epoch on this rank."""
        return self.plan.steps_per_epoch * self.local_batch_size

    def __iter__(self) -> Delivery[int]:
        """Iterate over the epoch that comes next; without side effects until indices are taken."""
        return deliver(self._source(), self._epochs)

    def _source(self) -> PlanSource:
        return PlanSource(self.plan, self._seed, *self._layout())
