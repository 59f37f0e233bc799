"""The block cache: right from any thread in any order, and each block is computed once."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import grain
import numpy as np
import pytest

import balanceidx as bx
from balanceidx_grain import PlanSampler, SelectionMap
from balanceidx_grain._blocks import Blocks
from balanceidx_grain._run import Run

LABELS = np.arange(20_000) % 20 == 0


class Counting(Blocks):
    """Blocks that note what they compute."""

    def __init__(self, run):
        super().__init__(run)
        self.computed = []

    def _compute(self, rank, epoch, block):
        self.computed.append((rank, epoch, block))
        return super()._compute(rank, epoch, block)


def counting(batch_size, epoch_size="dataset", world_size=1):
    plan = bx.ratio(LABELS, batch_size=batch_size, epoch_size=epoch_size)
    return Counting(Run.of(plan, 3, world_size, 1, None, None))


@pytest.mark.parametrize("batch_size", [2, 64, 256, 5000])
def test_threads_that_run_ahead_compute_every_block_once(batch_size):
    blocks = counting(batch_size)
    plan = blocks.run.plan
    steps = 2 * plan.steps_per_epoch
    with ThreadPoolExecutor(16) as threads:
        found = [
            row
            for start in range(0, steps, 32)  # none is further ahead: a straggler's block would be computed again
            for row in threads.map(lambda number: blocks.row(0, number), range(start, min(start + 32, steps)))
        ]
    wanted = np.concatenate([plan.epoch_indices(3, epoch=epoch) for epoch in range(2)]).reshape(steps, batch_size)
    np.testing.assert_array_equal(found, wanted)
    assert len(blocks.computed) == len(set(blocks.computed)) == 2 * -(-plan.steps_per_epoch // blocks._steps)


def counted(hook):
    """Replace the blocks of a sampler or a selection map by ones that count."""
    hook._blocks = Counting(hook._blocks.run)
    return hook._blocks.computed


@pytest.mark.parametrize("batch_size", [64, 3200])
def test_grains_threads_compute_every_block_once(batch_size):
    plan = bx.ratio(LABELS, batch_size=batch_size, epoch_size=6400)
    sampler = PlanSampler(plan, 3, shard_count=1, worker_count=0, num_epochs=1)
    computed = counted(sampler)
    loader = grain.DataLoader(
        data_source=range(20_000),
        sampler=sampler,
        shard_options=grain.sharding.NoSharding(),
        operations=[grain.transforms.Batch(batch_size)],
    )
    np.testing.assert_array_equal(np.concatenate(list(loader)), plan.epoch_indices(3))
    assert len(computed) == len(set(computed)) == 2


def test_threads_that_batch_selected_records_compute_every_block_once():
    plan = bx.ratio(LABELS, batch_size=5000)  # a step to a block, and each of 16 threads in a step of its own
    selection = SelectionMap(plan, 3)
    computed = counted(selection)
    drawn = grain.MapDataset.select_from_datasets([grain.MapDataset.range(20_000)], selection)
    found = list(drawn.batch(5000).repeat(3).to_iter_dataset())
    np.testing.assert_array_equal(found[8:], plan.epoch_indices(3, epoch=2).reshape(4, 5000))
    assert len(computed) == len(set(computed)) == 12


def test_all_ranks_read_in_turn_compute_every_block_once():
    plan = bx.ratio(LABELS, batch_size=64, epoch_size=6400)
    selection = SelectionMap(plan, 3, shard_count=16)
    computed = counted(selection)
    for index in range(len(selection)):
        selection[index]
    assert len(computed) == len(set(computed)) == 16


def test_what_is_kept_is_bounded():
    blocks = counting(256, world_size=2)
    for number in range(2000):
        blocks.row(number % 2, number)
    assert sum(block.nbytes for kept in blocks._kept.values() for block in kept.values()) < 2 * 4 * 35_000


def test_rows_are_not_to_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        counting(64).row(0, 0)[:] = 0


def test_pickles_leave_what_was_computed_behind():
    blocks = Blocks(counting(64).run)
    fresh = len(pickle.dumps(blocks))
    wanted = blocks.row(0, 700).copy()
    assert len(pickle.dumps(blocks)) < fresh + 1000  # what is kept has 32 KB
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(blocks)).row(0, 700), wanted)
