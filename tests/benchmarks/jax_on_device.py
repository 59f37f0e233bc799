"""The stream on the device: its time an index, and its share of a small training step, beside batches from the host."""

import os

# The other benchmarks use one thread; XLA has a flag of its own for that. It does not concern a GPU.
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import sys
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np

import balanceidx as bx
import balanceidx_jax
from tests.benchmarks._measure import seconds, table

ITEMS, BATCH, STEPS = 1_000_000, 1024, 200
FEATURES, HIDDEN, CLASSES = 64, 256, 10

Rows = list[tuple[str, str, str]]


def fastest(actions: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Least seconds of each action; they run in turn, and whatever else the machine does can only add to them."""
    for action in actions.values():
        jax.block_until_ready(action())
    runs = [
        {name: seconds(lambda a=a: jax.block_until_ready(a())) for name, a in actions.items()} for _ in range(rounds)
    ]
    return {name: min(times[name] for times in runs) for name in actions}


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
    times = fastest({"device": lambda: epoch(on_device, words), "core": lambda: plan.epoch_indices(0)}, rounds=50)
    ours, core = (1e9 * times[name] / (BATCH * STEPS) for name in ("device", "core"))
    return [(f"stream in a scan: {name}", f"{ours:.0f} ns an index (numpy core: {core:.0f} ns)", "")]


def update(weights, data, indices):
    """A step of stochastic gradient descent on a small network."""

    def loss(weights):
        scores = jax.nn.relu(data["x"][indices] @ weights[0]) @ weights[1]
        return -jnp.take_along_axis(jax.nn.log_softmax(scores), data["y"][indices, None], axis=1).mean()

    return jax.tree.map(lambda w, g: w - 0.1 * g, weights, jax.grad(loss)(weights))


def training(plan: bx.Plan) -> Rows:
    """Whole epochs of small steps: indices given beforehand, computed on the device, and sent from the host."""
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

    beforehand = plan.epoch_indices(0).reshape(STEPS, BATCH)
    bare = "training step in a scan, indices on the device beforehand"
    times = fastest(
        {
            bare: lambda: without(weights, data, given),
            "... that selects its batch on the device": lambda: with_stream(weights, data, on_device, words),
            "... fed by the host, indices computed beforehand": lambda: from_host(lambda: beforehand),
            "... fed by the host, `plan.stream`": lambda: from_host(ahead),
            "... fed by the host, `plan.batch_indices`": lambda: from_host(one_by_one),
        },
        rounds=15,
    )
    return [
        (name, f"{1e6 * time / STEPS:.0f} us, {time / times[bare]:.2f} of the first", "")
        for name, time in times.items()
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
