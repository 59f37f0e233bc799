"""Stream format 1, written a second time from docs/stream-format.md alone: plain Python integers, one item at a time.

Slow on purpose, and in the order of the page; `§ 5` refers to its sections. Nothing here comes from the library's code,
so that an agreement of the two says that the page suffices.
"""

import hashlib
from bisect import bisect_right
from dataclasses import dataclass, field
from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from functools import cache, cached_property
from itertools import chain
from math import frexp, gcd, isqrt

# § 1. Notation

WORD = 2**32 - 1


def ceil_div(x, y):
    return (x + y - 1) // y


def low(x):
    return x % 2**32


def high(x):
    return (x >> 32) % 2**32


# § 2. Keys


def hash_word(x):
    x = (x + 0x9E3779B9) & WORD
    x ^= x >> 16
    x = (x * 0x7FEB352D) & WORD
    x ^= x >> 15
    x = (x * 0x846CA68B) & WORD
    x ^= x >> 16
    return x


def absorb(state, word):
    u, v = state
    u ^= word
    v = (v + hash_word(u)) & WORD
    u = (u + hash_word(v)) & WORD
    return u, v


def key(seed, *words):
    state = (0x243F6A88, 0x85A308D3)
    for word in (low(seed), high(seed), *words):
        state = absorb(state, word)
    return state


CLASS_ORDER, TIME_OFFSET, BLOCK_ORDER, POOL, LINE_PHASE, INDEPENDENT, SLOT_OFFSET = 1, 2, 3, 4, 5, 6, 7


def below(state, n):
    u, v = state
    return ((u * 2**32 + v) * n) >> 64


# § 3. The keyed permutation


def rounds(n):
    for below_n, count in ((8, 32), (16, 24), (32, 20), (256, 16), (2048, 12), (65536, 10)):
        if n < below_n:
            return count
    return 8


