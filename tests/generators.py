"""Generators that the battery of `battery.py` judges: ours under every order of keys, a control, and known-bad ones.

A *permuter* maps (n, first, count) to the permutations number first .. first + count - 1 of n places, one per row; a
*word source* maps (first, count) to 64-bit words. Both are functions of the number alone, so that every outcome is
fixed and a sample can be drawn in pieces.
"""

import math
from collections.abc import Callable
from functools import cache

import numpy as np

from balanceidx._format import keys, permutation
from balanceidx._format.halving import Hierarchy
from balanceidx._format.keys import State

Permuter = Callable[[int, int, int], np.ndarray]
WordSource = Callable[[int, int], np.ndarray]
Schedule = Callable[[np.ndarray], State]


# ---- keys ----------------------------------------------------------------------------------------------------------


def fold(*words) -> State:
    """Key that absorbed these words, each an integer or an array of integers below 2**32."""
    state = keys.INITIAL
    for word in words:
        state = keys.absorb(state, np.atleast_1d(np.asarray(word, np.uint64)).astype(np.uint32))
    return State(*np.broadcast_arrays(*state))


def _one_bit_apart(i):
    """Keys 2k and 2k + 1 of seed k differ in one bit: of the seed's high word, the pass or the class, in turn."""
    pair, flipped = i // 2, i % 2
    mask = flipped << (pair % 32)
    which = pair // 32 % 3
    flips = [np.where(which == word, mask, 0) for word in range(3)]
    return fold(pair, flips[0], keys.POOL, 0, flips[1] ^ 3, 0, flips[2])


