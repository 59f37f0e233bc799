"""The ledger: how many draws every class has in every epoch, and how many it has had before.

An epoch has S draws, and S * p_c is seldom a whole number. So S * Q draws are apportioned over a cycle of Q epochs, and
the cycle is halved down to its epochs: each holds the floor or the ceil of its part, and the cycle exactly the whole.
The ledger knows no seed.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from balanceidx._format.halving import Hierarchy, halve
from balanceidx._format.keys import CYCLE_NODE, key

Int64 = npt.NDArray[np.int64]

LONGEST_CYCLE = 1 << 10

# Entries of a table that is computed at once: enough to be worth the calls, few enough to be no wait for one batch.
_ENTRIES_AT_ONCE = 1 << 14
_FEWEST_AT_ONCE = 4


def cycle_of(draws: int) -> int:
    """Epochs in a cycle: the largest power of two up to 1,024 with fewer than 2**32 draws in all, at least 1."""
    cycle = LONGEST_CYCLE
    while cycle > 1 and draws * cycle >= 2**32:
        cycle //= 2
    return cycle


def aligned(at: int, parts: int, classes: int) -> tuple[int, int]:
    """Which of `parts` parts, a power of two, to compute together with part `at`: an aligned power of two of them."""
    together = _FEWEST_AT_ONCE
    while 2 * together * classes <= _ENTRIES_AT_ONCE:
        together *= 2
    together = min(together, parts)
    first = at // together * together
    return first, first + together


@dataclass(frozen=True)
class Ledger:
    """Draws of every class, epoch by epoch.

    Attributes
    ----------
    hierarchy : Hierarchy
        How the classes line up.
    cycle : int
        Epochs in a cycle, Q.
    cycle_draws : int64 array, shape (C,)
        Draws of each class in a cycle, N^Q.
    """

    hierarchy: Hierarchy
    cycle: int
    cycle_draws: Int64
    _level: bool = field(init=False)
    _kept: list[tuple[int, int, Int64, Int64]] = field(default_factory=list, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Find out whether all epochs are alike."""
        object.__setattr__(self, "_level", not (self.cycle_draws % self.cycle).any())

    def __getstate__(self) -> dict[str, object]:
        """Leave the tables behind."""
        return {**self.__dict__, "_kept": []}

    def epoch(self, epoch: int) -> tuple[Int64, Int64]:
        """Draws of each class in an epoch, and in all epochs before: N_c(e) and E_c(e), shape (C,)."""
        if self._level:
            each = self.cycle_draws // self.cycle
            return each, each * epoch
        first, last, draws, before = self._around(epoch)
        return draws[epoch - first], before[epoch - first]

    def _around(self, epoch: int) -> tuple[int, int, Int64, Int64]:
        for table in self._kept:
            if table[0] <= epoch < table[1]:
                return table
        cycles, at = divmod(epoch, self.cycle)
        begin = cycles * self.cycle
        first, last = aligned(at, self.cycle, len(self.cycle_draws))
        levels, units = self.cycle.bit_length() - 1, np.int64(1)
        draws, before = halve(
            self.hierarchy, self.cycle_draws, lambda at: at * units, levels, first, last, key(0, CYCLE_NODE, begin)
        )
        table = begin + first, begin + last, draws, before + cycles * self.cycle_draws
        self._kept[:] = [table, *self._kept[:1]]  # the last two: an epoch, and the one that follows it
        return table
