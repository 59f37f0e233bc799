"""Looking up: where and how often items are used, by every bijection of the evaluator backwards; without a log."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from balanceidx._format.deal import Deal
from balanceidx._format.evaluate import Evaluator
from balanceidx._format.inverse import Inverse, Spot
from balanceidx._format.keys import BLOCK_ORDER, key
from balanceidx._format.layout import Layout
from balanceidx._format.permutation import Domain, permute

Int64 = npt.NDArray[np.int64]
Intp = npt.NDArray[np.intp]


class Use(NamedTuple):
    """One use of an item in an epoch.

    Attributes
    ----------
    step : int
    rank : int
        The process that has it.
    position : int
        Where it stands in that rank's `batch_indices`.
    """

    step: int
    rank: int
    position: int


class Coverage(NamedTuple):
    """What was drawn of every class; int64 arrays of shape (C,), aligned with `Plan.classes`.

    Attributes
    ----------
    draws, seen, unseen : int64 arrays
        Draws so far, items among them, and items that were not drawn yet.
    """

    draws: Int64
    seen: Int64
    unseen: Int64


@dataclass(frozen=True)
class Standing:
    """The draws of every class around a position: all of the chapters before it, and the open chapter."""

    first: Int64  # draws of each class before the open chapter
    last: Int64  # and with it; equal to `first` where a chapter begins
    deal: Deal | None
    chapter: int  # of the deal
    step: int


@dataclass(frozen=True)
class Lookup:
    """An evaluator, asked by item."""

    evaluator: Evaluator
    inverse: Inverse

    def where(self, item: int, seed: int, epoch: int, world_size: int, blocks: int) -> list[Use]:
        """Uses of an item in an epoch, in step order."""
        evaluator = self.evaluator
        spot = self.inverse.spots(np.array([item], np.int64))
        number = int(spot.classes[0])
        if number < 0:
            return []
        draws, before = evaluator.ledger.epoch(epoch)
        span = before[[number]], before[[number]] + draws[number]
        _, found = self.inverse.between(evaluator.seeded(seed), spot, *span)
        found.sort()
        uses: list[Use] = []
        while len(found):
            step = evaluator.step_near(seed, epoch, number, int(found[0] - span[0][0]))
            deal = evaluator.deal_at(seed, epoch, step)
            begins, end = deal.draws_of(number)
            here = found[found < end]
            chapter = np.searchsorted(begins, here, side="right") - 1
            uses += _uses(deal, seed, epoch, chapter, number, here, evaluator.batch_size, world_size, blocks)
            found = found[len(here) :]
        return sorted(uses)

    def uses(self, items: Int64, seed: int, epoch: int, step: int) -> Int64:
        """Uses of each item before a step of an epoch."""
        seeded, standing = self.evaluator.seeded(seed), self._standing(seed, epoch, step)
        spot = self.inverse.spots(items)
        drawn = np.flatnonzero(spot.classes >= 0)
        used = np.zeros(len(items), np.int64)
        at = Spot(spot.classes[drawn], spot.places[drawn])
        first, last = standing.first[at.classes], standing.last[at.classes]
        counted = self.inverse.before(seeded, at, last)
        if standing.deal is not None:
            which, draws = self.inverse.between(seeded, at, first, last)
            later = self._steps(standing, at.classes[which], draws) >= standing.step
            counted -= np.bincount(which[later], minlength=len(drawn))
        used[drawn] = counted
        return used

    def coverage(self, seed: int, epoch: int, step: int) -> Coverage:
        """Draws, items seen and items not yet seen of every class, before a step of an epoch."""
        pools, standing = self.evaluator.pools, self._standing(seed, epoch, step)
        sizes = np.diff(pools.offsets)
        seen = np.array([self._seen(seed, c, int(draws)) for c, draws in enumerate(standing.first.tolist())], np.int64)
        draws = standing.first.copy()
        if standing.deal is not None:
            begin = int(standing.deal.starts[standing.chapter])
            layout = Layout.of(self.evaluator.batch_size, 0, 1, 1)
            played = self.evaluator.indices(seed, epoch, begin, step, layout, "dealt")
            draws += np.bincount(self.inverse.spots(played).classes, minlength=len(sizes))
            items = np.unique(played)
            spot = self.inverse.spots(items)
            new = self.inverse.before(self.evaluator.seeded(seed), spot, standing.first[spot.classes]) == 0
            seen += np.bincount(spot.classes[new], minlength=len(sizes))
        return Coverage(draws, seen, sizes - seen)

    def draws(self, seed: int, epoch: int, step: int) -> Int64:
        """Draws of every class before a step of an epoch."""
        return self.coverage(seed, epoch, step).draws

    def _seen(self, seed: int, number: int, draws: int) -> int:
        """Items of a class among its first draws."""
        pools = self.evaluator.pools
        begin, end = int(pools.offsets[number]), int(pools.offsets[number + 1])
        nested = pools.groups is not None and pools.groups.begin[number] < pools.groups.begin[number + 1]
        if not nested and not pools.lined[number]:
            return min(draws, end - begin)
        if nested:
            assert pools.groups is not None
            groups = slice(int(pools.groups.begin[number]), int(pools.groups.begin[number + 1]))
            things = np.arange(groups.stop - groups.start, dtype=np.uint32)
            classes = np.full(len(things), number)
            drawn = np.full(len(things), draws, np.uint64)
            of_group = self.inverse._counted(self.evaluator.seeded(seed), classes, things, drawn)
            return int(np.minimum(of_group, pools.groups.passes.size[groups].astype(np.int64)).sum())
        return self._seen_on_line(seed, number, draws)

    def _seen_on_line(self, seed: int, number: int, draws: int) -> int:
        """Items of a lined class among its first draws: pass by pass, until all are seen."""
        pools, seeded = self.evaluator.pools, self.evaluator.seeded(seed)
        begin, end, size = int(pools.offsets[number]), int(pools.offsets[number + 1]), int(pools.passes.size[number])
        seen = np.zeros(end - begin, np.bool_)
        classes = np.array([number])
        for first in range(0, draws, size):
            numbers = np.arange(first, min(draws, first + size), dtype=np.int64)
            places = seeded.places(classes, numbers, 0)
            seen[places - begin] = True
            if seen.all():
                break
        return int(seen.sum())

    def _standing(self, seed: int, epoch: int, step: int) -> Standing:
        evaluator = self.evaluator
        if step == evaluator.chapters.steps:
            draws, before = evaluator.ledger.epoch(epoch)
            return Standing(before + draws, before + draws, None, 0, step)
        deal = evaluator.deal_at(seed, epoch, step)
        chapter = int(np.searchsorted(deal.starts, step, side="right")) - 1
        first, last = deal.span(chapter)
        if step == deal.starts[chapter]:
            return Standing(first, first, None, 0, step)
        return Standing(first, last, deal, chapter, step)

    @staticmethod
    def _steps(standing: Standing, classes: Intp, draws: Int64) -> Int64:
        assert standing.deal is not None
        chapter = np.full(len(draws), standing.chapter)
        batch, _ = standing.deal.locate(chapter, classes, draws)
        return standing.deal.step_of(chapter, batch)


def _uses(
    deal: Deal,
    seed: int,
    epoch: int,
    chapter: Intp,
    number: int,
    draws: Int64,
    batch_size: int,
    world_size: int,
    blocks: int,
) -> list[Use]:
    """Step, rank and position of draws of a class: the layout backwards."""
    batch, place = deal.locate(chapter, np.full(len(draws), number), draws)
    steps = deal.step_of(chapter, batch)
    stride = world_size * blocks
    length = batch_size // stride
    uses = []
    for step, h in zip(steps.tolist(), place.tolist(), strict=True):
        row = deal.rows(step, step + 1)
        slot = int(row.slots(np.array([[h]]))[0, 0])
        block = slot % stride
        first = int(row.first_places(Layout((block,), stride, length))[0, 0])
        turn = np.array([(h - first) // stride], np.uint32)
        order = key(seed, BLOCK_ORDER, epoch, step, block)
        at = int(permute(turn, Domain.single(length), order)[0])
        uses.append(Use(step, block % world_size, block // world_size * length + at))
    return uses
