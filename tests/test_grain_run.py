"""Our own position: saved by one layout, continued by any other, refused when it is damaged or another run's."""

import json

import grain
import numpy as np
import pytest

import balanceidx as bx
from balanceidx_grain import PlanSampler, SelectionMap, batches, state_dict, steps_done
from grain_checks import LABELS, items, loader, with_workers

PLAN = bx.ratio(LABELS, batch_size=12, epoch_size=72)  # six steps an epoch


def test_state_is_the_streams():
    stream = PLAN.stream(3)
    for done in range(15):
        assert state_dict(PLAN, 3, done) == stream.state_dict()
        next(stream)
    assert len(json.dumps(state_dict(PLAN, 2**64 - 1, 2**32))) < 250


def test_state_is_a_positions():
    assert PLAN.position(state_dict(PLAN, 3, 8)) == bx.Position(seed=3, epoch=1, step=2)
    assert state_dict(PLAN, 3, 8) == bx.Position(seed=3, epoch=1, step=2).state_dict(PLAN)


@pytest.mark.parametrize("steps", [0, 5, 6, 7, 6 * 2**31 + 5])
def test_steps_done_reads_what_state_dict_wrote(steps):
    assert steps_done(PLAN, 3, json.loads(json.dumps(state_dict(PLAN, 3, steps)))) == steps


def test_steps_done_reads_positions_too():
    assert steps_done(PLAN, 3, bx.Position(3, 1, 2)) == 8
    assert steps_done(PLAN, 3, bx.Position(3, 0, 6)) == steps_done(PLAN, 3, bx.Position(3, 1, 0)) == 6


def test_steps_done_refuses_states_of_other_runs():
    state = state_dict(PLAN, 3, 8)
    with pytest.raises(ValueError, match="`state` belongs to another plan"):
        steps_done(bx.ratio(LABELS, batch_size=24), 3, state)
    with pytest.raises(ValueError, match="`state` was saved with seed 3, but `seed` is 4"):
        steps_done(PLAN, 4, state)
    with pytest.raises(TypeError, match=r"`seed` must be an integer, not float 3\.0"):
        steps_done(PLAN, 3.0, state)
    with pytest.raises(ValueError, match="`state` is damaged"):
        steps_done(PLAN, 3, {**state, "step": 3})
    with pytest.raises(ValueError, match=r"`state` lies inside step 2, `within` \(=4\) indices of one rank into it"):
        steps_done(PLAN, 3, bx.Position(3, 1, 2, within=4))


def global_step(number):
    epoch, step = divmod(number, PLAN.steps_per_epoch)
    return {"step": step, "epoch": epoch}


def with_batches(start, rank, hosts, steps):
    dataset = batches(PLAN, 3, rank=rank, world_size=hosts, start=start)
    return [dataset[t] for t in range(steps)]


def with_a_loader(start, rank, hosts, steps):
    iterator = iter(loader(PLAN, rank, hosts, 0, num_epochs=None, start=start))
    return [next(iterator)["item"] for _ in range(steps)]


