"""One of several real JAX processes: python jax_process.py COORDINATOR PROCESSES PROCESS (four CPU devices each)."""

import sys

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

import balanceidx as bx
import balanceidx_jax as bj

SEED, EPOCH, STEP = 2**40 + 1, 2, 3
LABELS = np.repeat(np.arange(4), [150, 60, 25, 5])
PLAN = bx.ratio(LABELS, batch_size=48)
ROWS = np.random.default_rng(0).random((len(LABELS), 6)).astype(np.float32)


def part(number: int, parts: int) -> np.ndarray:
    return PLAN.batch_indices(SEED, STEP, number, epoch=EPOCH, world_size=parts)


def check(mesh: Mesh, spec: P, parts: int, parts_here: list[int]) -> None:
    """This process loads the parts that it holds and no others, and they end up on the devices that hold them."""
    asked = []

    def load(indices):
        asked.append(indices)
        return {"row": ROWS[indices], "label": LABELS[indices].astype(np.int32)}

    sharding = NamedSharding(mesh, spec)
    batch = bj.global_batch(PLAN, SEED, STEP, sharding, epoch=EPOCH, load=load)
    assert len(asked) == 1
    assert (asked[0] == np.concatenate([part(number, parts) for number in parts_here])).all(), (spec, asked)

    expected = np.concatenate([part(number, parts) for number in range(parts)])
    assert batch["row"].shape == (PLAN.batch_size, 6) and batch["row"].sharding.is_equivalent_to(sharding, 2)
    length = PLAN.batch_size // parts
    total, low_of = PLAN.draws_per_epoch, PLAN.steps_per_epoch * parts
    for shard in batch["label"].addressable_shards:
        rows = expected[shard.index[0]]
        assert len(rows) == length and (np.asarray(shard.data) == LABELS[rows]).all()
        held = np.bincount(LABELS[rows], minlength=4)
        assert (total // low_of <= held).all() and (held <= -(-total // low_of)).all(), held
    for shard in batch["row"].addressable_shards:
        assert (np.asarray(shard.data) == ROWS[expected][shard.index]).all()

    # All replicas of all processes, gathered: JAX itself does not notice when they differ.
    whole = multihost_utils.process_allgather(batch["row"], tiled=True)
    assert (whole == ROWS[expected]).all()
    mean = jax.jit(lambda rows: rows.mean(0), out_shardings=NamedSharding(mesh, P()))(batch["row"])
    np.testing.assert_allclose(np.asarray(mean), ROWS[expected].mean(0), rtol=1e-5)


def check_blocks(mesh: Mesh, process: int) -> None:
    """One part for each local device: a process's rows from a loader, cut by JAX into contiguous parts."""
    indices = PLAN.batch_indices(SEED, STEP, process, epoch=EPOCH, world_size=2, blocks=jax.local_device_count())
    sharding = NamedSharding(mesh, P("data"))
    batch = jax.make_array_from_process_local_data(sharding, LABELS[indices].astype(np.int32))
    assert batch.shape == (PLAN.batch_size,)
    total, parts = PLAN.draws_per_epoch, PLAN.steps_per_epoch * jax.device_count()
    for shard in batch.addressable_shards:
        held = np.bincount(np.asarray(shard.data), minlength=4)
        assert (total // parts <= held).all() and (held <= -(-total // parts)).all(), held


def check_on_device(mesh: Mesh, parts: int, parts_here: list[int]) -> None:
    """The stream computed on the devices of all processes is the one that the host loads."""

    def own(on_device, words):
        rank = jax.lax.axis_index("data")
        return bj.batch_indices(on_device, words, STEP, rank, epoch=EPOCH, world_size=parts)

    replicated = NamedSharding(mesh, P())
    on_device, words = jax.device_put((bj.device_plan(PLAN), bj.seed_words(SEED)), replicated)
    run = jax.jit(jax.shard_map(own, mesh=mesh, in_specs=P(), out_specs=P("data")))
    computed = run(on_device, words)
    from_host = bj.global_batch(PLAN, SEED, STEP, NamedSharding(mesh, P("data")), epoch=EPOCH)
    for ours, theirs in zip(computed.addressable_shards, from_host.addressable_shards, strict=True):
        assert (np.asarray(ours.data) == np.asarray(theirs.data)).all()
    held = {
        number
        for number in range(parts)
        for s in computed.addressable_shards
        if s.index[0].start == 48 // parts * number
    }
    assert held == set(parts_here)


def check_errors(mesh: Mesh, elsewhere: Mesh) -> None:
    for sharding, error in (
        (NamedSharding(elsewhere, P("data")), "has no device of this process"),
        (NamedSharding(mesh, P("data")), "must be divisible by the 8 parts"),
    ):
        plan = PLAN if sharding.mesh is elsewhere else bx.ratio(LABELS, batch_size=12)
        try:
            bj.global_batch(plan, SEED, STEP, sharding)
        except ValueError as caught:
            assert error in str(caught), caught
        else:
            raise AssertionError(error)


def main(coordinator: str, processes: int, process: int) -> None:
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_num_cpu_devices", 4)
    jax.distributed.initialize(coordinator, processes, process)
    assert (jax.process_count(), jax.local_device_count(), jax.device_count()) == (2, 4, 8)
    devices = np.array(jax.devices()).reshape(2, 4)  # row: process
    assert [[d.process_index for d in row] for row in devices] == [[0] * 4, [1] * 4]
    first = 4 * process

    across = Mesh(devices.reshape(8), ("data",))
    check(across, P("data"), 8, [first, first + 1, first + 2, first + 3])
    check(across, P(), 1, [0])
    # The data axis spans the processes, and pairs of devices hold replicas.
    pairs = Mesh(devices.reshape(4, 2), ("data", "model"))
    check(pairs, P("data"), 4, [2 * process, 2 * process + 1])
    check(pairs, P("data", "model"), 4, [2 * process, 2 * process + 1])
    # The data axis lies inside each process: both hold all rows, as under tensor parallelism across hosts.
    inside = Mesh(devices, ("model", "data"))
    check(inside, P("data"), 4, [0, 1, 2, 3])
    check(inside, P("data", "model"), 4, [0, 1, 2, 3])
    check(inside, P(("data", "model")), 8, [process, 2 + process, 4 + process, 6 + process])
    # A shuffled mesh: rows follow the sharding, whatever the order of the devices.
    mixed = Mesh(devices.T.reshape(8), ("data",))
    check(mixed, P("data"), 8, [process, 2 + process, 4 + process, 6 + process])

    check_blocks(across, process)
    check_on_device(across, 8, [first, first + 1, first + 2, first + 3])
    check_on_device(inside, 4, [0, 1, 2, 3])
    check_errors(across, Mesh(devices[1 - process], ("data",)))
    multihost_utils.sync_global_devices("done")
    print("passed")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
