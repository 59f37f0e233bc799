"""Which dataset and which element of it comes next, for `grain.MapDataset.select_from_datasets`.

Requirements, and what they led to:

* Grain hands a selection map indices beyond its length, epoch after epoch: so it has the length of one epoch, and
  index i is in epoch i div length;
* the caller strides the elements, one shard a host, and batches them: element g goes to shard g mod shard_count, and
  each shard's elements are its batches one after the other.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from balanceidx import Plan, adapting
from balanceidx_grain._blocks import Blocks
from balanceidx_grain._grain import grain
from balanceidx_grain._run import Run, Start


class SelectionMap(grain.transforms.DatasetSelectionMap):  # type: ignore[misc]
    """Per-record selection, so that batches made by Grain are the promised ones.

    >>> import grain
    >>> import balanceidx as bx
    >>> from balanceidx_grain import SelectionMap
    >>> plan = bx.ratio([0] * 90 + [1] * 10, batch_size=10)
    >>> items = grain.MapDataset.range(100)
    >>> drawn = grain.MapDataset.select_from_datasets([items], SelectionMap(plan, seed=0))
    >>> batches = drawn.batch(10).repeat(2)
    >>> len(batches), int((batches[13] >= 90).sum())
    (20, 5)

    Parameters
    ----------
    plan, seed
        As in `Plan.batch_indices`.
    shard_count : int
        Number of ranks that stride the result, `[rank::shard_count]`, before it is batched; 1 when nothing strides it.
    blocks : int
        As in `Plan.batch_indices`: equal contiguous parts of each rank's batch, each composed like the batch.
    lengths : sequence of int, optional
        Lengths of the datasets when there are several: the plan's items 0, 1, ... are the elements of the first, then
        of the second, and so on. They sum to `plan.num_items`.
    start : state or Position, optional
        Begin at a saved position (`state_dict`) instead of at epoch 0, step 0; the length stays that of an epoch.
        Random transformations downstream count from 0; to continue with theirs, slice the finished pipeline instead:
        see `steps_done`.

    Raises
    ------
    TypeError, ValueError
        For arguments that `Plan.batch_indices` refuses, for lengths that do not sum to the number of items, and for a
        `start` that is damaged, of another plan or seed, or inside a step.
    """

    def __init__(
        self,
        plan: Plan,
        seed: int,
        *,
        shard_count: int = 1,
        blocks: int = 1,
        lengths: Sequence[int] | None = None,
        start: Start | None = None,
    ) -> None:
        self._run = run = Run.of(plan, seed, shard_count, blocks, None, start, name="shard_count")
        self._offsets = _offsets([plan.num_items] if lengths is None else lengths, plan.num_items)
        self._repr = (
            f"SelectionMap(fingerprint={plan.fingerprint!r}, seed={run.seed}, batch_size={plan.batch_size}, "
            f"shard_count={run.world_size}, blocks={run.blocks}, datasets={len(self._offsets)}, first={run.first})"
        )
        self._blocks = Blocks(run)

    def __len__(self) -> int:
        """Records of one epoch, all shards together."""
        return self._run.plan.steps_per_epoch * self._run.plan.batch_size

    def __repr__(self) -> str:
        """Describe plan, seed and layout on one line."""
        return self._repr

    def __getitem__(self, index: int) -> tuple[int, int]:
        """Dataset, and index within it, of record `index` of the run: any index from 0, epoch after epoch."""
        if index < 0:
            raise IndexError(f"index {index} is negative; records are counted from 0.")
        local, shard = divmod(index, self._run.world_size)
        number, place = divmod(local, self._run.local_batch_size)
        item: int = self._blocks.row(shard, self._run.first + number).item(place)
        dataset = bisect_right(self._offsets, item) - 1
        return dataset, item - self._offsets[dataset]


def _offsets(lengths: Sequence[int], num_items: int) -> list[int]:
    sizes = [adapting.integer(f"lengths[{i}]", length, 0, 2**63) for i, length in enumerate(lengths)]
    if sum(sizes) != num_items:
        raise ValueError(
            f"`lengths` sum to {sum(sizes)}, but the plan has {num_items} items (`plan.num_items`); give the length "
            f"of each dataset, in the order in which the labels run through them."
        )
    return [0, *accumulate(sizes)][:-1]
