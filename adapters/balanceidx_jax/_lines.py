"""The weight line on the device: which member a position of 64 bits belongs to, as `balanceidx._line` finds it."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from balanceidx.adapting import Lines
from balanceidx_jax._wide import Wide, less_or_equal, multiply


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class DeviceLines:
    """The core's lines in words.

    Attributes
    ----------
    starts : Wide of shape (members,)
    guide : uint32 array, shape (members + pools,)
        As in `balanceidx._line.Lines`.
    begin, size : uint32 arrays, shape (pools,)
        First member of each pool, and its number of members.
    halvings : uint32 scalar
        Steps of bisection that the fullest bucket of the guide needs.
    """

    starts: Wide
    guide: jax.Array
    begin: jax.Array
    size: jax.Array
    halvings: jax.Array

    @classmethod
    def of(cls, lines: Lines) -> "DeviceLines":
        """Split the core's lines into words."""
        return cls(
            wide(lines.starts),
            jnp.asarray(lines.guide),
            jnp.asarray(lines.offsets[:-1].astype(np.uint32)),
            jnp.asarray(np.diff(lines.offsets).astype(np.uint32)),
            jnp.asarray(np.uint32(_fullest(lines.guide).bit_length())),
        )

    def find(self, pools: jax.Array, positions: Wide) -> jax.Array:
        """Which member's stretch holds each position, as a place in the table of members."""
        begin, size = self.begin[pools], self.size[pools]
        bucket = multiply(positions.high, size).high + begin + pools
        # The answer is one less than the number of starts <= position, which lies between these two counts.
        low, high = self.guide[bucket], self.guide[bucket + np.uint32(1)]
        # Bisection leaves [low, low] alone, so all positions may go through as many steps as the slowest needs.

        def halve(_: int, bounds: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
            low, high = bounds
            middle = low + ((high - low) >> np.uint32(1))
            at = begin + middle
            reached = (low < high) & less_or_equal(Wide(self.starts.high[at], self.starts.low[at]), positions)
            return jnp.where(reached, middle + np.uint32(1), low), jnp.where(reached, high, middle)

        low, _ = jax.lax.fori_loop(0, self.halvings.astype(np.int32), halve, (low, high))
        found: jax.Array = begin + low - np.uint32(1)
        return found


def wide(values: npt.NDArray[np.uint64]) -> Wide:
    """Split 64-bit integers into words."""
    return Wide(
        jnp.asarray((values >> np.uint64(32)).astype(np.uint32)),
        jnp.asarray((values & np.uint64(0xFFFFFFFF)).astype(np.uint32)),
    )


def _fullest(guide: npt.NDArray[np.uint32]) -> int:
    """Most members that start in one bucket; where one pool's guide meets the next the difference is not positive."""
    fullest = 0
    for start in range(0, len(guide), 1 << 20):
        fullest = max(fullest, int(np.diff(guide[start : start + (1 << 20) + 1].astype(np.int64)).max(initial=0)))
    return fullest
