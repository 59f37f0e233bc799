"""Lines and halving on the device, as the core's `Hierarchy` and `Stretch` compute them."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from balanceidx import adapting
from balanceidx_jax import _wide
from balanceidx_jax._permute import Key, absorb, below


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class DeviceLevel:
    """Nodes of one level of a tree: words of their label keys (one high word where all agree), and their parents."""

    high: jax.Array
    low: jax.Array
    parent: jax.Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class DeviceHierarchy:
    """How the classes of a line are put in order, level by level."""

    levels: tuple[DeviceLevel, ...]

    @classmethod
    def of(cls, hierarchy: adapting.Hierarchy) -> "DeviceHierarchy":
        """Take over the core's levels."""
        return cls(tuple(_level(level) for level in hierarchy.levels))

    def order(self, keys: Key) -> jax.Array:
        """Class at each place of the line of each key: int32 array, shape (keys, classes)."""
        rows = Key(keys.u[:, None], keys.v[:, None])
        order = rank = None
        for level in self.levels:
            u = absorb(absorb(rows, level.high), level.low).u
            if rank is None:
                order = jnp.argsort(u, axis=1, stable=True)
            else:
                order = jnp.lexsort((u, rank[:, level.parent]), axis=1)
            rank = _inverse(order)
        assert order is not None
        return order


def _level(level: adapting.Level) -> DeviceLevel:
    high = level.high[:1] if (level.high == level.high[0]).all() else level.high
    return DeviceLevel(jnp.asarray(high), jnp.asarray(level.low), jnp.asarray(level.parent.astype(np.int32)))


def _inverse(order: jax.Array) -> jax.Array:
    return put_along(order, jnp.broadcast_to(jnp.arange(order.shape[1], dtype=np.int32), order.shape))


def put_along(order: jax.Array, values: jax.Array) -> jax.Array:
    """Values, which are in the order of each row, back in the places that the order names."""
    rows = jnp.arange(len(order))[:, None]
    return jnp.zeros_like(values).at[rows, order].set(values, unique_indices=True)


def split(
    hierarchy: DeviceHierarchy, seats: jax.Array, keys: Key, units: jax.Array, first_units: jax.Array
) -> jax.Array:
    """Seats of every class in the first part of every node: F(M) = floor((M * T1 + x) / T') along its line.

    Parameters
    ----------
    seats : uint32 array, shape (nodes, C)
    keys : Key of shape (nodes,)
    units, first_units : uint32 arrays, shape (nodes,)
        T' and T1.
    """
    order = hierarchy.order(keys)
    ends = jnp.cumsum(jnp.take_along_axis(seats, order, 1), axis=1, dtype=np.uint32)
    x, whole, part = below(keys, units)[:, None], units[:, None], first_units[:, None]
    quotient = ends // whole
    scaled = _wide.add(_wide.multiply(ends - quotient * whole, part), x)
    rest, _ = _wide.divide(scaled, jnp.broadcast_to(whole, ends.shape))
    ends = quotient * part + rest
    gets = ends - jnp.concatenate((jnp.zeros_like(ends[:, :1]), ends[:, :-1]), axis=1)
    return put_along(order, gets)
