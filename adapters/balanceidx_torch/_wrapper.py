"""Any finite sampler made distributed: every rank replays the whole of it and keeps its share.

Requirements, and what they led to:

* ranks must see the same order without talking to each other: they replay it from (seed, epoch), see `_replay`;
* the wrapped sampler may count epochs too: `set_epoch` reaches it;
* one index for a rank, or none, is as good as any number: shares are lists, whatever their length.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Any

from torch.utils.data.distributed import DistributedSampler

from balanceidx import adapting
from balanceidx_torch._base import PlanState
from balanceidx_torch._delivery import Delivery, deliver
from balanceidx_torch._epochs import Epochs
from balanceidx_torch._late import LateDistributedSampler
from balanceidx_torch._ranks import Ranks
from balanceidx_torch._replay import forward_epoch, nested, replay
from balanceidx_torch._repr import described


class DistributedSamplerWrapper(LateDistributedSampler[Any]):
    """Give each rank every world_size-th element of any finite sampler or batch sampler.

    >>> from torch.utils.data import SequentialSampler
    >>> sampler = SequentialSampler(range(5))
    >>> [list(DistributedSamplerWrapper(sampler, seed=0, rank=rank, world_size=2)) for rank in range(2)]
    [[0, 2, 4], [1, 3, 0]]

    Parameters
    ----------
    sampler : iterable of indices or batches
        Iterated anew for every epoch; must end. `len` of the wrapper needs a sampler that has one.
    seed : int in [0, 2**64)
        Together with the epoch it seeds whatever random state the sampler uses: torch's, numpy's and Python's global
        ones, and the generators among the attributes of the sampler and of its own `sampler`.
    rank, world_size : int, optional
        As in `PlanSampler`.
    drop_last : bool
        Leave out what is left when world_size does not divide the number of elements, instead of repeating elements
        from the beginning.

    Raises
    ------
    TypeError
        For a sampler that can be iterated once only, and for one that shares its elements among ranks already, or
        contains one that does: those of this package, and a DistributedSampler for one rank of several.
    ValueError
        For a rank without a world size, or outside it.

    Notes
    -----
    A sampler that draws from a source of randomness not named above must itself yield the same order on every rank.
    Every rank computes the whole epoch, and no rank gets an exact composition: for weights, see `weighted_sampler`.
    """

    def __init__(
        self,
        sampler: Iterable[Any],
        seed: int = 0,
        *,
        rank: int | None = None,
        world_size: int | None = None,
        drop_last: bool = False,
    ) -> None:
        if not isinstance(sampler, Iterable) or isinstance(sampler, Iterator):
            raise TypeError(
                f"`sampler` must be iterable once for every epoch, which {type(sampler).__name__} is not; give a "
                f"sampler, a list or a range."
            )
        for one in nested(sampler):
            _refuse_shared(one, "is" if one is sampler else "contains")
        if not isinstance(drop_last, bool):
            raise TypeError(f"`drop_last` must be True or False, not {drop_last!r}.")
        self.sampler = sampler
        self.seed = adapting.seed(seed)
        self.drop_last = drop_last
        self.dataset: Any = sampler
        self._ranks = Ranks(rank, world_size)
        self._epochs = Epochs()
        if self._ranks.known():
            self._layout()

    def __repr__(self) -> str:
        """The sampler inside, seed and the epoch that comes next, with rank and world size where they are known."""
        return described(self, "sampler", "seed")

    def _layout(self) -> tuple[int, int]:
        rank, world_size = self._ranks.now()
        return adapting.ranks(rank, world_size)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iterations play, here and in the wrapped sampler."""
        self._epochs.choose(adapting.epoch(epoch))
        forward_epoch(self.sampler, epoch)

    def __len__(self) -> int:
        """Elements of an epoch on this rank."""
        return _share(len(self.sampler), self._layout()[1], self.drop_last)  # type: ignore[arg-type]

    def __iter__(self) -> Delivery[Any]:
        """Iterate over this rank's elements of the epoch that comes next."""
        return deliver(_Shares(self.sampler, self.seed, *self._layout(), self.drop_last), self._epochs)


def _refuse_shared(sampler: object, verb: str) -> None:
    """Refuse what yields one rank's share: every rank is to see the same elements."""
    kind = type(sampler).__name__
    if isinstance(sampler, PlanState | DistributedSamplerWrapper):
        raise TypeError(f"`sampler` {verb} a {kind}, which shares its batches among ranks itself; use it as it is.")
    if isinstance(sampler, DistributedSampler) and sampler.num_replicas != 1:
        raise TypeError(
            f"`sampler` {verb} a {kind} for rank {sampler.rank} of {sampler.num_replicas}, so that each rank would get "
            f"a share of a share; make it with num_replicas=1 and rank=0, or use it alone."
        )


def _share(total: int, world_size: int, drop_last: bool) -> int:
    return total // world_size if drop_last else -(-total // world_size)


@dataclass
class _Shares:
    """One rank's elements of an epoch; each is a step, and the epoch is replayed when the first is wanted."""

    sampler: Iterable[Any]
    seed: int
    rank: int
    world_size: int
    drop_last: bool
    per_step: int = 1
    indices_per_step: int = 1
    _replayed: dict[int, list[Any]] = field(default_factory=dict)

    def _share(self, epoch: int) -> list[Any]:
        if epoch not in self._replayed:
            forward_epoch(self.sampler, epoch)
            everything = replay(self.sampler, self.seed, epoch)
            total = _share(len(everything), self.world_size, self.drop_last) * self.world_size
            repeated = islice(cycle(everything), total)  # or cut, when the total is smaller
            self._replayed = {epoch: list(islice(repeated, self.rank, None, self.world_size))}
        return self._replayed[epoch]

    def steps(self, epoch: int) -> int:
        return len(self._share(epoch))

    def fetch(self, epoch: int, start: int, stop: int) -> list[Any]:
        return self._share(epoch)[start:stop]

    def write(self, epoch: int, step: int, within: int) -> dict[str, Any]:
        return {"seed": self.seed, "world_size": self.world_size, "epoch": epoch, "step": step}

    def read(self, state: Mapping[str, Any]) -> tuple[int, int, int]:
        missing = [
            name
            for name in ("seed", "world_size", "epoch", "step")
            if not isinstance(state, Mapping) or name not in state
        ]
        if missing:
            raise ValueError(f"`state` is not one of a DistributedSamplerWrapper: it lacks {', '.join(missing)}.")
        for name, own in (("seed", self.seed), ("world_size", self.world_size)):
            if state[name] != own:
                raise ValueError(
                    f"`state` was saved with {name} {state[name]!r}, but this sampler has {name} {own!r}; make it "
                    f"with {name}={state[name]!r}, or start at the beginning of an epoch."
                )
        epoch = adapting.integer("state['epoch']", state["epoch"], 0, adapting.MAX_EPOCHS)
        steps = self.steps(epoch)
        return epoch, adapting.integer("state['step']", state["step"], 0, steps + 1, f"of {steps} an epoch"), 0
