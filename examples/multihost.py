"""Data-parallel training over several processes, each of which loads only the rows that its own devices hold.

Started as N processes on one machine by `examples/multihost.sh N`, or by hand, one per host:

    python examples/multihost.py --coordinator HOST:PORT --processes 2 --process 0     # and 1 on the other host

The handwritten digits of scikit-learn, with ever fewer images from 0 to 9, are classified by a small network. Every
process runs the same code: `global_batch` finds out from the sharding which rows to load. At the end the processes
compare their parameters, and process 0 prints what they add up to: the same for every number of processes.

Needs the packages of the examples, from a checkout: pip install -c constraints.txt '.[examples]'
"""

import argparse

import jax
import numpy as np
from digits_training import Data, balanced, digits, initial, summary, update
from jax.experimental import multihost_utils
from jax.sharding import NamedSharding, PartitionSpec

import balanceidx_jax


def compositions(batch: Data) -> list[str]:
    """How many images of each digit the devices of this process were given."""
    counts = [np.bincount(np.asarray(shard.data), minlength=10) for shard in batch.labels.addressable_shards]
    return [f"process {jax.process_index()}: {count.tolist()}" for count in counts]


def train(seed: int, epochs: int) -> None:
    training, test = digits()  # arrays that stand for files which every host can reach
    plan = balanced(training.labels)
    mesh = jax.make_mesh((jax.device_count(),), ("data",))
    rows, everywhere = NamedSharding(mesh, PartitionSpec("data")), NamedSharding(mesh, PartitionSpec())
    loaded = 0

    def load(indices: np.ndarray) -> Data:
        nonlocal loaded
        loaded += len(indices)
        return Data(training.images[indices], training.labels[indices])

    state = jax.device_put(initial(), everywhere)
    one_step = jax.jit(update, donate_argnums=0)
    for epoch in range(epochs):
        for step in range(plan.steps_per_epoch):
            batch = balanceidx_jax.global_batch(plan, seed, step, rows, epoch=epoch, load=load)
            if epoch == step == 0:
                print("\n".join(compositions(batch)), flush=True)
            state = one_step(state, batch)

    parameters = jax.tree.map(lambda leaf: np.asarray(leaf.addressable_data(0)), state.parameters)
    for gathered in jax.tree.leaves(multihost_utils.process_allgather(parameters)):
        copies = gathered.reshape(jax.process_count(), -1)  # one process alone gets no axis of processes
        np.testing.assert_array_equal(copies, np.broadcast_to(copies[:1], copies.shape))
    draws = epochs * plan.steps_per_epoch * plan.batch_size
    assert loaded == draws // jax.process_count()
    if jax.process_index() == 0:
        print(f"processes: {jax.process_count()}, devices: {jax.device_count()}, steps: {draws // plan.batch_size}")
        print(f"each process loaded {loaded} of {draws} images, and all have the same parameters")
        print(summary(parameters, test))


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