def with_a_selection(start, rank, hosts, steps):
    selection = SelectionMap(PLAN, 3, shard_count=hosts, start=start)
    drawn = grain.MapDataset.select_from_datasets([grain.MapDataset.range(100)], selection)
    iterator = iter(drawn[rank::hosts].batch(12 // hosts).repeat().to_iter_dataset())
    return [next(iterator) for _ in range(steps)]


@pytest.mark.parametrize("hook", [with_batches, with_a_loader, with_a_selection])
def test_elastic(hook):
    """Two hosts, then four, then one, each time in mid-epoch."""
    done = 0
    for hosts, steps in ((2, 4), (4, 5), (1, 8)):
        start = json.loads(json.dumps(state_dict(PLAN, 3, done)))
        found = [hook(start, rank, hosts, steps) for rank in range(hosts)]
        for t in range(steps):
            at = global_step(done + t)
            for rank in range(hosts):
                np.testing.assert_array_equal(found[rank][t], PLAN.batch_indices(3, rank=rank, world_size=hosts, **at))
                if hosts != 4:  # six positives among twelve: three for each of two hosts, one or two for each of four
                    assert (found[rank][t] >= 93).sum() == 6 // hosts
            together = np.concatenate([found[rank][t] for rank in range(hosts)])
            np.testing.assert_array_equal(np.sort(together), np.sort(PLAN.batch_indices(3, **at)))
        done += steps


def test_grains_elastic_iterator_keeps_the_global_batches():
    def host(rank, hosts):
        selection = SelectionMap(PLAN, 3, shard_count=hosts)
        drawn = grain.MapDataset.select_from_datasets([grain.MapDataset.range(100)], selection).repeat()
        return iter(grain.experimental.ElasticIterator(drawn, 12, grain.sharding.ShardOptions(rank, hosts)))

    state, done = None, 0
    for hosts, steps in ((2, 4), (4, 5), (1, 8)):
        iterators = [host(rank, hosts) for rank in range(hosts)]
        for iterator in iterators:
            if state is not None:
                iterator.set_state(state)
        for t in range(steps):
            for rank, iterator in enumerate(iterators):
                wanted = PLAN.batch_indices(3, rank=rank, world_size=hosts, **global_step(done + t))
                np.testing.assert_array_equal(next(iterator), wanted)
        done += steps
        (state,) = {json.dumps(iterator.get_state()) for iterator in iterators}
        state = json.loads(state)


class Jitter(grain.transforms.RandomMap):
    def random_map(self, element, rng):
        return element + rng.random(len(element))


def augmented_batches(**options):
    return batches(PLAN, 3, num_epochs=2, **options).seed(1).random_map(Jitter())


def augmented_selection(**options):
    drawn = grain.MapDataset.select_from_datasets([grain.MapDataset.range(100)], SelectionMap(PLAN, 3, **options))
    return drawn.batch(12).seed(1).random_map(Jitter()).repeat(2)


@pytest.mark.parametrize("pipeline", [augmented_batches, augmented_selection])
def test_a_slice_of_the_pipeline_continues_with_its_random_numbers(pipeline):
    whole = list(pipeline())
    done = steps_done(PLAN, 3, state_dict(PLAN, 3, 7))
    np.testing.assert_array_equal(list(pipeline()[done:].to_iter_dataset()), whole[7:])
    # `start` counts elements anew: the same items, other random numbers.
    begun = list(pipeline(start=state_dict(PLAN, 3, 7)))[:5]
    np.testing.assert_array_equal(np.floor(begun), np.floor(whole[7:]))
    assert not np.isin(begun, whole[7:]).any()


def test_a_slice_of_an_endless_pipeline():
    sliced = batches(PLAN, 3, rank=1, world_size=4)[7:]
    np.testing.assert_array_equal(sliced[6], PLAN.batch_indices(3, rank=1, world_size=4, **global_step(13)))


def test_a_sampler_continues_with_its_random_numbers():
    whole = PlanSampler(PLAN, 3, shard_count=2, worker_count=0)
    rest = PlanSampler(PLAN, 3, shard_count=2, worker_count=0, start=state_dict(PLAN, 3, 7))
    for index in range(24):
        assert rest[index].record_key == whole[7 * 12 + index].record_key
        assert rest[index].rng.random() == whole[7 * 12 + index].rng.random()


@pytest.mark.slow
def test_a_state_continues_with_other_workers():
    from balanceidx_grain import enable_workers

    enable_workers()
    wanted = [PLAN.batch_indices(3, rank=1, world_size=2, **global_step(n)) for n in range(7, 12)]
    start = state_dict(PLAN, 3, 7)
    rest = batches(PLAN, 3, rank=1, world_size=2, num_epochs=2, start=start)
    np.testing.assert_array_equal(list(with_workers(rest, 2)), wanted)
    sliced = augmented_batches()[7:]  # the random numbers do not depend on the workers either
    np.testing.assert_array_equal(list(with_workers(sliced, 2)), list(augmented_batches())[7:])
    iterator = iter(loader(PLAN, 1, 2, 2, num_epochs=None, start=start))
    np.testing.assert_array_equal(items([next(iterator) for _ in range(5)]), wanted)


@pytest.mark.parametrize("source", [None, list(range(100))])
def test_a_finished_run_has_nothing_left(source):
    rest = batches(PLAN, 3, num_epochs=2, start=state_dict(PLAN, 3, 12), source=source)
    assert len(rest) == 0
    assert list(rest.to_iter_dataset()) == []


def make_batches(plan, seed, **options):
    return batches(plan, seed, **options)


def make_sampler(plan, seed, **options):
    return PlanSampler(plan, seed, shard_count=1, worker_count=0, **options)


MAKERS = pytest.mark.parametrize("make", [make_batches, make_sampler, SelectionMap])


def drawn(hook):
    """The first 24 items of a hook, whichever it is."""
    if isinstance(hook, PlanSampler):
        return [hook[i].record_key for i in range(24)]
    if isinstance(hook, SelectionMap):
        return [hook[i][1] for i in range(24)]
    return [*hook[0], *hook[1]]


@MAKERS
def test_a_position_starts_where_its_state_does(make):
    wanted = PLAN.range_indices(3, 2, 4, epoch=1)
    state = state_dict(PLAN, 3, 8)
    for start in (state, bx.Position(3, 1, 2), PLAN.position(state), PLAN.stream(3, start=state).state_dict()):
        np.testing.assert_array_equal(drawn(make(PLAN, 3, start=start)), wanted)
    for start in (bx.Position(3, 0, 6), bx.Position(3, 1, 0)):  # the end of an epoch is the beginning of the next
        np.testing.assert_array_equal(drawn(make(PLAN, 3, start=start)), PLAN.range_indices(3, 0, 2, epoch=1))


@MAKERS
def test_states_of_other_runs_are_refused(make):
    state = state_dict(PLAN, 3, 8)
    with pytest.raises(ValueError, match="`state` belongs to another plan: its fingerprint is"):
        make(bx.ratio(LABELS, batch_size=24), 3, start=state)
    for start in (state, bx.Position(3, 1, 2)):
        with pytest.raises(ValueError, match="`start` was saved with seed 3, but `seed` is 4; pass seed=3 to continue"):
            make(PLAN, 4, start=start)
    with pytest.raises(ValueError, match=f"was saved with stream format {bx.STREAM_FORMAT + 1}, but this release"):
        make(PLAN, 3, start={**state, "format": bx.STREAM_FORMAT + 1})
    with pytest.raises(ValueError, match="it lacks format, fingerprint, seed, epoch, step, within, check"):
        make(PLAN, 3, start={"next_index": 8})
    for start in (8, "state"):
        with pytest.raises(ValueError, match="`state` is not a balanceidx stream state"):
            make(PLAN, 3, start=start)
    with pytest.raises(ValueError, match=r"`start\.step` \(of 6 an epoch\) must be below 7, not 8"):
        make(PLAN, 3, start=bx.Position(3, 0, 8))


@MAKERS
@pytest.mark.parametrize("field", ["seed", "epoch", "step", "within", "check"])
def test_edited_states_are_refused(make, field):
    state = state_dict(PLAN, 3, 8)
    edited = {**state, field: "0" * 8 if field == "check" else state[field] + 1}
    with pytest.raises(ValueError, match=r"`state` is damaged: its check word .* does not fit its other entries"):
        make(PLAN, 3, start=edited)


@MAKERS
@pytest.mark.parametrize("field", ["format", "fingerprint", "seed", "epoch", "step", "within", "check"])
def test_damaged_states_are_refused(make, field):
    state = state_dict(PLAN, 3, 8)
    with pytest.raises(ValueError, match=f"`state` is not a balanceidx stream state: it lacks {field}"):
        make(PLAN, 3, start={name: value for name, value in state.items() if name != field})
    with pytest.raises((TypeError, ValueError), match="`state"):
        make(PLAN, 3, start={**state, field: None})


@MAKERS
def test_states_taken_inside_a_step_are_refused(make):
    inside = bx.Position(3, 1, 2, within=4)
    for start in (inside, inside.state_dict(PLAN)):
        with pytest.raises(ValueError, match=r"`start` lies inside step 2, .* Save after whole steps"):
            make(PLAN, 3, start=start)


@pytest.mark.parametrize("make", [make_batches, make_sampler])
def test_a_start_after_the_end_is_refused(make):
    with pytest.raises(
        ValueError, match=r"`start` is at step number 8, after the end of `num_epochs` \(=1\) epochs of 6"
    ):
        make(PLAN, 3, start=state_dict(PLAN, 3, 8), num_epochs=1)


def test_bad_arguments_of_state_dict_are_named():
    with pytest.raises(ValueError, match="`steps` must be at least 0, not -1"):
        state_dict(PLAN, 3, -1)
    with pytest.raises(ValueError, match="`seed` must be at least 0, not -1"):
        state_dict(PLAN, -1, 0)
