"""The three plan samplers in one process: what they yield, epochs, and the names that trainers look for."""

import pickle
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import BatchSampler, DataLoader
from torch.utils.data.distributed import DistributedSampler

import balanceidx as bx
from balanceidx_torch import InterleavedPlanBatchSampler, PlanBatchSampler, PlanSampler, _delivery

LABELS = np.repeat([0, 1, 2], [300, 60, 7])
PLAN = bx.ratio(LABELS, batch_size=24, epoch_size=24 * 11)
ALL = [PlanSampler, PlanBatchSampler, InterleavedPlanBatchSampler]


@pytest.fixture(params=[1 << 12, 24], ids=["one list", "many lists"])
def list_size(request, monkeypatch):
    monkeypatch.setattr(_delivery, "LIST_SIZE", request.param)


def batches(epoch=0, rank=0, world_size=1, seed=0):
    return PLAN.epoch_indices(seed, rank, epoch=epoch, world_size=world_size).reshape(11, -1).tolist()


def make(kind, seed=0, rank=0, world_size=1):
    if kind is InterleavedPlanBatchSampler:
        return kind(PLAN, seed, world_size=world_size)
    return kind(PLAN, seed, rank=rank, world_size=world_size)


def per_step(sampler):
    """Elements that a step has."""
    return len(sampler) // PLAN.steps_per_epoch


def flat(elements):
    return np.ravel(elements).tolist()


@pytest.mark.usefixtures("list_size")
@pytest.mark.parametrize("world_size", [1, 2, 4, 24])
def test_every_shape_yields_the_plan(world_size):
    for rank in range(world_size):
        expected = batches(0, rank, world_size)
        assert list(PlanSampler(PLAN, 0, rank=rank, world_size=world_size)) == sum(expected, [])
        assert list(PlanBatchSampler(PLAN, 0, rank=rank, world_size=world_size)) == expected
    interleaved = list(InterleavedPlanBatchSampler(PLAN, 0, world_size=world_size))
    for rank in range(world_size):
        assert interleaved[rank::world_size] == batches(0, rank, world_size)


