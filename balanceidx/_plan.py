"""The plan: a pure function (seed, epoch, step, rank) -> indices, put together from the deal and the pools."""

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from balanceidx import _checks, _mixing
from balanceidx._deal import EpochDeal, Layout
from balanceidx._pools import EpochPools, Pools
from balanceidx._position import STREAM_FORMAT, Position, read
from balanceidx._stream import Stream

Int64 = npt.NDArray[np.int64]

# Draws evaluated together: enough that a class's part fills the vector units, few enough to stay in the cache.
_DRAWS_AT_ONCE = 1 << 18
# From this many draws a class at a time, a loop over classes beats looking every draw's class up.
_DRAWS_PER_CLASS = 1 << 11
# Epochs whose tables are kept: the current one, the next, and two for whoever looks back.
_EPOCHS_KEPT = 4


class _EpochTables:
    """The last few epochs' tables. They depend on nothing but (seed, epoch), so losing them costs only time.

    There is no lock, which a process that forks could take with it: of threads that race, each computes for itself.
    """

    def __init__(self) -> None:
        self._kept: tuple[tuple[tuple[int, int], tuple[EpochDeal, EpochPools]], ...] = ()  # last used first

    def get(self, plan: "Plan", seed: int, epoch: int) -> tuple[EpochDeal, EpochPools]:
        kept, wanted = self._kept, (seed, epoch)
        if kept and kept[0][0] == wanted:
            return kept[0][1]
        found = next((tables for at, tables in kept if at == wanted), None)
        if found is None:
            deal = EpochDeal.of(plan.draws_per_epoch, plan.steps_per_epoch, seed, epoch)
            found = deal, plan._pools.epoch(seed, epoch)
        others = tuple(one for one in kept if one[0] != wanted)
        self._kept = ((wanted, found), *others[: _EPOCHS_KEPT - 1])
        return found


