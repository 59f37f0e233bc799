"""Data-parallel training over several processes, each of which loads only the rows that its own devices hold.

Started as N processes by `examples/multihost.sh N`, or by hand, one per host:

    python examples/multihost.py --coordinator HOST:PORT --processes 2 --process 0     # and 1 on the other host

The handwritten digits of scikit-learn, with ever fewer images from 0 to 9, are classified by a small network. Every
process runs the same code: `global_batch` finds out from the sharding which rows to load. At the end the processes
compare their parameters, and process 0 prints what each device was given and how well the digits are recognised.

A run can stop after any step and go on with another number of processes: epoch and step are all there is to save.
"""

import argparse
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.experimental import multihost_utils
from jax.sharding import NamedSharding, PartitionSpec
from sklearn.datasets import load_digits

import balanceidx as bx
import balanceidx_jax

IMBALANCE = 10  # images of the digit 0 for each image of the digit 9
OPTIMIZER = optax.sgd(0.1, momentum=0.9)


class State(NamedTuple):
    parameters: Any
    optimizer: Any


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Images and labels with a long tail. Each process reads them like a file that all hosts can reach."""
    images, labels = load_digits(return_X_y=True)
    kept = [np.flatnonzero(labels == digit) for digit in range(10)]
    items = np.concatenate([items[: round(len(items) * IMBALANCE ** (-d / 9))] for d, items in enumerate(kept)])
    return (images[items] / 16).astype(np.float32), labels[items].astype(np.int32)


def logits(parameters: Any, images: Any) -> Any:
    return jax.nn.relu(images @ parameters["hidden"] + parameters["bias"]) @ parameters["out"]


@jax.jit
def update(state: State, batch: dict[str, Any]) -> State:
    """One step; the mean over the global batch is where JAX adds up over devices and processes."""

    def loss(parameters: Any) -> Any:
        scores = logits(parameters, batch["image"])
        return optax.softmax_cross_entropy_with_integer_labels(scores, batch["label"]).mean()

    updates, optimizer = OPTIMIZER.update(jax.grad(loss)(state.parameters), state.optimizer)
    return State(optax.apply_updates(state.parameters, updates), optimizer)


def initial(everywhere: NamedSharding) -> State:
    first, second = jax.random.split(jax.random.key(0))
    hidden, out = jax.random.normal(first, (64, 64)) / 8, jax.random.normal(second, (64, 10)) / 8
    parameters = {"hidden": hidden, "bias": jnp.zeros(64), "out": out}
    return jax.device_put(State(parameters, OPTIMIZER.init(parameters)), everywhere)


def compositions(batch: dict[str, Any]) -> list[str]:
    """How many images of each digit the devices of this process were given."""
    counts = [np.bincount(np.asarray(shard.data), minlength=10) for shard in batch["label"].addressable_shards]
    return [f"process {jax.process_index()}: {count.tolist()}" for count in counts]


def train(seed: int, epochs: int) -> None:
    images, labels = digits()
    plan = bx.ratio(labels, "balanced", batch_size=160)
    mesh = jax.make_mesh((jax.device_count(),), ("data",))
    rows, everywhere = NamedSharding(mesh, PartitionSpec("data")), NamedSharding(mesh, PartitionSpec())
    loaded = 0

    def load(indices: np.ndarray) -> dict[str, np.ndarray]:
        nonlocal loaded
        loaded += len(indices)
        return {"image": images[indices], "label": labels[indices]}

    state = initial(everywhere)
    for epoch in range(epochs):
        for step in range(plan.steps_per_epoch):
            batch = balanceidx_jax.global_batch(plan, seed, step, rows, epoch=epoch, load=load)
            if epoch == step == 0:
                print("\n".join(compositions(batch)), flush=True)
            state = update(state, batch)

    everyone = multihost_utils.process_allgather(jax.tree.map(lambda leaf: leaf.addressable_data(0), state.parameters))
    for gathered in jax.tree.leaves(everyone):
        np.testing.assert_array_equal(gathered, np.broadcast_to(gathered[:1], gathered.shape))
    draws = epochs * plan.steps_per_epoch * plan.batch_size
    assert loaded == draws // jax.process_count()
    if jax.process_index() == 0:
        parameters = jax.tree.map(np.asarray, state.parameters)
        right = np.asarray(logits(parameters, images)).argmax(1) == labels
        worst = min(right[labels == digit].mean() for digit in range(10))
        size = sum(float(np.abs(leaf).sum()) for leaf in jax.tree.leaves(parameters))
        print(f"processes: {jax.process_count()}, devices: {jax.device_count()}, steps: {draws // plan.batch_size}")
        print(f"each process loaded {loaded} of {draws} images; all have the same parameters, {size:.3f} in sum")
        print(f"recognised: {right.mean():.3f} of all images, {worst:.3f} of the worst digit's")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--coordinator", help="address of process 0; not needed for a single process")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--process", type=int, default=0)
    parser.add_argument("--cpu-devices", type=int, help="run on so many CPU devices a process, to try it out")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.cpu_devices:
        jax.config.update("jax_platforms", "cpu")
        jax.config.update("jax_num_cpu_devices", options.cpu_devices)
    if options.processes > 1:
        jax.distributed.initialize(options.coordinator, options.processes, options.process)
    train(options.seed, options.epochs)


if __name__ == "__main__":
    main()
