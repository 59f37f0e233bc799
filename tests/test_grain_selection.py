"""`SelectionMap`: batches made by Grain from selected records are the promised ones."""

import pickle

import grain
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import balanceidx as bx
import balanceidx_grain
from balanceidx_grain import SelectionMap
from grain_checks import LABELS, expected, with_workers

PLAN = bx.ratio(LABELS, batch_size=12, epoch_size=72)  # six steps an epoch
ITEMS = grain.MapDataset.range(100)


def selected(datasets=(ITEMS,), **options):
    return grain.MapDataset.select_from_datasets(list(datasets), SelectionMap(PLAN, 3, **options))


@settings(max_examples=40)
@given(
    steps=st.integers(1, 12),
    shards=st.integers(1, 4),
    part=st.integers(3, 5),
    blocks=st.integers(1, 3),
    epochs=st.integers(1, 3),
    data=st.data(),
)
def test_striding_and_batching_give_every_shard_its_batches(steps, shards, part, blocks, epochs, data):
    batch = part * shards * blocks
    plan = bx.ratio([0] * 30 + [1] * 6 + [2] * 64, batch_size=batch, epoch_size=steps * batch)
    rank = data.draw(st.integers(0, shards - 1))
    selection = SelectionMap(plan, 3, shard_count=shards, blocks=blocks)
    assert len(selection) == steps * batch
    drawn = grain.MapDataset.select_from_datasets([ITEMS], selection)
    found = list(drawn[rank::shards].batch(batch // shards).repeat(epochs))
    wanted = [
        plan.batch_indices(3, step, rank, epoch=epoch, world_size=shards, blocks=blocks)
        for epoch in range(epochs)
        for step in range(steps)
    ]
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("repeat_first", [False, True])
def test_epochs_survive_repeat(repeat_first):
    drawn = selected()
    found = drawn.repeat(2).batch(12) if repeat_first else drawn.batch(12).repeat(2)
    np.testing.assert_array_equal(list(found), expected(PLAN, 0, 1))


def test_endless_repeat_iterates_with_threads():
    iterator = iter(selected(shard_count=2)[1::2].batch(6).repeat().to_iter_dataset())
    np.testing.assert_array_equal([next(iterator) for _ in range(12)], expected(PLAN, 1, 2))


def test_classes_may_lie_in_datasets_of_their_own():
    lengths = [60, 0, 33, 7]
    offsets = np.cumsum([0, *lengths[:-1]])
    datasets = [
        grain.MapDataset.range(n).map(lambda i, name=name: {"dataset": name, "index": i})
        for name, n in enumerate(lengths)
        if n
    ]
    found = list(selected(datasets, lengths=[n for n in lengths if n]).batch(12).repeat(2))
    whole = [offsets[batch["dataset"]] + batch["index"] for batch in found]
    np.testing.assert_array_equal(whole, expected(PLAN, 0, 1))


def test_empty_datasets_are_never_chosen():
    plain, with_empty = SelectionMap(PLAN, 3, lengths=[50, 50]), SelectionMap(PLAN, 3, lengths=[0, 50, 0, 50, 0])
    for index in range(200):
        dataset, place = plain[index]
        assert with_empty[index] == ({0: 1, 1: 3}[dataset], place)


def test_start_continues_there():
    state = balanceidx_grain.state_dict(PLAN, 3, 8)
    found = list(selected(shard_count=4, start=state)[1::4].batch(3).repeat(2))
    np.testing.assert_array_equal(found[:4], expected(PLAN, 1, 4)[8:])


@pytest.mark.slow
def test_workers_take_whole_batches():
    balanceidx_grain.enable_workers()
    dataset = selected(shard_count=2)[1::2].batch(6).repeat(2)
    np.testing.assert_array_equal(list(with_workers(dataset, 2)), expected(PLAN, 1, 2))


def test_restoring_anywhere_gives_the_same_rest():
    dataset = selected().batch(12).repeat(2).to_iter_dataset(grain.ReadOptions(num_threads=2))
    grain.experimental.assert_equal_output_after_checkpoint(dataset)


class Jitter(grain.transforms.RandomMap):
    def random_map(self, element, rng):
        return element + rng.random()


def test_an_augmentation_after_the_selection_differs_between_repeats():
    after = np.array(list(selected().seed(1).random_map(Jitter()).repeat(2)))
    before = np.array(list(selected([ITEMS.seed(1).random_map(Jitter())]).repeat(2)))
    np.testing.assert_array_equal(np.floor(after), np.floor(before))
    assert len(np.unique(after)) == len(after)
    assert len(np.unique(before)) == len(np.unique(np.floor(before))) < len(before)


def test_pickles_hold_no_cache():
    selection = SelectionMap(PLAN, 3)
    fresh = len(pickle.dumps(selection))
    wanted = [selection[i] for i in range(300)]
    assert len(pickle.dumps(selection)) == fresh
    copied = pickle.loads(pickle.dumps(selection))
    assert [copied[i] for i in range(300)] == wanted


def test_repr_tells_plan_and_layout():
    assert repr(SelectionMap(PLAN, 3, shard_count=2)) == (
        f"SelectionMap(fingerprint={PLAN.fingerprint!r}, seed=3, batch_size=12, shard_count=2, blocks=1, datasets=1, "
        "first=0)"
    )


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"`lengths` sum to 99, but the plan has 100 items"):
        SelectionMap(PLAN, 3, lengths=[90, 9])
    with pytest.raises(ValueError, match=r"`lengths\[1\]` must be at least 0, not -10"):
        SelectionMap(PLAN, 3, lengths=[110, -10])
    with pytest.raises(ValueError, match=r"must be divisible by `shard_count` \* `blocks` \(=5 \* 1\)"):
        SelectionMap(PLAN, 3, shard_count=5)
    with pytest.raises(IndexError, match="index -1 is negative"):
        SelectionMap(PLAN, 3)[-1]
