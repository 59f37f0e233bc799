"""The Grain adapter's promises in one short script, run under the installed and under the oldest Grain."""

import grain
import numpy as np

import balanceidx as bx
import balanceidx_grain

EPOCHS = 2
LABELS = [0] * 93 + [1] * 7


class Records:
    """A source of pytrees."""

    def __repr__(self):
        return "Records()"  # Grain's checkpoints compare it

    def __len__(self):
        return len(LABELS)

    def __getitem__(self, index):
        return {"item": index, "image": np.full((2, 2), index, np.float32)}


def expected(plan, rank, world_size):
    """This rank's batches of the whole run, straight from the core."""
    epochs = [plan.epoch_indices(3, rank, epoch=epoch, world_size=world_size) for epoch in range(EPOCHS)]
    return np.concatenate(epochs).reshape(EPOCHS * plan.steps_per_epoch, -1)


def with_workers(dataset, count):
    """The dataset as an iterable, with so many worker processes."""
    iterable = dataset.to_iter_dataset()
    return iterable.mp_prefetch(grain.MultiprocessingOptions(num_workers=count)) if count else iterable


def loader(plan, rank, shards, workers, num_epochs=EPOCHS, **options):
    """A DataLoader of one shard."""
    sampler = balanceidx_grain.PlanSampler(
        plan, 3, shard_count=shards, worker_count=workers, num_epochs=num_epochs, **options
    )
    return grain.DataLoader(
        data_source=Records(),
        sampler=sampler,
        worker_count=workers,
        shard_options=grain.sharding.ShardOptions(rank, shards, drop_remainder=True),
        operations=[grain.transforms.Batch(sampler.local_batch_size, drop_remainder=True)],
    )


def delivered(records, workers, size):
    """What a DataLoader makes of one shard's records: workers stride them and batch, and are asked in turn."""
    waiting = []
    for worker in range(workers):
        mine = records[worker::workers]
        waiting.append([mine[first : first + size] for first in range(0, len(mine) - size + 1, size)])
    found = []
    while any(waiting):
        found += [batches.pop(0) for batches in waiting if batches]
    return found


def items(batches):
    """The items of each batch of pytrees."""
    return np.stack([batch["item"] for batch in batches])


def refused(message, call):
    """Raise AssertionError unless the call raises a ValueError with this message."""
    try:
        call()
    except ValueError as error:
        assert message in str(error), error
    else:
        raise AssertionError(f"not refused: {message}")


def check(worker_counts=(0, 3)):
    """Raise AssertionError where a rank's batches are not the promised ones."""
    plan = bx.ratio(LABELS, batch_size=12, epoch_size=60)  # ten steps in all
    for workers in worker_counts:
        for rank in (1,) if workers else (0, 1):
            wanted = expected(plan, rank, 2)
            options = {"rank": rank, "world_size": 2, "num_epochs": EPOCHS}
            plain = balanceidx_grain.batches(plan, 3, **options)
            np.testing.assert_array_equal(np.stack(list(with_workers(plain, workers))), wanted)
            loaded = balanceidx_grain.batches(plan, 3, source=Records(), **options)
            np.testing.assert_array_equal(items(with_workers(loaded, workers)), wanted)
            np.testing.assert_array_equal(items(loader(plan, rank, 2, workers)), wanted)
            datasets = [grain.MapDataset.range(90), grain.MapDataset.range(90, 100)]
            selection = balanceidx_grain.SelectionMap(plan, 3, shard_count=2, lengths=[90, 10])
            selected = grain.MapDataset.select_from_datasets(datasets, selection)[rank::2].batch(6).repeat(EPOCHS)
            np.testing.assert_array_equal(np.stack(list(with_workers(selected, workers))), wanted)
    iterator = iter(loader(plan, 1, 2, 0))
    for _ in range(8):
        next(iterator)
    state = iterator.get_state()
    assert len(state) < 1000, state
    resumed = iter(loader(plan, 1, 2, 0))
    resumed.set_state(state)
    np.testing.assert_array_equal(items(resumed), expected(plan, 1, 2)[8:])
    position = balanceidx_grain.state_dict(plan, 3, 8)
    options = {"rank": 1, "world_size": 2, "num_epochs": EPOCHS}
    begun = balanceidx_grain.batches(plan, 3, start=position, **options)
    sliced = balanceidx_grain.batches(plan, 3, **options)[8:]
    for rest in (begun, sliced):
        np.testing.assert_array_equal(np.stack(list(rest)), expected(plan, 1, 2)[8:])
    for other in (loader(bx.ratio(LABELS, batch_size=12), 1, 2, 0), loader(plan, 1, 3, 0)):
        refused("Sampler in checkpoint does not match", lambda other=other: iter(other).set_state(state))
    sharded_again = grain.DataLoader(
        data_source=Records(),
        sampler=balanceidx_grain.PlanSampler(plan, 3, shard_count=1, worker_count=0, num_epochs=EPOCHS),
        shard_options=grain.sharding.ShardOptions(0, 2),
        operations=[grain.transforms.Batch(12, drop_remainder=True)],
    )
    refused("its records do not belong together", lambda: next(iter(sharded_again)))


if __name__ == "__main__":
    balanceidx_grain.enable_workers()
    check()
    print("checked")