# What two consecutive keys may differ in. Word orders are those of docs/stream-format.md, section 2.
SCHEDULES: dict[str, Schedule] = {
    "seeds": lambda i: fold(i, 0, keys.POOL, 0, 0, 0, 0),
    "seeds, high word": lambda i: fold(0, i, keys.POOL, 0, 0, 0, 0),
    "passes": lambda i: fold(7, 0, keys.POOL, 0, 3, 0, i),
    "classes": lambda i: fold(7, 0, keys.POOL, 0, i, 0, 1),
    "labels of 64 bits": lambda i: fold(7, 0, keys.POOL, i, 3, 0, 1),
    "epochs": lambda i: fold(7, 0, keys.CLASS_ORDER, i, 0),
    "chapters": lambda i: fold(7, 0, keys.CLASS_ORDER, 5, i),
    "nodes of an epoch": lambda i: fold(7, 0, keys.EPOCH_NODE, 5, 9, i),
    "nodes of cycles": lambda i: fold(0, 0, keys.CYCLE_NODE, 1024 * (i // 1023), 5, i % 1023),
    "steps": lambda i: fold(7, 0, keys.BLOCK_ORDER, 5, i, 0),
    "steps and blocks": lambda i: fold(7, 0, keys.BLOCK_ORDER, 5, i // 8, i % 8),
    "one bit apart": _one_bit_apart,
}


def words_of(schedule: Schedule) -> WordSource:
    """The keys themselves as 64-bit words."""
    return lambda first, count: as_words(schedule(np.arange(first, first + count)))


def as_words(state: State) -> np.ndarray:
    return state.u.astype(np.uint64) << np.uint64(32) | state.v


def control_words(first: int, count: int) -> np.ndarray:
    """Words of numpy's PCG64."""
    return np.random.default_rng([1, first]).integers(0, 2**64, count, np.uint64)


BAD_WORDS: dict[str, WordSource] = {
    "counter times golden ratio": lambda first, count: (
        np.arange(first, first + count, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    ),
    "LCG": lambda first, count: _lcg(first, count),
    "low byte stuck": lambda first, count: control_words(first, count) | np.uint64(0xFF),
}


def _lcg(first: int, count: int) -> np.ndarray:
    """The 64-bit linear congruential generator of MMIX."""
    state, words = first, []
    for _ in range(count):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        words.append(state)
    return np.array(words, np.uint64)


# ---- permutations --------------------------------------------------------------------------------------------------


def network(schedule: Schedule, rounds: int | None = None) -> Permuter:
    """Our permutation with keys in the order of a schedule; with its own number of rounds, or another one."""

    def permuter(n: int, first: int, count: int) -> np.ndarray:
        domain = permutation.Domain.single(n)
        if rounds is not None:
            domain = domain._replace(rounds=np.array([rounds], np.uint8))
        key = schedule(np.arange(first, first + count))
        places = np.arange(n, dtype=np.uint32)
        if n < count:  # keys along the longer side, as in Plan
            key = State(key.u[None, :], key.v[None, :])
            return permutation.permute(np.repeat(places[:, None], count, axis=1), domain, key).T
        key = State(key.u[:, None], key.v[:, None])
        return permutation.permute(np.repeat(places[None, :], count, axis=0), domain, key)

    return permuter


def lines(schedule: Schedule) -> Permuter:
    """The order of n classes in lines, with keys in the order of a schedule."""

    def permuter(n: int, first: int, count: int) -> np.ndarray:
        hierarchy = Hierarchy.of([np.arange(n, dtype=np.uint64)], [np.zeros(n, np.intp)])
        return hierarchy.order(schedule(np.arange(first, first + count))).astype(np.uint32)

    return permuter


def fisher_yates(n: int, first: int, count: int) -> np.ndarray:
    """The control: numpy's Fisher-Yates shuffle."""
    generator = np.random.default_rng([2, n, first])
    return generator.permuted(np.repeat(np.arange(n, dtype=np.uint32)[None, :], count, axis=0), axis=1)


def affine(n: int, first: int, count: int) -> np.ndarray:
    """Known bad: x -> (a x + c) mod n, with a coprime to n."""
    generator = np.random.default_rng([3, n, first])
    units = np.array([a for a in range(n) if math.gcd(a, n) == 1])
    a, c = generator.choice(units, (count, 1)), generator.integers(0, n, (count, 1))
    return ((a * np.arange(n) + c) % n).astype(np.uint32)


def xor_feistel(n: int, first: int, count: int) -> np.ndarray:
    """Known bad: an XOR Feistel network of 24 rounds over a power of two, with cycle-walking.

    Its round functions are perfectly random tables. All the same every round is an even permutation of 16 places or
    more, so that powers of two get even permutations only, and other sizes a biased parity.
    """
    generator = np.random.default_rng([4, n, first])
    half = max(1, -(-(n - 1).bit_length() // 2))
    size = 1 << half
    row = np.arange(count)[:, None]
    tables = generator.integers(0, size, (24, count, size), np.uint32)
    places = np.repeat(np.arange(size * size, dtype=np.uint32)[None, :], count, axis=0)
    left, right = places >> half, places & (size - 1)
    for table in tables:
        left, right = right, left ^ table[row, right]
    whole = left << half | right
    out = whole[:, :n]
    while (out >= n).any():
        out = np.where(out >= n, whole[row, out], out)
    return out


def between_neighbours(permuter: Permuter) -> Permuter:
    """What turns permutation 2k + 1 into permutation 2k: uniform if the two are independent."""

    def quotients(n: int, first: int, count: int) -> np.ndarray:
        pairs = permuter(n, 2 * first, 2 * count)
        inverse = np.argsort(pairs[1::2], axis=1)
        return np.take_along_axis(pairs[::2], inverse, axis=1)

    return quotients


def same_for_neighbours(permuter: Permuter) -> Permuter:
    """Known bad beside `between_neighbours`: permutations 2k and 2k + 1 differ by a rotation of the places."""

    def rotated(n: int, first: int, count: int) -> np.ndarray:
        rows = np.repeat(permuter(n, first // 2, count // 2), 2, axis=0)
        rows[1::2] = np.roll(rows[1::2], 1, axis=1)
        return rows

    return rotated


BAD_PERMUTERS: dict[str, Permuter] = {
    "four Feistel rounds": network(SCHEDULES["passes"], 4),
    "affine": affine,
    "XOR Feistel": xor_feistel,
}


# ---- theory --------------------------------------------------------------------------------------------------------


def radices(n: int) -> tuple[int, int]:
    high, low = permutation._radices(np.array([n]))
    return int(high[0]), int(low[0])


@cache
def kept_difference(a: int, b: int, rounds: int) -> float:
    """How much likelier than by chance an ideal network keeps the difference of high digits of two places.

    The two places have the same low digit. If round functions are independent and uniform, what a round does to the
    digit differences (d, e) of two places is a Markov chain: it changes nothing if the digit that enters the round
    function is the same in both, and otherwise makes the other difference uniform. "e = 0 and d as at first" thus
    survives two rounds with probability 1/b, and that is the slowest part of the network to become random.
    """
    kept, moved, same, kept_only, neither = 1.0, 0.0, 0.0, 0.0, 0.0  # (d kept, e = 0), (d moved, 0), (0, e), ..
    for _ in range(rounds // 2):
        spread = same + kept_only + neither
        same, kept_only, neither = spread / a, spread / a, spread * (a - 2) / a
        first, second = kept + kept_only, moved + neither
        kept, kept_only = first / b, first * (b - 1) / b
        moved, neither = second / b, second * (b - 1) / b
    return kept + kept_only - b / (a * b - 1)


def places_to_see(n: int, rounds: int) -> float:
    """Places to permute before the best test on pairs of places expects five standard deviations from chance.

    Exact for an ideal network without cycle-walking (which adds rounds).
    """
    a, b = radices(n)
    size = a * b
    chance = b / (size - 1)
    pairs = 25 * chance * (1 - chance) / max(kept_difference(a, b, rounds) ** 2, 1e-30)
    return pairs / (size * (a - 1) / 2) * n
