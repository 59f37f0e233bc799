"""Streams: position, saving, loading into another layout, and what is refused."""

import json
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import balanceidx as bx
from balanceidx import _stream
from balanceidx.adapting import sealed
from strategies import cases, layouts, seeds

LABELS = [0] * 90 + [1] * 12
PLAN = bx.ratio(LABELS, batch_size=12)  # 8 steps


def take(stream: bx.Stream, count: int) -> np.ndarray:
    return np.array([next(stream) for _ in range(count)])


# ---- what a stream yields ------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(st.data(), cases(iid=True), seeds, st.sampled_from([1, 50, 4096]))
def test_a_stream_is_epoch_after_epoch(data, case, seed, ahead):
    plan = case.plan
    world_size, blocks = data.draw(st.sampled_from(layouts(plan.batch_size)), "layout")
    rank = data.draw(st.integers(0, world_size - 1), "rank")
    layout = {"world_size": world_size, "blocks": blocks}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_stream, "_AHEAD", ahead)
        stream = plan.stream(seed, rank, **layout)
        found = take(stream, 2 * plan.steps_per_epoch + 1)
    wanted = [plan.epoch_indices(seed, rank, epoch=epoch, **layout) for epoch in range(3)]
    width = plan.batch_size // world_size
    assert (found == np.concatenate(wanted).reshape(-1, width)[: len(found)]).all()
    assert found.dtype == np.int64
    assert (stream.epoch, stream.step) == ((2, 1) if plan.steps_per_epoch > 1 else (3, 0))


def test_a_stream_is_its_own_iterator_and_a_batch_is_the_caller_s():
    stream = PLAN.stream(0)
    assert iter(stream) is stream
    next(stream)[:] = -1
    assert (take(stream, 7) == PLAN.epoch_indices(0).reshape(8, 12)[1:]).all()


def test_streams_of_one_plan_do_not_disturb_each_other():
    streams = [PLAN.stream(seed) for seed in (0, 1, 0)]
    found = [np.array(batches) for batches in zip(*(take(stream, 20) for stream in streams), strict=True)]
    assert all((first == third).all() for first, _, third in found)
    assert any((first != second).any() for first, second, _ in found)


# ---- the state -----------------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(cases(iid=True), seeds, st.integers(0, 100))
def test_a_state_is_small_and_fresh_and_survives_json(case, seed, count):
    plan = case.plan
    stream = plan.stream(seed)
    take(stream, count)
    state = stream.state_dict()
    text = json.dumps(state)
    assert len(text) < 220
    epoch, step = divmod(count, plan.steps_per_epoch)
    assert plan.position(state) == bx.Position(seed, epoch, step)
    assert list(state) == ["format", "fingerprint", "seed", "epoch", "step", "within", "check"]
    assert all(type(value) in (int, str) for value in state.values())

    upcoming = take(stream, 3)
    assert json.dumps(state) == text, "the state is live"
    state["step"] = -7
    assert stream.state_dict() is not stream.state_dict() and stream.state_dict()["step"] != -7
    resumed = case.make().stream(12345)
    resumed.load_state_dict(json.loads(text))
    assert (take(resumed, 3) == upcoming).all()
    assert resumed.state_dict() == stream.state_dict()


def test_a_state_of_the_last_batch_continues_with_the_next_epoch():
    stream = PLAN.stream(5)
    take(stream, 8)
    state = stream.state_dict()
    assert (state["epoch"], state["step"]) == (1, 0)
    resumed = PLAN.stream(0)
    resumed.load_state_dict(state)
    assert (next(resumed) == PLAN.batch_indices(5, 0, epoch=1)).all()


