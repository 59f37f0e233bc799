"""Train for whole epochs in one compiled program, which selects its own class-balanced batches.

The handwritten digits of scikit-learn, with ever fewer images from 0 to 9, sit in device memory. Two runs train the
same network on the same batches:

    fed by the host   every step, the host computes the indices of a batch and sends them
    one scan          a `lax.scan` over epochs and steps computes them on the device; the host waits for the result

Both streams are the same integers, so both runs must end with the same parameters, to within rounding; on a CPU they
have been the same bit for bit.
"""

import argparse
import time
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from sklearn.datasets import load_digits

import balanceidx as bx
import balanceidx_jax

HIDDEN = 64
IMBALANCE = 10  # images of the digit 0 for each image of the digit 9
OPTIMIZER = optax.sgd(0.1, momentum=0.9)


class Data(NamedTuple):
    images: Any  # float32, (N, 64)
    labels: Any  # int32, (N,)


class State(NamedTuple):
    parameters: Any
    optimizer: Any


def digits() -> tuple[Data, Data]:
    """Training images with a long tail, and 20 others of each digit."""
    images, labels = load_digits(return_X_y=True)
    training, test = [], []
    for digit in range(10):
        items = np.flatnonzero(labels == digit)
        keep = round((len(items) - 20) * IMBALANCE ** (-digit / 9))
        test.append(items[:20])
        training.append(items[20 : 20 + keep])
    parts = (np.concatenate(items) for items in (training, test))
    first, second = (Data((images[p] / 16).astype(np.float32), labels[p].astype(np.int32)) for p in parts)
    return first, second


def initial(key: Any) -> State:
    first, second = jax.random.split(key)
    parameters = {
        "hidden": jax.random.normal(first, (64, HIDDEN)) / 8,
        "bias": jnp.zeros(HIDDEN),
        "out": jax.random.normal(second, (HIDDEN, 10)) / HIDDEN**0.5,
    }
    return State(parameters, OPTIMIZER.init(parameters))


def logits(parameters: Any, images: Any) -> Any:
    return jax.nn.relu(images @ parameters["hidden"] + parameters["bias"]) @ parameters["out"]


def update(state: State, data: Data, indices: Any) -> State:
    """One training step on the rows of a batch."""

    def loss(parameters: Any) -> Any:
        scores = logits(parameters, data.images[indices])
        return optax.softmax_cross_entropy_with_integer_labels(scores, data.labels[indices]).mean()

    updates, optimizer = OPTIMIZER.update(jax.grad(loss)(state.parameters), state.optimizer)
    return State(optax.apply_updates(state.parameters, updates), optimizer)


def fed_by_the_host(state: State, data: Data, plan: bx.Plan, seed: int, epochs: int) -> State:
    step = jax.jit(update, donate_argnums=0)
    for epoch in range(epochs):
        for t in range(plan.steps_per_epoch):
            state = step(state, data, plan.batch_indices(seed, t, epoch=epoch).astype(np.int32))
    return state


@partial(jax.jit, static_argnames="epochs")
def one_scan(state: State, data: Data, plan: balanceidx_jax.DevicePlan, seed: Any, epochs: int) -> State:
    def one_epoch(state: State, epoch: Any) -> tuple[State, None]:
        tables = balanceidx_jax.epoch_tables(plan, seed, epoch)  # once an epoch instead of once a step

        def one_step(state: State, step: Any) -> tuple[State, None]:
            return update(state, data, tables.batch_indices(step)), None

        return jax.lax.scan(one_step, state, jnp.arange(plan.steps_per_epoch))

    return jax.lax.scan(one_epoch, state, jnp.arange(epochs))[0]


def recalls(state: State, test: Data) -> Any:
    """Share of the test images of each digit that are recognised."""
    right = jnp.argmax(logits(state.parameters, test.images), axis=1) == test.labels
    return jnp.bincount(test.labels, weights=right.astype(np.float32), length=10) / 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    training, test = jax.device_put(digits())
    plan = bx.ratio(np.asarray(training.labels), "balanced", batch_size=50)
    on_device, seed = balanceidx_jax.device_plan(plan), balanceidx_jax.seed_words(options.seed)
    steps = options.epochs * plan.steps_per_epoch
    print(f"{plan}: {options.epochs} epochs, {steps} steps, device {jax.devices()[0]}")

    # An epoch each beforehand, so that compiling is not timed.
    jax.block_until_ready(fed_by_the_host(initial(jax.random.key(0)), training, plan, options.seed, 1))
    compiled = one_scan.lower(initial(jax.random.key(0)), training, on_device, seed, epochs=options.epochs).compile()

    start = time.perf_counter()
    fed = fed_by_the_host(initial(jax.random.key(0)), training, plan, options.seed, options.epochs)
    jax.block_until_ready(fed)
    middle = time.perf_counter()
    scanned = jax.block_until_ready(compiled(initial(jax.random.key(0)), training, on_device, seed))
    end = time.perf_counter()
    print(f"fed by the host: {(middle - start) / steps * 1e6:6.0f} us a step")
    print(f"one scan:        {(end - middle) / steps * 1e6:6.0f} us a step")

    bitwise = True
    for ours, theirs in zip(jax.tree.leaves(scanned), jax.tree.leaves(fed), strict=True):
        # An accelerator may add up in another order inside a scan; a different batch would be far outside these bounds.
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
        bitwise = bitwise and bool((ours == theirs).all())
    print(f"the same final parameters: {'bit for bit' if bitwise else 'to within rounding'}")
    found = recalls(scanned, test)
    print(f"recall: mean {found.mean():.3f}, worst digit {found.min():.2f}")


if __name__ == "__main__":
    main()
