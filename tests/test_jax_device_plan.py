"""The stream on the device: the core's integers, bit for bit, with everything but shapes traced."""

import dataclasses
import json
import os
import subprocess
import sys
from functools import cache, partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import balanceidx as bx
import balanceidx_jax as bj
from balanceidx._format import permutation
from balanceidx_jax._device_plan import DevicePlan
from strategies import cases, epochs, layouts, seeds

# Shapes are few, so that each is compiled once; whatever is traced is random.
CLASSES, ITEMS, BATCH, STEPS = 5, 96, 24, 7
AT_ONCE = 16
LABELS = np.repeat(np.arange(5), [60, 20, 10, 5, 1])

# Compiling is what these tests wait for. Other tests, and the examples, compile as users do.
QUICKLY = {"xla_backend_optimization_level": 0}


def labels_of(rng: np.random.Generator) -> np.ndarray:
    """Labels of ITEMS items in which each of CLASSES classes occurs."""
    share = rng.random(CLASSES) ** 3
    return rng.permutation(
        np.concatenate((np.arange(CLASSES), rng.choice(CLASSES, ITEMS - CLASSES, p=share / share.sum())))
    )


def even(rng: np.random.Generator) -> bx.Plan:
    shares = rng.random(CLASSES) ** 2 * (rng.random(CLASSES) < 0.8)
    shares[rng.integers(CLASSES)] = 1
    return bx.ratio(labels_of(rng), shares, batch_size=BATCH, epoch_size=BATCH * STEPS)


def bounded(rng: np.random.Generator) -> bx.Plan:
    return bx.min_positives(labels_of(rng), {1: 4, 3: 1}, batch_size=BATCH, epoch_size=BATCH * STEPS)


def long_epochs(rng: np.random.Generator) -> bx.Plan:
    """Nearly 2**32 draws an epoch: draw and pass numbers use every bit."""
    return bx.ratio(labels_of(rng), "balanced", batch_size=BATCH, epoch_size=2**32 - 1)


def some_lined(rng: np.random.Generator) -> bx.Plan:
    """Item weights that differ over up to 20 powers of ten; the classes 0 and 1 are even."""
    labels = labels_of(rng)
    weights = np.where(labels < 2, 1.0, 10.0 ** rng.uniform(-10, 10, ITEMS))
    weights[np.flatnonzero(labels == 2)[0]] = 1e300
    return bx.ratio(labels, batch_size=BATCH, epoch_size=BATCH * STEPS, item_weights=weights)


def lined(rng: np.random.Generator) -> bx.Plan:
    return bx.weighted(rng.random(ITEMS) + 1e-9, batch_size=BATCH, epoch_size=BATCH * STEPS)


def iid(rng: np.random.Generator) -> bx.Plan:
    return bx.weighted(rng.lognormal(0, 2, ITEMS), batch_size=BATCH, epoch_size=BATCH * STEPS, iid=True)


# Each mode with a layout (world size, blocks).
FAMILIES = [
    (even, 2, 3),
    (bounded, 2, 3),
    (long_epochs, 24, 1),
    (some_lined, 4, 2),
    (lined, 1, 4),
    (iid, 2, 1),
]


def one_shape(plan: DevicePlan) -> DevicePlan:
    """Say that pools may have any number of rounds, so that all plans of a mode compile alike."""
    pools = plan._pools
    counts = sorted({permutation.rounds_for(n) for n in range(1, ITEMS + 1)} | set(pools.domain.counts))
    domain = dataclasses.replace(pools.domain, counts=tuple(counts), walks=True)
    return dataclasses.replace(plan, _pools=dataclasses.replace(pools, domain=domain))


@cache
def many(world_size: int, blocks: int):
    """Both orders of many batches at once, each with its own traced seed, step, rank and epoch."""

    def both(plan, low, high, step, rank, epoch):
        options = {"epoch": epoch, "world_size": world_size, "blocks": blocks}
        orders = (
            bj.batch_indices(plan, (low, high), step, rank, order=order, **options) for order in ("shuffled", "dealt")
        )
        return jnp.stack(list(orders))

    return jax.jit(jax.vmap(both, in_axes=(None, 0, 0, 0, 0, 0)), compiler_options=QUICKLY)


