"""The ledger: how many draws every class has in every epoch, and how many it has had before.

An epoch has S draws, and S * p_c is seldom a whole number. So S * Q draws are apportioned over a cycle of Q epochs, and
the cycle is halved down to its epochs: each holds the floor or the ceil of its part, and the cycle exactly the whole.
The first epoch of a later stage settles what is due from the stages before. The ledger knows no seed.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from balanceidx._format.halving import Hierarchy, Stretch
from balanceidx._format.keys import CYCLE_NODE, key

Int64 = npt.NDArray[np.int64]

LONGEST_CYCLE = 1 << 10

# Entries of a table that is computed at once: enough to be worth the calls, few enough to be no wait for one batch.
_ENTRIES_AT_ONCE = 1 << 14


def cycle_of(draws: int) -> int:
    """Epochs in a cycle: the largest power of two up to 1,024 with fewer than 2**32 draws in all, at least 1."""
    cycle = LONGEST_CYCLE
    while cycle > 1 and draws * cycle >= 2**32:
        cycle //= 2
    return cycle


def aligned(at: int, parts: int, classes: int) -> tuple[int, int]:
    """Which of `parts` parts, a power of two, to compute together with part `at`: an aligned power of two of them."""
    together = 1
    while 2 * together * classes <= _ENTRIES_AT_ONCE and together < parts:
        together *= 2
    first = at // together * together
    return first, first + together


@dataclass(frozen=True)
class Settlement:
    """How a later stage begins.

    Attributes
    ----------
    first : int
        Its first epoch.
    drawn : int64 array, shape (C,)
        Draws of each class before it.
    draws : int64 array, shape (C,)
        Draws of its first epoch, which settles the account.
    cycle_draws : int64 array, shape (C,)
        Draws of its first cycle, which begins with the epoch after.
    """

    first: int
    drawn: Int64
    draws: Int64
    cycle_draws: Int64


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
    settlement : Settlement or None
        None in the first stage, whose cycles begin with epoch 0.
    """

    hierarchy: Hierarchy
    cycle: int
    cycle_draws: Int64
    settlement: Settlement | None = None
    _kept: list[tuple[int, int, Int64, Int64]] = field(default_factory=list, init=False, repr=False, compare=False)
    _stretches: list[tuple[int, Stretch]] = field(default_factory=list, init=False, repr=False, compare=False)

    def __getstate__(self) -> dict[str, object]:
        """Leave the tables behind."""
        kept = {name: value for name, value in self.__dict__.items() if name != "_level"}
        return {**kept, "_kept": [], "_stretches": []}

    def epoch(self, epoch: int) -> tuple[Int64, Int64]:
        """Draws of each class in an epoch, and in all epochs before: N_c(e) and E_c(e), shape (C,)."""
        if self.settlement is not None and epoch == self.settlement.first:
            return self.settlement.draws, self.settlement.drawn
        if self._level and self.settlement is None:
            each = self.cycle_draws // self.cycle
            return each, each * epoch
        first, _, draws, before = self._around(epoch)
        return draws[epoch - first], before[epoch - first]

    @cached_property
    def _level(self) -> bool:
        """Whether all epochs of a cycle are alike."""
        return not (self.cycle_draws % self.cycle).any()

    def _around(self, epoch: int) -> tuple[int, int, Int64, Int64]:
        """First epoch and end of a table around an epoch, and its draws, and those before, since the run began."""
        for table in tuple(self._kept):
            if table[0] <= epoch < table[1]:
                return table
        begin, cycle_draws, passed = self._cycle_of(epoch)
        first, last = aligned(epoch - begin, self.cycle, len(self.cycle_draws))
        draws, before = self._stretch(begin, cycle_draws).parts(first, last)
        table = begin + first, begin + last, draws, before + passed
        self._kept[:] = [table, *self._kept[:1]]  # the last two: an epoch, and the one that follows it
        return table

    def _stretch(self, begin: int, cycle_draws: Int64) -> Stretch:
        """The cycle that begins with an epoch, to be halved into its epochs."""
        for at, stretch in tuple(self._stretches):
            if at == begin:
                return stretch
        levels, prefix = self.cycle.bit_length() - 1, key(0, CYCLE_NODE, begin)
        stretch = Stretch(self.hierarchy, cycle_draws, lambda epochs: epochs, levels, prefix)
        self._stretches[:] = [(begin, stretch)]
        return stretch

    def _cycle_of(self, epoch: int) -> tuple[int, Int64, Int64]:
        """First epoch of the cycle of an epoch, its draws, and those of all epochs before it."""
        settlement = self.settlement
        if settlement is None:
            number = epoch // self.cycle
            return number * self.cycle, self.cycle_draws, number * self.cycle_draws
        number = (epoch - settlement.first - 1) // self.cycle
        begin = settlement.first + 1 + number * self.cycle
        passed = settlement.drawn + settlement.draws
        if not number:
            return begin, settlement.cycle_draws, passed
        return begin, self.cycle_draws, passed + settlement.cycle_draws + (number - 1) * self.cycle_draws
