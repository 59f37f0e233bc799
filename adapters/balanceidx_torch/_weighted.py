"""The name to write instead of torch's WeightedRandomSampler."""

from typing import Any

from torch import Tensor

import balanceidx as bx
from balanceidx import adapting
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
    start: Any = None,
) -> PlanSampler:
    """Sampler that draws items in proportion to one weight each, on any number of ranks.

    >>> sampler = weighted_sampler([1.0] * 990 + [99.0] * 10, 1000, seed=0, batch_size=20)
    >>> indices = list(sampler)
    >>> len(indices), sum(index >= 990 for index in indices), sum(index >= 990 for index in indices[:20])
    (1000, 500, 10)

    Without `batch_size`, batches of any size are close to their share:

    >>> indices = list(weighted_sampler([1.0] * 990 + [99.0] * 10, 1000))
    >>> all(abs(sum(index >= 990 for index in indices[at : at + 30]) - 15) <= 3 for at in range(0, 990, 30))
    True

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
        Items in a global batch, all ranks together, to give every batch its exact share of each weight. By default one
        for each rank: items of equal weight then take turns evenly, so that batches of any size are close to their
        share, and `state_dict(step)` counts draws of this rank, not batches of the DataLoader.
    rank, world_size : int, optional
        As in `PlanSampler`. Without `batch_size` the sampler, too, is made after the process group.
    iid : bool
        Draw independently, as WeightedRandomSampler does, instead of as evenly as the weights allow.
    start : state or Position, optional
        As in `PlanSampler`.

    Returns
    -------
    PlanSampler
        Give its `local_batch_size` to the DataLoader when `batch_size` is given here.

    Raises
    ------
    TypeError, ValueError
        For what `balanceidx.weighted` refuses, and for replacement=False.

    Notes
    -----
    Close to their share: half of the draws being positive, the positives in batches of 32 had a standard deviation of
    0.9 on one process and of 0.8 on one of eight; those of independent draws have 2.8. That is for weights
    of few distinct values, such as inverse class frequencies; where most items have a weight of their own, batches vary
    as independent ones do.
    """
    if replacement is not True:
        raise ValueError(
            f"`replacement` (={replacement!r}) must be True: draws in proportion to weights repeat items. For an epoch "
            f"that repeats none, use balanceidx.ratio(labels, epoch_size='undersample', ...)."
        )
    if generator is not None:
        raise TypeError("`generator` is not used here; give `seed` instead, such as seed=generator.initial_seed().")
    count = adapting.integer("num_samples", num_samples, 1, adapting.MAX_DRAWS, "draws per epoch, all ranks together")
    if isinstance(weights, Tensor):  # numpy takes none from another device, with a gradient, or of dtype bfloat16
        weights = weights.detach().cpu()
        weights = (weights.double() if weights.is_floating_point() else weights).numpy()
    weights = adapting.one_dimensional("weights", weights)
    made_for = None
    if batch_size is None:
        # The DataLoader's batches are not known here, and those of the plan are shuffled inside: windows of 32 draws of
        # a plan batch of 1,000 varied as independent draws do. One draw a rank leaves all the order to the plan.
        batch_size = made_for = Ranks(rank, world_size).now()[1]
    plan = bx.weighted(weights, batch_size=batch_size, epoch_size=count, iid=iid)
    sampler = PlanSampler(plan, seed, rank=rank, world_size=world_size, start=start)
    sampler._answered = made_for
    return sampler
