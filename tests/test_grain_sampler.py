"""`PlanSampler`: Grain's striding by shard and worker, and its Batch, give every rank its promised batch."""

import copy
import pickle
import sys
import timeit

import cloudpickle
import grain
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import balanceidx as bx
import balanceidx_grain
from balanceidx_grain import PlanSampler
from grain_checks import LABELS, Records, delivered, expected, items, loader

PLAN = bx.ratio(LABELS, batch_size=12, epoch_size=72)  # six steps an epoch


@pytest.fixture(scope="module", autouse=True)
def workers():
    balanceidx_grain.enable_workers()


def strided(sampler, shard):
    """What a DataLoader of that shard yields: shards stride, workers stride again, and batch, turn by turn."""
    mine = [sampler[g].record_key for g in range(shard, len(sampler), sampler.shard_count)]
    return delivered(mine, max(sampler.worker_count, 1), sampler.local_batch_size)


@pytest.mark.parametrize("workers", range(12))
@pytest.mark.parametrize("shards", [1, 2])
@pytest.mark.parametrize("part", [1, 2, 5])
def test_any_number_of_workers_gives_every_shard_its_batches(workers, shards, part):
    """Two epochs from anywhere: fewer steps than workers, as many, more; a multiple of them or not."""
    batch = part * shards
    plan = bx.ratio([0] * 6 + [1] * 20, batch_size=batch, epoch_size=7 * batch)
    for start in range(15):
        sampler = PlanSampler(
            plan, 3, shard_count=shards, worker_count=workers, num_epochs=2, start=bx.Position(3, *divmod(start, 7))
        )
        for shard in range(shards):
            wanted = [
                plan.batch_indices(3, number % 7, shard, epoch=number // 7, world_size=shards)
                for number in range(start, 14)
            ]
            found = strided(sampler, shard)
            assert len(found) == 14 - start
            np.testing.assert_array_equal(np.reshape(found, (-1, part)), np.reshape(wanted, (-1, part)))


@settings(max_examples=40)
@given(
    turns=st.integers(1, 6),
    epochs=st.integers(1, 3),
    workers=st.integers(0, 4),
    shards=st.integers(1, 4),
    part=st.integers(3, 5),
    blocks=st.integers(1, 3),
    data=st.data(),
)
def test_striding_gives_every_shard_its_batches(turns, epochs, workers, shards, part, blocks, data):
    steps, batch = turns * max(workers, 1), part * shards * blocks
    plan = bx.ratio([0] * 30 + [1] * 6 + [2] * 64, batch_size=batch, epoch_size=steps * batch)
    sampler = PlanSampler(plan, 3, shard_count=shards, worker_count=workers, num_epochs=epochs, blocks=blocks)
    assert len(sampler) == epochs * steps * batch
    shard = data.draw(st.integers(0, shards - 1))
    wanted = [
        plan.batch_indices(3, step, shard, epoch=epoch, world_size=shards, blocks=blocks)
        for epoch in range(epochs)
        for step in range(steps)
    ]
    np.testing.assert_array_equal(strided(sampler, shard), wanted)


@pytest.mark.parametrize("shards", [1, 2, 3])
def test_a_loader_of_every_shard(shards):
    for rank in range(shards):
        found = items(loader(PLAN, rank, shards, workers=0))
        np.testing.assert_array_equal(found, expected(PLAN, rank, shards))
        assert (found >= 93).sum(axis=1).tolist() == [6 // shards] * 12


@pytest.mark.slow
@pytest.mark.parametrize(("shards", "count"), [(2, 2), (2, 4), (1, 3), (2, 7), (1, 11)])
def test_a_loader_with_workers(shards, count):
    # Ten steps: of these numbers, 2 alone divides them, and 11 workers have less than a step each.
    plan = bx.ratio(LABELS, batch_size=12, epoch_size=60)
    np.testing.assert_array_equal(items(loader(plan, shards - 1, shards, count)), expected(plan, shards - 1, shards))


def test_iterating_a_loader_again_is_identical():
    again = loader(PLAN, 0, 1, workers=0)
    np.testing.assert_array_equal(items(again), items(again))


def test_metadata():
    sampler = PlanSampler(PLAN, 3, shard_count=1, worker_count=0)
    for index in (0, 71, 72, 6 * 12 * 2**31 + 5):
        metadata = sampler[index]
        assert metadata.index == index
        epoch, place = divmod(index, 72)
        assert metadata.record_key == PLAN.batch_indices(3, place // 12, epoch=epoch)[place % 12]
        assert type(metadata.record_key) is int


def test_indices_outside_the_run_are_refused():
    sampler = PlanSampler(PLAN, 3, shard_count=2, worker_count=2, num_epochs=4)
    assert len(sampler) == 4 * 72
    for index in (-1, len(sampler), sys.maxsize):
        with pytest.raises(IndexError, match=rf"index {index} is not in \[0, 288\), the records of the run"):
            sampler[index]


@pytest.mark.parametrize("workers", [0, 3, 4])
@pytest.mark.parametrize("shards", [1, 2, 3])
def test_lengths_divide(shards, workers):
    for epochs in (2, None):
        sampler = PlanSampler(PLAN, 3, shard_count=shards, worker_count=workers, num_epochs=epochs)
        assert len(sampler) % (shards * max(workers, 1) * sampler.local_batch_size) == 0
        assert len(sampler) <= sys.maxsize
        assert epochs is None or len(sampler) == epochs * 72


def test_endless():
    iterator = iter(loader(PLAN, 0, 1, 0, num_epochs=None))
    np.testing.assert_array_equal(items([next(iterator) for _ in range(12)]), expected(PLAN, 0, 1))


def test_restoring_after_every_number_of_steps_into_new_objects():
    wanted = expected(PLAN, 1, 2)
    iterator = iter(loader(PLAN, 1, 2, 0))
    for done in range(13):
        state = iterator.get_state()
        assert len(state) < 1000
        resumed = iter(loader(PLAN, 1, 2, 0))
        for _ in range(3):  # does not drift
            resumed.set_state(state)
            assert resumed.get_state() == state
        rest = list(resumed)
        assert len(rest) == 12 - done
        if rest:
            np.testing.assert_array_equal(items(rest), wanted[done:])
            next(iterator)


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 5])
def test_restoring_with_workers(count):
    iterator = iter(loader(PLAN, 1, 2, count))
    states = {step: iterator.get_state() for step, _ in enumerate(iterator, 1)}
    for done in (5, 11):  # the last turn of five workers is of two steps, 10 and 11
        assert len(states[done]) < 1000
        resumed = iter(loader(PLAN, 1, 2, count))
        resumed.set_state(states[done])
        np.testing.assert_array_equal(items(resumed), expected(PLAN, 1, 2)[done:])
    longer = iter(loader(PLAN, 1, 2, count, num_epochs=4))  # what is surplus in two epochs is not in four
    longer.set_state(states[12])
    np.testing.assert_array_equal(next(longer)["item"], PLAN.batch_indices(3, 0, 1, epoch=2, world_size=2))


@pytest.mark.slow
def test_a_start_in_mid_epoch_with_workers():
    found = items(loader(PLAN, 1, 2, 4, start=balanceidx_grain.state_dict(PLAN, 3, 7)))
    np.testing.assert_array_equal(found, expected(PLAN, 1, 2)[7:])


def test_a_state_of_another_plan_or_layout_is_refused():
    state = iter(loader(PLAN, 0, 2, 0)).get_state()
    others = {
        "labels": loader(bx.ratio([0] * 92 + [1] * 8, batch_size=12, epoch_size=72), 0, 2, 0),
        "batch size": loader(bx.ratio(LABELS, batch_size=24, epoch_size=72), 0, 2, 0),
        "shard count": loader(PLAN, 0, 4, 0),
        "blocks": loader(PLAN, 0, 2, 0, blocks=2),
        "start": loader(PLAN, 0, 2, 0, start=balanceidx_grain.state_dict(PLAN, 3, 4)),
    }
    for other in others.values():
        with pytest.raises(ValueError, match="Sampler in checkpoint does not match dataloader sampler"):
            iter(other).set_state(state)
    iter(loader(PLAN, 0, 2, 0, num_epochs=7)).set_state(state)  # more epochs: the same positions


def test_repr_is_short_and_cheap():
    sampler = PlanSampler(PLAN, 3, shard_count=2, worker_count=3, num_epochs=1)
    assert repr(sampler) == (
        f"PlanSampler(fingerprint={PLAN.fingerprint!r}, seed=3, batch_size=12, shard_count=2, worker_count=3, "
        "blocks=1, first=0)"
    )
    assert min(timeit.repeat(lambda: repr(sampler), number=1000, repeat=5)) < 0.02  # 20 us each; measured: 0.1 us


def with_operations(sampler, operations, shard_count=1, **options):
    return grain.DataLoader(
        data_source=Records(),
        sampler=sampler,
        shard_options=grain.sharding.ShardOptions(0, shard_count),
        operations=operations,
        **options,
    )


class Odd(grain.transforms.Filter):
    def filter(self, element):
        return element["item"] % 2 == 1


@pytest.mark.parametrize(
    ("shard_count", "operations"),
    [
        pytest.param(2, [grain.transforms.Batch(6)], id="shards again"),
        pytest.param(1, [grain.transforms.Batch(5)], id="another batch size"),
        pytest.param(1, [grain.transforms.Batch(6)], id="half of each batch"),
        pytest.param(1, [Odd(), grain.transforms.Batch(12)], id="filters before it batches"),
    ],
)
def test_a_loader_that_takes_batches_apart_is_refused(shard_count, operations):
    sampler = PlanSampler(PLAN, 3, shard_count=1, worker_count=0, num_epochs=2)
    needs = r"needs shard_count=1, worker_count=0 and Batch\(12, drop_remainder=True\), with no Filter"
    with pytest.raises(ValueError, match=rf"its records do not belong together\. With PlanSampler.* {needs}"):
        list(with_operations(sampler, operations, shard_count))


def test_a_loader_without_the_shards_that_were_announced_is_refused():
    sampler = PlanSampler(PLAN, 3, shard_count=2, worker_count=0, num_epochs=2)
    with pytest.raises(ValueError, match="the DataLoader needs shard_count=2"):
        list(with_operations(sampler, [grain.transforms.Batch(6)]))


@pytest.mark.slow
def test_a_loader_with_other_workers_is_refused():
    sampler = PlanSampler(PLAN, 3, shard_count=1, worker_count=0, num_epochs=2)
    with pytest.raises(ValueError, match="worker_count=0"):
        list(with_operations(sampler, [grain.transforms.Batch(12)], worker_count=2))


def test_blocks_may_be_batched_one_by_one():
    sampler = PlanSampler(PLAN, 3, shard_count=1, worker_count=0, num_epochs=1, blocks=3)
    found = items(with_operations(sampler, [grain.transforms.Batch(4)]))
    np.testing.assert_array_equal(found, PLAN.epoch_indices(3, blocks=3).reshape(-1, 4))
    assert (found >= 93).sum(axis=1).tolist() == [2] * 18


class Broken(Records):
    def __getitem__(self, index):
        if index >= 93:
            raise OSError(f"record {index} cannot be read")
        return super().__getitem__(index)


@pytest.mark.parametrize("count", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_an_error_of_the_source_reaches_the_caller(count):
    broken = grain.DataLoader(
        data_source=Broken(),
        sampler=PlanSampler(PLAN, 3, shard_count=1, worker_count=count, num_epochs=2),
        worker_count=count,
        shard_options=grain.sharding.NoSharding(),
        operations=[grain.transforms.Batch(12)],
    )
    with pytest.raises(OSError, match=r"record 9\d cannot be read"):
        next(iter(broken))


def test_a_batch_of_several_steps_holds_them_whole():
    # Nothing tells it from a right one, as the page says.
    sampler = PlanSampler(PLAN, 3, shard_count=1, worker_count=0, num_epochs=2)
    found = items(with_operations(sampler, [grain.transforms.Batch(24)]))
    np.testing.assert_array_equal(found, expected(PLAN, 0, 1).reshape(6, 24))


def test_filters_after_batch_see_whole_batches():
    class Some(grain.transforms.Filter):
        def filter(self, element):
            return element["item"][0] % 2 == 1

    sampler = PlanSampler(PLAN, 3, shard_count=1, worker_count=0, num_epochs=2)
    found = items(with_operations(sampler, [grain.transforms.Batch(12), Some()]))
    wanted = expected(PLAN, 0, 1)
    np.testing.assert_array_equal(found, wanted[wanted[:, 0] % 2 == 1])


class Jitter(grain.transforms.RandomMap):
    def random_map(self, element, rng):
        return {**element, "random": rng.random()}


def test_random_maps_get_a_generator_of_their_own_for_every_record():
    sampler = PlanSampler(PLAN, 3, shard_count=1, worker_count=0, num_epochs=2)
    batches = list(with_operations(sampler, [Jitter(), grain.transforms.Batch(12)]))
    random = np.concatenate([batch["random"] for batch in batches])
    assert len(np.unique(random)) == len(random) == 144
    np.testing.assert_array_equal([batch["random"] for batch in batches[:6]], random.reshape(12, 12)[:6])
    again = list(with_operations(sampler, [Jitter(), grain.transforms.Batch(12)]))
    np.testing.assert_array_equal([batch["random"] for batch in again], random.reshape(12, 12))


def test_generators_do_not_depend_on_the_workers():
    def by_record(workers):
        sampler = PlanSampler(PLAN, 2**64 - 1, shard_count=2, worker_count=workers, num_epochs=1)
        found = {}
        for g in range(len(sampler)):
            local, shard = divmod(g, 2)
            local, worker = divmod(local, max(workers, 1))
            turn, place = divmod(local, 6)
            found[turn * max(workers, 1) + worker, shard, place] = sampler[g].rng.random()
        return found

    assert by_record(0) == by_record(3)
    assert len(set(by_record(0).values())) == 72


def test_generators_depend_on_every_bit_of_the_seed():
    seeds = 0, 1, 2**32, 2**32 + 1, 2**63, 2**64 - 1
    samplers = [PlanSampler(PLAN, seed, shard_count=1, worker_count=0) for seed in seeds]
    assert len({sampler[5].rng.random() for sampler in samplers}) == len(seeds)


def test_a_generator_is_built_once_when_it_is_asked_for():
    metadata = PlanSampler(PLAN, 3, shard_count=1, worker_count=0)[0]
    assert metadata._generator is None
    assert metadata.rng is metadata.rng


def test_metadata_travels_as_grains_own():
    metadata = PlanSampler(PLAN, 3, shard_count=1, worker_count=0)[5]
    copied = pickle.loads(pickle.dumps(metadata))
    assert type(copied) is grain.RecordMetadata
    assert (copied.index, copied.record_key) == (5, metadata.record_key)


def test_pickles_hold_the_table_and_no_cache():
    plan = bx.ratio(np.arange(200_000) % 10 == 0, batch_size=100)
    sampler = PlanSampler(plan, 3, shard_count=1, worker_count=0)
    fresh = len(cloudpickle.dumps(sampler))
    assert fresh < 4 * 200_000 + 3000
    wanted = [sampler[i].record_key for i in range(50_000)]
    assert len(cloudpickle.dumps(sampler)) < fresh + 1000  # a batch's indices alone are 800 bytes, forty are kept
    for copied in (pickle.loads(cloudpickle.dumps(sampler)), copy.deepcopy(sampler)):
        assert [copied[i].record_key for i in range(50_000)] == wanted
        assert repr(copied) == repr(sampler)


def test_bad_arguments_are_named():
    with pytest.raises(
        ValueError, match=r"`batch_size` \(=12, .*\) must be divisible by `shard_count` \* `blocks` \(=5"
    ):
        PlanSampler(PLAN, 3, shard_count=5, worker_count=0)
    with pytest.raises(ValueError, match="`shard_count` must be at least 1, not 0"):
        PlanSampler(PLAN, 3, shard_count=0, worker_count=0)
    with pytest.raises(ValueError, match="`worker_count` must be at least 0, not -1"):
        PlanSampler(PLAN, 3, shard_count=1, worker_count=-1)
    with pytest.raises(ValueError, match="`seed` must be at least 0, not -1"):
        PlanSampler(PLAN, -1, shard_count=1, worker_count=0)


def ends_of_batches(sampler, size, drop_remainder):
    """Metadata of the last record of each batch that a worker makes, worker by worker."""
    for worker in range(sampler.worker_count):
        mine = range(worker, len(sampler), sampler.worker_count)
        for first in range(0, len(mine), size):
            batch = mine[first : first + size]
            if len(batch) == size or not drop_remainder:
                yield sampler[batch[-1]]


def test_a_batch_of_the_surplus_is_refused():
    sampler = PlanSampler(PLAN, 3, shard_count=1, worker_count=4, num_epochs=1)  # six steps
    assert len(sampler) == 72 + 2 * 11  # eleven records for each of the two workers that have one step
    assert len([end.remove_record_key() for end in ends_of_batches(sampler, 12, drop_remainder=True)]) == 6
    message = (
        r"after the last step of the run: `worker_count` \(=4\) does not divide its 6 steps\. All steps were "
        r"delivered; to end without this error, give the DataLoader Batch\(12, drop_remainder=True\)"
    )
    surplus = [end for end in ends_of_batches(sampler, 12, drop_remainder=False) if end.index in (90, 91)]
    assert len(surplus) == 2
    for end in surplus:
        with pytest.raises(ValueError, match=message):
            end.remove_record_key()


def test_a_surplus_is_read_but_exists():
    start = bx.Position(3, 2**32 - 2, 5)
    sampler = PlanSampler(PLAN, 3, shard_count=1, worker_count=4, num_epochs=2**32 - 1, start=start)
    assert len(sampler) == 12 + 3 * 11
    assert {sampler[i].record_key for i in range(len(sampler))} == set(PLAN.batch_indices(3, 5, epoch=2**32 - 2))


@pytest.mark.slow
def test_a_loader_that_keeps_the_surplus_is_refused_after_the_last_step():
    plan = bx.ratio(LABELS, batch_size=12, epoch_size=60)
    sampler = PlanSampler(plan, 3, shard_count=1, worker_count=3, num_epochs=2)
    found = []
    with pytest.raises(ValueError, match=r"All steps were delivered; .* Batch\(12, drop_remainder=True\)"):
        for batch in with_operations(sampler, [grain.transforms.Batch(12)], worker_count=3):
            found.append(batch["item"])
    np.testing.assert_array_equal(found, expected(plan, 0, 1))


def test_blocks_are_not_batched_one_by_one_where_the_surplus_holds_some():
    sampler = PlanSampler(PLAN, 3, shard_count=1, worker_count=4, num_epochs=1, blocks=3)
    message = r"needs .* Batch\(12, drop_remainder=True\), .* one block need a `worker_count` that divides the 6 steps"
    with pytest.raises(ValueError, match=message):
        next(ends_of_batches(sampler, 4, drop_remainder=True)).remove_record_key()
    assert len([end.remove_record_key() for end in ends_of_batches(sampler, 12, drop_remainder=True)]) == 6
    dividing = PlanSampler(PLAN, 3, shard_count=1, worker_count=3, num_epochs=1, blocks=3)
    assert len([end.remove_record_key() for end in ends_of_batches(dividing, 4, drop_remainder=True)]) == 18
