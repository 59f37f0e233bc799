"""The stream on the device: its time an index, and its share of a small training step, beside batches from the host."""

import os

# The other benchmarks use one thread; XLA has a flag of its own for that. It does not concern a GPU.
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import sys
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

import balanceidx as bx
import balanceidx_jax
from tests.benchmarks._measure import paired, table

ITEMS, BATCH, STEPS = 1_000_000, 1024, 200
FEATURES, HIDDEN, CLASSES = 64, 256, 10

Rows = list[tuple[str, str, str]]


def plans() -> dict[str, bx.Plan]:
    rng = np.random.default_rng(0)
    options = {"batch_size": BATCH, "epoch_size": BATCH * STEPS}
    many = np.concatenate((np.arange(1000), (1000 * rng.random(ITEMS - 1000) ** 3).astype(np.int64)))
    weights = rng.random(ITEMS) + 0.01
    return {
        "2 classes, 1 % positives": bx.ratio((rng.random(ITEMS) < 0.01).astype(np.uint8), **options),
        "1,000 classes": bx.ratio(many, **options),
        "a million distinct weights": bx.weighted(weights, **options),
        "the same, iid": bx.weighted(weights, iid=True, **options),
    }


def stream(name: str, plan: bx.Plan) -> Rows:
    """A whole epoch of indices in one scan, beside the numpy core."""
    on_device = balanceidx_jax.device_plan(plan)

    @jax.jit
    def epoch(on_device, seed):
        tables = balanceidx_jax.epoch_tables(on_device, seed)
        return jax.lax.scan(lambda carry, step: (carry, tables.batch_indices(step)), 0, jnp.arange(STEPS))[1]

    words = balanceidx_jax.seed_words(0)
    assert (np.asarray(epoch(on_device, words)).reshape(-1) == plan.epoch_indices(0)).all()
    times = paired(lambda: jax.block_until_ready(epoch(on_device, words)), lambda: plan.epoch_indices(0), runs=9)
    ours, core = (seconds / (BATCH * STEPS) * 1e9 for seconds in (times.first, times.second))
    return [(f"stream in a scan: {name}", f"{ours:.0f} ns an index (numpy core: {core:.0f} ns)", "")]


def update(weights, data, indices):
    """A step of stochastic gradient descent on a small network."""

    def loss(weights):
        scores = jax.nn.relu(data["x"][indices] @ weights[0]) @ weights[1]
        return -jnp.take_along_axis(jax.nn.log_softmax(scores), data["y"][indices, None], axis=1).mean()

    return jax.tree.map(lambda w, g: w - 0.1 * g, weights, jax.grad(loss)(weights))


def training(plan: bx.Plan) -> Rows:
    """Whole epochs of small steps: indices from the device, given beforehand, and from the host step by step."""
    rng = np.random.default_rng(0)
    data = {
        "x": jnp.asarray(rng.random((ITEMS, FEATURES), np.float32)),
        "y": jnp.asarray(rng.integers(0, CLASSES, ITEMS, np.int32)),
    }
    weights = [
        jnp.asarray(rng.normal(0, 0.1, shape).astype(np.float32)) for shape in ((FEATURES, HIDDEN), (HIDDEN, CLASSES))
    ]
    on_device, words = balanceidx_jax.device_plan(plan), balanceidx_jax.seed_words(0)
    given = jnp.asarray(plan.epoch_indices(0).reshape(STEPS, BATCH).astype(np.int32))
    step = jax.jit(update)

    @jax.jit
    def with_stream(weights, data, on_device, seed):
        tables = balanceidx_jax.epoch_tables(on_device, seed)
        body = lambda weights, t: (update(weights, data, tables.batch_indices(t)), None)  # noqa: E731
        return jax.lax.scan(body, weights, jnp.arange(STEPS))[0]

    @jax.jit
    def without(weights, data, given):
        return jax.lax.scan(lambda weights, indices: (update(weights, data, indices), None), weights, given)[0]

    def from_host(batches: Callable[[], object]) -> object:
        now = weights
        for indices in batches():
            now = step(now, data, indices.astype(np.int32))
        return now

    def one_by_one():
        return (plan.batch_indices(0, t) for t in range(STEPS))

    def ahead():
        stream = plan.stream(0)
        return (next(stream) for _ in range(STEPS))

    def run(action: Callable[[], object]) -> Callable[[], object]:
        return lambda: jax.block_until_ready(action())

    def scanned():
        return with_stream(weights, data, on_device, words)

    bare = paired(run(scanned), run(lambda: without(weights, data, given)), runs=9)
    single = paired(run(scanned), run(lambda: from_host(one_by_one)), runs=9)
    streamed = paired(run(scanned), run(lambda: from_host(ahead)), runs=9)
    us = 1e6 / STEPS
    return [
        ("training step in a scan, indices given beforehand", f"{bare.second * us:.0f} us", ""),
        ("... that selects its batch on the device", f"{bare.first * us:.0f} us; share {1 - 1 / bare.ratio:.0%}", ""),
        (
            "... fed by the host, `plan.stream`",
            f"{streamed.second * us:.0f} us, {1 / streamed.ratio:.1f} times as long",
            "",
        ),
        (
            "... fed by the host, `plan.batch_indices`",
            f"{single.second * us:.0f} us, {1 / single.ratio:.1f} times as long",
            "",
        ),
    ]


def main() -> int:
    rows: Rows = [("device", str(jax.devices()[0]), "")]
    made = plans()
    for name, plan in made.items():
        rows += stream(name, plan)
    rows += training(made["2 classes, 1 % positives"])
    table(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
