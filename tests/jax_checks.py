"""The adapter on eight devices in one process; XLA_FLAGS=--xla_force_host_platform_device_count=8 makes them."""

import json

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

import balanceidx as bx
import balanceidx_jax as bj

SEED, EPOCH, STEP = 2**40 + 1, 5, 3
LABELS = np.repeat(np.arange(4), [150, 60, 25, 5])
WEIGHTS = np.random.default_rng(0).random(len(LABELS)) + 0.01
PLANS = {
    "even": bx.ratio(LABELS, batch_size=48),
    "some lined": bx.ratio(LABELS, batch_size=48, item_weights=np.where(LABELS < 2, 1.0, WEIGHTS)),
    "iid": bx.weighted(WEIGHTS, batch_size=48, iid=True),
}
ROWS = np.random.default_rng(1).random((len(LABELS), 6)).astype(np.float32)


def ranks(plan: bx.Plan, world_size: int, step: int = STEP) -> np.ndarray:
    """The batch of each rank, one after the other."""
    return np.concatenate(
        [plan.batch_indices(SEED, step, rank, epoch=EPOCH, world_size=world_size) for rank in range(world_size)]
    )


def check_shard_map(plan: bx.Plan, mesh: jax.sharding.Mesh) -> None:
    """Each device computes its own part: with everything varying over the mesh, and in a scan."""
    on_device, words = bj.device_plan(plan), bj.seed_words(SEED)
    world_size = mesh.shape["data"]

    def varying(on_device, low, high, step, rank, epoch):
        words = low[0], high[0]
        return bj.batch_indices(on_device, words, step[0], rank[0], epoch=epoch[0], world_size=world_size)

    def scanned(on_device, words):
        tables, rank = bj.epoch_tables(on_device, words, EPOCH), jax.lax.axis_index("data")

        def body(carry, step):
            return carry, tables.batch_indices(step, rank, world_size=world_size)

        return jax.lax.scan(body, 0, jnp.arange(plan.steps_per_epoch))[1]

    everywhere, split = P(), P("data")
    each = [np.full(world_size, value, np.uint32) for value in (*words, STEP)]
    each += [np.arange(world_size, dtype=np.int32), np.full(world_size, EPOCH, np.uint32)]
    each = [jax.device_put(values, NamedSharding(mesh, split)) for values in each]
    run = jax.jit(jax.shard_map(varying, mesh=mesh, in_specs=(everywhere, *[split] * 5), out_specs=split))
    assert (np.asarray(run(on_device, *each)) == ranks(plan, world_size)).all()

    run = jax.jit(jax.shard_map(scanned, mesh=mesh, in_specs=everywhere, out_specs=P(None, "data")))
    expected = [ranks(plan, world_size, step) for step in range(plan.steps_per_epoch)]
    assert (np.asarray(run(on_device, words)) == np.stack(expected)).all()


def check_vmap_over_devices(plan: bx.Plan) -> None:
    """Without shard_map: ranks split over devices whose axes are automatic, and the plan replicated."""
    mesh = jax.make_mesh((8,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    rank = jax.device_put(np.arange(8, dtype=np.int32), NamedSharding(mesh, P("data")))
    on_device = jax.device_put(bj.device_plan(plan), NamedSharding(mesh, P()))

    @jax.jit
    def run(on_device, rank):
        one = lambda rank: bj.batch_indices(on_device, bj.seed_words(SEED), STEP, rank, epoch=EPOCH, world_size=8)  # noqa: E731
        return jax.vmap(one)(rank)

    assert (np.asarray(run(on_device, rank)).reshape(-1) == ranks(plan, 8)).all()


def check_global_batch(plan: bx.Plan, mesh: jax.sharding.Mesh, spec: P, parts: int) -> None:
    """Rows follow from the sharding, each loaded once."""
    asked = []

    def load(indices):
        asked.append(indices)
        return {"row": ROWS[indices], "label": LABELS[indices], "index": (indices,)}

    sharding = NamedSharding(mesh, spec)
    expected = ranks(plan, parts)
    batch = bj.global_batch(plan, SEED, STEP, sharding, epoch=EPOCH, load=load)
    assert len(asked) == 1 and (asked[0] == expected).all()  # one process holds all parts, in their order
    assert (np.asarray(batch["row"]) == ROWS[expected]).all() and batch["row"].sharding.is_equivalent_to(sharding, 2)
    assert (np.asarray(batch["label"]) == LABELS[expected]).all()
    assert (np.asarray(batch["index"][0]) == expected).all()
    indices = bj.global_batch(plan, SEED, STEP, sharding, epoch=EPOCH)
    assert indices.dtype == np.int32 and (np.asarray(indices) == expected).all()
    for shard in batch["label"].addressable_shards:
        held = np.bincount(np.asarray(shard.data), minlength=4)
        total = plan.draws_per_epoch if len(plan.classes) == 4 else None
        if total is not None:
            low, high = total // (plan.steps_per_epoch * parts), -(-total // (plan.steps_per_epoch * parts))
            assert (low <= held).all() and (held <= high).all(), (spec, held)


def main() -> None:
    mesh = jax.make_mesh((4, 2), ("data", "model"))
    for plan in PLANS.values():
        check_shard_map(plan, mesh)
    check_vmap_over_devices(PLANS["some lined"])
    specs = {P("data"): 4, P("model"): 2, P(("data", "model")): 8, P(("model", "data")): 8, P(): 1, P(None, "model"): 1}
    for spec, parts in (specs | {P("data", "model"): 4}).items():
        check_global_batch(PLANS["some lined"], mesh, spec, parts)
    print(json.dumps({"devices": jax.device_count()}))


if __name__ == "__main__":
    main()