@dataclass(frozen=True, eq=False, repr=False)
class Plan:
    """Which items every batch of every epoch holds, for every seed, rank and world size.

    Made by `ratio`, `stratified`, `min_positives` and `weighted`; immutable; safe to share between threads and to
    send to other processes.

    >>> import balanceidx as bx
    >>> plan = bx.ratio([0] * 90 + [1] * 10, batch_size=10)
    >>> plan
    Plan(batch_size=10, steps_per_epoch=10, num_items=100, classes=2, fingerprint='6e5db517242785aedef7')
    >>> batch = plan.batch_indices(seed=0, step=3)
    >>> int((batch >= 90).sum())  # half of every batch is of the rare class
    5

    Attributes
    ----------
    classes : array, shape (C,)
        The labels in sorted order. For `weighted`, the distinct positive weights, or one class "all items".
    draws_per_epoch : int64 array, shape (C,)
        Draws of each class in an epoch, N_c; they sum to steps_per_epoch * batch_size.
    batch_size : int
        Items in a global batch, all ranks together, B.
    steps_per_epoch : int
        Batches in an epoch, T.
    num_items : int
        Items in the dataset, N.
    """

    classes: npt.NDArray[Any]
    draws_per_epoch: Int64
    batch_size: int
    steps_per_epoch: int
    num_items: int
    _pools: Pools
    _tables: _EpochTables = field(default_factory=_EpochTables, init=False)

    def __post_init__(self) -> None:
        """Make the arrays read-only: the fingerprint vouches for them."""
        for holder in (self, self._pools, self._pools.lines):
            for value in vars(holder).values() if holder is not None else ():
                if isinstance(value, np.ndarray):
                    value.flags.writeable = False

    def __repr__(self) -> str:
        """Describe the plan on one line."""
        return (
            f"Plan(batch_size={self.batch_size}, steps_per_epoch={self.steps_per_epoch}, num_items={self.num_items}, "
            f"classes={len(self.classes)}, fingerprint={self.fingerprint!r})"
        )

    def __getstate__(self) -> dict[str, Any]:
        """Leave the tables behind: whoever receives a plan makes its own."""
        return {name: value for name, value in self.__dict__.items() if name != "_tables"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Start with no tables."""
        self.__dict__.update(state, _tables=_EpochTables())
        self.__post_init__()

    @cached_property
    def fingerprint(self) -> str:
        """Short digest of everything that decides the indices: format, batches, draws, items and weights."""
        digest = hashlib.sha256()
        pools = self._pools
        header = {
            "format": STREAM_FORMAT,
            "batch_size": self.batch_size,
            "steps_per_epoch": self.steps_per_epoch,
            "num_items": self.num_items,
            "independent": pools.independent,
        }
        digest.update(json.dumps(header, sort_keys=True).encode())
        _update(digest, self.draws_per_epoch, "<i8")
        _update(digest, pools.offsets, "<i8")
        _update(digest, pools.members, "<u4" if self.num_items <= 2**32 else "<u8")
        _update(digest, pools.lined, "u1")
        if pools.lines is not None:
            _update(digest, pools.lines.starts, "<u8")
        return digest.hexdigest()[:20]

    def batch_indices(
        self,
        seed: int,
        step: int,
        rank: int = 0,
        *,
        epoch: int = 0,
        world_size: int = 1,
        blocks: int = 1,
        order: str = "shuffled",
    ) -> Int64:
        """Indices of one rank's part of one batch.

        Parameters
        ----------
        seed : int in [0, 2**64)
        step : int in [0, steps_per_epoch)
        rank, world_size : int
            This process and the number of processes that share the global batch.
        epoch : int in [0, 2**32)
        blocks : int
            Equal contiguous parts of the result, each composed like the batch: one per local device or per
            gradient-accumulation step.
        order : "shuffled" or "dealt"
            Shuffle each block, or leave its slots in ascending order. The dealt order of the whole batch is for
            consumers that stride it themselves: its entries k with k mod W == r are rank r's part.

        Returns
        -------
        int64 array, shape (batch_size // world_size,)

        Raises
        ------
        TypeError, ValueError
            For an argument outside its range, and when world_size * blocks does not divide batch_size.
        """
        at = _checks.integer("step", step, 0, self.steps_per_epoch, f"of {self.steps_per_epoch} an epoch")
        return self._indices(seed, at, at + 1, rank, epoch, world_size, blocks, order)

    def epoch_indices(
        self,
        seed: int,
        rank: int = 0,
        *,
        epoch: int = 0,
        world_size: int = 1,
        blocks: int = 1,
        order: str = "shuffled",
    ) -> Int64:
        """Indices of one rank's part of a whole epoch, batch after batch.

        `epoch_indices(...).reshape(steps_per_epoch, -1)[t]` equals `batch_indices(..., step=t)`; see there for the
        arguments and errors.

        Returns
        -------
        int64 array, shape (steps_per_epoch * batch_size // world_size,)
        """
        return self._indices(seed, 0, self.steps_per_epoch, rank, epoch, world_size, blocks, order)

    def range_indices(
        self,
        seed: int,
        start: int,
        stop: int,
        rank: int = 0,
        *,
        epoch: int = 0,
        world_size: int = 1,
        blocks: int = 1,
        order: str = "shuffled",
    ) -> Int64:
        """Indices of one rank's part of the steps start .. stop - 1 of an epoch, in one call.

        Several small batches computed together cost little more than one; see `batch_indices` for the arguments.

        Returns
        -------
        int64 array, shape ((stop - start) * batch_size // world_size,)
        """
        last = _checks.integer("stop", stop, 0, self.steps_per_epoch + 1, f"of {self.steps_per_epoch} steps an epoch")
        first = _checks.integer("start", start, 0, last + 1, "not after `stop`")
        return self._indices(seed, first, last, rank, epoch, world_size, blocks, order)

    def stream(
        self, seed: int, rank: int = 0, *, world_size: int = 1, blocks: int = 1, start: Any = None
    ) -> Stream:
        """Endless iterator over one rank's batches, with a position that can be saved; see `Stream`."""
        return Stream(self, seed, rank, world_size=world_size, blocks=blocks, start=start)

    def position(self, state: Any) -> Position:
        """Read a saved state.

        >>> import balanceidx as bx
        >>> plan = bx.ratio([0] * 90 + [1] * 10, batch_size=10)
        >>> plan.position(plan.stream(seed=7).state_dict())
        Position(seed=7, epoch=0, step=0, within=0)

        Parameters
        ----------
        state : mapping
            What `state_dict` of a stream, a sampler or a `Position` gave.

        Returns
        -------
        Position

        Raises
        ------
        TypeError
            When an entry of the state is not of its type: integers, and strings for fingerprint and check word.
        ValueError
            When the state is damaged, incomplete, out of range, of another stream format or of another plan.
        """
        return read(self, state)

    def _fingerprints(self, epoch: int, step: int) -> tuple[str, ...]:
        """Fingerprints that a state of this position may carry, first the one that it is given."""
        return (self.fingerprint,)

    def _indices(
        self, seed: Any, start: int, stop: int, rank: Any, epoch: Any, world_size: Any, blocks: Any, order: Any
    ) -> Int64:
        seed, epoch, shuffled = _checks.seed(seed), _checks.epoch(epoch), _checks.order(order)
        layout = Layout.of(self.batch_size, *_checks.layout(self.batch_size, rank, world_size, blocks))
        deal, pools = self._tables.get(self, seed, epoch)
        width = layout.length * len(layout.first)
        out = np.empty((stop - start) * width, np.int64)
        rows = max(1, _DRAWS_AT_ONCE // width)
        for first in range(start, stop, rows):
            last = min(first + rows, stop)
            part = out[(first - start) * width : (last - start) * width]
            batches = deal.batches(first, last)
            if shuffled:
                targets = _shuffled_targets(seed, epoch, first, last, layout)
            else:
                targets = _dealt_targets(deal, batches, layout)
            _fill(part, targets, deal, pools, batches, layout)
        return out


def _fill(
    out: Int64,
    targets: npt.NDArray[np.intp],
    deal: EpochDeal,
    pools: EpochPools,
    batches: Int64,
    layout: Layout,
) -> None:
    """Write the items of some batches, flattened; `targets` says where the item of each place goes."""
    count = len(deal.order)
    if len(out) < count * _DRAWS_PER_CLASS:
        classes, draws = deal.places(batches, layout)
        if count == 1:
            classes = classes[:1]
        out[targets] = pools.items(classes, draws)
        return
    first_places = deal.first_places(batches, layout)
    block_start = np.arange(len(batches) * len(layout.first)) * layout.length
    for position in range(count):
        first, length, draw = deal.runs(batches, position, first_places, layout.stride)
        total = int(length.sum())
        if total == 0:
            continue
        before = np.cumsum(length) - length
        number = np.arange(total)
        places = number + np.repeat(block_start + first - before, length)
        number *= layout.stride
        number += np.repeat(draw - before * layout.stride, length)
        items = pools.items(deal.order[position : position + 1], number)
        out[targets[places]] = items


def _dealt_targets(deal: EpochDeal, batches: Int64, layout: Layout) -> npt.NDArray[np.intp]:
    """Where the item of each place of each block goes when slots ascend."""
    numbers = deal.slot_numbers(batches, layout).reshape(-1, layout.length)
    numbers += np.arange(len(numbers))[:, None] * layout.length
    return numbers.astype(np.intp, copy=False).reshape(-1)


def _shuffled_targets(seed: int, epoch: int, start: int, stop: int, layout: Layout) -> npt.NDArray[np.intp]:
    """Where the item of each place of each block goes, by a permutation for every (seed, epoch, step, block)."""
    steps = np.arange(start, stop, dtype=np.uint32)[:, None]
    key = _mixing.key(seed, _mixing.BLOCK_ORDER, epoch, steps, np.array(layout.first, np.uint32))
    domain = _mixing.Domain.single(layout.length)
    places = np.arange(layout.length, dtype=np.uint32)
    rows = key.u.size
    starts = np.arange(rows, dtype=np.uint32) * np.uint32(layout.length)
    # Keys vary along the longer side, so that the array operations see long rows of equal or of adjacent keys.
    if rows > layout.length:
        key = _mixing.State(key.u.reshape(1, -1), key.v.reshape(1, -1))
        targets = _mixing.permute(np.repeat(places[:, None], rows, axis=1), domain, key)
        targets += starts
        targets = targets.T
    else:
        key = _mixing.State(key.u.reshape(-1, 1), key.v.reshape(-1, 1))
        targets = _mixing.permute(np.repeat(places[None], rows, axis=0), domain, key)
        targets += starts[:, None]
    return targets.astype(np.intp, order="C").reshape(-1)


def _update(digest: Any, array: npt.NDArray[Any], dtype: str) -> None:
    digest.update(f"|{dtype}:{len(array)}|".encode())
    for start in range(0, len(array), 1 << 20):
        digest.update(np.ascontiguousarray(array[start : start + (1 << 20)].astype(dtype, copy=False)).data)
