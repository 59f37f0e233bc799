"""The ledger on the device: draws of every class in an epoch, and in all epochs before."""

from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
import numpy as np

from balanceidx import adapting
from balanceidx_jax import _wide
from balanceidx_jax._halving import DeviceHierarchy, split
from balanceidx_jax._permute import Key, absorb, key


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class DeviceLedger:
    """Draws of a cycle of `cycle` epochs; `level` where all its epochs are alike.

    Attributes
    ----------
    cycle_draws : uint32 array, shape (C,)
    """

    cycle_draws: jax.Array
    cycle: int = field(metadata={"static": True})
    level: bool = field(metadata={"static": True})

    @classmethod
    def of(cls, ledger: "adapting.Evaluator") -> "DeviceLedger":
        """Take over the core's ledger, whose draws must fit a word."""
        draws, cycle = ledger.ledger.cycle_draws, ledger.ledger.cycle
        return cls(jnp.asarray(draws.astype(np.uint32)), cycle, not (draws % cycle).any())

    def epoch(self, hierarchy: DeviceHierarchy, epoch: jax.Array) -> tuple[jax.Array, _wide.Wide]:
        """Draws of each class in an epoch, and before it: N_c(e) and E_c(e)."""
        if self.level:
            draws = self.cycle_draws // np.uint32(self.cycle)
            return draws, _wide.multiply(draws, epoch)
        levels = self.cycle.bit_length() - 1
        number, at = epoch >> np.uint32(levels), epoch & np.uint32(self.cycle - 1)
        prefix = key(_wide.Wide(jnp.uint32(0), jnp.uint32(0)), adapting.CYCLE_NODE, number << np.uint32(levels))

        def halve(depth: jax.Array, halves: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
            level, (seats, before) = depth.astype(np.uint32), halves
            node = absorb(absorb(prefix, level), at >> (np.uint32(levels) - level))
            units = (np.uint32(self.cycle) >> level)[None]
            gets = split(hierarchy, seats, Key(node.u[None], node.v[None]), units, units >> np.uint32(1))
            return child(seats, before, gets, at >> (np.uint32(levels - 1) - level) & np.uint32(1))

        # Inside shard_map the loop's values must vary from the start as the epoch does.
        nothing = epoch ^ epoch
        start = self.cycle_draws[None] | nothing, jnp.zeros_like(self.cycle_draws[None]) | nothing
        seats, before = jax.lax.fori_loop(0, levels, halve, start)
        passed = _wide.multiply(self.cycle_draws, number)
        return seats[0], _wide.add(passed, before[0])


def child(seats: jax.Array, before: jax.Array, gets: jax.Array, second: jax.Array) -> tuple[jax.Array, jax.Array]:
    """What the first or the second child of nodes gets, and what is before it."""
    later = second.astype(bool)
    return jnp.where(later, seats - gets, gets), jnp.where(later, before + gets, before)
