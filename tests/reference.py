"""Stream format 1, written a second time from docs/stream-format.md alone: plain Python integers, one item at a time.

Slow on purpose, and in the order of the page (what a plan is made of first, then the plan, then stages); `§ 5` refers to
its sections. Nothing here comes from the library's code, so that an agreement of the two says that the page suffices.
"""

import hashlib
import json
import zlib
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from functools import cache, cached_property, lru_cache
from itertools import accumulate, pairwise
from math import floor, frexp, gcd, isqrt
from typing import Any

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


def absorb_number(state, number):
    """Absorb a number of 64 bits: its high word, then its low word."""
    return absorb(absorb(state, high(number)), low(number))


def number_of(state):
    u, v = state
    return u * 2**32 + v


CLASS_ORDER, TIME_OFFSET, BLOCK_ORDER, POOL, LINE_PHASE, INDEPENDENT, SLOT_OFFSET = 1, 2, 3, 4, 5, 6, 7
EPOCH_NODE, CYCLE_NODE, CHAIN = 8, 9, 11
TREE, GROUP, GENERATION = 1, 2, 3


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


# § 4. Classes, groups and their keys


def label_key(label):
    if isinstance(label, str):
        return int.from_bytes(hashlib.sha256(b"s" + label.encode("utf-8", "surrogatepass")).digest()[:8], "big")
    if isinstance(label, bytes):
        return int.from_bytes(hashlib.sha256(b"b" + label).digest()[:8], "big")
    return int(label) % 2**64


def chain(kind, keys):
    words = [word for K in keys for word in (high(K), low(K))]
    return number_of(key(0, CHAIN, kind, len(keys), *words))


def node_key(path):
    """Key of a class, or of a node of a tree, from the label keys on the way from the top."""
    return path[0] if len(path) == 1 else chain(TREE, path)


class Refused(ValueError):
    """What the page says is refused."""


def refuse_equal(keys):
    if len(set(keys)) < len(keys):
        raise Refused("two labels with one key")


@dataclass
class Node:
    """A node of the tree of classes: the root, an inner node, or a leaf, which is a class."""

    path: tuple = ()  # label keys from the top
    key: int = 0
    labels: tuple = ()
    children: list = field(default_factory=list)
    leaf: int | None = None  # its class number
    share: int = 1
    minimum: int = 0  # a batch
    repeats: int | None = None  # most draws an epoch, max_repeats of a class
    generation: int | None = None  # § 13

    def leaves(self):
        return [self.leaf] if self.leaf is not None else [c for child in self.children for c in child.leaves()]

    def levels(self):
        """Nodes of level 1, of level 2, ..."""
        nodes = self.children
        while nodes:
            yield nodes
            nodes = [child for node in nodes for child in node.children]


def tree_of(label_tuples):
    """The tree of the distinct tuples of labels, its classes in ascending order of the tuples."""
    root = Node()
    numbers = {labels: c for c, labels in enumerate(sorted(set(label_tuples)))}

    def grow(node, depth, below_it):
        parts = {}
        for labels in below_it:
            parts.setdefault(labels[depth], []).append(labels)
        for label, part in parts.items():  # ascending, as below_it is
            path = (*node.path, label_key(label))
            child = Node(path, node_key(path), (*node.labels, label))
            node.children.append(child)
            if depth + 1 == len(part[0]):
                child.leaf = numbers[part[0]]
            else:
                grow(child, depth + 1, part)
        refuse_equal([child.key for child in node.children])

    grow(root, 0, list(numbers))
    refuse_equal([node.key for node in list(root.levels())[-1]])
    return root, numbers


