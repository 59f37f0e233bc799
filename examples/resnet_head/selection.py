"""Which items each batch holds: the four methods that are compared. Everything else in the example is the same."""

import hashlib
from collections.abc import Callable

import grain
import numpy as np
import numpy.typing as npt

import balanceidx as bx
import balanceidx_grain

Labels = npt.NDArray[np.int64]


def weighted_draws(labels: Labels, batch_size: int) -> bx.Plan:
    """Independent draws, every class equally likely: what torch's WeightedRandomSampler does."""
    return bx.weighted(1 / np.bincount(labels)[labels], batch_size=batch_size, iid=True)


def balanced(labels: Labels, batch_size: int) -> bx.Plan:
    """As many of each class in every batch, and on every device."""
    return bx.ratio(labels, "balanced", batch_size=batch_size)


def at_least(labels: Labels, batch_size: int) -> bx.Plan:
    """The natural shares, but a tenth of every batch is of the rarest class."""
    return bx.min_positives(labels, {int(labels.max()): max(1, batch_size // 10)}, batch_size=batch_size)


METHODS: dict[str, Callable[[Labels, int], bx.Plan] | None] = {
    "natural shuffling": None,  # no plan: Grain's own shuffle
    "weighted draws": weighted_draws,
    "ratio(balanced)": balanced,
    "min_positives": at_least,
}


def select(method: str, labels: Labels, batch_size: int, seed: int, blocks: int) -> tuple["grain.MapDataset", str]:
    """Endless dataset of index arrays, one per step, and a digest of everything that decides them but the seed.

    `blocks` is the number of devices: every device's part of a batch is then composed like the batch.
    """
    make_plan = METHODS[method]
    if make_plan is None:
        everything = grain.MapDataset.source(np.arange(len(labels)))
        return everything.seed(seed).shuffle().repeat().batch(batch_size), hashlib.sha256(labels.data).hexdigest()[:20]
    plan = make_plan(labels, batch_size)
    return balanceidx_grain.batches(plan, seed, blocks=blocks), plan.fingerprint