@pytest.mark.parametrize(("mode", "world_size", "blocks"), FAMILIES)
@settings(max_examples=25)
@given(data=st.data())
def test_bit_identical_to_the_core(mode, world_size, blocks, data):
    plan = mode(np.random.default_rng(data.draw(st.integers(0, 2**32))))
    steps = st.one_of(st.integers(0, plan.steps_per_epoch - 1), st.just(plan.steps_per_epoch - 1))
    one = st.tuples(seeds, steps, st.integers(0, world_size - 1), epochs)
    asked = data.draw(st.lists(one, min_size=1, max_size=AT_ONCE))
    padded = (asked * AT_ONCE)[:AT_ONCE]
    low, high = np.array([bj.seed_words(seed) for seed, *_ in padded]).T
    step, rank, epoch = np.array([rest for _, *rest in padded], np.uint64).astype(np.uint32).T
    got = np.asarray(many(world_size, blocks)(one_shape(bj.device_plan(plan)), low, high, step, rank, epoch))
    assert got.dtype == np.int32
    for (seed, step, rank, epoch), rows in zip(asked, got, strict=False):
        options = {"epoch": epoch, "world_size": world_size, "blocks": blocks}
        assert (rows[0] == plan.batch_indices(seed, step, rank, **options)).all()
        assert (rows[1] == plan.batch_indices(seed, step, rank, order="dealt", **options)).all()


traced = jax.jit(bj.batch_indices, static_argnames=("world_size", "blocks", "order"), compiler_options=QUICKLY)


@pytest.mark.slow
@settings(max_examples=50)
@given(case=cases(iid=True), seed=seeds, epoch=epochs, data=st.data())
def test_bit_identical_for_random_plans(case, seed, epoch, data):
    plan = case.plan
    world_size, blocks = data.draw(st.sampled_from(layouts(plan.batch_size)))
    rank = data.draw(st.integers(0, world_size - 1))
    layout = {"world_size": world_size, "blocks": blocks}
    on_device, words = bj.device_plan(plan), bj.seed_words(seed)
    for step in data.draw(st.lists(st.integers(0, plan.steps_per_epoch - 1), min_size=1, max_size=4)):
        got = traced(on_device, words, step, rank, epoch=np.uint32(epoch), **layout)
        assert (np.asarray(got) == plan.batch_indices(seed, step, rank, epoch=epoch, **layout)).all()


def epochs_that_overflow(draws: int, items: int) -> list[int]:
    """First and last epochs in which the low word of a class's pass number overflows."""
    found = [e for e in (*range(1, 100), *range(2**32 - 100, 2**32)) if -e * draws % (items << 32) < draws]
    return [*found[:3], found[-1]]


def test_pass_numbers_beyond_a_word():
    # So many draws of so few items that a pass number outgrows its low word within an epoch.
    plan = bx.ratio([7, 7, 8, 8, 8], [0.4, 0.6], batch_size=24, epoch_size=2**32 - 1)
    on_device = bj.device_plan(plan)
    items = jax.jit(lambda plan, epoch, *at: bj.epoch_tables(plan, 3, epoch)._pools.items(*at))
    for position, count in enumerate((2, 3)):
        draws = int(plan.draws_per_epoch[position])
        for epoch in epochs_that_overflow(draws, count):
            around = -epoch * draws % (count << 32) + np.arange(-12, 12)
            around, classes = np.clip(around, 0, draws - 1), np.full(24, position)
            got = items(on_device, np.uint32(epoch), classes.astype(np.uint32), around.astype(np.uint32))
            assert (np.asarray(got) == plan._pools.epoch(3, epoch).items(classes, around)).all()


@cache
def plan_and_device() -> tuple[bx.Plan, DevicePlan]:
    plan = bx.ratio(LABELS, batch_size=BATCH, epoch_size=BATCH * STEPS)
    return plan, bj.device_plan(plan)


def test_vmap_over_steps_and_ranks_is_the_epoch():
    plan, on_device = plan_and_device()
    one = partial(bj.batch_indices, epoch=9, world_size=4)
    run = jax.jit(jax.vmap(jax.vmap(one, in_axes=(None, None, 0, None)), in_axes=(None, None, None, 0)))
    ranks = run(on_device, np.uint32(5), jnp.arange(STEPS), jnp.arange(4))
    for rank, batches in enumerate(np.asarray(ranks)):
        assert (batches.reshape(-1) == plan.epoch_indices(5, rank, epoch=9, world_size=4)).all()


def test_scan_over_epochs_and_steps():
    plan, on_device = plan_and_device()
    layout = {"world_size": 2, "blocks": 3, "order": "dealt"}

    @jax.jit
    def train(on_device, seed):
        def one_epoch(carry, epoch):
            tables = bj.epoch_tables(on_device, seed, epoch)

            def one_step(carry, step):
                return carry, tables.batch_indices(step, 1, **layout)

            return jax.lax.scan(one_step, carry, jnp.arange(STEPS))

        return jax.lax.scan(one_epoch, 0, jnp.arange(3))[1]

    expected = np.concatenate([plan.epoch_indices(2**31 + 5, 1, epoch=epoch, **layout) for epoch in range(3)])
    assert (np.asarray(train(on_device, np.uint32(2**31 + 5))).reshape(-1) == expected).all()