@given(seed=st.integers(0, 2**64 - 1), epoch=st.integers(0, 2**32 - 1), world_size=st.sampled_from([1, 2, 3, 8]))
def test_every_shape_yields_the_plan_of_any_seed_and_epoch(seed, epoch, world_size):
    for kind in ALL:
        sampler = make(kind, seed, 0, world_size)
        sampler.set_epoch(epoch)
        first = flat(list(sampler))[: 24 // world_size]
        assert first == PLAN.batch_indices(seed, 0, epoch=epoch, world_size=world_size).tolist()


@pytest.mark.parametrize("kind", ALL)
def test_elements_are_python_ints_in_fresh_lists(kind):
    sampler = make(kind)
    first, second = next(iter(sampler)), next(iter(sampler))
    if kind is PlanSampler:
        assert type(first) is int
    else:
        assert type(first) is list and type(first[0]) is int
        first.clear()
        assert second == batches()[0]


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("world_size", [1, 2, 8])
def test_length_is_that_of_an_epoch(kind, world_size):
    sampler = make(kind, world_size=world_size)
    assert len(sampler) == len(list(sampler)) == len(list(sampler))


@pytest.mark.parametrize("kind", ALL)
def test_making_iterators_has_no_side_effects(kind):
    sampler = make(kind)
    iterators = [iter(sampler) for _ in range(5)]
    expected = flat(batches(0))
    assert [flat(list(iterator)) for iterator in iterators] == [expected] * 5


@pytest.mark.parametrize("kind", ALL)
def test_two_iterators_do_not_disturb_each_other(kind):
    sampler = make(kind)
    pairs = list(zip(sampler, sampler, strict=True))
    assert [one for one, _ in pairs] == [other for _, other in pairs] == list(make(kind))


@pytest.mark.parametrize("kind", ALL)
def test_epochs_advance_by_themselves(kind):
    sampler = make(kind)
    for epoch in range(3):
        assert sampler.epoch == epoch
        assert flat(list(sampler)) == flat(batches(epoch))


@pytest.mark.parametrize("kind", ALL)
def test_an_epoch_is_over_when_its_last_element_was_taken(kind):
    sampler = make(kind)
    iterator = iter(sampler)
    for _ in range(len(sampler) - 1):
        next(iterator)
    assert sampler.epoch == 0
    next(iterator)  # nobody asks for the StopIteration
    assert flat(list(sampler)) == flat(batches(1))


@pytest.mark.parametrize("kind", ALL)
def test_looking_at_a_batch_leaves_the_epoch_alone(kind):
    sampler = make(kind)
    next(iter(sampler))
    assert flat(list(sampler)) == flat(batches(0))
    next(iter(sampler))
    assert flat(list(sampler)) == flat(batches(1))


@pytest.mark.parametrize("kind", ALL)
def test_set_epoch_is_obeyed(kind):
    sampler = make(kind)
    for epoch in (5, 5, 0, 2**32 - 1, 1):
        sampler.set_epoch(epoch)
        assert sampler.epoch == epoch
        assert flat(list(sampler)) == flat(batches(epoch))
    assert flat(list(sampler)) == flat(batches(1)), "it never advances by itself once an epoch was chosen"


@pytest.mark.parametrize("kind", ALL)
def test_a_sampler_can_be_sent_to_another_process(kind):
    sampler = make(kind, world_size=2)
    list(sampler)
    sent = pickle.loads(pickle.dumps(sampler))
    assert flat(list(sent)) == flat(list(sampler))


def test_the_flat_sampler_is_a_distributed_sampler():
    sampler = PlanSampler(PLAN, 3, rank=1, world_size=4)
    ours = vars(DistributedSampler(range(10), num_replicas=2, rank=0)).keys()
    assert isinstance(sampler, DistributedSampler)
    assert {name: getattr(sampler, name) for name in ours} == {
        "dataset": range(len(LABELS)),
        "num_replicas": 4,
        "rank": 1,
        "epoch": 0,
        "drop_last": True,
        "shuffle": True,
        "seed": 3,
        "num_samples": 66,
        "total_size": 264,
    }
    assert not hasattr(sampler, "generator") and not hasattr(sampler, "load_state_dict")


@pytest.mark.parametrize("kind", ALL[1:])
def test_batch_samplers_have_what_trainers_look_for(kind):
    sampler = make(kind, world_size=2)
    assert (sampler.batch_size, sampler.drop_last, sampler.world_size, sampler.seed) == (12, True, 2, 0)
    sampler.sampler.set_epoch(4)
    assert sampler.epoch == 4


def test_the_flat_sampler_in_a_data_loader():
    sampler = PlanSampler(PLAN, 0, rank=1, world_size=2)
    loader = DataLoader(range(len(LABELS)), sampler=sampler, batch_size=sampler.local_batch_size)
    for epoch in range(2):
        assert [batch.tolist() for batch in loader] == batches(epoch, 1, 2)


@pytest.mark.parametrize("drop_last", [False, True])
def test_batches_of_torch_s_batch_sampler(drop_last):
    sampler = PlanSampler(PLAN, 0, rank=0, world_size=2)
    batched = BatchSampler(sampler, 12, drop_last)
    assert len(batched) == 11
    assert [list(batched), list(batched)] == [batches(0, 0, 2), batches(1, 0, 2)]


@pytest.mark.parametrize("persistent", [False, True])
def test_workers(persistent):
    sampler = PlanBatchSampler(PLAN, 0, rank=0, world_size=1)
    loader = DataLoader(range(len(LABELS)), batch_sampler=sampler, num_workers=2, persistent_workers=persistent)
    for epoch in range(2):
        assert [batch.tolist() for batch in loader] == batches(epoch)


def test_ranks_come_from_the_process_group_even_if_it_is_made_later(tmp_path):
    samplers = PlanSampler(PLAN, 0), PlanBatchSampler(PLAN, 0), InterleavedPlanBatchSampler(PLAN, 0)
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/group", rank=0, world_size=1)
    try:
        for sampler in samplers:
            assert sampler.world_size == 1
            assert flat(list(sampler)) == flat(batches())
    finally:
        torch.distributed.destroy_process_group()


@pytest.mark.parametrize("kind", ALL)
def test_a_process_group_that_the_batch_does_not_fit_is_refused_at_once(kind, monkeypatch):
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 2)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 5)
    with pytest.raises(
        ValueError, match=r"divisible by `world_size` \(=5\); make the plan with one that is, such as 20"
    ):
        kind(PLAN, 0)


@pytest.mark.parametrize("kind", ALL)
def test_several_processes_without_a_process_group_are_refused(kind, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "4")
    sampler = kind(PLAN, 0)
    with pytest.raises(RuntimeError, match=r"started 4 processes \(WORLD_SIZE=4\).*init_process_group\(\) first, or"):
        iter(sampler)
    assert flat(list(make(kind))) == flat(batches()), "ranks that are given need no process group"


