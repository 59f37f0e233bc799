"""The layout: which slots of a batch a rank takes, in which blocks, and in which order it delivers them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from balanceidx._format.keys import BLOCK_ORDER, key
from balanceidx._format.permutation import Domain, permute

Int64 = npt.NDArray[np.int64]
Intp = npt.NDArray[np.intp]

# Shuffled, with slots ascending, or grouped by class.
ORDERS = ("shuffled", "dealt", "by_class")


@dataclass(frozen=True)
class Layout:
    """One rank's part of a batch: `blocks` equal contiguous blocks; all ranks together have `stride` of them."""

    first: tuple[int, ...]  # block d holds the slots k with k mod stride == first[d]
    stride: int
    length: int  # slots in a block

    @classmethod
    def of(cls, batch_size: int, rank: int, world_size: int, blocks: int) -> "Layout":
        """Layout of a rank whose arguments have been checked."""
        stride = world_size * blocks
        return cls(tuple(rank + world_size * d for d in range(blocks)), stride, batch_size // stride)

    @property
    def width(self) -> int:
        """Items in a rank's part of a batch."""
        return self.length * len(self.first)


def shuffled_targets(seed: int, epoch: int, start: int, stop: int, layout: Layout) -> Intp:
    """Where the item of each place of each block goes, by a permutation for every (seed, epoch, step, block)."""
    steps = np.arange(start, stop, dtype=np.uint32)[:, None]
    order = key(seed, BLOCK_ORDER, epoch, steps, np.array(layout.first, np.uint32))
    domain = Domain.single(layout.length)
    places = np.arange(layout.length, dtype=np.uint32)
    rows = order.u.size
    starts = np.arange(rows, dtype=np.uint32) * np.uint32(layout.length)
    # Keys vary along the longer side, so that the array operations see long rows of equal or of adjacent keys.
    if rows > layout.length:
        targets = permute(np.repeat(places[:, None], rows, axis=1), domain, order.reshape(1, -1))
        targets += starts
        targets = targets.T
    else:
        targets = permute(np.repeat(places[None], rows, axis=0), domain, order.reshape(-1, 1))
        targets += starts[:, None]
    return targets.astype(np.intp, order="C").reshape(-1)


def dealt_targets(slot_numbers: Int64, length: int) -> Intp:
    """Where the item of each place of each block goes when slots ascend; `slot_numbers` are those within the block."""
    numbers = slot_numbers.reshape(-1, length)
    numbers += np.arange(len(numbers))[:, None] * length
    return numbers.astype(np.intp, copy=False).reshape(-1)


def by_class_targets(classes: Intp) -> Intp:
    """Where each place of each block goes, within the row of its block, when blocks are sorted by class.

    `classes` has one row per block, with its places in ascending order, which they keep within a class.
    """
    targets = np.empty_like(classes)
    np.put_along_axis(targets, np.argsort(classes, axis=1, kind="stable"), np.arange(classes.shape[1])[None], 1)
    return targets
