"""Measure the figures that README.md and the pages of docs/ show: python docs/measure_claims.py

Prints markdown tables; a test looks each of them up in the pages. All seeds are fixed, and torch's samplers are called
as their users call them.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DistributedSampler, RandomSampler, WeightedRandomSampler

import balanceidx as bx
from balanceidx._format.deal import Deal
from balanceidx._format.halving import Hierarchy
from balanceidx_torch import weighted_sampler

Array = npt.NDArray[np.int64]

ITEMS, POSITIVES = 100_000, 1_000
LABELS = (np.arange(ITEMS) >= ITEMS - POSITIVES).astype(int)


def batches() -> str:
    """Composition and coverage at 1 % positives in batches of 32."""
    one = bx.min_positives(LABELS, {1: 1}, batch_size=32)
    half = bx.ratio(LABELS, batch_size=32)
    half_on_8 = bx.ratio(LABELS, batch_size=256)
    theirs, ours = [[draw(0), draw(1)] for draw in (independent, lambda seed: half.epoch_indices(0, epoch=seed))]
    shuffles = np.concatenate([positives(shuffled(seed)) for seed in range(20)])
    ranks = np.concatenate([positives(independent(rank, length=ITEMS // 8)) for rank in range(8)])
    our_ranks = np.concatenate([positives(half_on_8.epoch_indices(0, rank, world_size=8)) for rank in range(8)])
    return table(
        (f"{ITEMS:,} items, 1 % positive, batches of 32", "torch", "balanceidx"),
        (
            "batches without a positive: `shuffle=True` and `min_positives(labels, {1: 1})`",
            percent((shuffles == 0).mean()),
            percent((positives(one.epoch_indices(0)) == 0).mean()),
        ),
        (
            "positives in a batch, half wanted: `WeightedRandomSampler` and `ratio(labels)`",
            span(positives(theirs[0])),
            span(positives(ours[0])),
        ),
        ("the same on each of 8 ranks, 32 items a rank", span(ranks), span(our_ranks)),
        ("draws of one positive in an epoch", span(uses(theirs[0])[LABELS == 1]), span(uses(ours[0])[LABELS == 1])),
        ("negatives not seen after one epoch", unseen(theirs[:1]), unseen(ours[:1])),
        ("negatives not seen after two epochs", unseen(theirs), unseen(ours)),
    )


def coverage() -> str:
    """Epochs until every one of 200 + 20 items was seen, over 100 seeds."""
    labels = np.repeat([0, 1], [200, 20])
    plan = bx.ratio(labels, batch_size=20)

    def measure(epoch: Callable[[int, int], Array]) -> tuple[str, str]:
        until = np.array([epochs_until_all_seen(lambda e, seed=seed: epoch(seed, e), 220) for seed in range(100)])
        most = np.array([uses(epoch(seed, 0), 220)[labels == 1].max() for seed in range(100)])
        mean = "" if until.min() == until.max() else f", mean {until.mean():.1f}"
        return span(until) + mean, span(most)

    theirs = measure(lambda seed, e: independent(1000 * seed + e, labels))
    ours = measure(lambda seed, e: plan.epoch_indices(seed, epoch=e))
    return table(
        ("200 items of one class and 20 of another, balanced, 100 seeds", "`WeightedRandomSampler`", "`ratio(labels)`"),
        ("epochs until every item was seen", theirs[0], ours[0]),
        ("draws of the most drawn rare item in an epoch", theirs[1], ours[1]),
    )


def limits() -> str:
    """Two things that samplers of torch do or refuse."""

    def order(seed: int, epoch: int) -> list[int]:
        sampler: DistributedSampler[int] = DistributedSampler(range(1000), num_replicas=1, rank=0, seed=seed)
        sampler.set_epoch(epoch)
        return list(sampler)

    plan = bx.stratified([0] * 1000, batch_size=10)
    collide = np.array_equal(plan.epoch_indices(0, epoch=1), plan.epoch_indices(1, epoch=0))
    many = 2**24 + 1
    try:
        next(iter(WeightedRandomSampler(torch.ones(many), 10)))  # type: ignore[arg-type]
        refusal = "allowed"
    except RuntimeError as error:
        refusal = f"`RuntimeError: {error}`"
    assert len(bx.weighted(np.ones(many), batch_size=10).batch_indices(0, 0)) == 10
    return table(
        ("limits", "torch", "balanceidx"),
        (
            "seed 0, epoch 1 repeats seed 1, epoch 0 (`DistributedSampler`)",
            yes(order(0, 1) == order(1, 0)),
            yes(collide),
        ),
        ("weights for 2**24 + 1 items (`WeightedRandomSampler`)", refusal, "allowed"),
    )


def smoothness() -> str:
    """How far, in draws, a class is from its fair share after any number of steps of an epoch."""
    short, long = farthest(1500, most_steps=3_000, most_classes=60), farthest(50, most_steps=300_000, most_classes=20)
    return table(
        (
            "largest distance from the fair share, in draws",
            "1,500 random plans, up to 60 classes, 3,000 steps",
            "50 random plans, up to 20 classes, 300,000 steps",
        ),
        ("the time order of balanceidx", f"{short[0]:.1f}", f"{long[0]:.1f}"),
        ("the same batches in a random order", f"{short[1]:.1f}", f"{long[1]:.1f}"),
    )


def one_chapter(draws: Array, steps: int, seed: int, epoch: int) -> Deal:
    """The deal of an epoch that is one chapter."""
    hierarchy = Hierarchy.of([np.arange(len(draws), dtype=np.uint64)], [np.zeros(len(draws), np.intp)])
    before, starts = np.zeros((1, len(draws)), np.int64), np.array([0, steps])
    return Deal.of(hierarchy, draws[None], before, starts, seed, epoch, 0)


def farthest(plans: int, most_steps: int, most_classes: int) -> tuple[float, float]:
    """Largest distance over random plans, in our order of the batches and in a random one."""
    generator = np.random.default_rng(0)
    worst = [0.0, 0.0]
    for _ in range(plans):
        steps, batch_size, count = (int(generator.integers(1, most + 1)) for most in (most_steps, 256, most_classes))
        cuts = np.sort(generator.integers(0, steps * batch_size + 1, count - 1))
        draws = np.diff(cuts, prepend=0, append=steps * batch_size)
        deal = one_chapter(draws, steps, seed=int(generator.integers(2**63)), epoch=int(generator.integers(100)))
        boundary = np.cumsum([0, *draws[deal.order[0]]])
        for which, order in enumerate((deal.rows(0, steps).batch[:, 0], generator.permutation(steps))):
            seats_below = boundary[:, None] // steps + (order < boundary[:, None] % steps)  # in each batch, as played
            drawn = np.cumsum(np.diff(seats_below, axis=0), axis=1)
            fair = np.diff(boundary)[:, None] * np.arange(1, steps + 1) / steps
            worst[which] = max(worst[which], float(np.abs(drawn - fair).max()))
    return worst[0], worst[1]


def turns(plans: int = 800, most_steps: int = 3_000, most_classes: int = 60) -> str:
    """How far, in items, a rank's part of an epoch is from its share of a class; also without the turns."""
    generator = np.random.default_rng(1)
    worst = [0.0, 0.0]
    for _ in range(plans):
        steps, batch_size, count = (int(generator.integers(1, most + 1)) for most in (most_steps, 256, most_classes))
        world_size = int(generator.choice([w for w in range(1, batch_size + 1) if batch_size % w == 0]))
        cuts = np.sort(generator.integers(0, steps * batch_size + 1, count - 1))
        draws = np.diff(cuts, prepend=0, append=steps * batch_size)
        deal = one_chapter(draws, steps, seed=int(generator.integers(2**63)), epoch=int(generator.integers(100)))
        place, batch = np.divmod(np.arange(steps * batch_size), steps)
        in_line = draws[deal.order[0]]
        position = np.repeat(np.arange(count), in_line)
        for which, slot in enumerate((place * deal.slot_multiplier[0] + batch + deal.slot_offset[0], place)):
            held = np.bincount(position * world_size + slot % world_size, minlength=count * world_size)
            fair = in_line[:, None] / world_size
            worst[which] = max(worst[which], float(np.abs(held.reshape(count, world_size) - fair).max()))
    return table(
        (f"items of a class on a rank in a chapter, {plans} random plans", "largest distance from its share"),
        ("as balanceidx deals", f"{worst[0]:.1f}"),
        ("slots in the order of the places", f"{worst[1]:.1f}"),
    )


