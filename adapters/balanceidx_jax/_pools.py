"""The pools on the device: which item of its class a draw stands for, as the core's `SeededPools` computes it."""

from dataclasses import dataclass, field
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from balanceidx import adapting
from balanceidx_jax import _wide
from balanceidx_jax._lines import DeviceLines, wide
from balanceidx_jax._permute import Domain, Key, absorb, key, permute


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class DeviceGroups:
    """Groups of items below the classes.

    Attributes
    ----------
    begin : uint32 array, shape (C,)
        First group of each class.
    nested : bool array, shape (C,)
    start, size : uint32 arrays, shape (groups,)
    label : Wide of shape (groups,)
    domain : Domain
    """

    begin: jax.Array
    nested: jax.Array
    start: jax.Array
    size: jax.Array
    label: _wide.Wide
    domain: Domain

    @classmethod
    def of(cls, groups: adapting.Groups) -> "DeviceGroups":
        """Take over the core's groups."""
        return cls(
            jnp.asarray(groups.begin[:-1].astype(np.uint32)),
            jnp.asarray(np.diff(groups.begin) > 0),
            jnp.asarray(groups.starts.astype(np.uint32)),
            jnp.asarray(groups.passes.size.astype(np.uint32)),
            wide(groups.passes.keys),
            Domain.of(groups.passes.domain),
        )


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class DevicePools:
    """The items of every class, and how they are drawn.

    Attributes
    ----------
    members : int32 array or None
        Items grouped by class; None where item and place are the same.
    begin, size : uint32 arrays, shape (C,)
        First member of each class, and turns in a pass.
    label : Wide of shape (C,)
    domain : Domain
    groups : DeviceGroups or None
    lines : DeviceLines or None
        The weight lines, when some pool is lined.
    lined : bool array, shape (C,)
    seat : Wide of shape (C,)
        Distance of two seats on the weight line; unused in other pools.
    independent : bool
    """

    members: jax.Array | None
    begin: jax.Array
    size: jax.Array
    label: _wide.Wide
    domain: Domain
    groups: DeviceGroups | None
    lines: DeviceLines | None
    lined: jax.Array
    seat: _wide.Wide
    independent: bool = field(metadata={"static": True})

    @classmethod
    def of(cls, pools: adapting.Pools) -> "DevicePools":
        """Take over the core's pools, whose sizes must fit a word."""
        members = None if pools.members is None else jnp.asarray(pools.members.astype(np.int32, copy=False))
        size = pools.passes.size
        return cls(
            members,
            jnp.asarray(pools.offsets[:-1].astype(np.uint32)),
            jnp.asarray(size.astype(np.uint32)),
            wide(pools.passes.keys),
            Domain.of(pools.passes.domain),
            None if pools.groups is None else DeviceGroups.of(pools.groups),
            None if pools.lines is None else DeviceLines.of(pools.lines),
            jnp.asarray(pools.lined),
            wide(np.uint64(2**64 - 1) // size),
            pools.independent,
        )


class Standing(NamedTuple):
    """Pass and turn of the first draw of every class in a chapter; in independent pools its number in the epoch."""

    passed: _wide.Wide
    turn: jax.Array

    @classmethod
    def of(cls, pools: DevicePools, before: _wide.Wide) -> "Standing":
        """Divide the draws before a chapter into passes."""
        if pools.independent:
            return cls(before, before.low)
        return cls(*_wide.divide_wide(before, pools.size))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class EpochPools:
    """The pools in one epoch of a seed.

    Attributes
    ----------
    first_high : uint32 array, shape (C,)
        High word of the pass with which the epoch begins.
    keys : Key of shape (2, C)
        Keys of the classes that absorbed this high word, and the next one, for when the low word overflows.
    group_keys : Key of shape (groups,), or None
    phase : uint32 array, shape (C,)
        Where each weight line is turned to, before the pass is added.
    hashed : Key
        Key of the epoch's independent draws.
    """

    pools: DevicePools
    first_high: jax.Array
    keys: Key
    group_keys: Key | None
    phase: jax.Array
    hashed: Key

    @classmethod
    def of(cls, pools: DevicePools, seed: _wide.Wide, epoch: jax.Array, before: _wide.Wide) -> "EpochPools":
        """Tables of an epoch: O(C); `before` are the draws of every class before it."""
        high = Standing.of(pools, before).passed.high
        keys = key(seed, adapting.POOL, pools.label.high, pools.label.low, jnp.stack((high, high + np.uint32(1))))
        groups = pools.groups
        return cls(
            pools,
            high,
            keys,
            None if groups is None else key(seed, adapting.POOL, groups.label.high, groups.label.low),
            key(seed, adapting.LINE_PHASE, pools.label.high, pools.label.low).u,
            key(seed, adapting.INDEPENDENT, epoch, 0),  # the high word of a draw number is 0 here
        )

    def items(self, standing: Standing, classes: jax.Array, draws: jax.Array) -> jax.Array:
        """Item of each draw, given its class and its number within the chapter."""
        places = self._places(standing, classes, draws)
        return places.astype(np.int32) if self.pools.members is None else self.pools.members[places]

    def _places(self, standing: Standing, classes: jax.Array, draws: jax.Array) -> jax.Array:
        pools = self.pools
        if pools.independent:
            assert pools.lines is not None
            return pools.lines.find(classes, self._hashed(draws + standing.turn[classes]))
        size, first = pools.size[classes], standing.turn[classes]
        whole = draws // size
        turn = draws - whole * size
        again = turn >= size - first  # their sum need not fit a word
        turn = jnp.where(again, turn - (size - first), turn + first)
        passed = _wide.add(
            _wide.Wide(standing.passed.high[classes], standing.passed.low[classes]), whole + again.astype(np.uint32)
        )
        later = passed.high - self.first_high[classes]
        state = absorb(Key(self.keys.u[later, classes], self.keys.v[later, classes]), passed.low)
        thing = permute(turn, pools.domain.take(classes), state)
        places = pools.begin[classes] + thing
        if pools.groups is not None:
            places = jnp.where(pools.groups.nested[classes], self._in_groups(classes, passed, thing), places)
        if pools.lines is not None:
            seat = _wide.Wide(pools.seat.high[classes], pools.seat.low[classes])
            turned = self.phase[classes] + passed.low * adapting.GOLDEN
            position = _wide.add_wide(_wide.multiply_low(thing, seat), _wide.multiply_shift(turned, seat))
            places = jnp.where(pools.lined[classes], pools.lines.find(classes, position), places)
        return places

    def _in_groups(self, classes: jax.Array, passed: _wide.Wide, thing: jax.Array) -> jax.Array:
        """Place of each draw of nested pools: its class's pass is the draw number of its group."""
        groups = self.pools.groups
        assert groups is not None and self.group_keys is not None
        chosen = groups.begin[classes] + jnp.where(groups.nested[classes], thing, np.uint32(0))
        group_pass, turn = _wide.divide_wide(passed, groups.size[chosen])
        state = Key(self.group_keys.u[chosen], self.group_keys.v[chosen])
        state = absorb(absorb(state, group_pass.high), group_pass.low)
        return groups.start[chosen] + permute(turn, groups.domain.take(chosen), state)

    def _hashed(self, draws: jax.Array) -> _wide.Wide:
        """A position per draw: all 64 bits of a key that absorbed the epoch, the draw number, and a last zero."""
        state = absorb(absorb(self.hashed, draws), 0)
        return _wide.Wide(state.u, state.v)
