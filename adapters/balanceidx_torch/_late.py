"""A `DistributedSampler` by type that learns its rank late.

Trainers look up the attributes of a `DistributedSampler`, whose constructor fixes them; but a sampler is often made
before the process group is. Here they are looked up at the time of use.
"""

from typing import TypeVar

from torch.utils.data.distributed import DistributedSampler

from balanceidx_torch._epochs import Epochs

T = TypeVar("T", covariant=True)


class LateDistributedSampler(DistributedSampler[T]):
    """Whoever inherits never calls the constructor of DistributedSampler; it says where it stands by `_layout`."""

    shuffle = True
    _epochs: Epochs

    def _layout(self) -> tuple[int, int]:
        """Rank and world size at this moment."""
        raise NotImplementedError

    def __getattr__(self, name: str) -> int:
        # Asked only for names that are not set: those that DistributedSampler's constructor would have set.
        if name in ("rank", "num_replicas", "world_size"):
            return self._layout()[name != "rank"]
        if name == "num_samples":
            return len(self)
        if name == "total_size":
            return len(self) * self._layout()[1]
        if name == "epoch":
            return self._epochs.next
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
