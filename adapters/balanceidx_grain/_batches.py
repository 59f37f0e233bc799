"""One element per step: this rank's part of the global batch.

Requirements, and what they led to:

* workers stride a dataset's elements, and shard options stride them again: an element is a whole batch, so whatever
  strides them can reorder batches but never change what a batch holds;
* a source is read at an index modulo its length, which would lose the epoch under `.repeat()`: the step number comes
  from `map_with_index` or a selection map, which see the index itself;
* stacking records, batched reads and pytrees are Grain's business: a given source is selected from and batched by
  Grain.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from balanceidx import Plan, adapting
from balanceidx_grain._blocks import Blocks
from balanceidx_grain._grain import grain
from balanceidx_grain._run import Run, Start


def batches(
    plan: Plan,
    seed: int,
    *,
    rank: int = 0,
    world_size: int = 1,
    blocks: int = 1,
    num_epochs: int | None = None,
    source: Any = None,
    batch_fn: Callable[[Sequence[Any]], Any] | None = None,
    start: Start | None = None,
) -> "grain.MapDataset[Any]":
    """Dataset whose element t is this rank's index array for step t, or its loaded batch.

    Augment after this, so that an item drawn twice is augmented twice. Any number of workers gives the same batches in
    the same order. The elements are this rank's already: shard them no further.

    >>> import numpy as np
    >>> import balanceidx as bx
    >>> import balanceidx_grain
    >>> plan = bx.ratio([0] * 90 + [1] * 10, batch_size=10)
    >>> indices = balanceidx_grain.batches(plan, seed=0, rank=1, world_size=2)
    >>> indices[0].shape
    (5,)
    >>> records = [{"x": np.full(3, i), "label": int(i >= 90)} for i in range(100)]
    >>> loaded = balanceidx_grain.batches(plan, seed=0, source=records, num_epochs=2)
    >>> len(loaded), loaded[13]["x"].shape, int(loaded[13]["label"].sum())
    (20, (10, 3), 5)

    Parameters
    ----------
    plan, seed, rank, world_size, blocks
        As in `Plan.batch_indices`.
    num_epochs : int, optional
        Number of epochs, one after the other, counted from epoch 0; None for no end.
    source : sequence, array or grain.MapDataset of plan.num_items records, optional
        Where to load the batches from. The rows of a numpy array are taken in one go; otherwise records are read one
        by one and stacked by Grain.
    batch_fn : callable, optional
        Makes a batch of a list of records, in place of Grain's own stacking.
    start : state or Position, optional
        Make element 0 the step at a saved position (`state_dict`). Random transformations downstream then count
        from 0 too; to continue with theirs, slice the finished pipeline instead: see `steps_done`.

    Returns
    -------
    grain.MapDataset of int64 arrays of shape (batch_size // world_size,), or of loaded batches

    Raises
    ------
    TypeError, ValueError
        For arguments that `Plan.batch_indices` refuses, for fewer than one epoch, for a source of another length than
        the plan's, and for a `start` that is damaged, of another plan or seed, or inside a step.
    """
    adapting.layout(plan.batch_size, rank, world_size, blocks)
    run = Run.of(plan, seed, world_size, blocks, num_epochs, start)
    if source is not None and len(source) != plan.num_items:
        raise ValueError(
            f"`source` has {len(source)} records, but the plan was made from {plan.num_items} items (`plan.num_items`)."
        )
    if batch_fn is not None and source is None:
        raise ValueError("`batch_fn` makes batches of records: it needs a `source`.")
    if source is None or (batch_fn is None and isinstance(source, np.ndarray)):
        steps = sys.maxsize if run.steps is None else run.steps
        return grain.MapDataset.range(steps).map_with_index(_Batch(run, rank, source))
    records = source if isinstance(source, grain.MapDataset) else grain.MapDataset.source(source)
    selected = grain.MapDataset.select_from_datasets([records], _Records(run, rank))
    return selected.batch(run.local_batch_size, drop_remainder=True, batch_fn=batch_fn)


class _Batch:
    """The batch for an element number."""

    def __init__(self, run: Run, rank: int, array: npt.NDArray[Any] | None) -> None:
        self._first = run.first
        self._rank = rank
        self._blocks = Blocks(run)
        self._array = array

    def __call__(self, index: int, _: object) -> npt.NDArray[Any]:
        indices = self._blocks.row(self._rank, self._first + _not_negative(index))
        return indices.copy() if self._array is None else self._array[indices]


class _Records(grain.transforms.DatasetSelectionMap):  # type: ignore[misc]
    """The records of one rank's batches, one after the other."""

    def __init__(self, run: Run, rank: int) -> None:
        self._first = run.first
        self._rank = rank
        self._blocks = Blocks(run)
        self._size = run.local_batch_size
        self._length = (sys.maxsize // self._size if run.steps is None else run.steps) * self._size

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> tuple[int, int]:
        number, place = divmod(_not_negative(index), self._size)
        return 0, self._blocks.row(self._rank, self._first + number).item(place)


def _not_negative(index: int) -> int:
    if index < 0:
        raise IndexError(f"index {index} is negative; elements are counted from 0.")
    return index
