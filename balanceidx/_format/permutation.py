"""Keyed permutations, evaluated at a point: random over all n! orders even for tiny n, never stored.

A Feistel network over mixed radices with cycle-walking; its inverse runs the rounds backwards.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from balanceidx._format.keys import MULTIPLY_1, MULTIPLY_2, SHIFT_15, SHIFT_16, State, UInt32

# Elements handled at a time: the six working arrays of a permutation (1.5 MiB) then stay in a core's caches.
CHUNK = 1 << 16

# (size below which, rounds): so many that the best test on pairs of places, against a network with ideal round
# functions, needs about 10**10 places before it sees anything. Each pair of rounds divides what is left by the radix.
_ROUNDS = ((2, 0), (8, 32), (16, 24), (32, 20), (256, 16), (2048, 12), (1 << 16, 10), (1 << 33, 8))


def rounds_for(n: int) -> int:
    """Rounds of a permutation of n places; none for a single place."""
    return next(rounds for size, rounds in _ROUNDS if n < size)


class Domain(NamedTuple):
    """Sizes of the permutations of a number of pools: one entry if all are alike, else one per pool or place.

    `high` and `low` are the two radices whose product covers the pool: a place x is high digit x // low and low digit
    x % low. One of them is even, because with two odd radices small permutations keep a parity bias for ever.
    """

    high: UInt32
    low: UInt32
    last: UInt32  # n - 1, because n = 2**32 does not fit
    rounds: npt.NDArray[np.uint8]  # one entry where all are alike, whatever the sizes

    @classmethod
    def of(cls, sizes: "list[int] | npt.NDArray[np.int64]") -> "Domain":
        """Domains for pools of the given sizes, each in [1, 2**32]."""
        distinct, inverse = np.unique(np.asarray(sizes, np.int64), return_inverse=True)
        high, low = _radices(distinct)
        rounds = np.array([rounds_for(n) for n in distinct.tolist()], np.uint8)
        tables = high.astype(np.uint32), low.astype(np.uint32), (distinct - 1).astype(np.uint32)
        if len(distinct) == 1:
            return cls(*tables, rounds)
        place = inverse.reshape(-1)
        alike = (rounds == rounds[0]).all()
        first, second, last = (table[place] for table in tables)
        return cls(first, second, last, rounds[:1] if alike else rounds[place])

    @classmethod
    @lru_cache(maxsize=256)
    def single(cls, size: int) -> "Domain":
        """Domain of one pool, kept."""
        return cls.of([size])

    def take(self, index: npt.NDArray[np.intp]) -> "Domain":
        """Entries at the given positions; a domain of shape (1,) serves every position."""
        if len(self.last) == 1:
            return self
        rounds = self.rounds if len(self.rounds) == 1 else self.rounds[index]
        return Domain(self.high[index], self.low[index], self.last[index], rounds)

    def slice(self, part: slice) -> "Domain":
        """Entries of a slice; a domain of shape (1,) serves every position."""
        if len(self.last) == 1:
            return self
        rounds = self.rounds if len(self.rounds) == 1 else self.rounds[part]
        return Domain(self.high[part], self.low[part], self.last[part], rounds)


def _radices(sizes: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Radices (a, b) of every size n: near its square root, one of them even, with a product hardly above n.

    From n = 128 on, a may exceed the root by up to a half, if that brings the product closer to n: a batch of 1,000 is
    40 * 25 instead of 32 * 32, one of 512 is 32 * 16, and nothing lies outside.
    """
    root = np.array([math.isqrt(n - 1) + 1 for n in sizes.tolist()], np.int64)
    spare = np.where(sizes < 128, 0, np.minimum(np.minimum(root // 2, 63), (1 << 16) - root))
    more = np.arange(int(spare.max()) + 1)
    high = root[:, None] + np.minimum(more, spare[:, None])
    low = -(-sizes[:, None] // high)
    low += high & low & 1
    best = np.argmin(high * low, axis=1)[:, None]  # the smallest a among equals
    return np.take_along_axis(high, best, 1)[:, 0], np.take_along_axis(low, best, 1)[:, 0]


def permute(places: UInt32, domain: Domain, key: State) -> UInt32:
    """Image of each place under the keyed permutation of its pool.

    Parameters
    ----------
    places : uint32 array, shape (k,) or (rows, k)
        Each below the size of its pool.
    domain : Domain
        One entry for all places, or one per place (then `places` must be one-dimensional).
    key : State
        Broadcasts against `places`: shape (1,), (k,), (rows, 1) or (1, k).

    Notes
    -----
    A Feistel network over the mixed radices (Black and Rogaway 2002, "Ciphers with arbitrary finite domains", the
    generalised-Feistel construction) with cycle-walking: places of the rectangle high * low that lie outside the pool
    are sent through again until they fall inside, which is rare because the rectangle is hardly larger than the pool.
    """
    return _apply(places, domain, key, _feistel)


def unpermute(places: UInt32, domain: Domain, key: State) -> UInt32:
    """Place that `permute` sends to each given place: the inverse, with the same arguments."""
    return _apply(places, domain, key, _feistel_back)


Network = Callable[[UInt32, Domain, State, UInt32], None]


def _apply(places: UInt32, domain: Domain, key: State, network: Network) -> UInt32:
    """Run a network on chunks; what leaves the pool goes through again until it falls inside."""
    if len(domain.rounds) > 1 and (domain.rounds != domain.rounds[0]).any():
        return _apply_by_rounds(places, domain, key, network)
    out = np.empty_like(places)
    per_row = max(1, places.size // max(1, len(places)))
    shared = CHUNK if len(domain.last) == 1 else CHUNK // 2  # a key and radices for every place take room too
    step = max(1, shared // per_row)
    for start in range(0, len(places), step):
        part = slice(start, start + step)
        network(places[part], domain.slice(part), _part(key, part), out[part])
    flat = out.reshape(-1)  # a view: `out` is contiguous
    outside = np.flatnonzero((out > domain.last).reshape(-1))
    if len(outside):
        again = State(*(_at(word, outside, places.shape) for word in key))
        flat[outside] = _apply(flat[outside], domain.take(outside), again, network)
    return out


def _at(word: UInt32, index: npt.NDArray[np.intp], shape: tuple[int, ...]) -> UInt32:
    """Entries of a key word, broadcast to `shape`, at flat positions."""
    if word.size == 1:
        return word.reshape(-1)
    if word.ndim == 1:
        return word[index]
    rows, columns = (index // shape[1], 0) if word.shape[1] == 1 else (0, index % shape[1])
    chosen: UInt32 = word[rows, columns]
    return chosen


def _part(key: State, part: slice) -> State:
    return key if len(key.u) == 1 else State(key.u[part], key.v[part])


def _apply_by_rounds(places: UInt32, domain: Domain, key: State, network: Network) -> UInt32:
    out = np.empty_like(places)
    for count in np.unique(domain.rounds):
        chosen = np.flatnonzero(domain.rounds == count)
        part = key if len(key.u) == 1 else State(key.u[chosen], key.v[chosen])
        one = Domain(domain.high[chosen], domain.low[chosen], domain.last[chosen], np.array([count]))
        out[chosen] = _apply(places[chosen], one, part, network)
    return out


def _feistel(places: UInt32, domain: Domain, key: State, out: UInt32) -> None:
    """All rounds on one chunk, in place: eleven array operations a round, eight for a power of 2, no allocation."""
    count = int(domain.rounds[0]) if len(domain.rounds) else 0
    if count == 0:
        out[...] = places
        return
    high, low = domain.high, domain.low
    np.floor_divide(places, low, out=out)
    left = out
    right = places - left * low
    h = np.empty_like(right)
    t = np.empty_like(right)
    round_key = key.u.copy()
    stride = key.v | np.uint32(1)
    round_left, round_right = _round_for(high), _round_for(low)
    for _ in range(count // 2):
        round_left(left, right, high, round_key, h, t)
        round_key += stride
        round_right(right, left, low, round_key, h, t)
        round_key += stride
    left *= low
    left += right


def _feistel_back(places: UInt32, domain: Domain, key: State, out: UInt32) -> None:
    """All rounds backwards on one chunk."""
    count = int(domain.rounds[0]) if len(domain.rounds) else 0
    high, low = domain.high, domain.low
    left = places // low
    right = places - left * low
    h = np.empty_like(right)
    t = np.empty_like(right)
    stride = key.v | np.uint32(1)
    round_key = key.u + np.uint32(count) * stride
    for _ in range(count // 2):
        round_key = round_key - stride
        _round_back(right, left, low, round_key, h, t)
        round_key = round_key - stride
        _round_back(left, right, high, round_key, h, t)
    out[...] = left * low + right


def _round_back(target: UInt32, source: UInt32, radix: UInt32, round_key: UInt32, h: UInt32, t: UInt32) -> None:
    """target = (target - F(source)) mod radix."""
    _hash(source, round_key, h, t)
    h >>= SHIFT_16
    h *= radix
    h >>= SHIFT_16
    np.subtract(target, h, out=t)
    np.add(t, radix, out=h)
    np.minimum(t, h, out=target)  # below 0 wraps to the top, so that adding the radix gives the smaller


def _round_for(radix: UInt32) -> Callable[[UInt32, UInt32, UInt32, UInt32, UInt32, UInt32], None]:
    one = int(radix[0]) if len(radix) == 1 else 0
    return _round_of_a_power if one > 1 and one & (one - 1) == 0 else _round


def _round(target: UInt32, source: UInt32, radix: UInt32, round_key: UInt32, h: UInt32, t: UInt32) -> None:
    """target = (target + F(source)) mod radix, where F is a keyed two-multiply hash scaled to [0, radix)."""
    _hash(source, round_key, h, t)
    h >>= SHIFT_16
    h *= radix
    h >>= SHIFT_16
    target += h
    # Both terms are below the radix, so the sum mod radix is the smaller of d and d - radix in unsigned arithmetic.
    np.subtract(target, radix, out=t)
    np.minimum(target, t, out=target)


def _round_of_a_power(target: UInt32, source: UInt32, radix: UInt32, round_key: UInt32, h: UInt32, t: UInt32) -> None:
    """The same for one radix that is a power of 2: scaling is a shift, and the remainder a mask."""
    _hash(source, round_key, h, t)
    h >>= np.uint32(33 - int(radix[0]).bit_length())
    target += h
    target &= radix - np.uint32(1)


def _hash(source: UInt32, round_key: UInt32, h: UInt32, t: UInt32) -> None:
    np.bitwise_xor(source, round_key, out=h)
    h *= MULTIPLY_1
    np.right_shift(h, SHIFT_15, out=t)
    h ^= t
    h *= MULTIPLY_2
