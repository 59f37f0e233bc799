"""What other samplers get wrong, as far as it concerns the core: each defect is a test."""

import math

import numpy as np
import pytest

import balanceidx as bx


def held_by_ranks(plan: bx.Plan, labels: np.ndarray, label: int, world_size: int, epoch: int = 0) -> np.ndarray:
    """How many items of a label each rank holds at each step: shape (world_size, steps)."""
    return np.array(
        [
            (labels[plan.epoch_indices(0, rank, epoch=epoch, world_size=world_size)] == label)
            .reshape(plan.steps_per_epoch, -1)
            .sum(axis=1)
            for rank in range(world_size)
        ]
    )


def test_epochs_differ_and_together_see_every_item():
    # A batch generator whose epochs are identical shows 100 of 900 items of the majority, ever.
    labels = np.repeat([0, 1], [900, 100])
    plan = bx.ratio(labels, batch_size=20, epoch_size=200)
    epochs = [plan.epoch_indices(0, epoch=epoch) for epoch in range(9)]
    assert len({epoch.tobytes() for epoch in epochs}) == 9
    assert len(np.unique(np.concatenate(epochs))) == 1000


@pytest.mark.parametrize("world_size", [1, 2, 5])
def test_the_length_is_what_is_yielded(world_size):
    # A sampler with a length of 1,000 yields 2,000.
    plan = bx.ratio([0] * 90 + [1] * 13, batch_size=10)
    assert plan.steps_per_epoch * plan.batch_size == 100 == plan.draws_per_epoch.sum()
    assert len(plan.epoch_indices(0, world_size=world_size)) == 100 // world_size
    stream = plan.stream(0, world_size=world_size)
    yielded = 0
    while stream.epoch == 0:
        yielded += len(next(stream))
    assert yielded == 100 // world_size


def test_every_rank_has_its_part_of_a_stratified_batch():
    # Exact for the global batch alone: the ranks get [4, 4] and [0, 8].
    labels = np.repeat([0, 1], [500, 500])
    plan = bx.stratified(labels, batch_size=16)
    assert (held_by_ranks(plan, labels, 1, world_size=2) == 4).all()


def test_a_share_of_zero_ends():
    # A quota of zero makes another sampler wait for ever.
    plan = bx.ratio([0] * 50 + [1] * 50, {0: 1, 1: 0}, batch_size=10)
    assert np.sort(plan.epoch_indices(0)).tolist() == sorted([*range(50)] * 2)


@pytest.mark.parametrize("count", [9, 50, 1000])
def test_more_classes_than_items_in_a_batch(count):
    # Fewer items in a batch than categories: no batch at all elsewhere.
    labels = np.arange(3 * count) % count
    plan = bx.ratio(labels, batch_size=8)
    drawn = labels[plan.epoch_indices(0)]
    assert plan.steps_per_epoch == 3 * count // 8
    for batch in drawn.reshape(-1, 8):
        assert len(set(batch.tolist())) == 8
    used = np.bincount(drawn, minlength=count)
    assert used.min() >= plan.steps_per_epoch * 8 // count and used.max() <= 3


def test_labels_are_names_and_not_positions():
    # Samplers that index by the label's value raise IndexError for labels 5 and 7.
    for labels in ([5] * 30 + [7] * 10, [-7] * 30 + [10**15] * 10, ["a"] * 30 + ["b"] * 10, [True] * 30 + [False] * 10):
        plan = bx.ratio(labels, batch_size=4)
        drawn = [labels[i] for i in plan.epoch_indices(0).tolist()]
        assert [drawn.count(label) for label in dict.fromkeys(labels)] == [20, 20]


def test_numpy_s_global_state_is_neither_read_nor_changed():
    # A wrapper that needs the same global numpy state on every rank.
    np.random.seed(1)
    plan = bx.ratio([0] * 90 + [1] * 10, batch_size=10)
    first = plan.epoch_indices(0)
    np.random.seed(2)
    before = np.random.get_state()[1].copy()
    assert (bx.ratio([0] * 90 + [1] * 10, batch_size=10).epoch_indices(0) == first).all()
    assert (np.random.get_state()[1] == before).all()


@pytest.mark.parametrize("container", [list, tuple, np.array])
def test_minimum_positives_from_any_container_lose_no_item(container):
    # Index arrays are added element by element, leftover positives and the trailing negatives are thrown away.
    labels = [0] * 95 + [1] * 17
    plan = bx.min_positives(container(labels), {1: 3}, batch_size=10)
    used = np.zeros(112, int)
    for epoch in range(2):
        batches = plan.epoch_indices(0, epoch=epoch).reshape(-1, 10)
        assert ((batches >= 95).sum(axis=1) >= 3).all()
        used += np.bincount(batches.reshape(-1), minlength=112)
    assert used.min() >= 1, "an item is never drawn"


def test_weights_of_more_than_2_to_the_24_items_and_none_of_zero():
    # torch.multinomial takes no more than 2**24 weights, and without replacement may return items of weight zero.
    weights = np.zeros((1 << 24) + 10)
    weights[::1_000_000] = 1.0
    plan = bx.weighted(weights, batch_size=17, epoch_size=170)
    assert set(plan.epoch_indices(0).tolist()) == set(range(0, len(weights), 1_000_000))


def test_a_minimum_of_the_world_size_is_on_every_rank_at_every_step():
    labels = np.array([0] * 999 + [1])
    plan = bx.min_positives(labels, {1: 4}, batch_size=8)
    assert (held_by_ranks(plan, labels, 1, world_size=4) == 1).all()


# ---- the figures to beat -------------------------------------------------------------------------------------------


def test_coverage_and_repeats_against_independent_draws():
    labels = np.repeat([0, 1], [200, 20])
    plan = bx.ratio(labels, batch_size=20)
    weights = (1 / np.bincount(labels))[labels]
    independent = bx.weighted(weights, batch_size=20, iid=True)
    complete, most = [], []
    for seed in range(20):
        used = np.zeros(220, int)
        for epoch in range(40):
            now = np.bincount(independent.epoch_indices(seed, epoch=epoch), minlength=220)
            most.append(now.max())
            used += now
            if used.min() > 0:
                complete.append(epoch + 1)
                break
        assert (sum(np.bincount(plan.epoch_indices(seed, epoch=e), minlength=220) for e in range(2)) > 0).all()
        assert np.bincount(plan.epoch_indices(seed), minlength=220).max() == math.ceil(110 / 20)
    # Here 2 epochs and 6 repeats; with independent draws about 11 epochs, and up to 11 repeats and more.
    assert np.mean(complete) > 8 and np.max(most) >= 11