@cache
def radices(n):
    root = isqrt(n - 1) + 1
    candidates = [root] if n < 128 else range(root, root + min(root // 2, 63, 2**16 - root) + 1)
    pairs = []
    for a in candidates:
        b = ceil_div(n, a)
        if a % 2 == 1 and b % 2 == 1:
            b += 1
        pairs.append((a * b, a, b))
    _, a, b = min(pairs)
    return a, b


def round_function(x, k, m):
    h = x ^ k
    h = (h * 0x7FEB352D) & WORD
    h ^= h >> 15
    h = (h * 0x846CA68B) & WORD
    return ((h >> 16) * m) >> 16


def permute(n, state, x):
    if n == 1:
        return 0
    u, v = state
    a, b = radices(n)
    stride = v | 1
    y = x
    while True:
        left, right = y // b, y % b
        for i in range(0, rounds(n), 2):
            left = (left + round_function(right, (u + i * stride) & WORD, a)) % a
            right = (right + round_function(left, (u + (i + 1) * stride) & WORD, b)) % b
        y = left * b + right
        if y < n:
            return y


# § 4. From labels and shares to draws


class CannotBeMet(ValueError):
    """The bounds, or the epoch size, cannot be met."""


def exact_integers(floats):
    """The exact values times the smallest power of two that makes all of them integers."""
    values = [Fraction(x) for x in floats]
    denominator = max(value.denominator for value in values)
    integers = [int(value * denominator) for value in values]
    shift = min((x & -x).bit_length() - 1 for x in integers if x)
    return [x >> shift for x in integers]


DIGITS = Context(prec=50, rounding=ROUND_HALF_EVEN, Emax=MAX_EMAX, Emin=MIN_EMIN)


def quantised(reals):
    scale = DIGITS.divide(Decimal(2**64), max(reals))
    return [max(1, int(DIGITS.multiply(f, scale))) for f in reals]


def power_shares(sizes, q):
    if q in (0, 1):
        return [n ** int(q) for n in sizes]
    return quantised([DIGITS.power(Decimal(n), Decimal(q)) for n in sizes])


def effective_number_shares(sizes, beta):
    one, beta = Decimal(1), Decimal(beta)
    return quantised([DIGITS.divide(Decimal(n), DIGITS.subtract(one, DIGITS.power(beta, Decimal(n)))) for n in sizes])


def shares_of(target, classes, sizes):
    """w_c of a target: a name, ("power", q), ("effective_number", beta), {label: share}, or a list of shares."""
    match target:
        case "natural":
            return list(sizes)
        case "balanced":
            return [1] * len(sizes)
        case "square_root":
            return power_shares(sizes, 0.5)
        case ("power", q):
            return power_shares(sizes, q)
        case ("effective_number", beta):
            return effective_number_shares(sizes, beta)
        case dict():
            return exact_integers([target[label] for label in classes])
        case list():
            return exact_integers(target)
    raise AssertionError(target)


def apportion(total, shares, lows, highs):
    """N_c of an epoch of `total` draws; `None` in `highs` is no bound."""
    active = [c for c, w in enumerate(shares) if w > 0]
    for again in (False, True):
        lows = [max(lo, 1) for lo in lows] if again else lows
        if (
            sum(lows[c] for c in active) > total
            or any(highs[c] is not None and highs[c] < lows[c] for c in active)
            or (all(highs[c] is not None for c in active) and sum(highs[c] for c in active) < total)
        ):
            raise CannotBeMet("bounds")
        draws = apportion_once(total, shares, lows, highs, active)
        if all(draws[c] > 0 for c in active):
            break
    return draws


def apportion_once(total, shares, lows, highs, active):
    draws = [0] * len(shares)
    free, rest = list(active), total
    while True:
        W = sum(shares[c] for c in free)
        too_low = [c for c in free if rest * shares[c] < lows[c] * W]
        too_high = [c for c in free if highs[c] is not None and rest * shares[c] > highs[c] * W]
        if not too_low and not too_high:
            break
        missing = sum(lows[c] * W - rest * shares[c] for c in too_low)
        surplus = sum(rest * shares[c] - highs[c] * W for c in too_high)
        fixed, bounds = (too_low, lows) if missing >= surplus else (too_high, highs)
        for c in fixed:
            draws[c] = bounds[c]
            rest -= bounds[c]
            free.remove(c)
    for c in free:
        draws[c] = rest * shares[c] // W
    left_over = total - sum(draws)
    for c in sorted(free, key=lambda c: (-(rest * shares[c] % W), c))[:left_over]:
        draws[c] += 1
    return draws


@dataclass
class Classes:
    """What the number of draws is made from: members, their weights (or None), shares, minima and caps."""

    members: list
    weights: list | None
    shares: list
    minima: list
    max_repeats: float | None = None

    def draws(self, T, B):
        lows = [m * T for m in self.minima]
        return apportion(T * B, self.shares, lows, self.highs())

    def highs(self):
        if self.max_repeats is None:
            return [None] * len(self.members)
        return [int(Fraction(repr(float(self.max_repeats))) * len(items)) for items in self.members]

    def most_steps(self, B):
        most = min(2**40 // B, 2**32 - 1)
        if self.max_repeats is None:
            return most
        highs = self.highs()
        together = sum(high for high, w in zip(highs, self.shares, strict=True) if w > 0) // B
        return min(most, together, *(high // m for high, m in zip(highs, self.minima, strict=True) if m > 0))

    def most_and_fewest(self):
        most, fewest = [], []
        for c, items in enumerate(self.members):
            if self.weights is None or len(set(self.weights[c])) < 2:
                most.append(len(items))
                fewest.append(len(items))
            else:
                g = self.weights[c]
                G = Fraction(float(sum(Fraction(x) for x in g)))  # a fraction is rounded correctly
                most.append(G // Fraction(max(g)))
                fewest.append(-(-G // Fraction(min(g))))
        return most, fewest

    def steps(self, epoch_size, B, N):
        if epoch_size == "dataset":
            epoch_size = N
        if isinstance(epoch_size, int):
            return epoch_size // B
        return self.searched(epoch_size, B)

    def searched(self, epoch_size, B):
        most, fewest = self.most_and_fewest()
        without_minimum = sum(w > 0 and m == 0 for w, m in zip(self.shares, self.minima, strict=True))
        spare = B - sum(self.minima)
        first = max(1, ceil_div(without_minimum, spare)) if spare else 1

        def excess(t):
            try:
                draws = self.draws(abs(t), B)
            except CannotBeMet:
                return float("inf")
            if epoch_size == "undersample":
                return max(n - bound for n, bound in zip(draws, most, strict=True) if n > 0)
            return max(bound - n for n, bound in zip(draws, fewest, strict=True) if n > 0)

        if epoch_size == "undersample":
            start, end = first, min(sum(most) // B, self.most_steps(B))
        else:
            start, end = -self.most_steps(B), -first
        below_, above = start - 1, end + 1
        while above - below_ > 1:
            middle = (below_ + above) // 2
            if excess(middle) <= 0:
                below_ = middle
            else:
                above = middle
        answer = below_
        t = below_ + 1
        walk_end = min(end, below_ + max(1, 2**17 // len(self.members)))
        while t <= walk_end and (found := excess(t)) <= 1:
            if found <= 0:
                answer = t
            t += 1
        if answer < start:
            raise CannotBeMet(epoch_size)
        return abs(answer)


# § 5. The deal


def quotient_sum(A, T):
    total = 0
    while A:
        total += T // A
        T, A = A, T % A
    return total


@cache
def time_multiplier(T, B):
    centre = (T * 0x9E3779B9) >> 32
    candidates = [A for A in range(max(1, centre - 512), min(max(T, 2), centre + 512)) if gcd(A, T) == 1]
    least = min(quotient_sum(A, T) for A in candidates)
    widths = [w for w in range(2, 65) if B % w == 0 and T % w != 0]

    def badness(A):
        V = pow(A, -1, T)
        return max([quotient_sum((w * V) % T, T) for w in widths], default=0), quotient_sum(A, T), A

    return min((A for A in candidates if quotient_sum(A, T) <= least + 2), key=badness)


def slot_multiplier(T, B):
    u = T
    while gcd(u, B) != 1:
        u += 1
    return u


# § 8. Weight lines


def units(weights):
    n = len(weights)
    _, e = frexp(max(weights))

    def scaled(z):
        factor = Fraction(2) ** z
        return [max(1, int(Fraction(g) * factor)) for g in weights]

    z1 = 63 - n.bit_length() - e
    total1 = sum(scaled(z1))
    return scaled(z1 + 62 - total1.bit_length())


def line_starts(weights):
    U = units(weights)
    f = 2**126 // sum(U)
    starts, total = [], 0
    for unit in U:
        starts.append((total * f) >> 62)
        total += unit
    return starts


# § 4 to § 9. A plan and what it deals


@dataclass
class Plan:
    num_items: int
    batch_size: int
    steps_per_epoch: int
    members: list  # of every class, ascending
    weights: list | None  # of every class's members
    draws_per_epoch: list
    independent: bool = False
    _starts: dict = field(default_factory=dict)

    # § 5
    def line(self, seed, epoch):
        C = len(self.members)
        order = [permute(C, key(seed, CLASS_ORDER, epoch), i) for i in range(C)]
        boundaries = [0]
        for c in order:
            boundaries.append(boundaries[-1] + self.draws_per_epoch[c])
        return order, boundaries

    def batch_played(self, seed, step, epoch):
        T = self.steps_per_epoch
        return (time_multiplier(T, self.batch_size) * step + below(key(seed, TIME_OFFSET, epoch), T)) % T

    def deal(self, seed, b, places, epoch):
        """(class, draw number) of some places of batch b."""
        T = self.steps_per_epoch
        order, boundaries = self.line(seed, epoch)

        def places_below(M):
            return M // T + (1 if b < M % T else 0)

        def seats_before(M):
            return (M // T) * b + min(M % T, b)

        for h in places:
            seat = b + T * h
            i = bisect_right(boundaries, seat) - 1
            d = seats_before(boundaries[i + 1]) - seats_before(boundaries[i]) + h - places_below(boundaries[i])
            yield order[i], d

    # § 6
    def batch_indices(self, seed, step, rank=0, *, epoch=0, world_size=1, blocks=1, order="shuffled"):
        B, b = self.batch_size, self.batch_played(seed, step, epoch)
        z = below(key(seed, SLOT_OFFSET, epoch), B)
        u = slot_multiplier(self.steps_per_epoch, B)
        m = B // (world_size * blocks)
        result = []
        for e in range(blocks):
            g = rank + world_size * e
            slot_of = {h: (u * h + b + z) % B for h in range(B)}
            places = [h for h, k in slot_of.items() if k % (world_size * blocks) == g]
            slots = sorted(slot_of[h] for h in places)
            block = [None] * m
            for i, (h, (c, d)) in enumerate(zip(places, self.deal(seed, b, places, epoch), strict=True)):
                shuffled = permute(m, key(seed, BLOCK_ORDER, epoch, step, g), i)
                block[slots.index(slot_of[h]) if order == "dealt" else shuffled] = self.item(seed, epoch, c, d)
            result += block
        return result

    def epoch_indices(self, seed, rank=0, **options):
        return [i for step in range(self.steps_per_epoch) for i in self.batch_indices(seed, step, rank, **options)]

    def item(self, seed, epoch, c, d):
        if self.independent:
            return self.independent_item(seed, epoch, d)
        return self.lined_item(seed, epoch, c, d) if self.lined[c] else self.even_item(seed, epoch, c, d)

    # § 7
    @cached_property
    def lined(self):
        return [self.weights is not None and len(set(self.weights[c])) > 1 for c in range(len(self.members))]

    def even_item(self, seed, epoch, c, d):
        n = len(self.members[c])
        j = epoch * self.draws_per_epoch[c] + d
        q = (j // n) % 2**64
        return self.members[c][permute(n, key(seed, POOL, c, high(q), low(q)), j % n)]

    # § 8
    def starts(self, c):
        if c not in self._starts:
            self._starts[c] = line_starts(self.weights[c]) if self.weights[c] else []
        return self._starts[c]

    def item_at(self, c, P):
        return self.members[c][bisect_right(self.starts(c), P) - 1]

    def lined_item(self, seed, epoch, c, d):
        n = self.draws_per_epoch[c]
        step = (2**64 - 1) // n
        turn = (key(seed, LINE_PHASE, c)[0] + epoch * 0x9E3779B9) % 2**32
        seat = permute(n, key(seed, POOL, c, 0, epoch), d)
        return self.item_at(c, seat * step + ((step * turn) >> 32))

    # § 9
    def independent_item(self, seed, epoch, d):
        u, v = key(seed, INDEPENDENT, epoch, high(d), low(d), 0)
        return self.item_at(0, u * 2**32 + v)

    # § 10
    @cached_property
    def fingerprint(self):
        text = (
            f'{{"batch_size": {self.batch_size}, "format": 1, "independent": {str(self.independent).lower()}, '
            f'"num_items": {self.num_items}, "steps_per_epoch": {self.steps_per_epoch}}}'
        )
        digest = hashlib.sha256(text.encode("ascii"))

        def absorb_array(kind, bytes_each, length, entries):
            digest.update(f"|{kind}:{length}|".encode("ascii"))
            for x in entries:
                digest.update(x.to_bytes(bytes_each, "little"))

        offsets = [0]
        for items in self.members:
            offsets.append(offsets[-1] + len(items))
        lined = [int(self.independent or uneven) for uneven in self.lined]
        C, members = len(self.members), offsets[-1]
        absorb_array("<i8", 8, C, self.draws_per_epoch)
        absorb_array("<i8", 8, C + 1, offsets)
        wide = self.num_items > 2**32
        absorb_array("<u8" if wide else "<u4", 8 if wide else 4, members, chain(*self.members))
        absorb_array("u1", 1, C, lined)
        if any(lined):
            absorb_array("<u8", 8, members, chain(*(self.starts(c) for c in range(C))))
        return digest.hexdigest()[:20]


def ratio(labels, target="balanced", *, item_weights=None, **options):
    # § 4, classes
    classes = sorted(set(labels))
    number = {label: c for c, label in enumerate(classes)}
    members = [[] for _ in classes]
    for item, label in enumerate(labels):
        if item_weights is None or item_weights[item] > 0:
            members[number[label]].append(item)
    weights = None if item_weights is None else [[item_weights[i] for i in items] for items in members]
    return ratio_of_classes(classes, members, len(labels), target, weights=weights, **options)


def ratio_of_classes(
    classes,
    members,
    num_items,
    target,
    *,
    batch_size,
    epoch_size="dataset",
    min_per_batch=None,
    max_repeats=None,
    weights=None,
):
    shares = shares_of(target, classes, [len(items) for items in members])
    minima = [(min_per_batch or {}).get(label, 0) for label in classes]
    parts = Classes(members, weights, shares, minima, max_repeats)
    T = parts.steps(epoch_size, batch_size, num_items)
    return Plan(num_items, batch_size, T, members, weights, parts.draws(T, batch_size))


def weighted(item_weights, *, batch_size, epoch_size="dataset", iid=False):
    B, N = batch_size, len(item_weights)
    everything = [i for i, weight in enumerate(item_weights) if weight > 0]
    weights = [item_weights[i] for i in everything]
    distinct = sorted(set(weights))

    # § 8, plain weights
    if not iid and len(distinct) <= 1024:
        members = [[i for i in everything if item_weights[i] == weight] for weight in distinct]
        shares = [len(items) * integer for items, integer in zip(members, exact_integers(distinct), strict=True)]
        parts = Classes(members, None, shares, [0] * len(distinct))
        try:
            T = parts.steps(epoch_size, B, N)
            draws = parts.draws(T, B)
        except CannotBeMet:
            draws = [0]
        if min(draws) >= 16:
            return Plan(N, B, T, members, None, draws)

    parts = Classes([everything], [weights], [1], [0])
    T = parts.steps(epoch_size, B, N)
    return Plan(N, B, T, [everything], [weights], [T * B], independent=iid)
