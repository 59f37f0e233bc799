"""A class with less than one item a rank and batch goes round the ranks: within an epoch, and from epoch to epoch."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings

import balanceidx as bx
from strategies import cases, divisors, epochs, seeds


def held(plan, group, label, world_size, epoch=0, blocks=1):
    """Items of a label in every block of every rank at each step: shape (world_size * blocks, steps)."""
    parts = [
        group[plan.epoch_indices(0, rank, epoch=epoch, world_size=world_size, blocks=blocks)]
        .reshape(plan.steps_per_epoch, blocks, -1)
        .swapaxes(0, 1)
        for rank in range(world_size)
    ]
    return (np.concatenate(parts) == label).sum(axis=2)


@settings(max_examples=80)
@given(cases(), seeds, epochs)
def test_every_part_gets_its_share_of_every_class_in_a_chapter(case, seed, epoch):
    """Less than 1 + u - g draws from it (docs/promises.md, G2), for every number of parts at once."""
    plan = case.plan
    chapters = plan._evaluator.chapters
    dealt = plan.epoch_indices(seed, epoch=epoch, order="dealt").reshape(plan.steps_per_epoch, -1)
    starts = chapters.start(np.arange(chapters.count + 1)).tolist()
    for begin, end in list(itertools.pairwise(starts))[:20]:
        passed_over = next(more for more in itertools.count() if math.gcd(end - begin + more, plan.batch_size) == 1)
        whole = case.composition(dealt[begin:end].reshape(-1), 1)
        for stride in divisors(plan.batch_size):
            parts = np.concatenate([dealt[begin:end, first::stride].reshape(-1) for first in range(stride)])
            drawn = case.composition(parts, stride)
            assert np.abs(drawn - whole / stride).max() < 1 + passed_over


LONE = np.array([0] * 999 + [1])


@pytest.mark.parametrize("minimum", [1, 2, 3])
@pytest.mark.parametrize(("world_size", "blocks"), [(4, 1), (2, 4), (8, 1), (1, 8)])
def test_a_minimum_below_the_number_of_parts_goes_round_them(minimum, world_size, blocks):
    plan = bx.min_positives(LONE, {1: minimum}, batch_size=8)
    part = held(plan, LONE, 1, world_size, blocks=blocks)
    # Turns are exact within a chapter, and chapters are shuffled: here a chapter is a pass of the one item.
    chance = minimum / len(part)
    spread = np.sqrt(plan.steps_per_epoch * chance * (1 - chance))
    assert np.abs(part.sum(axis=1) - plan.steps_per_epoch * chance).max() < 4 * spread, part.sum(axis=1)


def test_a_lone_positive_reaches_every_rank_as_epochs_pass():
    plan = bx.stratified(LONE, batch_size=8)
    seen = sum(held(plan, LONE, 1, 4, epoch).sum(axis=1) for epoch in range(200))
    assert seen.sum() == 200
    assert seen.min() >= 30  # 50 each, with a standard deviation of 6.1


@pytest.mark.parametrize("count", [2, 8, 20])
def test_every_rank_sees_every_class_in_an_epoch(count):
    labels = np.arange(1000) % count
    plan = bx.ratio(labels, batch_size=8)
    for label in range(count):
        seen = held(plan, labels, label, 8).sum(axis=1)
        spread = np.sqrt(seen.sum() / 8 * 7 / 8)
        assert np.abs(seen - seen.sum() / 8).max() < 4 * spread, f"class {label} by rank: {seen}"


def test_without_turns_a_rank_would_never_see_a_class(monkeypatch):
    """The control: the deal as it would be if slots were the places themselves."""
    from balanceidx._format import deal

    monkeypatch.setattr(
        deal.Rows,
        "first_places",
        lambda self, layout: np.tile(np.array(layout.first, np.int64), (len(self.batch), 1)),
    )
    labels = np.arange(1000) % 2
    plan = bx.ratio(labels, {0: 7, 1: 1}, batch_size=8)
    seen = held(plan, labels, 1, 8).sum(axis=1)
    assert seen.min() == 0
