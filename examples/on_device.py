"""Train for whole epochs in one compiled program, which selects its own class-balanced batches.

The training of `multihost.py`, with all images in the memory of one device. It runs twice, on the same batches:

    fed by the host   every step, the host computes the indices of a batch and sends them
    one scan          a `lax.scan` over epochs and steps computes them on the device; the host waits for the result

Both streams are the same integers, so both runs must end with the same parameters, to within rounding; on a CPU they
have been the same bit for bit.

Needs the packages of the examples, from a checkout: pip install -c constraints.txt '.[examples]'
"""

import argparse
import time
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from digits_training import Data, State, balanced, digits, initial, summary, update

import balanceidx as bx
import balanceidx_jax


def select(state: State, data: Data, indices: Any) -> State:
    """One training step on the rows of a batch."""
    return update(state, Data(data.images[indices], data.labels[indices]))


def fed_by_the_host(state: State, data: Data, plan: bx.Plan, seed: int, epochs: int) -> State:
    one_step = jax.jit(select, donate_argnums=0)
    for epoch in range(epochs):
        for step in range(plan.steps_per_epoch):
            state = one_step(state, data, plan.batch_indices(seed, step, epoch=epoch).astype(np.int32))
    return state


@partial(jax.jit, static_argnames="epochs")
def one_scan(state: State, data: Data, plan: balanceidx_jax.DevicePlan, seed: Any, epochs: int) -> State:
    def one_epoch(state: State, epoch: Any) -> tuple[State, None]:
        tables = balanceidx_jax.epoch_tables(plan, seed, epoch)  # once an epoch instead of once a step

        def one_step(state: State, step: Any) -> tuple[State, None]:
            return select(state, data, tables.batch_indices(step)), None

        return jax.lax.scan(one_step, state, jnp.arange(plan.steps_per_epoch))

    return jax.lax.scan(one_epoch, state, jnp.arange(epochs))[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    training, test = digits()
    plan, data = balanced(training.labels), jax.device_put(training)
    on_device, seed = balanceidx_jax.device_plan(plan), balanceidx_jax.seed_words(options.seed)
    steps = options.epochs * plan.steps_per_epoch
    print(f"{plan}: {options.epochs} epochs, {steps} steps, device {jax.devices()[0]}")

    # Compiled beforehand, so that this is not timed.
    jax.block_until_ready(fed_by_the_host(initial(), data, plan, options.seed, 1))
    compiled = one_scan.lower(initial(), data, on_device, seed, epochs=options.epochs).compile()

    start = time.perf_counter()
    fed = jax.block_until_ready(fed_by_the_host(initial(), data, plan, options.seed, options.epochs))
    middle = time.perf_counter()
    scanned = jax.block_until_ready(compiled(initial(), data, on_device, seed))
    end = time.perf_counter()
    print(f"fed by the host: {(middle - start) / steps * 1e6:6.0f} us a step")
    print(f"one scan:        {(end - middle) / steps * 1e6:6.0f} us a step")

    bitwise = True
    for ours, theirs in zip(jax.tree.leaves(scanned), jax.tree.leaves(fed), strict=True):
        # An accelerator may add up in another order inside a scan; a different batch would be far outside these bounds.
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
        bitwise = bitwise and bool((ours == theirs).all())
    print(f"the same final parameters: {'bit for bit' if bitwise else 'to within rounding'}")
    print(summary(scanned.parameters, test))


if __name__ == "__main__":
    main()
