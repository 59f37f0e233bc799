"""The pools: which item of its class a draw stands for, by keyed permutations evaluated at one point.

Draw j of a class since the beginning belongs to a pass and has a turn in it; every pass has an order of its own. What
has its turn is, by the kind of the pool,

* an item (*even*), of a table of members or of a *range* of consecutive items;
* a group, whose own draw number is the pass of its class (*nested*);
* a seat on the class's weight line (*lined*), which the pass turns by the golden ratio.

An *independent* pool draws hashed positions on the line instead: the textbook multinomial sampler.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from balanceidx._format.keys import (
    GOLDEN,
    INDEPENDENT,
    LINE_PHASE,
    LOW,
    POOL,
    SHIFT_32,
    State,
    UInt32,
    UInt64,
    absorb,
    high_low,
    key,
)
from balanceidx._format.permutation import Domain, permute
from balanceidx._format.weight_line import Lines

Int64 = npt.NDArray[np.int64]
Intp = npt.NDArray[np.intp]


Find = Callable[[Intp, UInt64, UInt32], Int64]


@dataclass(frozen=True)
class Passes:
    """Things that are drawn in passes: the classes, or the groups of all classes.

    Attributes
    ----------
    keys : uint64 array, shape (things,)
        What their orders depend on, beside seed and pass.
    size : uint64 array, shape (things,)
        Turns in a pass; at least 1.
    domain : Domain
        The same sizes, prepared for the permutation.
    first : uint64 array of that shape, or None
        Number of the first pass of each, where lists of things began later than the run; None for all 0.
    """

    keys: UInt64
    size: UInt64
    domain: Domain
    first: UInt64 | None = None

    @classmethod
    def of(cls, keys: UInt64, size: "Int64 | UInt64", first: UInt64 | None = None) -> "Passes":
        """Prepare passes of the given sizes."""
        return cls(keys, size.astype(np.uint64), Domain.of(np.maximum(size, 1).astype(np.int64)), first)

    def number(self, things: Intp, passes: UInt64) -> UInt64:
        """Numbers of passes in the run, from their numbers in the lists of the things."""
        return passes if self.first is None else passes + self.first[things]

    def split(self, things: Intp, draws: UInt64) -> tuple[UInt64, UInt32]:
        """Pass and turn of each draw; `things` has one entry for all draws or one for each."""
        if len(things) > 1 and draws.max() <= LOW and self._small is not None:
            # Words divide faster.
            small, words = self._small[things], draws.astype(np.uint32)
            whole = words // small
            words -= whole * small
            return whole.astype(np.uint64), words
        size = self.size[things]
        passes = draws // size
        return passes, (draws - passes * size).astype(np.uint32)

    @cached_property
    def _small(self) -> UInt32 | None:
        """The sizes as words, where all are."""
        return self.size.astype(np.uint32) if self.size.max() <= LOW else None


@dataclass(frozen=True)
class Groups:
    """Groups of items below the classes.

    Attributes
    ----------
    begin : int64 array, shape (C + 1,)
        The groups of class c are number begin[c] .. begin[c + 1] - 1; none where its pool is not nested.
    starts : int64 array, shape (groups,)
        Where the members of each group begin, as places of the table.
    passes : Passes
        Of the groups: the members of each.
    """

    begin: Int64
    starts: Int64
    passes: Passes


@dataclass(frozen=True)
class Pools:
    """The items of every class, and how they are drawn.

    Attributes
    ----------
    members : int32 or int64 array, or None
        Items grouped by class, and within it by group; None where item and place are the same.
    offsets : int64 array, shape (C + 1,)
        The members of class c are at the places offsets[c] : offsets[c + 1].
    passes : Passes
        Of the classes: items, groups or seats.
    groups : Groups or None
        Where some pool is nested.
    lines : Lines or None
        The weight lines, when some pool has one.
    lined : bool array, shape (C,)
        Which pools are lined.
    independent : bool
        Draw positions at random instead of seat by seat.
    first_draw : int64 array, shape (C,), or None
        Draws of each class before its list of members began; None for all 0.
    """

    members: npt.NDArray[np.signedinteger[Any]] | None
    offsets: Int64
    passes: Passes
    groups: Groups | None
    lines: Lines | None
    lined: npt.NDArray[np.bool_]
    independent: bool
    first_draw: Int64 | None = None

    @property
    def in_pass(self) -> Int64:
        """Draws in a pass that uses every item or group once, shape (C,); 0 in lined and independent pools."""
        return np.where(self.lined | self.independent, 0, self.passes.size.astype(np.int64))

    def in_list(self, classes: Intp, draws: Int64) -> Int64:
        """Numbers of draws in the lists of their classes, from their numbers in the run."""
        return draws if self.first_draw is None else draws - self.first_draw[classes]

    def seeded(self, seed: int) -> "SeededPools":
        """Tables of a seed: O(C)."""
        groups = None if self.groups is None else _keys(seed, self.groups.passes)
        return SeededPools(self, seed, _keys(seed, self.passes), groups)


def _keys(seed: int, passes: Passes) -> State:
    """Keys of things that absorbed a pass below 2**32, but for its low word."""
    return absorb(key(seed, POOL, *high_low(passes.keys)), 0)


@dataclass(frozen=True)
class SeededPools:
    """The pools under one seed.

    Attributes
    ----------
    keys, group_keys : State
        Of each class, and of each group, before the low word of the pass is absorbed; for passes below 2**32.
    """

    pools: Pools
    seed: int
    keys: State
    group_keys: State | None

    def items(self, classes: Intp, draws: Int64, epoch: int) -> Int64:
        """Item of each draw, given its class (one entry for all, or one each) and its number in the run.

        In independent pools the numbers are those within the epoch.
        """
        places = self.places(classes, draws, epoch)
        if self.pools.members is None:
            return places
        items: Int64 = self.pools.members[places]
        return items

    def places(self, classes: Intp, numbers: Int64, epoch: int) -> Int64:
        """Place, in the table of members, of each draw."""
        pools, draws = self.pools, self.pools.in_list(classes, numbers).astype(np.uint64)
        if pools.independent:
            assert pools.lines is not None
            return pools.lines.find(classes, self._hashed(draws, epoch))
        passes, turns = pools.passes.split(classes, draws)
        turns = self.turn(classes, passes, turns)
        if pools.groups is None and pools.lines is None:
            plain: Int64 = pools.offsets[classes] + turns
            return plain
        if len(classes) == 1:
            return self._places_of_one(int(classes[0]), passes, turns)
        places = pools.offsets[classes] + turns
        if pools.groups is not None:
            self._replace(places, np.diff(pools.groups.begin)[classes] > 0, classes, passes, turns, self._in_groups)
        if pools.lines is not None:
            self._replace(places, pools.lined[classes], classes, passes, turns, self._on_lines)
        return places

    def _places_of_one(self, number: int, passes: UInt64, turns: UInt32) -> Int64:
        pools, classes = self.pools, np.array([number])
        if pools.lined[number]:
            return self._on_lines(classes, passes, turns)
        if pools.groups is not None and pools.groups.begin[number] < pools.groups.begin[number + 1]:
            return self._in_groups(classes, passes, turns)
        places: Int64 = pools.offsets[classes] + turns
        return places

    @staticmethod
    def _replace(
        places: Int64, where: npt.NDArray[np.bool_], classes: Intp, passes: UInt64, turns: UInt32, find: Find
    ) -> None:
        chosen = np.flatnonzero(where)
        if len(chosen):
            places[chosen] = find(classes[chosen], passes[chosen], turns[chosen])

    def turn(self, classes: Intp, passes: UInt64, turns: UInt32) -> UInt32:
        """What has the given turns of the given passes of classes."""
        return permute(turns, self.pools.passes.domain.take(classes), self.key_of(classes, passes))

    def key_of(self, classes: Intp, passes: UInt64) -> State:
        """Keys of passes of classes."""
        return _absorbed(self.seed, self.pools.passes, self.keys, classes, passes)

    def group_key_of(self, groups: Intp, passes: UInt64) -> State:
        """Keys of passes of groups."""
        assert self.pools.groups is not None and self.group_keys is not None
        return _absorbed(self.seed, self.pools.groups.passes, self.group_keys, groups, passes)

    def _in_groups(self, classes: Intp, passes: UInt64, turns: UInt32) -> Int64:
        """Place of each draw of nested pools: its class's pass is the draw number of its group."""
        groups = self.pools.groups
        assert groups is not None
        chosen = (groups.begin[classes] + turns).astype(np.intp)
        group_passes, group_turns = groups.passes.split(chosen, passes)
        keys = self.group_key_of(chosen, group_passes)
        return groups.starts[chosen] + permute(group_turns, groups.passes.domain.take(chosen), keys)

    def _on_lines(self, classes: Intp, passes: UInt64, turns: UInt32) -> Int64:
        """Place of each draw of lined pools: evenly spaced seats, turned from pass to pass."""
        assert self.pools.lines is not None
        step, phase = self.line_turn(classes, passes)
        return self.pools.lines.find(classes, turns * step + phase)

    def line_turn(self, classes: Intp, passes: UInt64) -> tuple[UInt64, UInt64]:
        """Distance of the seats of passes of lined pools, and the position of the first."""
        step = np.uint64(2**64 - 1) // self.pools.passes.size[classes]
        high, low = high_low(self.pools.passes.keys[classes])
        # The golden ratio: over many passes the seats fill the gaps they left.
        turned = self.pools.passes.number(classes, passes).astype(np.uint32) * GOLDEN
        turn = (key(self.seed, LINE_PHASE, high, low).u + turned).astype(np.uint64)
        phase: UInt64 = (step >> SHIFT_32) * turn + (((step & LOW) * turn) >> SHIFT_32)
        return step, phase

    def _hashed(self, draws: UInt64, epoch: int) -> UInt64:
        """A position per draw: all 64 bits of a key that absorbed the epoch, the draw number, and a last zero."""
        high, low = high_low(draws)
        state = absorb(absorb(key(self.seed, INDEPENDENT, epoch, high), low), 0)
        position: UInt64 = (state.u.astype(np.uint64) << SHIFT_32) | state.v
        return position


def _absorbed(seed: int, things: Passes, keys: State, chosen: Intp, passes: UInt64) -> State:
    """Keys of passes of the chosen things, one entry for all passes or one for each."""
    passes = things.number(chosen, passes)
    first, last = passes.min(), passes.max()
    if len(chosen) == 1 and last - first < len(passes):
        # One thing: its draws run through few passes, so derive each key once.
        table = _absorb_passes(seed, things, keys, chosen, first + np.arange(int(last - first) + 1, dtype=np.uint64))
        return table if first == last else table.take((passes - first).astype(np.intp))
    return _absorb_passes(seed, things, keys, chosen, passes)


def _absorb_passes(seed: int, things: Passes, keys: State, chosen: Intp, passes: UInt64) -> State:
    if passes.max() <= LOW:
        return absorb(keys.take(chosen), passes.astype(np.uint32))
    high, low = high_low(passes)
    return absorb(key(seed, POOL, *high_low(things.keys[chosen]), high), low)
