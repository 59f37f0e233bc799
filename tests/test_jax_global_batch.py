"""Global batches: what is refused, and one device. `jax_checks.py` and `jax_process.py` have many devices."""

import dataclasses

import jax
import numpy as np
import pytest
from jax.sharding import NamedSharding, SingleDeviceSharding
from jax.sharding import PartitionSpec as P

import balanceidx as bx
import balanceidx_jax as bj
from balanceidx_jax import _global_batch

LABELS = np.repeat([0, 1], [60, 12])
PLAN = bx.ratio(LABELS, batch_size=12)
ONE = SingleDeviceSharding(jax.devices("cpu")[0])


def test_indices_of_one_device_are_the_batch():
    batch = bj.global_batch(PLAN, 7, 2, ONE, epoch=3)
    assert batch.dtype == np.int32
    assert (np.asarray(batch) == PLAN.batch_indices(7, 2, epoch=3)).all()


def test_load_gets_the_indices_once_and_its_pytree_comes_back():
    asked = []

    def load(indices):
        asked.append(indices)
        return {"x": np.zeros((len(indices), 2, 3), np.float16), "y": (LABELS[indices],)}

    batch = bj.global_batch(PLAN, 7, 2, ONE, load=load)
    assert len(asked) == 1 and asked[0].dtype == np.int64
    assert batch["x"].shape == (12, 2, 3) and batch["x"].dtype == np.float16
    assert batch["y"][0].tolist() == LABELS[asked[0]].tolist()


def test_one_sharding_serves_arrays_with_fewer_axes():
    sharding = NamedSharding(jax.make_mesh((1, 1), ("data", "model")), P("data", "model"))
    batch = bj.global_batch(PLAN, 0, 0, sharding, load=lambda indices: (np.zeros((12, 4)), LABELS[indices]))
    assert batch[0].sharding.spec == P("data", "model")
    assert batch[1].sharding.spec == P("data")


@pytest.mark.parametrize("batch_size", [8, 1 << 14])
def test_parts_are_the_same_in_one_call_or_in_many(batch_size, monkeypatch):
    plan = bx.ratio(LABELS, batch_size=batch_size, epoch_size=4 * batch_size)
    held = [1, 2, 3]
    one, many = [], []
    for calls, cost in ((one, 1 << 30), (many, 0)):
        monkeypatch.setattr(_global_batch, "_INDICES_A_CALL", cost)
        calls.append(_global_batch._rows(plan, 5, 3, 1, held, 4))
    assert (one[0] == many[0]).all()


@pytest.mark.parametrize("rows", [np.zeros(11), np.zeros((13, 12)), np.zeros(())])
def test_another_number_of_rows_is_refused(rows):
    with pytest.raises(ValueError, match=r"load\(\.\.\.\)\['x'\] has shape \(.*\); it must have 12 rows, one for each"):
        bj.global_batch(PLAN, 0, 0, ONE, load=lambda _: {"x": rows})


def test_integers_that_would_wrap_are_refused():
    with pytest.raises(ValueError, match=r"load\(\.\.\.\) holds int64 values from 0 to 2147483648, which do not fit"):
        bj.global_batch(PLAN, 0, 0, ONE, load=lambda _: np.array([2**31] + [0] * 11))
    with pytest.raises(ValueError, match=r"holds uint64 values from 0 to 4294967296, which do not fit the uint32"):
        bj.global_batch(PLAN, 0, 0, ONE, load=lambda _: np.array([2**32] + [0] * 11, np.uint64))
    with jax.enable_x64(True):
        batch = bj.global_batch(PLAN, 0, 0, ONE, load=lambda _: np.array([2**31] + [0] * 11))
        assert int(batch[0]) == 2**31


def test_indices_beyond_32_bits_are_refused_and_can_be_loaded():
    near = bx.ratio(LABELS, batch_size=12)  # not PLAN, whose cache the copy would share
    pools = near._evaluator.pools
    pools = dataclasses.replace(pools, members=pools.members.astype(np.int64) + 2**40)
    far = dataclasses.replace(
        near, num_items=2**40 + len(LABELS), _evaluator=dataclasses.replace(near._evaluator, pools=pools)
    )
    with pytest.raises(
        ValueError, match=r"`plan` has 1099511627848 items, whose indices do not all fit the int32 .*; pass a `load`"
    ):
        bj.global_batch(far, 0, 0, ONE)
    batch = bj.global_batch(far, 0, 0, ONE, load=lambda indices: indices - 2**40)
    assert (np.asarray(batch) == PLAN.batch_indices(0, 0)).all()
    with jax.enable_x64(True):
        batch = bj.global_batch(far, 0, 0, ONE)
    assert batch.dtype == np.int64 and (np.asarray(batch) == PLAN.batch_indices(0, 0) + 2**40).all()


def test_all_batches_are_refused_alike():
    # The indices of this batch would fit; another's would not, and then only some processes would stop.
    for items, refused in ((2**31, False), (2**31 + 1, True)):
        plan = dataclasses.replace(PLAN, num_items=items)
        if refused:
            with pytest.raises(ValueError, match="`plan` has 2147483649 items"):
                bj.global_batch(plan, 0, 0, ONE)
        else:
            assert (np.asarray(bj.global_batch(plan, 0, 0, ONE)) == PLAN.batch_indices(0, 0)).all()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [((-1, 0), "`seed` must be at least 0, not -1"), ((0, 6), "`step` .of 6 an epoch. must be below 6, not 6")],
)
def test_arguments_are_those_of_the_core(arguments, text):
    with pytest.raises(ValueError, match=text):
        bj.global_batch(PLAN, *arguments, ONE)


@pytest.mark.parametrize(("plan", "name"), [(bj.device_plan(PLAN), "DevicePlan"), (LABELS, "ndarray")])
def test_anything_but_a_plan_is_refused(plan, name):
    with pytest.raises(TypeError, match=f"`plan` must be a balanceidx.Plan, not {name}; pass the Plan itself"):
        bj.global_batch(plan, 0, 3, ONE)


@pytest.mark.parametrize("load", [None, lambda indices: indices])
@pytest.mark.parametrize(
    ("step", "sharding"),
    [(3, jax.make_mesh((1,), ("data",))), (3, P("data")), (3, jax.devices("cpu")[0]), (ONE, 3)],
    ids=["mesh", "partition spec", "device", "swapped with the step"],
)
def test_anything_but_a_sharding_is_refused(step, sharding, load):
    with pytest.raises(TypeError) as caught:
        bj.global_batch(PLAN, 0, step, sharding, load=load)
    assert str(caught.value) == (
        "`sharding` must be a jax.sharding.Sharding, such as NamedSharding(mesh, PartitionSpec('data')), "
        f"not {type(sharding).__name__}."
    )
