"""Lists of indices, one per step, for a DataLoader's `batch_sampler`.

Requirements, and what they led to:

* a DataLoader calls iter() once or several times for the same epoch: iterating has no side effects;
* collators and trainers expect fresh lists of Python ints, never arrays;
* a process group may not exist yet when the sampler is made in a script without one: then there is one rank.
"""

from collections.abc import Iterator

from balanceidx import Plan

try:
    import torch.distributed
    from torch.utils.data import Sampler
except ImportError as error:  # pragma: no cover - exercised in an environment without torch
    raise ImportError("balanceidx_torch needs PyTorch: pip install 'balanceidx[torch]'") from error

# Indices computed in one call: small enough that the first batch is there at once.
_INDICES_AT_ONCE = 1 << 14


class PlanBatchSampler(Sampler[list[int]]):
    """Batch sampler that yields this rank's part of every global batch of one epoch.

    Parameters
    ----------
    plan : balanceidx.Plan
    seed : int in [0, 2**64)
    rank, world_size : int, optional
        By default those of torch.distributed when it is initialised, else 0 and 1.

    Raises
    ------
    TypeError, ValueError
        For arguments that `Plan.batch_indices` refuses.

    Notes
    -----
    Call `set_epoch(epoch)` before each epoch, as with torch's DistributedSampler; without it every epoch is epoch 0.
    """

    def __init__(self, plan: Plan, seed: int, *, rank: int | None = None, world_size: int | None = None) -> None:
        distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
        self.plan = plan
        self.seed = seed
        self.rank = rank if rank is not None else torch.distributed.get_rank() if distributed else 0
        self.world_size = (
            world_size if world_size is not None else torch.distributed.get_world_size() if distributed else 1
        )
        self.epoch = 0
        plan.range_indices(seed, 0, 0, self.rank, world_size=self.world_size)  # refuses bad arguments here and now

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration plays."""
        self.plan.range_indices(self.seed, 0, 0, epoch=epoch)
        self.epoch = epoch

    def __len__(self) -> int:
        """Number of batches in an epoch."""
        return self.plan.steps_per_epoch

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the batches of the current epoch, each a list of batch_size // world_size ints."""
        return self._batches(self.epoch)

    def _batches(self, epoch: int) -> Iterator[list[int]]:
        steps, width = self.plan.steps_per_epoch, self.plan.batch_size // self.world_size
        at_once = max(1, _INDICES_AT_ONCE // width)
        for start in range(0, steps, at_once):
            stop = min(start + at_once, steps)
            indices = self.plan.range_indices(
                self.seed, start, stop, self.rank, epoch=epoch, world_size=self.world_size
            )
            yield from indices.reshape(-1, width).tolist()
