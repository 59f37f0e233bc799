"""The evaluator: from (seed, epoch, steps, layout) to indices, through ledger, chapters, deal, pools and layout."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from balanceidx._format.chapters import Chapters
from balanceidx._format.deal import Deal, Rows
from balanceidx._format.halving import Stretch
from balanceidx._format.keys import EPOCH_NODE, key
from balanceidx._format.layout import Layout, by_class_targets, dealt_targets, shuffled_targets
from balanceidx._format.ledger import Ledger, aligned
from balanceidx._format.pools import Pools, SeededPools

Int64 = npt.NDArray[np.int64]
Intp = npt.NDArray[np.intp]

# Draws evaluated together: enough that a class's part fills the vector units, few enough to stay in the cache.
_DRAWS_AT_ONCE = 1 << 18
# From this many draws a class at a time, a loop over classes beats looking every draw's class up.
_DRAWS_PER_CLASS = 1 << 11
# Tables that are kept: those of the present, of what comes next, and two for whoever looks back.
_TABLES_KEPT = 4


class _Kept:
    """The last few tables. They depend on their names alone, so losing them costs only time.

    There is no lock, which a process that forks could take with it: of threads that race, each computes for itself.
    """

    def __init__(self) -> None:
        self._tables: tuple[tuple[Any, Any], ...] = ()  # last used first

    def get(self, name: Any, make: Any) -> Any:
        kept = self._tables
        if kept and kept[0][0] == name:
            return kept[0][1]
        found = next((table for at, table in kept if at == name), None)
        if found is None:
            found = make(*name)
        others = tuple(one for one in kept if one[0] != name)
        self._tables = ((name, found), *others[: _TABLES_KEPT - 1])
        return found


@dataclass(frozen=True)
class Evaluator:
    """What decides the indices, and the tables that were needed last.

    Attributes
    ----------
    batch_size : int
    chapters : Chapters
    ledger : Ledger
    pools : Pools
    class_of : intp array or None
        Class of every leaf, where some class has several generations; None where leaves are the classes.
    """

    batch_size: int
    chapters: Chapters
    ledger: Ledger
    pools: Pools
    class_of: Intp | None = None
    _deals: _Kept = field(default_factory=_Kept, init=False, repr=False)
    _stretches: _Kept = field(default_factory=_Kept, init=False, repr=False)
    _seeded: _Kept = field(default_factory=_Kept, init=False, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the tables behind: whoever receives an evaluator makes its own."""
        return {**self.__dict__, "_deals": _Kept(), "_stretches": _Kept(), "_seeded": _Kept()}

    def freeze(self) -> None:
        """Make all arrays read-only."""
        pools = self.pools
        groups = pools.groups
        inner = None if groups is None else groups.passes
        for holder in (self, self.ledger, pools, pools.passes, groups, inner, pools.lines):
            for value in vars(holder).values() if holder is not None else ():
                if isinstance(value, np.ndarray):
                    value.flags.writeable = False

    def indices(self, seed: int, epoch: int, start: int, stop: int, layout: Layout, order: str) -> Int64:
        """Indices of one rank's part of the steps start .. stop - 1, batch after batch."""
        width = layout.width
        out = np.empty((stop - start) * width, np.int64)
        pools = self.seeded(seed)
        steps_at_once = max(1, _DRAWS_AT_ONCE // width)
        done = start
        while done < stop:
            deal = self.deal_at(seed, epoch, done)
            last = min(done + steps_at_once, stop, int(deal.starts[-1]))
            part = out[(done - start) * width : (last - start) * width]
            rows, targets = deal.rows(done, last), None
            if order == "shuffled":
                targets = shuffled_targets(seed, epoch, done, last, layout)
            elif order == "dealt":
                targets = dealt_targets(rows.slot_numbers(layout), layout.length)
            if targets is None or len(part) < deal.seats.shape[1] * _DRAWS_PER_CLASS:
                _fill_by_place(part, targets, deal, pools, rows, layout, epoch, self.class_of)
            else:
                _fill_by_class(part, targets, deal, pools, rows, layout, epoch)
            done = last
        return out

    def seeded(self, seed: int) -> SeededPools:
        """The pools under a seed."""
        pools: SeededPools = self._seeded.get((seed,), self.pools.seeded)
        return pools

    def deal_at(self, seed: int, epoch: int, step: int) -> Deal:
        """The deal of the chapter of a step, and of some around it."""
        first, last = aligned(self.chapters.of_step(step), self.chapters.count, len(self.ledger.cycle_draws))
        deal: Deal = self._deals.get((seed, epoch, first, last), self._deal)
        return deal

    def step_near(self, seed: int, epoch: int, number: int, draw: int) -> int:
        """First step of the chapter that holds a draw of class `number`, counted within the epoch."""
        part = self._stretch(seed, epoch).part_of(number, draw)
        return int(self.chapters.start(np.array([part]))[0])

    def _stretch(self, seed: int, epoch: int) -> Stretch:
        """The epoch, to be halved into its chapters."""
        stretch: Stretch = self._stretches.get((seed, epoch), self._new_stretch)
        return stretch

    def _new_stretch(self, seed: int, epoch: int) -> Stretch:
        draws, _ = self.ledger.epoch(epoch)
        chapters = self.chapters
        return Stretch(self.ledger.hierarchy, draws, chapters.start, chapters.levels, key(seed, EPOCH_NODE, epoch))

    def _deal(self, seed: int, epoch: int, first: int, last: int) -> Deal:
        seats, before = self._stretch(seed, epoch).parts(first, last)
        if not self.pools.independent:  # whose draws are numbered epoch by epoch
            before = before + self.ledger.epoch(epoch)[1]
        starts = self.chapters.start(np.arange(first, last + 1))
        return Deal.of(self.ledger.hierarchy, seats, before, starts, seed, epoch, first)


def _fill_by_place(
    out: Int64,
    targets: Intp | None,
    deal: Deal,
    pools: SeededPools,
    rows: Rows,
    layout: Layout,
    epoch: int,
    class_of: Intp | None,
) -> None:
    """Write the items of some batches, looking up the class of every place.

    `targets` says where the item of each place goes; None groups each block by class.
    """
    rows, row_order = rows.sort()
    classes, draws = deal.places(rows, layout)
    items = pools.items(classes[:1] if deal.seats.shape[1] == 1 else classes, draws, epoch)
    if targets is None:
        if class_of is not None:
            classes = class_of[classes]
        by_block = classes.reshape(layout.width, -1).T.reshape(-1, layout.length)
        starts = row_order[:, None] * layout.width + layout.length * np.arange(len(layout.first))
        by_row = by_class_targets(by_block) + starts.reshape(-1, 1)
    else:
        by_row = targets.reshape(-1, layout.width)[row_order]
    out[by_row.reshape(-1, layout.width).T.reshape(-1)] = items


def _fill_by_class(
    out: Int64, targets: Intp, deal: Deal, pools: SeededPools, rows: Rows, layout: Layout, epoch: int
) -> None:
    """Write the items of some batches class by class; `targets` says where the item of each place goes."""
    first_places = rows.first_places(layout)
    block_start = np.arange(len(rows.batch) * len(layout.first)) * layout.length
    for number in range(deal.seats.shape[1]):
        first, length, draw = deal.runs(rows, number, first_places, layout.stride)
        total = int(length.sum())
        if total == 0:
            continue
        before = np.cumsum(length) - length
        count = np.arange(total)
        places = count + np.repeat(block_start + first - before, length)
        count *= layout.stride
        count += np.repeat(draw - before * layout.stride, length)
        out[targets[places]] = pools.items(np.array([number]), count, epoch)