def test_loading_goes_back_as_well_as_forward():
    stream = PLAN.stream(5)
    states = []
    for _ in range(20):
        states.append(stream.state_dict())
        next(stream)
    for position in (19, 3, 8, 0, 7):
        stream.load_state_dict(states[position])
        assert (next(stream) == PLAN.batch_indices(5, position % 8, epoch=position // 8)).all()


@settings(max_examples=60)
@given(st.data(), cases(iid=True), seeds)
def test_elastic_each_global_batch_stays_the_same_as_ranks_come_and_go(data, case, seed):
    plan = case.plan
    parts = st.tuples(st.sampled_from(layouts(plan.batch_size)), st.integers(1, plan.steps_per_epoch + 1))
    state, position = plan.stream(seed).state_dict(), 0
    for (world_size, blocks), count in data.draw(st.lists(parts, min_size=1, max_size=4), "parts"):
        ranks = [plan.stream(0, rank, world_size=world_size, blocks=blocks) for rank in range(world_size)]
        for stream in ranks:
            stream.load_state_dict(state)
        for _ in range(count):
            together = np.concatenate([next(stream) for stream in ranks])
            epoch, step = divmod(position, plan.steps_per_epoch)
            assert (np.sort(together) == np.sort(plan.batch_indices(seed, step, epoch=epoch))).all()
            position += 1
        states = [json.dumps(stream.state_dict()) for stream in ranks]
        assert len(set(states)) == 1, "the ranks disagree about where the global stream stands"
        state = json.loads(states[-1])


def test_elastic_two_four_one_in_the_middle_of_an_epoch():
    state = PLAN.stream(9).state_dict()
    batches = []
    for world_size, count in ((2, 3), (4, 2), (1, 3), (4, 8)):
        ranks = [PLAN.stream(9, rank, world_size=world_size) for rank in range(world_size)]
        for stream in ranks:
            stream.load_state_dict(state)
        batches += [np.concatenate([next(stream) for stream in ranks]) for _ in range(count)]
        state = ranks[-1].state_dict()
    used = [
        np.bincount(np.concatenate(batches[:8]), minlength=102),
        np.bincount(np.concatenate(batches), minlength=102),
    ]
    for epochs, counts in enumerate(used, start=1):
        assert (counts == sum(np.bincount(PLAN.epoch_indices(9, epoch=e), minlength=102) for e in range(epochs))).all()
    assert (state["epoch"], state["step"]) == (2, 0)


def test_a_stream_can_be_pickled_in_mid_epoch():
    stream = PLAN.stream(3, 1, world_size=2)
    take(stream, 5)
    other = pickle.loads(pickle.dumps(stream))
    assert (take(other, 10) == take(stream, 10)).all()


# ---- what is refused -----------------------------------------------------------------------------------------------

GOOD = bx.Position(4, 1, 2).state_dict(PLAN)

BAD_STATES = [
    (GOOD | {"fingerprint": "abc"}, ValueError, f"`state` belongs to another plan: its fingerprint is 'abc', this "
     f"plan's is '{PLAN.fingerprint}'."),
    (GOOD | {"format": 2}, ValueError, "`state` was saved with stream format 2, but this release speaks format 1;"),
    (GOOD | {"format": "1"}, TypeError, "`state['format']` must be an integer, not str '1'."),
    (GOOD | {"format": None}, TypeError, "`state['format']` must be an integer, not NoneType None."),
    (GOOD | {"format": True}, TypeError, "`state['format']` must be an integer, not bool True."),
    (GOOD | {"format": 1.0}, TypeError, "`state['format']` must be an integer, not float 1.0."),
    (GOOD | {"format": np.array([1, 1])}, TypeError, "`state['format']` must be one integer, not ndarray."),
    (GOOD | {"format": np.array(True)}, TypeError, "`state['format']` must be an integer, not ndarray array(True)."),
    (GOOD | {"fingerprint": None}, TypeError, "`state['fingerprint']` must be a string, not NoneType."),
    (GOOD | {"fingerprint": np.array([PLAN.fingerprint] * 2)}, TypeError, "`state['fingerprint']` must be a string, not "
     "ndarray."),
    (GOOD | {"fingerprint": PLAN.fingerprint.encode()}, TypeError, "must be a string, not bytes."),
    (GOOD | {"step": 9}, ValueError, "`state['step']` (of 8 an epoch) must be below 9, not 9."),
    *[(GOOD | {name: value}, ValueError, "`state` is damaged: its check word")
      for name, value in [("seed", 5), ("epoch", 0), ("step", 3), ("step", 8), ("within", 1), ("check", "0" * 8), ("check", None)]],
    (GOOD | {"within": 10**9}, ValueError, "`state['within']` (of 12 in a batch) must be below 12, not 1000000000."),
    (GOOD | {"within": -5}, ValueError, "`state['within']` must be at least 0, not -5."),
    (GOOD | {"within": 1.5}, TypeError, "`state['within']` must be an integer, not float 1.5."),
    (GOOD | {"within": "3"}, TypeError, "`state['within']` must be an integer, not str '3'."),
    (GOOD | {"within": True}, TypeError, "`state['within']` must be an integer, not bool True."),
    (sealed(GOOD | {"within": 3}), ValueError, "`state` lies inside step 2, `within` (=3) indices of one rank into it;"),
    (GOOD | {"step": -1}, ValueError, "`state['step']` must be at least 0, not -1."),
    (GOOD | {"step": 1.5}, TypeError, "`state['step']` must be an integer, not float 1.5."),
    (GOOD | {"epoch": -1}, ValueError, "must be at least 0, not -1."),
    (GOOD | {"epoch": 2**32}, ValueError, "must be below 2**32, not 4294967296."),
    (GOOD | {"seed": None}, TypeError, "must be an integer, not NoneType None."),
    (GOOD | {"seed": 2**64}, ValueError, "must be below 2**64, not 18446744073709551616."),
    ({}, ValueError, "`state` is not a balanceidx stream state: it lacks format, fingerprint, seed, epoch, step, within, check."),
    (None, ValueError, "`state` is not a balanceidx stream state"),
    ([1, 2], ValueError, "`state` is not a balanceidx stream state"),
    *[({k: v for k, v in GOOD.items() if k != name}, ValueError, f"it lacks {name}.") for name in GOOD],
]  # fmt: skip


@pytest.mark.parametrize(("state", "error", "text"), BAD_STATES, ids=range(len(BAD_STATES)))
def test_a_bad_state_is_refused_and_the_stream_stays_where_it_was(state, error, text):
    stream = PLAN.stream(1)
    take(stream, 3)
    before = stream.state_dict()
    with pytest.raises(error) as caught:
        stream.load_state_dict(state)
    assert text in str(caught.value)
    assert stream.state_dict() == before
    assert (next(stream) == PLAN.batch_indices(1, 3)).all()


def test_a_state_of_a_plan_with_one_label_flipped_is_refused():
    other = bx.ratio([1, *LABELS[1:]], batch_size=12)
    with pytest.raises(ValueError, match="belongs to another plan"):
        other.stream(0).load_state_dict(PLAN.stream(0).state_dict())


@pytest.mark.parametrize("name", ["plan", "seed", "rank", "world_size", "blocks", "epoch", "step"])
def test_attributes_are_for_reading(name):
    stream = PLAN.stream(3, 1, world_size=2)
    take(stream, 2)
    before = stream.state_dict()
    with pytest.raises(AttributeError, match=name):
        setattr(stream, name, getattr(stream, name))
    assert stream.state_dict() == before
    assert (next(stream) == PLAN.batch_indices(3, 2, 1, world_size=2)).all()


def test_attributes_say_what_was_given_and_where_the_stream_stands():
    stream = PLAN.stream(3, 1, world_size=2, blocks=3)
    take(stream, 13)
    assert stream.plan is PLAN
    assert (stream.seed, stream.rank, stream.world_size, stream.blocks) == (3, 1, 2, 3)
    assert (stream.epoch, stream.step) == (1, 5)


def test_the_last_epoch_of_the_format_is_the_last():
    stream = PLAN.stream(0)
    stream.load_state_dict(bx.Position(4, 2**32 - 1, 7).state_dict(PLAN))
    assert (next(stream) == PLAN.batch_indices(4, 7, epoch=2**32 - 1)).all()
    for refused in (lambda: next(stream), lambda: PLAN.stream(0).load_state_dict(stream.state_dict())):
        with pytest.raises(ValueError, match=r"`epoch` must be below 2\*\*32, not 4294967296\."):
            refused()


@pytest.mark.parametrize("kind", [np.int64, np.uint8, np.array])
def test_integers_of_numpy_are_entries_of_a_state(kind):
    # A checkpoint library may give back arrays for the numbers it was given.
    stream = PLAN.stream(0)
    stream.load_state_dict({k: v if isinstance(v, str) else kind(v) for k, v in GOOD.items()})
    assert stream.state_dict() == GOOD
    assert all(type(value) in (int, str) for value in stream.state_dict().values())


def test_unknown_entries_of_a_state_are_ignored():
    stream = PLAN.stream(0)
    stream.load_state_dict(GOOD | {"note": {"saved by the trainer"}})
    assert (next(stream) == PLAN.batch_indices(4, 2, epoch=1)).all()


def test_a_stream_starts_where_it_is_told():
    for start in (GOOD, bx.Position(4, 1, 2)):
        stream = PLAN.stream(4, 1, world_size=2, start=start)
        assert (next(stream) == PLAN.batch_indices(4, 2, 1, epoch=1, world_size=2)).all()
        assert stream.position == bx.Position(4, 1, 3)
    assert PLAN.stream(4, start=bx.Position(4, 1, 8)).position == bx.Position(4, 2, 0)
    with pytest.raises(ValueError, match=r"`start` was saved with seed 4, but `seed` is 5; pass seed=4 to continue\."):
        PLAN.stream(5, start=GOOD)
    with pytest.raises(ValueError, match=r"`start\.step` \(of 8 an epoch\) must be below 9, not 9\."):
        PLAN.stream(4, start=bx.Position(4, 1, 9))
    with pytest.raises(ValueError, match=r"`step` \(of 8 an epoch\) must be below 9, not 9\."):
        bx.Position(4, 1, 9).state_dict(PLAN)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ((-1, 0, 0), ValueError, "`seed` must be at least 0, not -1."),
        ((0, 2**32, 0), ValueError, "`epoch` must be below 2**32, not 4294967296."),
        ((0, 0, 1.5), TypeError, "`step` must be an integer, not float 1.5."),
        ((0, 0, 0, True), TypeError, "`within` must be an integer, not bool True."),
    ],
)
def test_a_position_is_checked_where_it_is_made(arguments, error, text):
    with pytest.raises(error) as caught:
        bx.Position(*arguments)
    assert str(caught.value) == text
