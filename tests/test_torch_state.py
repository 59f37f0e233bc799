"""Positions: on the iterator by torchdata's protocol, and on the sampler for training loops."""

import json
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import RandomSampler
from torchdata.stateful_dataloader import StatefulDataLoader
from torchdata.stateful_dataloader.stateful import Stateful

import balanceidx as bx
from balanceidx_torch import (
    DistributedSamplerWrapper,
    InterleavedPlanBatchSampler,
    PlanBatchSampler,
    PlanSampler,
    _delivery,
)

LABELS = np.repeat([0, 1], [200, 40])
PLAN = bx.ratio(LABELS, batch_size=12, epoch_size=12 * 9)
STEPS = PLAN.steps_per_epoch
ALL = [PlanSampler, PlanBatchSampler, InterleavedPlanBatchSampler]


# torchdata calls a function that this torch release deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:'set_vital' is deprecated:UserWarning")


@pytest.fixture(params=[1 << 12, 24], ids=["one list", "many lists"])
def list_size(request, monkeypatch):
    monkeypatch.setattr(_delivery, "LIST_SIZE", request.param)


def make(kind, plan=PLAN, seed=0, world_size=2, start=None):
    if kind is InterleavedPlanBatchSampler:
        return kind(plan, seed, world_size=world_size, start=start)
    return kind(plan, seed, rank=0, world_size=world_size, start=start)


