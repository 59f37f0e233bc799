"""The pools backwards: which draws of its class are an item's, and how often it was drawn before a given draw."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from balanceidx._format.keys import UInt32, UInt64
from balanceidx._format.permutation import unpermute
from balanceidx._format.pools import Pools, SeededPools

Int64 = npt.NDArray[np.int64]
Intp = npt.NDArray[np.intp]

# Up to this many classes are searched one after the other for all items at once.
_FEW_CLASSES = 64
# Entries of temporary tables: items times passes, or items times classes.
_ENTRIES_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class Spot:
    """Where items stand: their class and their place in the table of members; both -1 for items never drawn."""

    classes: Intp
    places: Int64


@dataclass(frozen=True)
class Inverse:
    """The pools of a plan, asked by item."""

    pools: Pools
    num_items: int

    def spots(self, items: Int64) -> Spot:
        """Class and place of items, in memory proportional to the items asked for wherever that is possible."""
        pools, offsets = self.pools, self.pools.offsets
        if pools.members is None:
            places = items
        elif len(offsets) - 1 <= _FEW_CLASSES and self._ascending:
            places = self._searched(items)
        else:
            places = self._table[items].astype(np.int64)
        classes = np.searchsorted(offsets, places, side="right") - 1
        return Spot(np.where(places < 0, -1, classes).astype(np.intp), places)

    @cached_property
    def _ascending(self) -> bool:
        """Whether the members of every class ascend, as they do without groups."""
        members = self.pools.members
        assert members is not None
        starts = set(self.pools.offsets.tolist())
        for begin in range(0, len(members), _ENTRIES_AT_ONCE):
            part = members[begin : begin + _ENTRIES_AT_ONCE + 1]
            falls = np.flatnonzero(part[1:] < part[:-1]) + begin + 1
            if len(falls) > len(starts) or not starts.issuperset(falls.tolist()):
                return False
        return True

    def _searched(self, items: Int64) -> Int64:
        members, bounds = self.pools.members, self.pools.offsets.tolist()
        assert members is not None
        order = np.argsort(items, kind="stable")  # searches near each other share the cache
        wanted = items[order].astype(members.dtype)
        found = np.full(len(items), -1, np.int64)
        for begin, end in pairwise(bounds):
            if begin < end:
                at = np.searchsorted(members[begin:end], wanted) + begin
                hit = members[np.minimum(at, end - 1)] == wanted
                hit &= at < end
                found[order[hit]] = at[hit]
        return found

    @cached_property
    def _table(self) -> npt.NDArray[np.signedinteger[Any]]:
        """Place of every item: made once, where classes are many or in groups."""
        members = self.pools.members
        assert members is not None
        compact: type[np.signedinteger[Any]] = np.int32 if len(members) <= 2**31 else np.int64
        table: npt.NDArray[np.signedinteger[Any]] = np.full(self.num_items, -1, compact)
        table[members] = np.arange(len(members), dtype=table.dtype)
        return table

    def before(self, seeded: SeededPools, spot: Spot, draws: Int64) -> Int64:
        """Uses of items among the first `draws` draws of their classes, one entry per item."""
        drawn = self.pools.in_list(spot.classes, draws).astype(np.uint64)
        used = np.zeros(len(drawn), np.int64)
        lined = self.pools.lined[spot.classes]
        plain = np.flatnonzero(~lined)
        if len(plain):
            used[plain] = self._in_passes(seeded, spot.classes[plain], spot.places[plain], drawn[plain])
        for i in np.flatnonzero(lined).tolist():
            used[i] = self._on_line(seeded, int(spot.classes[i]), int(spot.places[i]), int(drawn[i]))
        return used

    def between(self, seeded: SeededPools, spot: Spot, first: Int64, last: Int64) -> tuple[Intp, Int64]:
        """Draws first .. last - 1 of their classes that are the items': which item, and the number of the draw."""
        if self.pools.first_draw is not None:
            began = self.pools.first_draw[spot.classes]
            which_item, in_list = self._between(seeded, spot, first - began, last - began)
            return which_item, in_list + began[which_item]
        return self._between(seeded, spot, first, last)

    def _between(self, seeded: SeededPools, spot: Spot, first: Int64, last: Int64) -> tuple[Intp, Int64]:
        which: list[Intp] = []
        found: list[Int64] = []
        lined = self.pools.lined[spot.classes]
        plain = np.flatnonzero(~lined & (first < last))
        if len(plain):
            own = self._draws_in_passes(seeded, spot.classes[plain], spot.places[plain], first[plain], last[plain])
            which.append(plain[own[0]])
            found.append(own[1])
        for i in np.flatnonzero(lined & (first < last)).tolist():
            draws = self._draws_on_line(seeded, int(spot.classes[i]), int(spot.places[i]), int(first[i]), int(last[i]))
            which.append(np.full(len(draws), i, np.intp))
            found.append(draws)
        if not which:
            return np.zeros(0, np.intp), np.zeros(0, np.int64)
        return np.concatenate(which), np.concatenate(found)

    # Even, nested and range pools: whole passes, and the turn in the open one.

    def _in_passes(self, seeded: SeededPools, classes: Intp, places: Int64, draws: UInt64) -> Int64:
        nested, things = self._things(classes, places)
        used = self._counted(seeded, classes, things, draws)
        inner = np.flatnonzero(nested)
        if len(inner):
            assert self.pools.groups is not None
            groups = self._group_of(classes[inner], things[inner])
            own = (places[inner] - self.pools.groups.starts[groups]).astype(np.uint32)
            size = self.pools.groups.passes.size[groups]
            drawn = used[inner].astype(np.uint64)
            passes = drawn // size
            turns = self._group_turn(seeded, groups, passes, own)
            used[inner] = (passes + (turns < drawn - passes * size)).astype(np.int64)
        return used

    def _counted(self, seeded: SeededPools, classes: Intp, things: UInt32, draws: UInt64) -> Int64:
        """Draws of items or groups of classes among the first `draws`."""
        size = self.pools.passes.size[classes]
        passes = draws // size
        turns = self._turn(seeded, classes, passes, things)
        return (passes + (turns < draws - passes * size)).astype(np.int64)

    def _draws_in_passes(
        self, seeded: SeededPools, classes: Intp, places: Int64, first: Int64, last: Int64
    ) -> tuple[Intp, Int64]:
        nested, things = self._things(classes, places)
        size = self.pools.passes.size[classes].astype(np.int64)
        groups = np.zeros(len(classes), np.intp)
        own = np.zeros(len(classes), np.uint32)
        every = np.ones(len(classes), np.int64)  # an item comes once in so many passes of its class
        if nested.any():
            assert self.pools.groups is not None
            groups[nested] = self._group_of(classes[nested], things[nested])
            own[nested] = places[nested] - self.pools.groups.starts[groups[nested]]
            every[nested] = self.pools.groups.passes.size[groups[nested]].astype(np.int64)
        round_, end = first // size // every, (last - 1) // size // every + 1
        which: list[Intp] = []
        found: list[Int64] = []
        active = np.arange(len(classes))
        while len(active):
            passes = round_[active].astype(np.uint64)
            inner = nested[active]
            if inner.any():
                at = active[inner]
                turns = self._group_turn(seeded, groups[at], passes[inner], own[at])
                passes[inner] = passes[inner] * every[at].astype(np.uint64) + turns
            draw = passes.astype(np.int64) * size[active]
            draw += self._turn(seeded, classes[active], passes, things[active])
            hit = (draw >= first[active]) & (draw < last[active])
            which.append(active[hit])
            found.append(draw[hit])
            round_[active] += 1
            active = active[round_[active] < end[active]]
        return np.concatenate(which), np.concatenate(found)

    def _things(self, classes: Intp, places: Int64) -> tuple[npt.NDArray[np.bool_], UInt32]:
        """Which classes are nested, and the number, within its class, of each item or of its group."""
        groups = self.pools.groups
        within = places - self.pools.offsets[classes]
        if groups is None:
            return np.zeros(len(classes), np.bool_), within.astype(np.uint32)
        begin, end = groups.begin[classes], groups.begin[classes + 1]
        nested = begin < end
        group = np.searchsorted(groups.starts, places, side="right") - 1
        return nested, np.where(nested, group - begin, within).astype(np.uint32)

    def _group_of(self, classes: Intp, things: UInt32) -> Intp:
        assert self.pools.groups is not None
        return (self.pools.groups.begin[classes] + things).astype(np.intp)

    def _turn(self, seeded: SeededPools, classes: Intp, passes: UInt64, things: UInt32) -> UInt32:
        """Turn of items, groups or seats in passes of their classes."""
        return unpermute(things, self.pools.passes.domain.take(classes), seeded.key_of(classes, passes))

    def _group_turn(self, seeded: SeededPools, groups: Intp, passes: UInt64, own: UInt32) -> UInt32:
        assert self.pools.groups is not None
        domain = self.pools.groups.passes.domain.take(groups)
        return unpermute(own, domain, seeded.group_key_of(groups, passes))

    # Lined pools: an item has some seats in every pass.

    def _on_line(self, seeded: SeededPools, number: int, place: int, draws: int) -> int:
        size = int(self.pools.passes.size[number])
        whole, rest = divmod(draws, size)
        used = 0
        for begin in range(0, whole, _ENTRIES_AT_ONCE):
            first, last = self._seats(seeded, number, place, begin, min(whole, begin + _ENTRIES_AT_ONCE))
            used += int((last - first).sum())
        if rest:
            used += int((self._turns(seeded, number, place, whole) < rest).sum())
        return used

    def _draws_on_line(self, seeded: SeededPools, number: int, place: int, first: int, last: int) -> Int64:
        size = int(self.pools.passes.size[number])
        passes = range(first // size, (last - 1) // size + 1)
        draws = np.concatenate([q * size + self._turns(seeded, number, place, q).astype(np.int64) for q in passes])
        return draws[(draws >= first) & (draws < last)]

    def _turns(self, seeded: SeededPools, number: int, place: int, of_pass: int) -> UInt32:
        """Turns, in one pass, of the seats of an item."""
        (first,), (last,) = self._seats(seeded, number, place, of_pass, of_pass + 1)
        seats = np.arange(first, last, dtype=np.uint32)
        if not len(seats):
            return seats
        return self._turn(seeded, np.array([number]), np.array([of_pass], np.uint64), seats)

    def _seats(self, seeded: SeededPools, number: int, place: int, begin: int, end: int) -> tuple[Int64, Int64]:
        """First seat of an item and the one behind its last, in the passes begin .. end - 1."""
        lines = self.pools.lines
        assert lines is not None
        passes = np.arange(begin, end, dtype=np.uint64)
        step, phase = seeded.line_turn(np.array([number]), passes)
        first = self._seats_below(int(lines.starts[place]), step, phase, number)
        if place + 1 == int(self.pools.offsets[number + 1]):
            return first, np.full(len(passes), int(self.pools.passes.size[number]), np.int64)
        return first, self._seats_below(int(lines.starts[place + 1]), step, phase, number)

    def _seats_below(self, position: int, step: UInt64, phase: UInt64, number: int) -> Int64:
        """Seats at positions below `position`: those with seat * step + phase < position."""
        at = np.uint64(position)
        past = np.where(at > phase, at - phase, np.uint64(0))
        seats = past // step + (past % step > 0)
        below: Int64 = np.minimum(seats, self.pools.passes.size[number]).astype(np.int64)
        return below
