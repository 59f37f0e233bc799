"""Chapters: an epoch is halved into U stretches, each with a line and passes of its own.

Chapters give scarce classes new company, and let the passes of a pool follow one another in time. U is a power of two,
the least that reaches both needs below, as far as an epoch has steps and draws for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Int64 = npt.NDArray[np.int64]


def levels_of(steps: int, batch_size: int, cycle: int, cycle_draws: Sequence[int], passes: Sequence[int]) -> int:
    """How often an epoch is halved: L, with U = 2**L chapters.

    Parameters
    ----------
    cycle_draws : ints, one per class
        Draws in a cycle of `cycle` epochs.
    passes : ints, one per class
        Draws in a pass of each even or nested pool; 0 for the others, which ask for nothing.
    """
    drawn = [n for n in cycle_draws if n]
    scarce = [n for n in drawn if n < steps * cycle]
    rarest_need = max(scarce) if len(scarce) > 1 else 0
    in_pass = {(n, size) for n, size in zip(cycle_draws, passes, strict=True) if n and size}

    def company(level: int) -> bool:
        return 1 << (2 * level + 1) >= 3 * steps or (1 << level) * cycle >= rarest_need

    def reuse(level: int) -> bool:
        if 2**level >= steps:
            return True
        longest = -(-steps // 2**level)
        return all(n * longest <= cycle * steps * size for n, size in in_pass)

    level: int = 0
    while not (company(level) and reuse(level)):
        level += 1
    while level and (2**level > steps or 2**level * len(drawn) > 4 * steps * batch_size):
        level -= 1
    return level


@dataclass(frozen=True)
class Chapters:
    """Where the chapters of an epoch begin.

    Attributes
    ----------
    steps : int
        Steps of an epoch.
    levels : int
        How often it is halved.
    """

    steps: int
    levels: int

    @property
    def count(self) -> int:
        """Chapters in an epoch."""
        return 1 << self.levels

    def start(self, chapter: Int64) -> Int64:
        """First step of each chapter; that of the one behind the last is the number of steps."""
        first: Int64 = chapter * self.steps >> self.levels
        return first

    def of_step(self, step: int) -> int:
        """Chapter of a step."""
        return ((step + 1 << self.levels) - 1) // self.steps