def test_a_running_step_in_a_scan_is_to_be_split():
    plan, on_device = plan_and_device()

    @jax.jit
    def both(on_device):
        def body(carry, running_step):
            epoch, step = jnp.divmod(running_step, on_device.steps_per_epoch)
            split = bj.batch_indices(on_device, 5, step, epoch=epoch)
            return carry, (split, bj.batch_indices(on_device, 5, running_step))

        return jax.lax.scan(body, 0, jnp.arange(3 * STEPS))[1]

    split, unsplit = map(np.asarray, both(on_device))
    assert (split.reshape(-1) == np.concatenate([plan.epoch_indices(5, epoch=epoch) for epoch in range(3)])).all()
    # The symptom that the page tells: batches of the right composition, of the items of the first epoch again.
    counts = np.stack([np.bincount(LABELS[batch], minlength=5) for batch in unsplit])
    assert (abs(counts - plan.draws_per_epoch / STEPS) < 1).all()
    assert set(unsplit.flat) == set(unsplit[:STEPS].flat) < set(split.flat)


def test_leaves_are_32_bit_or_smaller_and_plans_of_one_shape_compile_once():
    _, on_device = plan_and_device()
    assert {leaf.dtype.name for leaf in jax.tree_util.tree_leaves(on_device)} <= {"int32", "uint32", "bool"}
    other = bj.device_plan(bx.ratio(LABELS[::-1].copy(), "natural", batch_size=BATCH, epoch_size=BATCH * STEPS))
    assert jax.tree_util.tree_structure(on_device) == jax.tree_util.tree_structure(other)


@pytest.mark.slow
def test_with_64_bit_integers_turned_on():
    plan, on_device = plan_and_device()
    with jax.enable_x64(True):
        step = jnp.arange(2)[1]
        assert step.dtype == np.int64
        batch = jax.jit(lambda plan, step: bj.batch_indices(plan, 5, step))(on_device, step)
    assert batch.dtype == np.int32
    assert (np.asarray(batch) == plan.batch_indices(5, 1)).all()


def test_where_users_forbid_promotion_of_ranks_and_dtypes():
    plan = bx.ratio(LABELS, batch_size=BATCH, item_weights=np.where(LABELS < 3, 1 + LABELS % 2, 0.5 + np.arange(96)))
    with jax.numpy_rank_promotion("raise"), jax.numpy_dtype_promotion("strict"):
        on_device = bj.device_plan(plan)
        for options in ({}, {"world_size": 2, "blocks": 3}, {"order": "dealt"}):
            batch = bj.batch_indices(on_device, 5, 1, epoch=2, **options)
            assert (np.asarray(batch) == plan.batch_indices(5, 1, epoch=2, **options)).all()
            assert (batch == bj.epoch_tables(on_device, 5, 2).batch_indices(1, **options)).all()


def test_seeds_of_every_form_agree():
    plan, on_device = plan_and_device()
    small, large = 2**32 - 1, 2**64 - 1
    for seed in (large, np.uint64(large), bj.seed_words(large), list(map(int, bj.seed_words(large)))):
        assert (np.asarray(bj.batch_indices(on_device, seed, 0)) == plan.batch_indices(large, 0)).all()
    assert (np.asarray(bj.batch_indices(on_device, jnp.uint32(small), 0)) == plan.batch_indices(small, 0)).all()


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_seeds_out_of_range_are_refused_on_the_host(seed):
    _, on_device = plan_and_device()
    for action in (bj.seed_words, partial(bj.batch_indices, on_device, step=0), partial(bj.epoch_tables, on_device)):
        with pytest.raises(ValueError, match=r"`seed` must be (at least 0, not -1|below 2\*\*64, not 1844)"):
            action(seed=seed)