@pytest.mark.parametrize("kind", [PlanSampler, PlanBatchSampler])
def test_a_rank_needs_a_world_size(kind):
    with pytest.raises(ValueError, match=r"`rank` \(=1\) and `world_size` \(=None\) go together"):
        kind(PLAN, 0, rank=1)
    with pytest.raises(ValueError, match=r"`rank` \(=None\) and `world_size` \(=2\) go together"):
        kind(PLAN, 0, world_size=2)


@pytest.mark.parametrize("kind", ALL)
def test_bad_arguments_are_refused_at_once(kind):
    with pytest.raises(TypeError, match=r"`plan` must be a balanceidx\.Plan, not BatchSampler\. If a trainer"):
        kind(BatchSampler(range(4), 2, False), 0)
    with pytest.raises(ValueError, match=r"`seed` must be at least 0, not -1"):
        kind(PLAN, -1)
    with pytest.raises(
        ValueError,
        match=r"^`batch_size` \(=24, all ranks together\) must be divisible by `world_size` \(=5\); make the plan with "
        r"one that is, such as 20 or 25\.$",
    ):
        make(kind, world_size=5)
    with pytest.raises(ValueError, match=r"`world_size` \(=48\); make the plan with one that is, such as 48\.$"):
        make(kind, world_size=48)
    with pytest.raises(ValueError, match=r"`epoch` must be below 2\*\*32"):
        make(kind).set_epoch(2**32)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = make(kind).nothing


@contextmanager
def processes(world_size, rank=0):
    """A process group of so many, as far as the samplers look."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.distributed, "is_initialized", lambda: True)
        patch.setattr(torch.distributed, "get_rank", lambda: rank)
        patch.setattr(torch.distributed, "get_world_size", lambda: world_size)
        yield


def test_a_loader_made_before_the_process_group_is_refused():
    sampler = PlanSampler(PLAN, 0)
    loader = DataLoader(range(len(LABELS)), sampler=sampler, batch_size=sampler.local_batch_size)
    sent = pickle.loads(pickle.dumps(sampler))  # as mp.spawn does
    with processes(2):
        for early in (loader, sent):
            with pytest.raises(
                RuntimeError,
                match=r"`local_batch_size` was taken when `world_size` was 1, but now it is 2, .* after "
                r"torch\.distributed\.init_process_group\(\)",
            ):
                iter(early).__next__()
        late = DataLoader(range(len(LABELS)), sampler=sampler, batch_size=sampler.local_batch_size)
        assert [batch.tolist() for batch in late] == batches(0, 0, 2)


def test_a_sampler_made_before_the_process_group_serves_a_loader_made_after_it():
    sampler = PlanSampler(PLAN, 0)
    assert len(sampler) == len(list(sampler)), "neither takes the local batch size"
    with processes(2, rank=1):
        loader = DataLoader(range(len(LABELS)), sampler=sampler, batch_size=sampler.local_batch_size)
        assert [batch.tolist() for batch in loader] == batches(1, 1, 2)


@pytest.mark.parametrize("kind", ALL[1:])
def test_batch_samplers_follow_the_process_group_whatever_was_asked_before(kind):
    sampler = kind(PLAN, 0)
    assert sampler.local_batch_size == sampler.batch_size == 24
    with processes(2):
        assert {len(batch) for batch in sampler} == {12}


@pytest.mark.parametrize("kind", ALL)
def test_what_is_shown_of_a_sampler(kind, monkeypatch):
    sampler = kind(PLAN, 3)
    sampler.set_epoch(5)
    monkeypatch.setenv("WORLD_SIZE", "4")  # whoever asks for the ranks now gets an error
    assert repr(sampler) == f"{kind.__name__}({PLAN!r}, seed=3, epoch=5)"
    with processes(2):
        assert repr(sampler) == f"{kind.__name__}({PLAN!r}, seed=3, epoch=5, rank=0, world_size=2)"
    assert repr(make(kind, world_size=2)).endswith(", seed=0, epoch=0, rank=0, world_size=2)")
    assert repr(kind.__new__(kind)) == f"{kind.__name__}()"


def test_a_rank_outside_the_world_is_refused_at_once():
    with pytest.raises(ValueError, match=r"`rank` \(=2\) must be below `world_size` \(=2\)"):
        PlanSampler(PLAN, 0, rank=2, world_size=2)
