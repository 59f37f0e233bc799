"""The name to write instead of torch's WeightedRandomSampler."""

from typing import Any

from torch import Tensor

import balanceidx as bx
from balanceidx import _checks
from balanceidx_torch._flat import PlanSampler
from balanceidx_torch._ranks import Ranks


def weighted_sampler(
    weights: Any,
    num_samples: int,
    replacement: bool = True,
    generator: None = None,
    *,
    seed: int = 0,
    batch_size: int | None = None,
    rank: int | None = None,
    world_size: int | None = None,
    iid: bool = False,
) -> PlanSampler:
    """Sampler that draws items in proportion to one weight each, on any number of ranks.

    >>> sampler = weighted_sampler([1.0] * 990 + [99.0] * 10, 1000, seed=0, batch_size=20)
    >>> indices = list(sampler)
    >>> len(indices), sum(index >= 990 for index in indices), sum(index >= 990 for index in indices[:20])
    (1000, 500, 10)

    Parameters
    ----------
    weights : array-like of floats, shape (N,)
        One for each item; a tensor, a list or an array. They need not sum to 1.
    num_samples : int
        Draws per epoch, all ranks together; rounded down to whole batches.
    replacement : bool
        Must be True: an item whose weight asks for it is drawn more than once.
    generator : None
        Not used; takes the place of WeightedRandomSampler's argument.
    seed : int in [0, 2**64)
    batch_size : int, optional
        Items in a global batch, all ranks together, to give every batch its exact share of each weight. By default
        whatever between 32 and 1,024 items a rank loses fewest draws to rounding; batches of another size are then
        close to their share.
    rank, world_size : int, optional
        As in `PlanSampler`. Without `batch_size` they must be known when the sampler is made.
    iid : bool
        Draw independently, as WeightedRandomSampler does, instead of as evenly as the weights allow.

    Returns
    -------
    PlanSampler
        Give its `local_batch_size` to the DataLoader when `batch_size` is given here.

    Raises
    ------
    TypeError, ValueError
        For what `balanceidx.weighted` refuses, and for replacement=False.
    """
    if replacement is not True:
        raise ValueError(
            f"`replacement` (={replacement!r}) must be True: draws in proportion to weights repeat items. For an epoch "
            f"that repeats none, use balanceidx.ratio(labels, epoch_size='undersample', ...)."
        )
    if generator is not None:
        raise TypeError("`generator` is not used here; give `seed` instead, such as seed=generator.initial_seed().")
    count = _checks.integer("num_samples", num_samples, 1, _checks.MAX_DRAWS, "draws per epoch, all ranks together")
    if isinstance(weights, Tensor):  # numpy takes none from another device, with a gradient, or of dtype bfloat16
        weights = weights.detach().cpu()
        weights = (weights.double() if weights.is_floating_point() else weights).numpy()
    weights = _checks.one_dimensional("weights", weights)
    if batch_size is None:
        ranks = Ranks(rank, world_size).now()[1]
        batch_size = ranks * _rank_batch(min(count, len(weights)) // ranks, count // ranks)
    plan = bx.weighted(weights, batch_size=batch_size, epoch_size=count, iid=iid)
    return PlanSampler(plan, seed, rank=rank, world_size=world_size)


def _rank_batch(most: int, draws: int) -> int:
    """Items in a rank's batch: of 32 to 1,024, and at most `most`, the largest that leaves over the fewest draws.

    Not fewer: a rank whose batch is one item would draw only one class for a long time.
    """
    largest = max(1, min(most, 1024))
    return min(range(min(32, largest), largest + 1), key=lambda size: (draws % size, -size))
