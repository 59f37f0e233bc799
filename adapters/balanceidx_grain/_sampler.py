"""One record at a time for `grain.DataLoader`, in the order that its striding turns into the promised batches.

Requirements, and what they led to:

* the loader strides, first by shard, then by worker, and Batch runs inside the worker: the sampler inverts that map;
* a worker makes whole batches, and the workers need not divide the number of steps: the run then ends with a surplus
  of records, which `drop_remainder=True` drops (`_striding` says why);
* nothing tells a sampler how its loader strides, but Batch calls `remove_record_key` on its last record: the record
  says there whether a batch really ends with it;
* a checkpoint compares nothing of a sampler but its repr: the repr holds the plan's fingerprint and the layout;
* a generator takes 20 us to build and most pipelines use none: it is built when it is asked for.
"""

import sys
from typing import Any

import numpy as np

from balanceidx import Plan, adapting
from balanceidx_grain._blocks import Blocks
from balanceidx_grain._grain import grain
from balanceidx_grain._run import Run, Start
from balanceidx_grain._striding import records, step_and_place

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
        As in `Plan.batch_indices`. The loader may then also make batches of `local_batch_size // blocks`, where the
        workers divide the number of steps.
    start : state or Position, optional
        Begin at a saved position (`state_dict`) instead of at epoch 0, step 0. Every record keeps its generator.

    Attributes
    ----------
    local_batch_size : int
        Items in one shard's part of a batch: what to give to Batch, with `drop_remainder=True`.
    shard_count, worker_count : int
        As given.

    Raises
    ------
    TypeError, ValueError
        For arguments that `Plan.batch_indices` refuses, and for a `start` that is damaged, of another plan or seed, or
        inside a step.

    Notes
    -----
    A loader that strides, batches or filters otherwise raises ValueError with its first batch, on some shard or worker
    at least; only a batch of several whole steps goes unseen. Where the workers do not divide the number of steps, a
    Batch without `drop_remainder=True` raises ValueError too, but only after the last step.

    The repr leaves out num_epochs: a checkpoint may be continued for more epochs.
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
        start: Start | None = None,
    ) -> None:
        run = Run.of(plan, seed, shard_count, blocks, num_epochs, start, name="shard_count")
        self.shard_count = run.world_size
        self.worker_count = adapting.integer("worker_count", worker_count, 0, 1 << 16)
        self.local_batch_size = run.local_batch_size
        self._first, self._seed = run.first, run.seed
        self._workers = max(self.worker_count, 1)  # without workers, the loader itself takes every record
        steps = _steps(run, self._workers)
        self._last = run.first + steps - 1
        self._length = records(steps, self._workers, run.local_batch_size) * run.world_size
        # A surplus holds whole blocks, which drop_remainder would keep: where there is one, batches are whole.
        surplus = self._length > steps * plan.batch_size
        self._smallest_batch = run.local_batch_size if surplus else run.local_batch_size // run.blocks
        self._advice = (
            f"the DataLoader needs shard_count={run.world_size}, worker_count={self.worker_count} and "
            f"Batch({run.local_batch_size}, drop_remainder=True), with no Filter or FlatMap before it."
        )
        if surplus and run.blocks > 1:
            self._advice += f" Batches of one block need a `worker_count` that divides the {steps} steps of the run."
        self._repr = (
            f"PlanSampler(fingerprint={plan.fingerprint!r}, seed={run.seed}, batch_size={plan.batch_size}, "
            f"shard_count={run.world_size}, worker_count={self.worker_count}, blocks={run.blocks}, first={run.first})"
        )
        self._blocks = Blocks(run)

    def __len__(self) -> int:
        """Records that Grain reads, all shards together; the surplus counts."""
        return self._length

    def __repr__(self) -> str:
        """Describe plan, seed and layout on one line; Grain's checkpoints compare it."""
        return self._repr

    def __getitem__(self, index: int) -> "grain.RecordMetadata":
        """Record `index` of the run, in the order in which Grain counts records."""
        if not 0 <= index < self._length:
            raise IndexError(f"index {index} is not in [0, {self._length}), the records of the run.")
        local, shard = divmod(index, self.shard_count)
        step, place = step_and_place(local, self._workers, self.local_batch_size)
        number = self._first + step
        # A surplus record is read and dropped: any will do, and those of the last step exist.
        item = self._blocks.row(shard, min(number, self._last)).item(place)
        return _Metadata(index, item, self, number, shard, place)


def _steps(run: Run, workers: int) -> int:
    """Steps of a run; as many as Grain can count where it has no end, and then without a surplus."""
    if run.steps is not None:
        return run.steps
    most = sys.maxsize // run.plan.batch_size
    return most - most % workers


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
        if self._number > sampler._last:
            raise ValueError(
                f"a batch ends with surplus records, after the last step of the run: `worker_count` "
                f"(={sampler.worker_count}) does not divide its {sampler._last + 1 - sampler._first} steps. All steps "
                f"were delivered; to end without this error, give the DataLoader "
                f"Batch({sampler.local_batch_size}, drop_remainder=True)."
            )
        if (self._place + 1) % sampler._smallest_batch:
            raise ValueError(
                f"a batch ends with record {self._place} of the {sampler.local_batch_size} that rank {self._shard} has "
                f"for step number {self._number}, so its records do not belong together. With {sampler!r}, "
                f"{sampler._advice}"
            )
        return grain.RecordMetadata(index=self.index, rng=self.rng)

    def __reduce__(self) -> tuple[Any, ...]:
        return grain.RecordMetadata, (self.index, self.record_key)