def test_seeds_that_could_wrap_are_refused():
    _, on_device = plan_and_device()
    with pytest.raises(TypeError, match="`seed` must be an integer, not float"):
        bj.seed_words(1.5)
    with pytest.raises(TypeError, match=r"`seed` is traced and must be a uint32 scalar, not int32.*seed_words"):
        jax.jit(lambda seed: bj.batch_indices(on_device, seed, 0))(3)
    with pytest.raises(TypeError, match=r"`seed\[1\]` is traced and must be a uint32 scalar, not uint32\[2\]"):
        jax.jit(lambda high: bj.batch_indices(on_device, (0, high), 0))(np.zeros(2, np.uint32))
    with pytest.raises(ValueError, match=r"`seed\[0\]` must be below 2\*\*32"):
        bj.batch_indices(on_device, (2**32, 0), 0)
    with pytest.raises(TypeError, match=r"`seed` as a pair must be seed_words\(seed\), \(low, high\), not 3 values"):
        bj.batch_indices(on_device, (1, 2, 3), 0)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"step": STEPS}, ValueError, f"`step` (of {STEPS} an epoch) must be below {STEPS}, not {STEPS}."),
        ({"step": -1}, ValueError, "`step` (of 7 an epoch) must be at least 0, not -1."),
        ({"rank": 2, "world_size": 2}, ValueError, "`rank` (=2) must be below `world_size` (=2)."),
        ({"epoch": 2**32}, ValueError, "`epoch` must be below 2**32, not 4294967296."),
        (
            {"world_size": 5, "blocks": 2},
            ValueError,
            "`batch_size` (=24, all ranks together) must be divisible by `world_size` * `blocks` (=5 * 2).",
        ),
        ({"order": "random"}, ValueError, "`order` must be 'shuffled' or 'dealt', not 'random'."),
        ({"step": 1.0}, TypeError, "`step` (of 7 an epoch) must be an integer, not float 1.0."),
    ],
)
def test_known_arguments_are_checked(arguments, error, text):
    _, on_device = plan_and_device()
    with pytest.raises(error) as caught:
        bj.batch_indices(on_device, 0, **{"step": 0} | arguments)
    assert str(caught.value) == text


def test_another_plan_or_none_is_refused():
    plan, on_device = plan_and_device()
    asked = (partial(bj.batch_indices, seed=0, step=0), partial(bj.epoch_tables, seed=0))
    for action in (*asked, lambda value: jax.jit(lambda step: bj.batch_indices(value, 0, step))(1)):
        with pytest.raises(TypeError) as caught:
            action(plan)
        assert str(caught.value) == (
            "`device_plan` must be a DevicePlan, not Plan; make it once, outside compiled functions, with "
            "balanceidx_jax.device_plan(plan)."
        )
    for value, name in ((LABELS, "ndarray"), (on_device, "DevicePlan")):
        with pytest.raises(TypeError) as caught:
            bj.device_plan(value)
        assert str(caught.value) == (
            f"`plan` must be a balanceidx.Plan, not {name}; pass the Plan itself, as balanceidx.ratio and the other modes "
            f"return it."
        )


def test_traced_arguments_must_be_integer_scalars():
    _, on_device = plan_and_device()
    with pytest.raises(
        TypeError, match=r"`step` is traced and must be an integer scalar, not float32\[\]; use jax.vmap"
    ):
        jax.jit(lambda step: bj.batch_indices(on_device, 0, step))(1.0)
    with pytest.raises(
        TypeError, match=r"`rank` is traced and must be an integer scalar, not int32\[2\]; use jax.vmap"
    ):
        jax.jit(lambda rank: bj.batch_indices(on_device, 0, 0, rank, world_size=2))(np.arange(2, dtype=np.int32))


def test_plans_that_would_wrap_are_refused():
    plan, _ = plan_and_device()
    too_many_items = dataclasses.replace(plan, num_items=2**31)
    with pytest.raises(
        ValueError, match=r"`plan` has 2147483648 items, but .* must be below 2\*\*31.*plan.batch_indices"
    ):
        bj.device_plan(too_many_items)
    long = bx.ratio(LABELS, batch_size=16, epoch_size=2**32)
    with pytest.raises(ValueError, match=r"`plan` has 4294967296 draws an epoch, .* below 2\*\*32.*`epoch_size`"):
        bj.device_plan(long)


def test_the_largest_index_arrives():
    # Labels of 2**31 items do not fit a test; a plan whose only members are the last items does.
    plan = bx.ratio(LABELS, batch_size=BATCH, epoch_size=BATCH * STEPS)
    pools = dataclasses.replace(plan._pools, members=plan._pools.members.astype(np.int64) + 2**31 - 1 - len(LABELS))
    large = dataclasses.replace(plan, num_items=2**31 - 1, _pools=pools)
    batches = [np.asarray(bj.batch_indices(bj.device_plan(large), 0, step)) for step in range(STEPS)]
    assert np.array_equal(batches, large.epoch_indices(0).reshape(STEPS, BATCH))
    assert np.max(batches) == 2**31 - 2


@pytest.mark.slow
def test_on_eight_devices():
    environment = os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=8"}
    script = Path(__file__).with_name("jax_checks.py")
    done = subprocess.run([sys.executable, "-W", "error", script], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["devices"] == 8