def expected(kind, epoch, step=0, world_size=2):
    sampler = make(kind, world_size=world_size)
    sampler.set_epoch(epoch)
    whole = list(sampler)
    return whole[step * len(whole) // STEPS :]


def take(iterator, count):
    return [next(iterator) for _ in range(count)]


@pytest.mark.parametrize("kind", ALL)
def test_the_iterator_is_stateful_and_the_sampler_is_not(kind):
    sampler = make(kind)
    assert isinstance(iter(sampler), Stateful) and not isinstance(sampler, Stateful)


@pytest.mark.usefixtures("list_size")
@pytest.mark.parametrize("kind", ALL)
@settings(max_examples=40)
@given(data=st.data())
def test_an_iterator_continues_from_any_position(kind, data):
    sampler = make(kind)
    sampler.set_epoch(3)
    length = len(sampler)
    at = data.draw(st.integers(0, length))
    iterator = iter(sampler)
    take(iterator, at)
    state = json.loads(json.dumps(iterator.state_dict()))

    other = make(kind)
    moved = iter(other)
    take(moved, data.draw(st.integers(0, length)))
    moved.load_state_dict(state)
    assert moved.state_dict() == state
    assert list(moved) == list(iterator) == expected(kind, 3)[at:]
    assert list(other) == expected(kind, 4)


@pytest.mark.parametrize("kind", ALL)
def test_a_state_is_a_new_dict_that_does_not_move(kind):
    iterator = iter(make(kind))
    take(iterator, 3)
    state = iterator.state_dict()
    kept = dict(state)
    take(iterator, 4)
    assert state == kept != iterator.state_dict()


@pytest.mark.parametrize("kind", ALL)
def test_whole_steps_have_the_state_of_the_stream(kind):
    sampler, stream = make(kind), PLAN.stream(0)
    iterator = iter(sampler)
    for _ in range(STEPS - 1):
        take(iterator, len(sampler) // STEPS)
        next(stream)
        assert iterator.state_dict() == stream.state_dict()


@pytest.mark.parametrize("kind", ALL)
def test_a_state_at_the_end_leaves_nothing_and_the_next_epoch_follows(kind):
    sampler = make(kind)
    iterator = iter(sampler)
    list(iterator)
    other = make(kind)
    moved = iter(other)
    moved.load_state_dict(iterator.state_dict())
    assert list(moved) == []
    assert list(other) == expected(kind, 1)


@pytest.mark.parametrize("kind", ALL)
def test_an_explicit_epoch_wins_over_a_loaded_state(kind):
    iterator = iter(make(kind))
    take(iterator, 4)
    sampler = make(kind)
    sampler.set_epoch(5)
    moved = iter(sampler)
    with pytest.warns(UserWarning, match=r"A state of epoch 0 was loaded after set_epoch\(5\): epoch 5 is played from"):
        moved.load_state_dict(iterator.state_dict())
    assert list(moved) == expected(kind, 5)


@pytest.mark.parametrize("kind", ALL)
def test_an_explicit_next_epoch_after_a_finished_one_needs_no_warning(kind):
    iterator = iter(make(kind))
    list(iterator)
    sampler = make(kind)
    sampler.set_epoch(1)
    moved = iter(sampler)
    moved.load_state_dict(iterator.state_dict())
    assert list(moved) == expected(kind, 1)


@pytest.mark.parametrize("kind", ALL)
def test_an_explicit_epoch_after_next_deserves_a_warning(kind):
    iterator = iter(make(kind))
    list(iterator)
    sampler = make(kind)
    sampler.set_epoch(2)
    moved = iter(sampler)
    with pytest.warns(UserWarning, match=r"A state of epoch 0 was loaded after set_epoch\(2\): epoch 2 is played from"):
        moved.load_state_dict(iterator.state_dict())
    assert list(moved) == expected(kind, 2)


def test_inside_a_batch_only_the_same_layout_continues():
    iterator = iter(make(PlanSampler))
    take(iterator, 8)
    state = iterator.state_dict()
    assert (state["step"], state["within"]) == (1, 2)
    with pytest.raises(ValueError, match=r"saved inside step 1, 2 indices into it, .*whole batches"):
        iter(make(PlanSampler, world_size=4)).load_state_dict(state)
    with pytest.raises(ValueError, match=r"`start` lies inside step 1, `within` \(=2\) indices"):
        make(PlanSampler, start=state)


@pytest.mark.parametrize("within", [10**9, -5, 1.5, "3", True, 3, 0])
@pytest.mark.parametrize("kind", ALL)
def test_a_position_inside_a_step_that_nobody_saved_is_refused(kind, within):
    iterator = iter(make(kind))
    take(iterator, 1)
    state = iterator.state_dict()
    with pytest.raises((TypeError, ValueError), match="`state"):
        make(kind, start={**state, "within": within, "epoch": 1})
    with pytest.raises((TypeError, ValueError), match="`state"):
        iter(make(kind)).load_state_dict({**state, "within": within, "epoch": 1})


@pytest.mark.parametrize("kind", [PlanSampler, InterleavedPlanBatchSampler])
def test_a_position_inside_a_step_continues_there_and_nowhere_else(kind):
    iterator = iter(make(kind))
    take(iterator, 7)
    state = json.loads(json.dumps(iterator.state_dict()))
    other = iter(make(kind))
    other.load_state_dict(state)
    assert list(other) == list(iterator)
    for refuses in (lambda: PLAN.stream(0, start=state), lambda: make(kind, start=state)):
        with pytest.raises(ValueError, match=r"lies inside step \d, `within` \(=\d\) indices of one rank into it"):
            refuses()
    assert set(state) - {"layout"} == set(make(kind).state_dict(3))


@pytest.mark.parametrize("kind", ALL)
def test_states_of_others_are_refused(kind):
    other = bx.ratio(LABELS, batch_size=12, epoch_size=12 * 8)
    state = make(kind).state_dict(3)
    with pytest.raises(ValueError, match="`state` belongs to another plan"):
        make(kind, other, start=state)
    with pytest.raises(ValueError, match=r"`start` was saved with seed 0, but `seed` is 7; pass seed=0 to continue"):
        make(kind, seed=7, start=state)
    with pytest.raises(ValueError, match="not a balanceidx stream state: it lacks format"):
        iter(make(kind)).load_state_dict({"step": 3})
    with pytest.raises(ValueError, match="not a balanceidx stream state"):
        make(kind, start={})
    with pytest.raises(ValueError, match=r"`state\['step'\]` \(of 9 an epoch\) must be below 10, not 11"):
        make(kind, start={**state, "step": 11})
    with pytest.raises(ValueError, match="`state` is damaged"):
        make(kind, start={**state, "step": 4})


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("saver", ALL)
@settings(max_examples=12)
@given(step=st.integers(0, STEPS), before=st.sampled_from([1, 3, 12]), after=st.sampled_from([1, 2, 6]))
def test_a_portable_state_continues_in_any_shape_and_world(kind, saver, step, before, after):
    sampler = make(saver, world_size=before)
    sampler.set_epoch(2)
    take(iter(sampler), 1)
    state = json.loads(json.dumps(sampler.state_dict(step)))

    resumed = make(kind, world_size=after, start=state)
    epoch = 2 if step < STEPS else 3
    assert list(resumed) == expected(kind, epoch, step % STEPS, after)
    assert list(resumed) == expected(kind, epoch + 1, 0, after)

    stream = PLAN.stream(0)
    stream.load_state_dict(state)
    assert next(stream).tolist() == PLAN.batch_indices(0, step % STEPS, epoch=epoch).tolist()


@pytest.mark.parametrize("kind", ALL)
def test_the_state_of_a_loop_whose_workers_are_fed_ahead(kind):
    sampler = make(kind)
    list(sampler)
    ahead = iter(sampler)
    list(ahead)  # all of epoch 1 is with the workers, while the loop has trained 4 steps of it
    assert (sampler.state_dict(4)["epoch"], sampler.state_dict(4)["step"]) == (1, 4)
    assert (sampler.state_dict(STEPS)["epoch"], sampler.state_dict(STEPS)["step"]) == (2, 0)


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize(
    "played",
    [
        pytest.param([(6, 4), (7, 0), (6, 0)], id="as always"),
        pytest.param([(6, 4), (6, 0), (6, 0)], id="the same epoch again"),
        pytest.param([(6, 4), (2, 0)], id="an earlier one, without a warning"),
    ],
)
def test_resuming_with_explicit_epochs(kind, played):
    state = bx.Position(0, 6, 4).state_dict(PLAN)
    sampler = make(kind, start=state)
    assert sampler.epoch == 6
    for epoch, step in played:
        sampler.set_epoch(epoch)
        assert list(sampler) == expected(kind, epoch, step)


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("step", [4, 0])
def test_a_loop_that_starts_one_epoch_late_is_noticed_and_obeyed(kind, step):
    sampler = make(kind, start=bx.Position(0, 1, step).state_dict(PLAN))
    sampler.set_epoch(1)
    with pytest.warns(
        UserWarning,
        match=rf"set_epoch\(2\) was called after a state of epoch 1, step {step} was loaded, before anything .*: what is "
        r"left of epoch 1 is skipped\. Count the epochs from the one in the state",
    ):
        sampler.set_epoch(2)
    for epoch in (2, 1):
        sampler.set_epoch(epoch)
        assert list(sampler) == expected(kind, epoch)


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("count", [1, None], ids=["broken off", "to its end"])
def test_an_epoch_after_one_that_was_resumed_and_played_needs_no_warning(kind, count):
    sampler = make(kind, start=bx.Position(0, 1, 4).state_dict(PLAN))
    sampler.set_epoch(1)
    rest = expected(kind, 1, 4)
    assert take(iter(sampler), count or len(rest)) == rest[:count]
    sampler.set_epoch(1)
    sampler.set_epoch(2)
    assert list(sampler) == expected(kind, 2)


def test_epochs_chosen_without_a_resume_need_no_warning():
    sampler = pickle.loads(pickle.dumps(make(PlanSampler)))
    for epoch in (3, 7):
        sampler.set_epoch(epoch)
    sampler = make(PlanSampler)
    list(sampler)
    sampler = pickle.loads(pickle.dumps(sampler))  # which comes with its epoch, as after a resume
    sampler.set_epoch(4)
    assert list(sampler) == expected(PlanSampler, 4)


def test_a_loop_that_starts_one_epoch_late_in_another_process_is_noticed():
    sampler = make(PlanSampler, start=make(PlanSampler).state_dict(4))
    sampler = pickle.loads(pickle.dumps(sampler))
    with pytest.warns(UserWarning, match=r"what is left of epoch 0 is skipped"):
        sampler.set_epoch(1)


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("chosen", [False, True])
def test_steps_counted_from_zero_after_a_resume_are_refused(kind, chosen):
    sampler = make(kind, start=bx.Position(0, 1, 4).state_dict(PLAN))
    if chosen:
        sampler.set_epoch(1)
    before = r"^`step` \(=3\) lies before step 4, where epoch 1 was started; count with enumerate\(loader, start=4\)\.$"
    for played in (0, 1, len(expected(kind, 1, 4))):  # nothing, an element, and all: workers are fed ahead
        assert len(take(iter(sampler), played)) == played
        with pytest.raises(ValueError, match=before):
            sampler.state_dict(3)
        assert sampler.state_dict(4)["step"] == 4
        assert sampler.state_dict(STEPS)["epoch"] == 2


@pytest.mark.parametrize("kind", ALL)
def test_steps_of_the_epochs_after_a_resume_count_from_zero(kind):
    sampler = make(kind, start=make(kind).state_dict(4))
    list(sampler)
    take(iter(sampler), 1)
    assert (sampler.state_dict(1)["epoch"], sampler.state_dict(1)["step"]) == (1, 1)
    sampler = make(kind, start=make(kind).state_dict(4))
    sampler.set_epoch(0)
    list(sampler)
    list(sampler)  # nobody has chosen another epoch: all of it once more
    assert sampler.state_dict(1)["epoch"] == 0
    sampler.set_epoch(1)
    assert sampler.state_dict(1)["epoch"] == 1


@pytest.mark.parametrize("kind", ALL)
def test_steps_counted_from_zero_after_a_loaded_iterator_are_refused(kind):
    saved = iter(make(kind))
    take(saved, 5 * (len(make(kind)) // STEPS))
    sampler = make(kind)
    iterator = iter(sampler)
    iterator.load_state_dict(saved.state_dict())
    with pytest.raises(ValueError, match=r"`step` \(=1\) lies before step 5, where epoch 0 was started"):
        sampler.state_dict(1)
    assert list(iterator) == expected(kind, 0, 5)


def test_a_training_loop_that_is_killed_again_and_again():
    trained, state = [], None
    while True:
        sampler = make(PlanBatchSampler, world_size=1, start=state)
        first, done = 0, 0
        if state is not None:
            first, done = state["epoch"], state["step"]
        killed = len(trained) + 4
        for epoch in range(first, 3):
            sampler.set_epoch(epoch)
            for step, batch in enumerate(sampler, start=done):
                trained.append(batch)
                state = sampler.state_dict(step + 1)
                if len(trained) == killed:
                    break
            if len(trained) == killed:
                break
            done = 0
        else:
            break
    assert trained == promised(0, 1, 2)


@pytest.mark.parametrize("kind", ALL)
def test_an_epoch_chosen_once_is_resumed_once(kind):
    sampler = make(kind, start=bx.Position(0, 6, 4).state_dict(PLAN))
    sampler.set_epoch(6)
    assert list(sampler) == expected(kind, 6, 4)
    assert list(sampler) == expected(kind, 6)


@pytest.mark.parametrize("kind", ALL)
def test_a_sampler_that_was_used_goes_back_to_a_state(kind):
    sampler = make(kind)
    list(sampler)
    sampler = make(kind, start=sampler.state_dict(4))
    assert list(sampler) == expected(kind, 0, 4)
    assert list(sampler) == expected(kind, 1)


@pytest.mark.parametrize("kind", ALL)
def test_the_state_of_an_iterator_at_its_end_resumes_with_the_next_epoch(kind):
    iterator = iter(make(kind))
    list(iterator)
    sampler = make(kind, start=iterator.state_dict())
    assert list(sampler) == expected(kind, 1)


@pytest.mark.parametrize("kind", ALL)
def test_the_state_is_of_the_epoch_chosen_since_whatever_an_old_iterator_does(kind):
    sampler = make(kind)
    iterator = iter(sampler)
    sampler.set_epoch(5)
    list(iterator)
    assert sampler.state_dict(4)["epoch"] == 5


@pytest.mark.parametrize("kind", ALL)
def test_a_trainer_that_counts_from_zero_again_is_noticed(kind):
    sampler = make(kind, start=bx.Position(0, 6, 4).state_dict(PLAN))
    with pytest.warns(UserWarning, match=r"set_epoch\(0\) was called after a state of epoch 6, step 4 was loaded"):
        sampler.set_epoch(0)
    assert list(sampler) == expected(kind, 0)


@pytest.mark.parametrize("kind", ALL)
def test_a_resumed_epoch_that_is_broken_off_starts_there_again(kind):
    sampler = make(kind, start=make(kind).state_dict(4))
    take(iter(sampler), 3)
    assert list(sampler) == expected(kind, 0, 4)
    assert len(sampler) == len(expected(kind, 0)), "the length is that of a whole epoch"


@pytest.mark.parametrize("kind", ALL)
def test_bad_steps_are_refused(kind):
    with pytest.raises(
        ValueError,
        match=rf"`step` \(=10\) must be at most {STEPS}, the steps of an epoch \(are they counted anew in each epoch, and "
        r"do the DataLoader's batches have `local_batch_size` \(=6\) items\?\)\.$",
    ):
        make(kind).state_dict(10)
    with pytest.raises(ValueError, match="`step` must be at least 0, not -1"):
        make(kind).state_dict(-1)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'step'"):
        make(kind).state_dict()


class Items:
    """A dataset whose items are their indices."""

    def __len__(self):
        return len(LABELS)

    def __getitem__(self, index):
        return index


def loader(kind, workers, start=None):
    sampler = make(kind, world_size=1, start=start)
    common = {"num_workers": workers, "multiprocessing_context": "fork" if workers else None}
    if kind is PlanSampler:
        return StatefulDataLoader(Items(), sampler=sampler, batch_size=sampler.local_batch_size, **common)
    return StatefulDataLoader(Items(), batch_sampler=sampler, **common)


def lists(batches):
    return [batch.tolist() for batch in batches]


def train(stateful, count):
    """Batches until there are so many, through as many epochs as it takes, and the state saved inside the loop."""
    got = []
    for _ in range(3):
        for batch in stateful:
            got.append(batch.tolist())
            if len(got) == count:
                return got, stateful.state_dict()
    raise AssertionError(f"{len(got)} batches in three epochs")


def promised(*epochs):
    return [batch for epoch in epochs for batch in PLAN.epoch_indices(0, epoch=epoch).reshape(STEPS, -1).tolist()]


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", ALL)
class TestStatefulDataLoader:
    """torchdata saves after every batch, and restores into a new loader."""

    def test_mid_epoch_and_a_second_time(self, kind, workers):
        first = loader(kind, workers)
        iterator = iter(first)
        got = lists(take(iterator, 4))
        state = first.state_dict()

        second = loader(kind, workers)
        second.load_state_dict(state)
        iterator = iter(second)
        got += lists(take(iterator, 2))
        state = second.state_dict()

        third = loader(kind, workers)
        third.load_state_dict(state)
        got += lists(third)
        assert got == promised(0)
        assert lists(third) == promised(1)

    def test_a_chain_of_resumes(self, kind, workers):
        """Saves in mid-epoch, in the epoch after a resumed one, and twice inside the loop after an epoch's last batch."""
        got, state = [], None
        for count in (4, 8, 3, 3, 9, 5):
            stage = loader(kind, workers)
            if state is not None:
                stage.load_state_dict(state)
            batches, state = train(stage, count)
            got += batches
        assert got == promised(0, 1, 2, 3)[:32]

    def test_inside_the_loop_after_the_last_batch(self, kind, workers):
        first = loader(kind, workers)
        for count, _ in enumerate(first, 1):
            if count == STEPS:
                state = first.state_dict()
        second = loader(kind, workers)
        second.load_state_dict(state)
        assert lists(second) == []
        assert lists(second) == promised(1)

    def test_after_the_loop(self, kind, workers):
        first = loader(kind, workers)
        lists(first)
        second = loader(kind, workers)
        second.load_state_dict(first.state_dict())
        assert lists(second) == promised(1)
        assert lists(second) == promised(2)

    def test_before_the_loop(self, kind, workers):
        first = loader(kind, workers)
        state = first.state_dict()
        second = loader(kind, workers)
        second.load_state_dict(state)
        assert lists(second) == promised(0) == lists(first)

    def test_a_loop_that_chooses_its_epochs(self, kind, workers):
        first = loader(kind, workers)
        sampler = first.sampler if kind is PlanSampler else first.batch_sampler
        sampler.set_epoch(3)
        take(iter(first), 4)
        second = loader(kind, workers)
        second.load_state_dict(first.state_dict())
        sampler = second.sampler if kind is PlanSampler else second.batch_sampler
        for epoch in (3, 4):  # without a warning, which would be an error here
            sampler.set_epoch(epoch)
            assert lists(second) == promised(epoch)[4 if epoch == 3 else 0 :]


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after"), [(0, 2), (2, 0), (2, 1)])
def test_another_number_of_workers(before, after):
    first = loader(PlanBatchSampler, before)
    got = lists(take(iter(first), 4))
    state = first.batch_sampler.state_dict(4)
    second = loader(PlanBatchSampler, after, start=state)
    assert got + lists(second) + lists(second) == promised(0, 1)


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_the_wrapper_of_a_random_sampler_in_a_stateful_loader(workers):
    def make():
        sampler = DistributedSamplerWrapper(RandomSampler(range(90)), seed=3, rank=1, world_size=2)
        context = "fork" if workers else None
        return StatefulDataLoader(
            Items(), sampler=sampler, batch_size=5, num_workers=workers, multiprocessing_context=context
        )

    whole = make()
    epochs = lists(whole), lists(whole)
    assert len(epochs[0]) == STEPS and epochs[0] != epochs[1]
    got, state = [], None
    for count in (4, 2, 3, 6):
        stage = make()
        if state is not None:
            stage.load_state_dict(state)
        batches, state = train(stage, count)
        got += batches
    assert got == sum(epochs, [])[:15]
