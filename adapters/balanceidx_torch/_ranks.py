"""Who am I: this process's rank, and how many processes share a batch.

Requirements, and what they led to:

* scripts make samplers before the trainer has made the process group: nobody asks before the first index is needed;
* four processes that each believe to be the only one train on the same data without a word: that is an error here;
* one of `rank` and `world_size` alone says nothing: both are given, or neither.
"""

import os
from dataclasses import dataclass

import torch.distributed


@dataclass(frozen=True)
class Ranks:
    """Rank and world size, given or to be asked of torch.distributed at the time of use.

    >>> Ranks(1, 4).now()
    (1, 4)
    >>> Ranks().now()
    (0, 1)
    """

    rank: int | None = None
    world_size: int | None = None

    def __post_init__(self) -> None:
        if (self.rank is None) != (self.world_size is None):
            raise ValueError(
                f"`rank` (={self.rank}) and `world_size` (={self.world_size}) go together: give both, or neither to "
                f"take them from torch.distributed."
            )

    def known(self) -> bool:
        """Whether `now` has an answer that no later process group will change."""
        return self.rank is not None or _initialised()

    def now(self) -> tuple[int, int]:
        """Rank and world size at this moment.

        Raises
        ------
        RuntimeError
            When a launcher has started several processes, but torch.distributed is not initialised.
        """
        if self.rank is not None and self.world_size is not None:
            return self.rank, self.world_size
        if _initialised():
            return torch.distributed.get_rank(), torch.distributed.get_world_size()
        started = os.environ.get("WORLD_SIZE", "1")
        if started != "1":
            raise RuntimeError(
                f"A launcher has started {started} processes (WORLD_SIZE={started}), but torch.distributed is not "
                f"initialised, so every process would take the whole batch. Call "
                f"torch.distributed.init_process_group() first, or give `rank` and `world_size`."
            )
        return 0, 1


def _initialised() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()