def waits(plans: int = 300, most_steps: int = 50_000) -> str:
    """How long a rank waits for its next item of a class that has one in every batch, in rounds of all ranks."""
    generator = np.random.default_rng(2)
    longest: list[float] = []
    for _ in range(plans):
        batch_size = int(generator.choice([8, 24, 64, 100, 256, 1000, 4096]))
        steps = int(np.exp(generator.uniform(np.log(300), np.log(most_steps))))
        deal = one_chapter(np.array([steps, steps * (batch_size - 1)]), steps, seed=0, epoch=0)
        for world_size in (w for w in range(2, 65) if batch_size % w == 0):
            turns = np.flatnonzero(deal.rows(0, steps).batch[:, 0] % world_size == 0)
            longest.append(float(np.diff(turns).max()) / world_size)
    return table(
        (f"longest wait of a rank, in rounds of all ranks, {plans} random plans, up to 64 ranks", ""),
        ("half of them", f"{np.median(longest):.1f}"),
        ("99 of 100", f"{np.quantile(longest, 0.99):.1f}"),
        ("all", f"{max(longest):.1f}"),
    )


def windows(loader_batch: int = 32) -> str:
    """Positives in a DataLoader's batches, whose size the sampler knows or not; 5 % of the items are positive."""
    found: dict[str, list[Array]] = {}
    for items in (1_000, 10_000, 12_345, 60_000):
        rare = np.arange(items) < items // 20
        weights = np.where(rare, 1 / rare.sum(), 1 / (~rare).sum())

        def held(sampler: Iterable[int], rare: npt.NDArray[np.bool_] = rare) -> Array:
            drawn = rare[np.fromiter(sampler, np.int64)]
            return drawn[: len(drawn) // loader_batch * loader_batch].reshape(-1, loader_batch).sum(axis=1)

        for seed in range(10):
            generator = torch.Generator().manual_seed(seed)
            theirs = WeightedRandomSampler(weights.tolist(), items, generator=generator)
            found.setdefault("`WeightedRandomSampler`", []).append(held(theirs))
            for name, batch_size, world_size in (
                ("`weighted_sampler` without `batch_size`, one process", None, 1),
                ("... each of 8 processes", None, 8),
                ("with `batch_size=32`, one process", loader_batch, 1),
            ):
                for rank in range(world_size):
                    ours = weighted_sampler(
                        weights, items, seed=seed, rank=rank, world_size=world_size, batch_size=batch_size
                    )
                    found.setdefault(name, []).append(held(ours))
    counts = {name: np.concatenate(parts) for name, parts in found.items()}
    return table(
        (
            f"positives in batches of {loader_batch}, half wanted, epochs of 1,000 to 60,000 draws, 10 seeds",
            "standard deviation",
            "range",
        ),
        *((name, f"{held.std():.1f}", span(held)) for name, held in counts.items()),
    )


def independent(seed: int, labels: Array = LABELS, length: int | None = None) -> Array:
    """One epoch of WeightedRandomSampler with inverse class frequencies."""
    weights = (1 / np.bincount(labels))[labels].tolist()
    generator = torch.Generator().manual_seed(seed)
    return np.array(list(WeightedRandomSampler(weights, length or len(labels), generator=generator)))


def shuffled(seed: int) -> Array:
    """One epoch of `shuffle=True`."""
    return np.array(list(RandomSampler(range(ITEMS), generator=torch.Generator().manual_seed(seed))))


def positives(indices: Array) -> Array:
    """Positives in each full batch of 32."""
    full = len(indices) // 32 * 32
    return LABELS[indices[:full]].reshape(-1, 32).sum(axis=1)


def uses(indices: Array, count: int = ITEMS) -> Array:
    """How often each item is drawn."""
    return np.bincount(indices, minlength=count)


def unseen(epochs: Sequence[Array]) -> str:
    """Share of the negatives that no epoch holds."""
    return percent((uses(np.concatenate(epochs))[LABELS == 0] == 0).mean())


def epochs_until_all_seen(epoch: Callable[[int], Array], count: int) -> int:
    """Number of epochs after which every item was drawn."""
    seen = np.zeros(count, np.bool_)
    number = 0
    while not seen.all():
        seen[epoch(number)] = True
        number += 1
    return number


def table(head: Sequence[str], *rows: Sequence[str]) -> str:
    """Write a markdown table."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def span(values: Array) -> str:
    """Smallest to largest."""
    low, high = int(values.min()), int(values.max())
    return f"{low}" if low == high else f"{low} to {high}"


def percent(share: float) -> str:
    """A share to a tenth of a percent."""
    return f"{100 * share:.1f} %"


def yes(answer: bool) -> str:
    """An answer in words."""
    return "yes" if answer else "no"


if __name__ == "__main__":
    print("\n\n".join(measure() for measure in (batches, coverage, limits, smoothness, turns, waits, windows)))
