"""`batches`: element t is this rank's part of step t, whatever Grain does around it."""

import pickle
import sys

import grain
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import balanceidx as bx
import balanceidx_grain
from balanceidx_grain import batches
from grain_checks import LABELS, Records, with_workers

SEED = 3
PLAN = bx.ratio(LABELS, batch_size=12, epoch_size=72)


@pytest.fixture(scope="module", autouse=True)
def workers():
    balanceidx_grain.enable_workers()


def expected(plan, rank=0, world_size=1, num_epochs=2, blocks=1):
    width = plan.batch_size // world_size
    epochs = [
        plan.epoch_indices(SEED, rank, epoch=e, world_size=world_size, blocks=blocks).reshape(-1, width)
        for e in range(num_epochs)
    ]
    return np.concatenate(epochs)


def as_array(dataset):
    return np.stack(list(dataset))


@settings(max_examples=40)
@given(
    steps=st.integers(1, 40),
    part=st.integers(3, 6),
    world_size=st.integers(1, 4),
    blocks=st.integers(1, 3),
    epochs=st.integers(1, 3),
    data=st.data(),
)
def test_element_t_is_this_ranks_part_of_step_t(steps, part, world_size, blocks, epochs, data):
    batch = part * world_size * blocks
    plan = bx.ratio([0] * 30 + [1] * 6 + [2] * 64, batch_size=batch, epoch_size=steps * batch)
    rank = data.draw(st.integers(0, world_size - 1))
    dataset = batches(plan, SEED, rank=rank, world_size=world_size, blocks=blocks, num_epochs=epochs)
    assert len(dataset) == steps * epochs
    for t in data.draw(st.lists(st.integers(0, len(dataset) - 1), max_size=8)):
        epoch, step = divmod(t, steps)
        wanted = plan.batch_indices(SEED, step, rank, epoch=epoch, world_size=world_size, blocks=blocks)
        np.testing.assert_array_equal(dataset[t], wanted)


@pytest.mark.parametrize("threads", [0, 16])
def test_epochs_follow_each_other_and_iterating_again_repeats_them(threads):
    dataset = batches(PLAN, SEED, rank=1, world_size=2, num_epochs=2)
    iterable = dataset.to_iter_dataset(grain.ReadOptions(num_threads=threads))
    np.testing.assert_array_equal(as_array(iterable), expected(PLAN, 1, 2))
    np.testing.assert_array_equal(as_array(iterable), expected(PLAN, 1, 2))


@pytest.mark.parametrize("source", [None, Records(), np.arange(100)], ids=["indices", "records", "array"])
def test_repeat_continues_with_the_next_epoch(source):
    dataset = batches(PLAN, SEED, num_epochs=1, source=source).repeat(2)
    found = [batch["item"] if isinstance(batch, dict) else batch for batch in dataset]
    np.testing.assert_array_equal(found, expected(PLAN))


def test_without_a_number_of_epochs_there_is_no_end():
    dataset = batches(PLAN, SEED)
    assert len(dataset) == sys.maxsize
    np.testing.assert_array_equal(dataset[6 * 2**31 + 5], PLAN.batch_indices(SEED, 5, epoch=2**31))
    with pytest.raises(ValueError, match="Repeating already infinite dataset"):
        dataset.repeat()
    loaded = batches(PLAN, SEED, source=Records())
    np.testing.assert_array_equal(loaded[6 * 2**31 + 5]["item"], PLAN.batch_indices(SEED, 5, epoch=2**31))


def test_every_rank_has_its_exact_composition():
    for rank in range(3):
        positives = (as_array(batches(PLAN, SEED, rank=rank, world_size=3, num_epochs=3)) >= 93).sum(axis=1)
        assert positives.tolist() == [2] * 18


def test_a_source_is_loaded_and_stacked():
    wanted = expected(PLAN, 1, 2)
    loaded = list(batches(PLAN, SEED, rank=1, world_size=2, num_epochs=2, source=Records()))
    np.testing.assert_array_equal([batch["item"] for batch in loaded], wanted)
    np.testing.assert_array_equal([batch["image"][:, 1, 1] for batch in loaded], wanted)
    assert loaded[0]["image"].dtype == np.float32


def test_an_array_is_read_row_by_row():
    array = np.arange(300.0).reshape(100, 3)
    np.testing.assert_array_equal(
        as_array(batches(PLAN, SEED, num_epochs=2, source=array)), array[expected(PLAN)], strict=True
    )


def test_a_dataset_is_a_source():
    source = grain.MapDataset.range(100).map(lambda item: {"item": item})
    loaded = [batch["item"] for batch in batches(PLAN, SEED, num_epochs=2, source=source)]
    np.testing.assert_array_equal(loaded, expected(PLAN))


def test_batch_fn_replaces_the_stacking():
    assert batches(PLAN, SEED, source=list(range(100)), batch_fn=sum)[4] == PLAN.batch_indices(SEED, 4).sum()
    array = np.arange(100)
    assert batches(PLAN, SEED, source=array, batch_fn=len)[0] == 12


