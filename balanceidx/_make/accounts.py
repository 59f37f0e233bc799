"""Accounts: what every class is due, and has drawn, over the stages of a run; and how a stage settles them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from balanceidx._format.keys import UInt64
from balanceidx._make.apportion import Bounds

Int64 = npt.NDArray[np.int64]
Intp = npt.NDArray[np.intp]

_NO_LIMIT = np.int64(2**62)


@dataclass
class Accounts:
    """The leaves that ever stood in a run, numbered in the order in which they came.

    Attributes
    ----------
    paths : uint64 array, shape (leaves, levels)
        Keys of the nodes on the way to each leaf, the class last, whatever generations stand below it.
    keys : uint64 array, shape (leaves,)
        Of the leaves themselves: of the class, or of a later generation of it.
    drawn : int64 array, shape (leaves,)
        Draws so far.
    balance : int64 array, shape (leaves,)
        What is due less what was drawn, in units of 1/Q draw. It stays small, so that 64 bits that wrap on the way are
        enough.
    """

    paths: UInt64
    keys: UInt64 = field(default_factory=lambda: np.zeros(0, np.uint64))
    drawn: Int64 = field(default_factory=lambda: np.zeros(0, np.int64))
    balance: Int64 = field(default_factory=lambda: np.zeros(0, np.int64))

    def numbers(self, keys: UInt64, paths: UInt64) -> Intp:
        """Number of each leaf; new ones open an account."""
        if len(keys) == len(self.keys) and (keys == self.keys).all():
            return np.arange(len(keys))
        number = {key: i for i, key in enumerate(self.keys.tolist())}
        new = [i for i, key in enumerate(keys.tolist()) if key not in number]
        number.update((int(keys[i]), len(self.keys) + at) for at, i in enumerate(new))
        self.keys = np.concatenate((self.keys, keys[new]))
        self.paths = np.concatenate((self.paths, paths[new]))
        self.drawn = np.concatenate((self.drawn, np.zeros(len(new), np.int64)))
        self.balance = np.concatenate((self.balance, np.zeros(len(new), np.int64)))
        return np.array([number[key] for key in keys.tolist()], np.intp)

    def add(self, leaves: Intp, due: Int64, drawn: Int64, cycle: int) -> None:
        """Enter what leaves were due, in units of 1/Q draw, and what they drew."""
        self.balance[leaves] += due - cycle * drawn
        self.drawn[leaves] += drawn

    def of_nodes(self, level: int, keys: UInt64) -> Int64:
        """Balance of the nodes of a level: that of all leaves that ever stood at or below them."""
        known, which = np.unique(self.paths[:, level], return_inverse=True)
        total = np.zeros(len(known), np.int64)
        np.add.at(total, which.reshape(-1), self.balance)
        at = np.searchsorted(known, keys)
        return total[at]


def settle(
    parents: Sequence[Intp],
    quotas: Sequence[Int64],
    least: Sequence[Sequence[int]],
    most: Sequence[Bounds],
    total: int,
    cycle: int,
) -> Int64:
    """Share out `total` draws down a tree by the accounts of its nodes.

    Parameters
    ----------
    parents, quotas, least, most : one entry a level, top first
        Parent of each node, q (in units of 1/Q draw), and bounds.

    Returns
    -------
    int64 array
        Draws of the nodes of the last level.
    """
    shared = np.array([total], np.int64)
    for parent, q, low, high in zip(parents, quotas, least, most, strict=True):
        lows = np.array(low, np.int64)
        highs = np.array([_NO_LIMIT if limit is None else limit for limit in high], np.int64)
        below = np.zeros(len(parent), np.int64)
        starts = np.searchsorted(parent, np.arange(len(shared) + 1))  # parents ascend
        single = np.flatnonzero(np.diff(starts) == 1)
        below[starts[single]] = shared[single]
        for node in np.flatnonzero((np.diff(starts) > 1) & (shared > 0)).tolist():
            part = slice(int(starts[node]), int(starts[node + 1]))
            below[part] = _by_account(int(shared[node]), q[part], lows[part], highs[part], cycle)
        shared = below
    return shared


def _by_account(total: int, q: Int64, low: Int64, high: Int64, cycle: int) -> Int64:
    """min(high, max(low, floor((q + t) / Q))) with the least t that reaches `total`; what is above goes back."""
    if int(low.sum()) == total:
        return low

    def grown(t: int) -> Int64:
        return np.minimum(high, np.maximum(low, (q + t) // cycle))

    t = _least(lambda t: int(grown(t).sum()) >= total, -int(q.max()) - 1, cycle * (total + 1) - int(q.min()))
    draws, before = grown(t), grown(t - 1)
    more = np.flatnonzero(draws > before)
    over = int(draws.sum()) - total
    if over:
        draws[more[-over:]] -= 1
    return draws


def _least(holds: Callable[[int], bool], low: int, high: int) -> int:
    """Least integer above `low`, at most `high`, from which on `holds`."""
    while high - low > 1:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle
    return high