@dataclass
class Pool:
    """The members of a class, in order, and how they are drawn (§ 10)."""

    key: int
    members: Sequence
    group_labels: list | None = None  # keys of the groups' labels, of a class with groups
    group_keys: list | None = None
    group_begins: list | None = None  # where the members of each group begin, and their number at the end
    weights: list | None = None  # of the members
    seats: int = 0  # of a pass, where lined
    first_draw: int = 0  # § 13: draws before the list began, and passes
    first_pass: int = 0

    @property
    def lined(self):
        return self.weights is not None and len(set(self.weights)) > 1

    @cached_property
    def starts(self):
        """§ 11. The line of a class without weights, or with equal ones, is that of equal weights."""
        return line_starts(self.weights) if len(self.members) else []

    def at(self, P):
        return self.members[bisect_right(self.starts, P) - 1]

    @property
    def length(self):
        """Draws of a pass."""
        if self.lined:
            return self.seats
        return len(self.members) if self.group_keys is None else len(self.group_keys)

    # § 10
    def item(self, seed, j):
        j -= self.first_draw
        q, place = self.first_pass + j // self.length, j % self.length
        place = permute(self.length, self.pass_key(seed, self.key, q), place)
        if self.lined:
            step = (2**64 - 1) // self.seats
            turn = (key(seed, LINE_PHASE, high(self.key), low(self.key))[0] + low(q) * 0x9E3779B9) % 2**32
            return self.at(place * step + ((step * turn) >> 32))
        if self.group_keys is None:
            return self.members[place]
        begin, end = self.group_begins[place : place + 2]
        own = j // self.length  # the group's own draw number
        state = self.pass_key(seed, self.group_keys[place], self.first_pass + own // (end - begin))
        return self.members[begin + permute(end - begin, state, own % (end - begin))]

    def regroup(self, path, group_of):
        """Members by group, then ascending; group_of: {item: key of its group's label}, in the order of the groups."""
        self.group_labels = list(dict.fromkeys(group_of.values()))
        self.group_keys = [chain(GROUP, (*path, K)) for K in self.group_labels]
        refuse_equal(self.group_keys)
        parts = [[item for item in group_of if group_of[item] == K] for K in self.group_labels]
        self.members = [item for part in parts for item in part]
        self.group_begins = [0, *accumulate(map(len, parts))]

    @staticmethod
    def pass_key(seed, K, q):
        return key(seed, POOL, high(K), low(K), high(q), low(q))


class Range(Sequence):
    """The consecutive items of a class that is given by its length alone."""

    def __init__(self, first, count):
        self.first, self.count = first, count

    def __len__(self):
        return self.count  # below 2^63

    def __getitem__(self, place):
        return self.first + place


def range_pool(path, first, count):
    pool = Pool(node_key(path), Range(first, count))
    if count > 2**32:
        G = ceil_div(count, 2**31)
        pool.group_labels = list(range(G))
        pool.group_keys = [chain(GROUP, (*path, i)) for i in range(G)]
        pool.group_begins = [i * count // G for i in range(G + 1)]
    return pool


# § 5. From shares to the draws of a cycle


def exact_integers(floats):
    """The exact values times the smallest power of two that makes all of them integers."""
    values = [Fraction(x) for x in floats]
    denominator = max(value.denominator for value in values)
    integers = [int(value * denominator) for value in values]
    shift = min((x & -x).bit_length() - 1 for x in integers if x)
    return [x >> shift for x in integers]


DIGITS = Context(prec=50, rounding=ROUND_HALF_EVEN, Emax=MAX_EMAX, Emin=MIN_EMIN)


def quantised(reals):
    scale = DIGITS.divide(Decimal(2**96), max(reals))
    return [max(1, to_32_bits(int(DIGITS.multiply(f, scale)))) for f in reals]


def to_32_bits(v):
    s = v.bit_length() - 32
    return v if s <= 0 else ((v + 2 ** (s - 1)) >> s) << s


def power_shares(sizes, q):
    if q in (0, 1):
        return [n ** int(q) for n in sizes]
    return quantised([DIGITS.power(Decimal(n), Decimal(q)) for n in sizes])


def effective_number_shares(sizes, beta):
    one, beta = Decimal(1), Decimal(beta)
    return quantised([DIGITS.divide(Decimal(n), DIGITS.subtract(one, DIGITS.power(beta, Decimal(n)))) for n in sizes])


def is_formula(target):
    return (
        isinstance(target, tuple) and target[0] in ("power", "effective_number") and isinstance(target[1], (int, float))
    )


def shares_of(target, labels, sizes):
    """Shares of siblings: a name, ("power", q), ("effective_number", beta), {label: share}, or a list of shares."""
    if isinstance(target, dict):
        return exact_integers([target[label] for label in labels])
    if isinstance(target, list):
        return exact_integers(target)
    if not all(sizes):
        raise Refused("a class without items")
    match target:
        case "natural":
            return list(sizes)
        case "balanced":
            return [1] * len(sizes)
        case "square_root":
            return power_shares(sizes, 0.5)
        case "effective_number":
            return effective_number_shares(sizes, 0.999)
        case ("power", q):
            return power_shares(sizes, q)
        case ("effective_number", beta):
            return effective_number_shares(sizes, beta)
    raise AssertionError(target)


def give_shares(root, target, sizes):
    """Give every node of the tree the share of it that a target says."""
    depth = len(list(root.levels()))

    def total(node):
        return sum(sizes[c] for c in node.leaves())

    def descend(node, level):
        here = target[level] if isinstance(target, tuple) and not is_formula(target) else target
        shares = shares_of(here, [child.labels[-1] for child in node.children], [total(x) for x in node.children])
        for child, share in zip(node.children, shares, strict=True):
            child.share = share
            if child.leaf is None:
                descend(child, level + 1)

    if depth > 1 and isinstance(target, dict):  # shares of the leaves in the whole
        leaves = list(root.levels())[-1]
        given = []
        for leaf in leaves:
            share = target
            for label in leaf.labels:
                share = share[label]
            given.append(share)
        for leaf, share in zip(leaves, exact_integers(given), strict=True):
            leaf.share = share
        for nodes in reversed(list(root.levels())[:-1]):
            for node in nodes:
                node.share = sum(child.share for child in node.children)
    else:
        descend(root, 0)
    if not any(child.share for child in root.children):
        raise Refused("no class has a share")


class CannotBeMet(Refused):
    """The bounds, or the epoch size, cannot be met."""


def at_least(value, bound):
    return bound is None or value <= bound


def node_bounds(node, own_low, own_high):
    """{node's path: (lo, hi)} of a node with a share and all with a share below it; hi is None without a bound."""
    bounds = {}

    def ask(node):
        lo, hi = own_low(node), own_high(node)
        if node.leaf is None:
            parts = [ask(child) for child in node.children if child.share]
            lo = max(lo, sum(part[0] for part in parts))
            if all(part[1] is not None for part in parts):
                together = sum(part[1] for part in parts)
                hi = together if hi is None else min(hi, together)
        if not at_least(lo, hi):
            raise CannotBeMet("bounds")
        bounds[node.path] = lo, hi
        return lo, hi

    ask(node)
    return bounds


def fixed_and_free(total, shares, lows, highs):
    """The draws that a bound fixes, who is free, what is left for those, and the sum of their shares."""
    draws = [0] * len(shares)
    free, rest = [c for c, w in enumerate(shares) if w > 0], total
    while True:
        W = sum(shares[c] for c in free)
        too_low = [c for c in free if rest * shares[c] < lows[c] * W]
        too_high = [c for c in free if highs[c] is not None and rest * shares[c] > highs[c] * W]
        if not too_low and not too_high:
            return draws, free, rest, W
        missing = sum(lows[c] * W - rest * shares[c] for c in too_low)
        surplus = sum(rest * shares[c] - highs[c] * W for c in too_high)
        fixed, bounds = (too_low, lows) if missing >= surplus else (too_high, highs)
        for c in fixed:
            draws[c] = bounds[c]
            rest -= bounds[c]
            free.remove(c)


def apportion(total, shares, lows, highs):
    """What siblings get of `total` draws; `None` in `highs` is no bound."""
    draws, free, rest, W = fixed_and_free(total, shares, lows, highs)
    for c in free:
        draws[c] = rest * shares[c] // W
    left_over = total - sum(draws)
    for c in sorted(free, key=lambda c: (-(rest * shares[c] % W), c))[:left_over]:
        draws[c] += 1
    return draws


def quotas(total, shares, lows, highs):
    """The same without rounding: fractions."""
    draws, free, rest, W = fixed_and_free(total, shares, lows, highs)
    for c in free:
        draws[c] = Fraction(rest * shares[c]) / W
    return draws


def share_out(root, total, own_low, own_high, split):
    """Of the whole total what each leaf gets; split(total, children, lows, highs) shares out among siblings."""
    bounds = node_bounds(root, own_low, own_high)
    lo, hi = bounds[root.path]
    if lo > total or not at_least(total, hi):
        raise CannotBeMet("bounds")
    result = {}

    def descend(node, total):
        if node.leaf is not None:
            result[node.leaf] = total
            return
        pairs = [bounds.get(child.path, (0, 0)) for child in node.children]
        parts = split(total, node.children, [lo for lo, _ in pairs], [hi for _, hi in pairs])
        for child, part in zip(node.children, parts, strict=True):
            if child.path in bounds:
                descend(child, part)
            else:
                result.update(dict.fromkeys(child.leaves(), 0))

    descend(root, total)
    return [result[c] for c in range(len(result))]


def by_shares(rule):
    return lambda total, nodes, lows, highs: rule(total, [node.share for node in nodes], lows, highs)


def times(factor, bound):
    return None if bound is None else factor * bound


def cycle_length(S):
    Q = 1
    while Q < 1024 and S * 2 * Q < 2**32:
        Q *= 2
    return Q


def cycle_bounds(T, Q):
    return (
        lambda node: max(1 if node.leaf is not None else 0, Q * T * node.minimum),
        lambda node: times(Q, node.repeats),
    )


def cycle_draws(root, T, B):
    """N^Q of every class."""
    Q = cycle_length(T * B)
    return share_out(root, T * B * Q, *cycle_bounds(T, Q), by_shares(apportion))


def cap(max_repeats, n):
    return None if max_repeats is None else floor(Fraction(repr(float(max_repeats))) * n)


def most_and_fewest(pool):
    if not pool.lined:
        return len(pool.members), len(pool.members)
    G = Fraction(float(sum(Fraction(x) for x in pool.weights)))  # a fraction is rounded correctly
    return floor(G / Fraction(max(pool.weights))), -floor(-G / Fraction(min(pool.weights)))


def steps(root, pools, epoch_size, B, N):
    if epoch_size == "dataset":
        epoch_size = N
    T = epoch_size // B if isinstance(epoch_size, int) else searched(root, pools, epoch_size, B)
    if not (1 <= T < 2**32 and T * B <= 2**40):
        raise CannotBeMet("epoch size")
    return T


def searched(root, pools, epoch_size, B):
    parts = {}

    def descend(node, part):
        if node.leaf is not None:
            parts[node.leaf] = part
            return
        together = sum(child.share for child in node.children)
        for child in node.children:
            if child.share:
                descend(child, part * child.share / together)

    descend(root, Fraction(1))
    bound = {c: most_and_fewest(pools[c])[epoch_size == "oversample"] for c in parts}
    nodes = [node for level in root.levels() for node in level]
    if not any(node.minimum or node.repeats is not None for node in nodes):
        if epoch_size == "undersample":
            return min(bound[c] // (parts[c] * B) for c in parts)
        return max(-(-bound[c] // (parts[c] * B)) for c in parts)

    last = min(2**40 // B, 2**32 - 1)

    def tried(T):
        try:
            return share_out(root, T * B, lambda node: T * node.minimum, lambda node: node.repeats, by_shares(quotas))
        except CannotBeMet:
            return None  # too long

    below_, above = 0, last + 1
    while above - below_ > 1:
        middle = (below_ + above) // 2
        found = tried(middle)
        if epoch_size == "undersample":
            short = found is not None and all(found[c] <= bound[c] for c in parts)
        else:
            short = found is not None and any(found[c] < bound[c] for c in parts)
        if short:
            below_ = middle
        else:
            above = middle
    return below_ if epoch_size == "undersample" else above


# § 6. Halving, and the ledger


def line(root, state):
    """The classes in the order of a node in time, or of a chapter, whose key is `state`."""
    if root.leaf is not None:
        return [root.leaf]
    children = sorted(root.children, key=lambda child: absorb_number(state, child.key)[0])  # ties stay in order
    return [c for child in children for c in line(child, state)]


def first_part(order, seats, length, first, x):
    """F: of the seats of each class in `length` units of time, those in the `first` ones."""
    part, M = [0] * len(seats), 0
    for c in order:
        part[c] = ((M + seats[c]) * first + x) // length - (M * first + x) // length
        M += seats[c]
    return part


def halved(root, seats, length, first, state):
    return first_part(line(root, state), seats, length, first, below(state, length))


def add(a, b):
    return [x + y for x, y in zip(a, b, strict=True)]


def subtract(a, b):
    return [x - y for x, y in zip(a, b, strict=True)]


# § 8. The deal


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


# § 11. Weight lines


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


# § 6 to § 12. A plan and what it deals


@dataclass(eq=False)
class Plan:
    """Everything that the stream of a run of one stage depends on."""

    num_items: int
    batch_size: int
    steps_per_epoch: int
    root: Node
    pools: list  # of every class
    independent: bool = False
    by_length: bool = False  # whether the classes are given by their lengths alone
    max_repeats: float | None = None
    cycle: list = field(default_factory=list)  # N^Q of every class

    def __post_init__(self):
        if not self.cycle:
            self.cycle = cycle_draws(self.root, self.steps_per_epoch, self.batch_size)
        self.lines_get_seats()
        self.node = lru_cache(300_000)(self.node)
        self.cycle_node = lru_cache(100_000)(self.cycle_node)
        self.ledger = lru_cache(1000)(self.ledger)
        self.chapter = lru_cache(1000)(self.chapter)

    def lines_get_seats(self):
        Q = self.cycle_length
        for pool, N in zip(self.pools, self.cycle, strict=True):
            if pool.lined and not pool.seats:
                pool.seats = max(16, (2 * N + Q) // (2 * Q))

    @property
    def cycle_length(self):
        return cycle_length(self.steps_per_epoch * self.batch_size)

    @property
    def draws_per_epoch(self):
        return [N / self.cycle_length for N in self.cycle]

    # § 6
    def cycle_node(self, root, draws, first, level, number):
        """Draws of every class in a node of the cycle that begins with epoch `first`, and before it in that cycle."""
        if level == 0:
            return list(draws), [0] * len(draws)
        parent, before = self.cycle_node(root, draws, first, level - 1, number // 2)
        length = self.cycle_length >> (level - 1)
        state = key(0, CYCLE_NODE, first, level - 1, number // 2)
        part = halved(self.root, parent, length, length // 2, state)
        return (subtract(parent, part), add(before, part)) if number % 2 else (part, before)

    def in_cycle(self, draws, first, number):
        """The same for epoch `number` of the cycle."""
        return self.cycle_node(0, tuple(draws), first, self.cycle_length.bit_length() - 1, number)

    def ledger(self, epoch):
        """Draws of every class in an epoch, and before it."""
        Q = self.cycle_length
        y = epoch // Q
        draws, passed = self.in_cycle(self.cycle, y * Q, epoch % Q)
        return draws, [y * N + E for N, E in zip(self.cycle, passed, strict=True)]

    def draws(self, epoch=0):
        return list(self.ledger(epoch)[0])

    # § 7
    @cached_property
    def levels(self):
        """L: an epoch has 2^L chapters."""
        if self.independent:
            return 0
        T, Q, S = self.steps_per_epoch, self.cycle_length, self.steps_per_epoch * self.batch_size
        drawn = [(N, pool) for N, pool in zip(self.cycle, self.pools, strict=True) if N > 0]
        scarce = [N for N, _ in drawn if N < T * Q]

        def company(L):
            return len(scarce) < 2 or 2 ** (2 * L + 1) >= 3 * T or all(2**L * Q >= N for N in scarce)

        def reuse(L):
            longest = ceil_div(T, 2**L)
            return 2**L >= T or all(N * longest <= Q * T * pool.length for N, pool in drawn if not pool.lined)

        L = 0
        while not (company(L) and reuse(L)):
            L += 1
        while L > 0 and (2**L > T or 2**L * len(drawn) > 4 * S):
            L -= 1
        return L

    def node_begin(self, level, number):
        """First step of a node of an epoch."""
        return (number << (self.levels - level)) * self.steps_per_epoch >> self.levels

    def node(self, seed, epoch, level, number):
        """Draws of every class in a node of an epoch, and before it in the epoch."""
        if level == 0:
            return self.draws(epoch), [0] * len(self.pools)
        parent, before = self.node(seed, epoch, level - 1, number // 2)
        begin, middle, end = (self.node_begin(level, number - number % 2 + i) for i in (0, 1, 2))
        state = key(seed, EPOCH_NODE, epoch, level - 1, number // 2)
        part = halved(self.root, parent, end - begin, middle - begin, state)
        return (subtract(parent, part), add(before, part)) if number % 2 else (part, before)

    def chapter(self, seed, epoch, k):
        """Order and boundaries of the line, and draws of every class before the chapter, since the beginning."""
        draws, before = self.node(seed, epoch, self.levels, k)
        order = line(self.root, key(seed, CLASS_ORDER, epoch, k))
        boundaries = [0, *accumulate(draws[c] for c in order)]
        return order, boundaries, add(before, self.ledger(epoch)[1])

    def place_in_time(self, step):
        """Chapter of a step, the step's number in the chapter, and the chapter's steps."""
        T, U = self.steps_per_epoch, 2**self.levels
        k = ((step + 1) * U - 1) // T
        begin, end = k * T // U, (k + 1) * T // U
        return k, step - begin, end - begin

    # § 8
    def batch_played(self, seed, step, epoch):
        """Number of the batch in its chapter."""
        k, t, g = self.place_in_time(step)
        s = 0 if g <= 2 else below(key(seed, TIME_OFFSET, epoch, k), g)
        return (time_multiplier(g, self.batch_size) * t + s) % g

    def deal(self, seed, step, epoch, places):
        """(class, draw number since the beginning) of some places of the batch of a step."""
        k, _, g = self.place_in_time(step)
        b = self.batch_played(seed, step, epoch)
        order, boundaries, before = self.chapter(seed, epoch, k)

        def places_below(M):
            return M // g + (1 if b < M % g else 0)

        def seats_before(M):
            return (M // g) * b + min(M % g, b)

        for h in places:
            i = bisect_right(boundaries, b + g * h) - 1
            d = seats_before(boundaries[i + 1]) - seats_before(boundaries[i]) + h - places_below(boundaries[i])
            yield order[i], before[order[i]] + d

    # § 9
    def batch_indices(self, seed, step, rank=0, *, epoch=0, world_size=1, blocks=1, order="shuffled"):
        k, _, g = self.place_in_time(step)
        B, b, parts = self.batch_size, self.batch_played(seed, step, epoch), world_size * blocks
        z, u = below(key(seed, SLOT_OFFSET, epoch, k), B), slot_multiplier(g, B)
        slot_of = [(u * h + b + z) % B for h in range(B)]
        result = []
        for e in range(blocks):
            number = rank + world_size * e
            places = [h for h in range(B) if slot_of[h] % parts == number]
            dealt = [(slot_of[h], c, j) for h, (c, j) in zip(places, self.deal(seed, step, epoch, places), strict=True)]
            if order == "dealt":
                dealt.sort(key=lambda entry: entry[0])
            elif order == "by_class":
                dealt.sort(key=lambda entry: self.class_number(entry[1]))  # stable
            else:
                m, state = B // parts, key(seed, BLOCK_ORDER, epoch, step, number)
                shuffled = [None] * m
                for i, entry in enumerate(dealt):
                    shuffled[permute(m, state, i)] = entry
                dealt = shuffled
            result += [self.item(seed, epoch, c, j) for _, c, j in dealt]
        return result

    def epoch_indices(self, seed, rank=0, **options):
        return [i for step in range(self.steps_per_epoch) for i in self.batch_indices(seed, step, rank, **options)]

    def class_number(self, c):
        return c

    # § 10, § 12
    def item(self, seed, epoch, c, j):
        if not self.independent:
            return self.pools[c].item(seed, j)
        d = j - self.ledger(epoch)[1][c]
        return self.pools[0].at(number_of(key(seed, INDEPENDENT, epoch, high(d), low(d), 0)))

    # § 14
    @cached_property
    def fingerprint(self):
        digest = Digest(
            batch_size=self.batch_size,
            format=1,
            independent=self.independent,
            num_items=self.num_items,
            steps_per_epoch=self.steps_per_epoch,
        )
        *inner, leaves = self.root.levels()
        digest.array("<i8", self.cycle)
        digest.array("<u8", [leaf.key for leaf in leaves])
        for nodes in inner:
            digest.array("<u8", [node.key for node in nodes])
            digest.array("<i8", [len(node.children) for node in nodes])
        sizes = [len(pool.members) for pool in self.pools]
        offsets = [0, *accumulate(sizes)]
        digest.array("<i8", offsets)
        if not self.by_length:
            width = "<u8" if self.num_items > 2**32 else "<u4"
            digest.array(width, (item for pool in self.pools for item in pool.members), offsets[-1])
            nested = [pool.group_keys if pool.group_keys and not pool.lined else [] for pool in self.pools]
            if any(nested):
                digest.array("<i8", [len(keys) for keys in nested])
                groups = [
                    end - begin
                    for pool, keys in zip(self.pools, nested, strict=True)
                    if keys
                    for begin, end in pairwise(pool.group_begins)
                ]
                digest.array("<i8", groups)
                digest.array("<u8", [K for keys in nested for K in keys])
        lined = [int(self.independent or pool.lined) for pool in self.pools]
        digest.array("u1", lined)
        if any(lined):
            digest.array("<u8", [start for pool in self.pools for start in pool.starts])
        return digest.text()

    def fingerprints(self, epoch, step):
        """Those that a state at a position may carry; it is saved with the first."""
        return [self.fingerprint]

    def state(self, seed, epoch, step, within=0):
        fields = {
            "format": 1,
            "fingerprint": self.fingerprints(epoch, step)[0],
            "seed": seed,
            "epoch": epoch,
            "step": step,
            "within": within,
        }
        return {**fields, "check": check_word(fields)}


class Digest:
    """SHA-256 of a line of JSON and of arrays."""

    def __init__(self, **fields: Any):
        self.sha256 = hashlib.sha256(json.dumps(fields, sort_keys=True).encode("ascii"))

    def array(self, kind, entries, length=None):
        length = len(entries) if length is None else length
        self.sha256.update(f"|{kind}:{length}|".encode("ascii"))
        for x in entries:
            self.sha256.update(x.to_bytes(int(kind[-1]), "little", signed="i" in kind))

    def text(self):
        return self.sha256.hexdigest()[:20]


def check_word(fields):
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    return f"{zlib.crc32(text.encode()):08x}"


class Tree:
    """Labels of several levels, the column of the top first."""

    def __init__(self, *columns):
        self.columns = columns


class ClassIndex:
    """Classes that are given by their lengths alone: {label: number of items}."""

    def __init__(self, lengths):
        self.lengths = lengths

    @classmethod
    def of_lengths(cls, lengths):
        return cls(lengths)


def ratio(labels, target="balanced", *, item_weights=None, groups=None, **options):
    # § 4
    if isinstance(labels, ClassIndex):
        root, _ = tree_of([(label,) for label in labels.lengths])
        root.children = [next(x for x in root.children if x.labels == (label,)) for label in labels.lengths]
        for number, leaf in enumerate(root.children):
            leaf.leaf = number
        firsts = dict(zip(labels.lengths, accumulate([0, *labels.lengths.values()]), strict=False))
        leaves = list(root.levels())[-1]
        pools = [range_pool(x.path, firsts[x.labels[0]], labels.lengths[x.labels[0]]) for x in leaves]
        return plan_of(root, pools, sum(labels.lengths.values()), target, by_length=True, **options)
    label_tuples = list(zip(*labels.columns, strict=True)) if isinstance(labels, Tree) else [(x,) for x in labels]
    root, numbers = tree_of(label_tuples)
    members = [[] for _ in numbers]
    for item, labels_of_item in enumerate(label_tuples):
        if item_weights is None or item_weights[item] > 0:
            members[numbers[labels_of_item]].append(item)
    pools = []
    for leaf, items in zip(list(root.levels())[-1], members, strict=True):
        pool = Pool(leaf.key, items)
        if groups is not None:
            labels_of_groups = {groups[item] for item in items}
            refuse_equal([label_key(label) for label in labels_of_groups])
            in_order = sorted(items, key=lambda item: groups[item])  # stable
            pool.regroup(leaf.path, {item: label_key(groups[item]) for item in in_order})
        if item_weights is not None:
            pool.weights = [item_weights[item] for item in pool.members]
        pools.append(pool)
    return plan_of(root, pools, len(label_tuples), target, **options)


def ratio_of_classes(classes, members, num_items, target, **options):
    """For classes too large for lists."""
    root, _ = tree_of([(label,) for label in classes])
    pools = [Pool(leaf.key, items) for leaf, items in zip(root.children, members, strict=True)]
    return plan_of(root, pools, num_items, target, **options)


def plan_of(
    root,
    pools,
    num_items,
    target,
    *,
    batch_size,
    epoch_size="dataset",
    min_per_batch=None,
    max_repeats=None,
    by_length=False,
):
    # § 5
    give_shares(root, target, [len(pool.members) for pool in pools])
    named = {label if isinstance(label, tuple) else (label,): m for label, m in (min_per_batch or {}).items()}

    def give_bounds(node, drawn):
        node.minimum = named.get(node.labels, 0)
        if node.leaf is not None:
            node.repeats = cap(max_repeats, len(pools[node.leaf].members))
            if drawn and not len(pools[node.leaf].members):
                raise Refused("a share for a class without items")
        if node.minimum and not drawn:
            raise Refused("a minimum without a share")
        for child in node.children:
            give_bounds(child, drawn and child.share > 0)

    give_bounds(root, True)
    T = steps(root, pools, epoch_size, batch_size, num_items)
    return Plan(num_items, batch_size, T, root, pools, by_length=by_length, max_repeats=max_repeats)


def stratified(labels, **options):
    return ratio(labels, "natural", **options)


def min_positives(labels, minimum, **options):
    return ratio(labels, "natural", min_per_batch=minimum, **options)


# § 12. Plain weights


def weighted(item_weights, *, batch_size, epoch_size="dataset", iid=False):
    B, N = batch_size, len(item_weights)
    if N < B:
        raise Refused("fewer weights than a batch has items")
    everything = [i for i, weight in enumerate(item_weights) if weight > 0]
    distinct = sorted({item_weights[i] for i in everything})
    if not iid and len(distinct) <= 1024:
        root, _ = tree_of([(rank,) for rank in range(len(distinct))])
        members = {weight: [] for weight in distinct}
        for i in everything:
            members[item_weights[i]].append(i)
        pools = [Pool(leaf.key, members[weight]) for leaf, weight in zip(root.children, distinct, strict=True)]
        for leaf, pool, integer in zip(root.children, pools, exact_integers(distinct), strict=True):
            leaf.share = len(pool.members) * integer
        try:
            T = steps(root, pools, epoch_size, B, N)
            plan = Plan(N, B, T, root, pools)
            if min(plan.cycle) >= 16 * plan.cycle_length:
                return plan
        except CannotBeMet:
            pass
    root, _ = tree_of([("all items",)])
    pools = [Pool(root.children[0].key, everything, weights=[item_weights[i] for i in everything])]
    T = steps(root, pools, epoch_size, B, N)
    return Plan(N, B, T, root, pools, independent=iid)


# § 13. Stages


def stages(plans):
    return Run(plans)


def by_account(Q, account):
    """Share out among siblings by what is due to them; account(node) is q."""

    def split(total, nodes, lows, highs):
        if sum(lows) == total:
            return lows
        q = [account(node) for node in nodes]

        def grown_to(t):
            parts = [max(lo, (x + t) // Q) for x, lo in zip(q, lows, strict=True)]
            return [x if at_least(x, hi) else hi for x, hi in zip(parts, highs, strict=True)]

        below_, t = -max(q), Q * total - min(q)  # too few at the one, enough at the other
        while t - below_ > 1:
            middle = (below_ + t) // 2
            if sum(grown_to(middle)) >= total:
                t = middle
            else:
                below_ = middle
        parts, before = grown_to(t), grown_to(t - 1)
        grew = [i for i in range(len(nodes)) if parts[i] > before[i]]
        for i in grew[len(grew) - (sum(parts) - total) :]:
            parts[i] -= 1
        return parts

    return split


@dataclass
class Leaf:
    """A class, or a generation of one, through all stages."""

    due: int = 0  # in units of 1/Q draw
    drawn: int = 0
    pool: Pool | None = None  # its last list


@dataclass(eq=False)
class Stage(Plan):
    """A plan whose counters run on from earlier stages. Its leaves are classes or generations of them."""

    first: int = 0
    names: list = field(default_factory=list)  # (path of the class, generation) of every leaf
    class_numbers: list = field(default_factory=list)
    before: list = field(default_factory=list)  # draws of every leaf before the stage
    settled: list = field(default_factory=list)
    first_cycle: list = field(default_factory=list)

    def settle(self, known):
        """The first epoch, and the first cycle, of a later stage; `known` are all leaves that ever stood."""
        S, Q, T = self.steps_per_epoch * self.batch_size, self.cycle_length, self.steps_per_epoch
        added = [0] * len(self.pools)

        def account(factor):
            def q(node):
                now = sum(factor * self.cycle[c] for c in node.leaves())
                drawn_now = sum(added[c] for c in node.leaves())
                due_now = sum(self.cycle[c] for c in node.leaves()) if any(added) else 0
                ever = [leaf for name, leaf in known.items() if stands_below(name, node)]
                return now + due_now + sum(leaf.due for leaf in ever) - Q * (drawn_now + sum(x.drawn for x in ever))

            return q

        bounds = (lambda node: T * node.minimum), (lambda node: node.repeats)
        self.settled = share_out(self.root, S, *bounds, by_account(Q, account(1)))
        added = self.settled
        self.first_cycle = share_out(self.root, S * Q, *cycle_bounds(T, Q), by_account(Q, account(Q)))

    def ledger(self, epoch):
        if self.first == 0:
            return super().ledger(epoch)
        if epoch == self.first:
            return self.settled, self.before
        begin, Q = self.first + 1, self.cycle_length
        y = (epoch - begin) // Q
        passed = add(self.before, self.settled)
        if y > 0:
            passed = [E + F + (y - 1) * N for E, F, N in zip(passed, self.first_cycle, self.cycle, strict=True)]
        draws, halves = self.in_cycle(self.cycle if y else self.first_cycle, begin + y * Q, (epoch - begin) % Q)
        return draws, add(passed, halves)

    def draws(self, epoch=0):
        return list(self.ledger(epoch)[0])

    def class_number(self, c):
        return self.class_numbers[c]


def stands_below(name, node):
    """Whether a leaf of this name is the node or stands below it."""
    path, generation = name
    if node.generation is not None:
        return (path, generation) == (node.path[:-1], node.generation)
    return path[: len(node.path)] == node.path


def contents(pool):
    """{item: label key of its group, or None}."""
    if pool.group_keys is None:
        return dict.fromkeys(pool.members)
    bounds = zip(pool.group_labels, pool.group_begins, pool.group_begins[1:], strict=False)
    return {item: K for K, begin, end in bounds for item in pool.members[begin:end]}


def same_line(a, b):
    return a.lined == b.lined and (not a.lined or (list(a.members), a.starts) == (list(b.members), b.starts))


class Run:
    """Plans that follow one another, {first epoch: plan}."""

    def __init__(self, plans):
        self.firsts = sorted(plans)
        self.plans = [plans[first] for first in self.firsts]
        assert self.firsts[0] == 0
        self.batch_size, self.steps_per_epoch = self.plans[0].batch_size, self.plans[0].steps_per_epoch
        self.leaves = {}  # {name: Leaf}, all that ever stood
        self.generations = {}  # {path of a class: how many generations it had when it was last there}
        self.stages, self.chain = [], []
        for first, plan in zip(self.firsts, self.plans, strict=True):
            if (plan.batch_size, plan.steps_per_epoch) != (self.batch_size, self.steps_per_epoch):
                raise Refused("another T or B")
            if len(list(plan.root.levels())) != len(list(self.plans[0].root.levels())):
                raise Refused("another depth")
            self.close_stage(first)
            self.append(first, plan)

    def close_stage(self, first):
        """Bring the accounts up to the first epoch of the next stage."""
        if self.stages:
            stage = self.stages[-1]
            drawn = stage.ledger(first)[1]
            for name, N, E in zip(stage.names, stage.cycle, drawn, strict=True):
                self.leaves[name].due += (first - stage.first) * N
                self.leaves[name].drawn = E

    def append(self, first, plan):
        pools, names, class_numbers = [], [], []

        def leaf_of(node, path, generation, pool, number):
            node.leaf = len(pools)
            pools.append(pool)
            names.append((path, generation))
            class_numbers.append(number)

        def copied(node):
            new = replace(node, children=[], leaf=None)
            if node.leaf is None:
                new.children = [copied(child) for child in node.children]
                return new
            lists = self.lists(node.path, plan.pools[node.leaf])
            if len(lists) == 1:
                leaf_of(new, node.path, 0, lists[0], node.leaf)
                return new
            for g, pool in enumerate(lists):
                n = len(pool.members)
                repeats = cap(plan.max_repeats, n)
                child = Node((*node.path, g), pool.key, node.labels, share=n, repeats=repeats, generation=g)
                leaf_of(child, node.path, g, pool, node.leaf)
                new.children.append(child)
            return new

        root = copied(plan.root)
        refuse_equal([pool.key for pool in pools])
        stage = Stage(
            plan.num_items,
            plan.batch_size,
            plan.steps_per_epoch,
            root,
            pools,
            plan.independent,
            first=first,
            names=names,
            class_numbers=class_numbers,
            before=[self.leaves[name].drawn if name in self.leaves else 0 for name in names],
        )
        for name, pool in zip(names, pools, strict=True):
            leaf = self.leaves.setdefault(name, Leaf())
            if len(pool.members):
                leaf.pool = pool
        if first > 0:
            stage.settle(self.leaves)
        self.stages.append(stage)
        if first == 0:
            self.chain.append(plan.fingerprint)
        else:
            digest = Digest(after=self.chain[-1], epoch=first, stage=plan.fingerprint)
            for draws in stage.cycle, stage.settled, stage.first_cycle:
                digest.array("<i8", draws)
            self.chain.append(digest.text())

    def lists(self, path, new):
        """The lists of a class in a stage, one for each generation, given its members there."""
        last = [self.leaves[path, g].pool for g in range(self.generations.get(path, 0))]
        if not len(new.members):
            return [replace(new, seats=0)]
        now = contents(new)
        known = {item: group for pool in last for item, group in contents(pool).items()}
        kinds = {pool.group_keys is None for pool in [*last, new]}
        if last and len(kinds) == 1 and same_line(last[0], new):
            if now == known:
                return [
                    replace(pool, seats=0) if self.leaves[path, g].drawn == pool.first_draw else pool
                    for g, pool in enumerate(last)
                ]
            if not new.lined and now.keys() > known.keys() and all(now[item] == known[item] for item in known):
                fresh = [item for item in new.members if item not in known]
                g = len(last)
                pool = Pool(chain(GENERATION, (*path, g)), fresh)
                if new.group_keys is not None:
                    pool.regroup((*path, g), {item: now[item] for item in fresh})
                self.generations[path] = g + 1
                return [*last, self.numbered_on(path, g, pool)]
        self.generations[path] = 1
        return [self.numbered_on(path, 0, replace(new, seats=0))]

    def numbered_on(self, path, g, pool):
        """A list that begins here: its draws and passes come after those of the leaf's last list."""
        leaf = self.leaves.get((path, g), Leaf())
        passes = 0
        if leaf.pool is not None:
            passes = leaf.pool.first_pass + ceil_div(leaf.drawn - leaf.pool.first_draw, leaf.pool.length)
        return replace(pool, first_draw=leaf.drawn, first_pass=passes)

    def stage(self, epoch):
        return self.stages[bisect_right(self.firsts, epoch) - 1]

    @cached_property
    def labels(self):
        """Labels of the classes of all stages, in order."""
        return sorted({leaf.labels for plan in self.plans for leaf in list(plan.root.levels())[-1]})

    def draws(self, epoch=0):
        """Of the classes of all stages."""
        s = bisect_right(self.firsts, epoch) - 1
        leaves = list(self.plans[s].root.levels())[-1]
        draws = dict.fromkeys(self.labels, 0)
        for c, N in zip(self.stages[s].class_numbers, self.stages[s].ledger(epoch)[0], strict=True):
            draws[leaves[c].labels] += N
        return list(draws.values())

    @property
    def draws_per_epoch(self):
        """Of the first stage."""
        leaves = list(self.plans[0].root.levels())[-1]
        mean = dict.fromkeys(self.labels, 0.0)
        mean.update(zip((leaf.labels for leaf in leaves), self.plans[0].draws_per_epoch, strict=True))
        return list(mean.values())

    def batch_indices(self, seed, step, rank=0, *, epoch=0, **options):
        return self.stage(epoch).batch_indices(seed, step, rank, epoch=epoch, **options)

    def epoch_indices(self, seed, rank=0, *, epoch=0, **options):
        return self.stage(epoch).epoch_indices(seed, rank, epoch=epoch, **options)

    @property
    def fingerprint(self):
        return self.chain[-1]

    def fingerprints(self, epoch, step):
        """A state at the first step of a stage may carry the chain with that stage, or the one before."""
        s = bisect_right(self.firsts, epoch) - 1
        both = s > 0 and (epoch, step) == (self.firsts[s], 0)
        return [self.chain[s], *([self.chain[s - 1]] if both else [])]

    state = Plan.state
