"""One record at a time for `grain.DataLoader`, in the order that its striding turns into the promised batches.

Requirements, and what they led to:

* the loader strides, first by shard, then by worker, and Batch runs inside the worker: the sampler inverts that map;
* a worker makes whole batches, so the workers divide the number of steps;
* nothing tells a sampler how its loader strides, but Batch calls `remove_record_key` on its last record: the record
  says there whether a batch really ends with it;
* a checkpoint compares nothing of a sampler but its repr: the repr holds the plan's fingerprint and the layout;
* a generator takes 20 us to build and most pipelines use none: it is built when it is asked for.
"""

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from balanceidx import Plan, _checks
from balanceidx_grain._blocks import Blocks
from balanceidx_grain._grain import grain
from balanceidx_grain._run import Run

_WORD = 0xFFFFFFFF


class PlanSampler:
    """Sampler for a `grain.DataLoader` whose Batch gives every rank its promised batches.

    >>> import grain
    >>> import balanceidx as bx
    >>> from balanceidx_grain import PlanSampler
    >>> plan = bx.ratio([0] * 90 + [1] * 10, batch_size=10)
    >>> sampler = PlanSampler(plan, seed=0, shard_count=2, worker_count=0, num_epochs=3)
    >>> loader = grain.DataLoader(
    ...     data_source=range(100),
    ...     sampler=sampler,
    ...     worker_count=sampler.worker_count,
    ...     shard_options=grain.sharding.ShardOptions(shard_index=1, shard_count=2, drop_remainder=True),
    ...     operations=[grain.transforms.Batch(sampler.local_batch_size, drop_remainder=True)],
    ... )
    >>> bool((next(iter(loader)) == plan.batch_indices(seed=0, step=0, rank=1, world_size=2)).all())
    True

    Parameters
    ----------
    plan, seed
        As in `Plan.batch_indices`.
    shard_count, worker_count : int
        Those of the loader. Its batch size must be this sampler's `local_batch_size`.
    num_epochs : int, optional
        Number of epochs, one after the other, counted from epoch 0; None for no end.
    blocks : int
        As in `Plan.batch_indices`; the loader may then also make batches of `local_batch_size // blocks`.
    start : mapping, optional
        Begin at a saved position (`state_dict`) instead of at epoch 0, step 0. Every record keeps its generator.

    Attributes
    ----------
    local_batch_size : int
        Items in one shard's part of a batch: what to give to Batch.
    shard_count, worker_count : int
        As given.

    Raises
    ------
    TypeError, ValueError
        For arguments that `Plan.batch_indices` refuses, for a number of steps that the workers do not divide, and for
        a state of another plan or seed.

    Notes
    -----
    A loader that strides, batches or filters otherwise raises ValueError with its first batch, on some shard or worker
    at least; only a batch of several whole steps goes unseen. The repr leaves out num_epochs: a checkpoint may be
    continued for more epochs.
    """

    def __init__(
        self,
        plan: Plan,
        seed: int,
        *,
        shard_count: int,
        worker_count: int,
        num_epochs: int | None = None,
        blocks: int = 1,
        start: Mapping[str, Any] | None = None,
    ) -> None:
        run = Run.of(plan, seed, shard_count, blocks, num_epochs, start, name="shard_count")
        self.shard_count = run.world_size
        self.worker_count = _checks.integer("worker_count", worker_count, 0, 1 << 16)
        self.local_batch_size = run.local_batch_size
        self._first, self._seed = run.first, run.seed
        self._workers = max(self.worker_count, 1)  # without workers, the loader itself takes every record
        self._block_size = run.local_batch_size // run.blocks
        self._length = _steps(run, self._workers) * plan.batch_size
        self._repr = (
            f"PlanSampler(fingerprint={plan.fingerprint!r}, seed={run.seed}, batch_size={plan.batch_size}, "
            f"shard_count={run.world_size}, worker_count={self.worker_count}, blocks={run.blocks}, first={run.first})"
        )
        self._blocks = Blocks(run)

    def __len__(self) -> int:
        """Records of the run, all shards together."""
        return self._length

    def __repr__(self) -> str:
        """Describe plan, seed and layout on one line; Grain's checkpoints compare it."""
        return self._repr

    def __getitem__(self, index: int) -> "grain.RecordMetadata":
        """Record `index` of the run, in the order in which Grain counts records."""
        if not 0 <= index < self._length:
            raise IndexError(f"index {index} is not in [0, {self._length}), the records of the run.")
        local, shard = divmod(index, self.shard_count)
        local, worker = divmod(local, self._workers)
        turn, place = divmod(local, self.local_batch_size)
        number = self._first + turn * self._workers + worker
        return _Metadata(index, self._blocks.row(shard, number).item(place), self, number, shard, place)


def _steps(run: Run, workers: int) -> int:
    if run.steps is None:
        most = sys.maxsize // run.plan.batch_size
        return most - most % workers
    if run.steps % workers:
        raise ValueError(
            f"the run has {run.steps} steps ({run.plan.steps_per_epoch} an epoch, up to `num_epochs`), which "
            f"`worker_count` (={workers}) does not divide, and every worker makes whole batches; choose another "
            f"`worker_count`, `num_epochs` or `epoch_size`, or `num_epochs=None` and stop after {run.steps} batches."
        )
    return run.steps


class _Metadata(grain.RecordMetadata):  # type: ignore[misc]
    """A record's metadata with a generator on demand, which knows where in its batch the record belongs."""

    __slots__ = ("_generator", "_number", "_place", "_sampler", "_shard")

    def __init__(self, index: int, record_key: int, sampler: PlanSampler, number: int, shard: int, place: int) -> None:
        self.index = index  # type: ignore[misc]
        self.record_key = record_key  # type: ignore[misc]
        self._sampler = sampler
        self._number = number
        self._shard = shard
        self._place = place
        self._generator: np.random.Generator | None = None

    @property
    def rng(self) -> np.random.Generator:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Generator of this record alone, the same for any number of workers."""
        if self._generator is None:
            sampler = self._sampler
            record = (self._number * sampler.shard_count + self._shard) * sampler.local_batch_size + self._place
            # Four words of 32 bits: without a fixed width, two pairs (seed, record) could read the same.
            words = sampler._seed & _WORD, sampler._seed >> 32, record & _WORD, record >> 32
            self._generator = np.random.default_rng(words)
        return self._generator

    def remove_record_key(self) -> "grain.RecordMetadata":
        """Metadata of the batch that ends with this record: Batch asks for it."""
        sampler = self._sampler
        if (self._place + 1) % sampler._block_size:
            raise ValueError(
                f"a batch ends with record {self._place} of the {sampler.local_batch_size} that rank {self._shard} has "
                f"for step number {self._number}, so its records do not belong together. With {sampler!r}, the "
                f"DataLoader needs shard_count={sampler.shard_count}, worker_count={sampler.worker_count} and "
                f"Batch({sampler.local_batch_size}, drop_remainder=True), with no Filter or FlatMap before it."
            )
        return grain.RecordMetadata(index=self.index, rng=self.rng)

    def __reduce__(self) -> tuple[Any, ...]:
        return grain.RecordMetadata, (self.index, self.record_key)
