"""Plans: batch, range and epoch agree, whichever path computes them; ranks are strides; and the door of every call."""

import copy
import dataclasses
import os
import pickle
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import balanceidx as bx
from balanceidx._format import deal, evaluate, keys, permutation
from balanceidx._format.layout import Layout
from strategies import cases, divisors, epochs, layouts, seeds

ORDERS = ("shuffled", "dealt")


@st.composite
def calls(draw, plan):
    """Arguments of `epoch_indices` for a plan."""
    world_size, blocks = draw(st.sampled_from(layouts(plan.batch_size)))
    return {
        "seed": draw(seeds),
        "epoch": draw(epochs),
        "rank": draw(st.integers(0, world_size - 1)),
        "world_size": world_size,
        "blocks": blocks,
        "order": draw(st.sampled_from(ORDERS)),
    }


# ---- one stream, three calls ---------------------------------------------------------------------------------------


@settings(max_examples=80)
@given(st.data(), cases(iid=True))
def test_epoch_range_and_batch_agree_bit_for_bit(data, case):
    plan = case.plan
    call = data.draw(calls(plan), "call")
    whole = plan.epoch_indices(**call)
    assert whole.dtype == np.int64
    assert whole.shape == (plan.steps_per_epoch * plan.batch_size // call["world_size"],)
    batches = whole.reshape(plan.steps_per_epoch, -1)
    for step in {
        0,
        plan.steps_per_epoch - 1,
        *data.draw(st.sets(st.integers(0, plan.steps_per_epoch - 1), max_size=8)),
    }:
        batch = plan.batch_indices(step=step, **call)
        assert batch.dtype == np.int64 and (batch == batches[step]).all()
    start, stop = sorted(data.draw(st.tuples(*[st.integers(0, plan.steps_per_epoch)] * 2), "range"))
    part = plan.range_indices(start=start, stop=stop, **call)
    assert part.dtype == np.int64 and (part == batches[start:stop].reshape(-1)).all()


@settings(max_examples=80)
@given(st.data(), cases(iid=True))
def test_the_dealt_order_strided_is_each_rank_s_part(data, case):
    plan = case.plan
    call = data.draw(calls(plan), "call") | {"order": "dealt"}
    world_size, blocks, rank = call["world_size"], call["blocks"], call["rank"]
    everything = plan.epoch_indices(**call | {"rank": 0, "world_size": 1, "blocks": 1})
    everything = everything.reshape(plan.steps_per_epoch, plan.batch_size)
    # One block a rank: the very same order. Several: block d holds the slots k with k mod (W * D) == rank + W * d.
    part = plan.epoch_indices(**call | {"blocks": 1}).reshape(plan.steps_per_epoch, -1)
    assert (part == everything[:, rank::world_size]).all()
    dealt = plan.epoch_indices(**call).reshape(plan.steps_per_epoch, blocks, -1)
    shuffled = plan.epoch_indices(**call | {"order": "shuffled"}).reshape(plan.steps_per_epoch, blocks, -1)
    for block in range(blocks):
        assert (dealt[:, block] == everything[:, rank + world_size * block :: world_size * blocks]).all()
    assert (np.sort(shuffled, axis=2) == np.sort(dealt, axis=2)).all()


@pytest.mark.parametrize("blocks", [1, 2, 3, 10, 30])
def test_the_shuffled_order_permutes_every_block_by_its_own_key(blocks):
    # Blocks of 127 slots and fewer repeat the keys, longer ones broadcast them: both against one block at a time.
    plan = bx.ratio(np.arange(3000) % 7, batch_size=300)
    shuffled, dealt = (
        plan.epoch_indices(4, epoch=2, blocks=blocks, order=order).reshape(10, blocks, -1) for order in ORDERS
    )
    length = 300 // blocks
    table = plan._evaluator.deal_at(4, 2, 0)
    slots = table.rows(0, 10).slot_numbers(Layout.of(300, 0, 1, blocks))
    places = np.arange(length, dtype=np.uint32)
    seen = set()
    for step in range(10):
        for block in range(blocks):
            key = keys.key(4, keys.BLOCK_ORDER, 2, step, block)
            target = permutation.permute(places, permutation.Domain.of([length]), key)
            assert (shuffled[step, block, target] == dealt[step, block, slots[step, block]]).all()
            seen.add(target.tobytes())
    assert len(seen) == 10 * blocks, "two blocks are shuffled alike"


# ---- the paths inside ----------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(st.data(), cases(iid=True))
def test_the_class_loop_and_the_slot_look_up_agree(data, case):
    plan = case.plan
    call = data.draw(calls(plan), "call")
    found = {}
    for path, draws_per_class in (("loop", 0), ("look-up", 2**62)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(evaluate, "_DRAWS_PER_CLASS", draws_per_class)
            found[path] = plan.epoch_indices(**call)
    assert (found["loop"] == found["look-up"]).all()
    assert (found["loop"] == plan.epoch_indices(**call)).all()


@settings(max_examples=40)
@given(st.data(), cases(iid=True), st.sampled_from([0, 2**11, 2**62]), st.integers(1, 200), st.integers(1, 50))
def test_chunk_sizes_change_no_value(data, case, draws_per_class, at_once, chunk):
    plan = case.plan
    call = data.draw(calls(plan), "call")
    whole = plan.epoch_indices(**call)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate, "_DRAWS_PER_CLASS", draws_per_class)
        patch.setattr(evaluate, "_DRAWS_AT_ONCE", at_once)
        patch.setattr(permutation, "CHUNK", chunk)
        assert (plan.epoch_indices(**call) == whole).all()


def test_the_paths_are_both_taken_without_a_patch(monkeypatch):
    looked_up = []
    original = deal.Deal.places
    monkeypatch.setattr(deal.Deal, "places", lambda *a: looked_up.append(1) or original(*a))
    plan = bx.ratio(np.arange(10_000) % 2, batch_size=100)
    plan.batch_indices(0, 0)
    assert looked_up == [1]
    plan.epoch_indices(0)
    assert looked_up == [1]


def test_more_draws_than_are_evaluated_at_once():
    plan = bx.ratio(np.arange(600_000) % 3, batch_size=1000)
    assert plan.steps_per_epoch * plan.batch_size > 2 * evaluate._DRAWS_AT_ONCE
    whole = plan.epoch_indices(7).reshape(600, 1000)
    for step in (0, 261, 262, 263, 523, 524, 525, 599):
        assert (plan.batch_indices(7, step) == whole[step]).all()
    assert (np.sort(whole.reshape(-1)) == np.arange(600_000)).all()


# ---- large numbers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [None, [1.0, 2.0, 4.0] * 40], ids=["even", "weighted"])
def test_the_largest_epochs(weights):
    # 2**32 - 1 steps; draws beyond 2**32 where pools are even.
    batch_size = 120 if weights is None else 1
    plan = bx.ratio([0] * 100 + [1] * 20, "natural", batch_size=batch_size, epoch_size=batch_size * (2**32 - 1),
                    item_weights=weights)  # fmt: skip
    last = plan.steps_per_epoch - 1
    draws = plan.steps_per_epoch * batch_size
    for epoch in (0, min(2**32, 2**63 // draws) - 2):
        for step in (0, last // 3, last):
            batch = plan.batch_indices(2**64 - 1, step, epoch=epoch)
            assert ((batch >= 0) & (batch < 120)).all()
            if weights is None:
                assert int((batch >= 100).sum()) == 20
    tail = plan.range_indices(0, last - 2, last + 1)
    assert (tail[-batch_size:] == plan.batch_indices(0, last)).all()


def test_a_run_ends_before_its_draws_pass_63_bits():
    # The last draw of the last epoch is number 2**63 - 2**37 - 1 of a class of one item.
    plan = bx.ratio([0], batch_size=64, epoch_size=2**37)
    epoch = 2**63 // 2**37 - 2
    for step in (0, plan.steps_per_epoch - 1):
        assert plan.batch_indices(0, step, epoch=epoch).tolist() == [0] * 64
    assert plan.uses([0], 0, until=(epoch, plan.steps_per_epoch)).tolist() == [2**63 - 2**37]
    with pytest.raises(ValueError, match=r"`epoch` \(=67108863\) is too late for epochs of 137438953472 draws"):
        plan.batch_indices(0, 0, epoch=epoch + 1)


# ---- a plan is a value ---------------------------------------------------------------------------------------------


def test_a_plan_cannot_be_changed():
    labels = np.array([0, 0, 1, 1, 1, 2])
    weights = np.array([1.0, 2.0, 1.0, 3.0, 1.0, 1.0])
    plan = bx.ratio(labels, batch_size=3, item_weights=weights)
    before = plan.epoch_indices(0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        plan.batch_size = 6
    with pytest.raises(ValueError, match="read-only"):
        plan.sizes[0] = 99
    with pytest.raises(ValueError, match="read-only"):
        plan.classes[0] = 99
    labels[:], weights[:] = 0, 0.0  # the caller's arrays are not the plan's
    assert (plan.epoch_indices(0) == before).all()
    plan.epoch_indices(0)[:] = -1  # nor the plan's arrays the caller's
    assert (plan.epoch_indices(0) == before).all()


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda plan: pickle.loads(pickle.dumps(plan))])
def test_a_copy_of_a_plan_cannot_be_changed_either(again):
    plan = again(bx.ratio([0, 0, 1, 1, 1, 2], batch_size=3, item_weights=[1.0, 2.0, 1.0, 3.0, 1.0, 1.0]))
    evaluator = plan._evaluator
    for holder in (plan, evaluator.ledger, evaluator.pools, evaluator.pools.passes, evaluator.pools.lines):
        arrays = [value for value in vars(holder).values() if isinstance(value, np.ndarray)]
        assert arrays and not any(array.flags.writeable for array in arrays)


FORKED = """
import os, signal, threading, time
import balanceidx as bx

plan = bx.ratio(list(range(100_000)), batch_size=100)  # tables that take some time


def compute():
    for epoch in range(10**6):
        plan.batch_indices(0, 0, epoch=epoch)


threading.Thread(target=compute, daemon=True).start()
for child in range(12):
    time.sleep(0.03)
    pid = os.fork()
    if pid == 0:
        signal.alarm(10)
        plan.batch_indices(1, 0, epoch=child)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0, "the child waits for ever"
os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes are forked here")
def test_a_process_forked_while_another_thread_computes_does_not_hang():
    subprocess.run([sys.executable, "-W", "ignore", "-c", FORKED], check=True, timeout=200)


def test_arguments_are_left_as_they_were():
    labels = np.array([0, 0, 1, 1, 1, 2], np.uint8)
    weights = np.array([1.0, 2.0, 1.0, 3.0, 1.0, 1.0])
    for array in (labels, weights):
        array.flags.writeable = False
    bx.ratio(labels, batch_size=3, item_weights=weights).epoch_indices(0)
    bx.weighted(weights, batch_size=3).epoch_indices(0)
    other = labels.copy()
    plan = bx.ratio(other, batch_size=3)
    other[:] = 0  # still writable: the plan did not take it over
    assert plan.classes.tolist() == [0, 1, 2]


def test_attributes_describe_the_plan():
    plan = bx.ratio(["b"] * 30 + ["a"] * 70, batch_size=20)
    assert plan.classes.tolist() == ["a", "b"]
    assert plan.draws(0).tolist() == [50, 50] and plan.draws(0).dtype == np.int64
    assert plan.draws_per_epoch.tolist() == [50.0, 50.0] and plan.shares.tolist() == [0.5, 0.5]
    assert (plan.batch_size, plan.steps_per_epoch, plan.num_items) == (20, 5, 100)
    assert repr(plan) == (
        f"Plan(batch_size=20, steps_per_epoch=5, num_items=100, classes=2, fingerprint={plan.fingerprint!r})"
    )


# ---- the fingerprint -----------------------------------------------------------------------------------------------

LABELS = [0] * 60 + [1] * 30 + [2] * 10
FLIPPED = [0] * 59 + [1] * 31 + [2] * 10
SWAPPED = [0] * 59 + [1, 0] + [1] * 29 + [2] * 10
WEIGHTS = [1.0 + 0.01 * i for i in range(100)]
HEAVIER = [*WEIGHTS[:-1], 7.0]

# No two of these plans give the same stream.
DIFFERENT = {
    "base": lambda: bx.ratio(LABELS, batch_size=10),
    "label flipped": lambda: bx.ratio(FLIPPED, batch_size=10),
    "labels swapped": lambda: bx.ratio(SWAPPED, batch_size=10),
    "target": lambda: bx.ratio(LABELS, "natural", batch_size=10),
    "shares": lambda: bx.ratio(LABELS, {0: 1, 1: 2, 2: 3}, batch_size=10),
    "batch size": lambda: bx.ratio(LABELS, batch_size=20),
    "epoch size": lambda: bx.ratio(LABELS, batch_size=10, epoch_size=110),
    "oversample": lambda: bx.ratio(LABELS, batch_size=10, epoch_size="oversample"),
    "minimum": lambda: bx.ratio(LABELS, batch_size=10, min_per_batch={2: 5}),
    "cap": lambda: bx.ratio(LABELS, batch_size=10, max_repeats=2),
    "item weights": lambda: bx.ratio(LABELS, batch_size=10, item_weights=WEIGHTS),
    "one item weight": lambda: bx.ratio(LABELS, batch_size=10, item_weights=HEAVIER),
    "item of weight zero": lambda: bx.ratio(LABELS, batch_size=10, item_weights=[0.0] + [1.0] * 99),
    "weights": lambda: bx.weighted(WEIGHTS, batch_size=10),
    "one weight": lambda: bx.weighted(HEAVIER, batch_size=10),
    "iid": lambda: bx.weighted(WEIGHTS, batch_size=10, iid=True),
    "iid, one weight": lambda: bx.weighted(HEAVIER, batch_size=10, iid=True),
    "one more item": lambda: bx.ratio([*LABELS, 0], batch_size=10),
    "one more item that is never drawn": lambda: bx.weighted([*WEIGHTS, 0.0], batch_size=10, epoch_size=100),
}


def test_the_fingerprint_changes_with_all_that_decides_the_indices():
    fingerprints = {name: make().fingerprint for name, make in DIFFERENT.items()}
    assert len(set(fingerprints.values())) == len(fingerprints), fingerprints


@pytest.mark.parametrize("name", DIFFERENT)
def test_the_fingerprint_stays_through_pickling_and_making_anew(name):
    plan = DIFFERENT[name]()
    unasked = pickle.loads(pickle.dumps(plan))
    assert isinstance(plan.fingerprint, str) and 0 < len(plan.fingerprint) <= 32
    assert unasked.fingerprint == plan.fingerprint == DIFFERENT[name]().fingerprint
    assert pickle.loads(pickle.dumps(plan)).fingerprint == plan.fingerprint


def test_the_fingerprint_does_not_depend_on_how_labels_are_stored():
    base = bx.ratio(LABELS, batch_size=10)
    for labels in (tuple(LABELS), np.array(LABELS, np.int8), np.array(LABELS, np.uint64), np.array(LABELS, object)):
        same = bx.ratio(labels, batch_size=10)
        assert same.fingerprint == base.fingerprint
        assert (same.epoch_indices(1) == base.epoch_indices(1)).all()


def test_fingerprint_and_indices_are_the_same_in_another_process():
    code = """
import balanceidx as bx
plan = bx.ratio(["cat"] * 60 + ["dog"] * 40, {"dog": 2, "cat": 1}, batch_size=10)
print(plan.fingerprint, plan.epoch_indices(3, epoch=5).tolist())
"""
    printed = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": hash_seed}, check=True, capture_output=True, text=True
        ).stdout.strip()
        for hash_seed in ("1", "2")
    }
    plan = bx.ratio(["cat"] * 60 + ["dog"] * 40, {"cat": 1, "dog": 2}, batch_size=10)
    assert printed == {f"{plan.fingerprint} {plan.epoch_indices(3, epoch=5).tolist()}"}


# ---- the door ------------------------------------------------------------------------------------------------------

PLAN = bx.ratio([0] * 90 + [1] * 10, batch_size=12)  # 8 steps

BAD_CALLS = [
    ({"world_size": 5}, ValueError, "`batch_size` (=12, all ranks together) must be divisible by `world_size` * "
     "`blocks` (=5 * 1)."),
    ({"world_size": 3, "blocks": 8}, ValueError, "must be divisible by `world_size` * `blocks` (=3 * 8)."),
    ({"rank": 2, "world_size": 2}, ValueError, "`rank` (=2) must be below `world_size` (=2)."),
    ({"rank": 1}, ValueError, "`rank` (=1) must be below `world_size` (=1)."),
    ({"rank": -1}, ValueError, "`rank` must be at least 0, not -1."),
    ({"rank": 0.0}, TypeError, "`rank` must be an integer, not float 0.0."),
    ({"world_size": 0}, ValueError, "`world_size` must be at least 1, not 0."),
    ({"blocks": 0}, ValueError, "`blocks` must be at least 1, not 0."),
    ({"blocks": None}, TypeError, "`blocks` must be an integer, not NoneType None."),
    ({"step": -1}, ValueError, "`step` (of 8 an epoch) must be at least 0, not -1."),
    ({"step": 8}, ValueError, "`step` (of 8 an epoch) must be below 8, not 8."),
    ({"step": True}, TypeError, "`step` (of 8 an epoch) must be an integer, not bool True."),
    ({"epoch": -1}, ValueError, "`epoch` must be at least 0, not -1."),
    ({"epoch": 2**32}, ValueError, "`epoch` must be below 2**32, not 4294967296."),
    ({"epoch": 1.0}, TypeError, "`epoch` must be an integer, not float 1.0."),
    ({"seed": -1}, ValueError, "`seed` must be at least 0, not -1."),
    ({"seed": 2**64}, ValueError, "`seed` must be below 2**64, not 18446744073709551616."),
    ({"seed": 1.0}, TypeError, "`seed` must be an integer, not float 1.0."),
    ({"seed": True}, TypeError, "`seed` must be an integer, not bool True."),
    ({"seed": np.bool_(True)}, TypeError, "`seed` must be an integer, not bool"),
    ({"seed": None}, TypeError, "`seed` must be an integer, not NoneType None."),
    ({"seed": "7"}, TypeError, "`seed` must be an integer, not str '7'."),
    ({"seed": np.array([1, 2])}, TypeError, "`seed` must be one integer, not ndarray."),
    ({"order": "random"}, ValueError, "`order` must be 'shuffled', 'dealt' or 'by_class', not 'random'."),
    ({"order": None}, ValueError, "`order` must be 'shuffled', 'dealt' or 'by_class', not None."),
]  # fmt: skip


@pytest.mark.parametrize(("bad", "error", "text"), BAD_CALLS, ids=[str(bad) for bad, *_ in BAD_CALLS])
def test_a_bad_call_is_refused_by_every_method(bad, error, text):
    good = {"seed": 0}
    methods = [lambda **call: PLAN.batch_indices(**{"step": 0} | call)]
    if "step" not in bad:
        methods += [PLAN.epoch_indices, lambda **call: PLAN.range_indices(start=0, stop=1, **call)]
        if not {"epoch", "order"} & set(bad):
            methods.append(PLAN.stream)
    for method in methods:
        with pytest.raises(error) as caught:
            method(**good | bad)
        assert text in str(caught.value)


@pytest.mark.parametrize(
    ("start", "stop", "error", "text"),
    [
        (3, 2, ValueError, "`start` (not after `stop`) must be below 3, not 3."),
        (-1, 2, ValueError, "`start` (not after `stop`) must be at least 0, not -1."),
        (0, 9, ValueError, "`stop` (of 8 steps an epoch) must be below 9, not 9."),
        (0, 2.0, TypeError, "`stop` (of 8 steps an epoch) must be an integer, not float 2.0."),
    ],
)
def test_a_bad_range_is_refused(start, stop, error, text):
    with pytest.raises(error) as caught:
        PLAN.range_indices(0, start, stop)
    assert text in str(caught.value)


def test_an_order_that_is_no_string_is_refused_by_name():
    with pytest.raises((TypeError, ValueError), match="`order` must be 'shuffled', 'dealt' or 'by_class'"):
        PLAN.batch_indices(0, 0, order=np.array(["shuffled", "dealt"]))


def test_an_empty_range_is_empty():
    for at in range(9):
        part = PLAN.range_indices(0, at, at)
        assert part.shape == (0,) and part.dtype == np.int64


@pytest.mark.parametrize("integer", [np.int8, np.uint8, np.int64, np.uint64, np.array])
def test_numpy_integers_are_integers(integer):
    wanted = PLAN.batch_indices(3, 5, 1, epoch=2, world_size=3, blocks=2)
    found = PLAN.batch_indices(
        integer(3), integer(5), integer(1), epoch=integer(2), world_size=integer(3), blocks=integer(2)
    )
    assert (found == wanted).all()
    assert (PLAN.batch_indices(np.uint64(2**64 - 1), 0) == PLAN.batch_indices(2**64 - 1, 0)).all()


def test_every_divisor_is_a_world_size():
    for smaller, larger in pairwise(divisors(12)):
        assert len(PLAN.batch_indices(0, 0, world_size=smaller)) > len(PLAN.batch_indices(0, 0, world_size=larger))