def test_writing_to_an_element_leaves_the_others_alone():
    dataset = batches(PLAN, SEED)
    dataset[0][:] = -1
    np.testing.assert_array_equal(dataset[0], PLAN.batch_indices(SEED, 0))


class Jitter(grain.transforms.RandomMap):
    def random_map(self, element, rng):
        return element + rng.random(len(element))


def test_an_item_drawn_twice_is_augmented_twice():
    augmented = as_array(batches(PLAN, SEED, num_epochs=2).seed(1).random_map(Jitter()))
    items = np.floor(augmented)
    np.testing.assert_array_equal(items, expected(PLAN))
    assert len(np.unique(augmented)) == augmented.size
    assert len(np.unique(items)) < augmented.size


@pytest.mark.parametrize("source", [None, Records()], ids=["indices", "records"])
def test_restoring_anywhere_gives_the_same_rest(source):
    dataset = batches(PLAN, SEED, num_epochs=2, source=source).to_iter_dataset(grain.ReadOptions(num_threads=2))
    grain.experimental.assert_equal_output_after_checkpoint(dataset)


def test_restoring_after_every_number_of_steps_into_new_objects():
    def fresh():
        dataset = batches(PLAN, SEED, num_epochs=2).to_iter_dataset(grain.ReadOptions(num_threads=2))
        return iter(dataset)

    wanted = expected(PLAN)
    iterator = fresh()
    for done in range(len(wanted) + 1):
        state = iterator.get_state()
        assert len(pickle.dumps(state)) < 1000
        resumed = fresh()
        resumed.set_state(state)
        rest = list(resumed)
        assert len(rest) == len(wanted) - done
        if rest:
            np.testing.assert_array_equal(rest, wanted[done:])
            next(iterator)


def test_saving_and_restoring_over_and_over_does_not_drift():
    iterator = iter(batches(PLAN, SEED, num_epochs=2).to_iter_dataset())
    found = []
    for _ in range(12):
        for _ in range(3):
            iterator.set_state(iterator.get_state())
        found.append(next(iterator))
    np.testing.assert_array_equal(found, expected(PLAN))


@pytest.mark.parametrize("count", [2, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 4))])
def test_any_number_of_workers_gives_the_same_batches(count):
    # Five steps an epoch, three epochs: neither is a multiple of the workers.
    plan = bx.ratio(LABELS, batch_size=12, epoch_size=60)
    dataset = batches(plan, SEED, rank=1, world_size=2, num_epochs=3)
    iterator = iter(with_workers(dataset, count))
    np.testing.assert_array_equal(as_array(iterator), expected(plan, 1, 2, num_epochs=3))
    assert len(pickle.dumps(iterator.get_state())) < 1000


@pytest.mark.slow
def test_workers_load_the_source():
    loaded = with_workers(batches(PLAN, SEED, num_epochs=2, source=Records()), 2)
    np.testing.assert_array_equal([batch["item"] for batch in loaded], expected(PLAN))


class Broken(Records):
    def __getitem__(self, index):
        if index >= 93:
            raise OSError(f"record {index} cannot be read")
        return super().__getitem__(index)


def test_an_error_of_the_source_reaches_the_caller():
    with pytest.raises(OSError, match=r"record 9\d cannot be read"):
        next(iter(batches(PLAN, SEED, source=Broken()).to_iter_dataset()))


@pytest.mark.slow
def test_an_error_in_a_worker_reaches_the_caller():
    with pytest.raises(OSError, match=r"record 9\d cannot be read"):
        next(iter(with_workers(batches(PLAN, SEED, num_epochs=1, source=Broken()), 2)))


@pytest.mark.slow
def test_restoring_anywhere_with_workers():
    plan = bx.ratio(LABELS, batch_size=12, epoch_size=24)
    grain.experimental.assert_equal_output_after_checkpoint(with_workers(batches(plan, SEED, num_epochs=1), 2))


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"`batch_size` \(=12, all ranks together\) must be divisible by `world_size`"):
        batches(PLAN, SEED, world_size=5)
    with pytest.raises(ValueError, match=r"`rank` \(=2\) must be below `world_size` \(=2\)"):
        batches(PLAN, SEED, rank=2, world_size=2)
    with pytest.raises(ValueError, match="`num_epochs` must be at least 1, not 0"):
        batches(PLAN, SEED, num_epochs=0)
    with pytest.raises(TypeError, match=r"`num_epochs` must be an integer, not float 1\.5"):
        batches(PLAN, SEED, num_epochs=1.5)
    with pytest.raises(ValueError, match=r"`source` has 99 records, but the plan was made from 100 items"):
        batches(PLAN, SEED, source=range(99))
    with pytest.raises(ValueError, match=r"`batch_fn` makes batches of records: it needs a `source`"):
        batches(PLAN, SEED, batch_fn=list)
    with pytest.raises(IndexError, match="index -1 is negative"):
        batches(PLAN, SEED)[-1]
    with pytest.raises(IndexError, match="index -12 is negative"):
        batches(PLAN, SEED, source=Records())[-1]
