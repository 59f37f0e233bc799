"""Hypothesis strategies: random plans of every mode, each with what it was made from, and small helpers to count."""

from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from hypothesis import strategies as st

import balanceidx as bx

BATCH_SIZES = (1, 2, 3, 4, 5, 6, 8, 12, 16, 24, 30, 36, 48, 60, 64, 96, 120)

seeds = st.one_of(st.integers(0, 3), st.integers(0, 2**64 - 1))
epochs = st.one_of(st.integers(0, 5), st.integers(0, 2**32 - 1), st.just(2**32 - 1))


@dataclass(frozen=True)
class Case:
    """A plan, and what can be said about it without asking the library.

    Attributes
    ----------
    function, arguments
        The call that makes the plan.
    group : int array, shape (N,)
        Class of every item, as a position in `plan.classes`; -1 for items outside every class.
    weights : float array, shape (N,)
        How often an item is drawn relative to the others of its class.
    shares : list of Fraction
        Shares of the classes, up to a common factor.
    least, most : lists of int (or None)
        Bounds on the draws of each class in an epoch.
    """

    function: str
    arguments: dict[str, Any]
    group: np.ndarray
    weights: np.ndarray
    shares: list[Fraction]
    least: list[int]
    most: list[int | None]

    def make(self) -> bx.Plan:
        """A new plan of the same call."""
        return getattr(bx, self.function)(**self.arguments)

    @cached_property
    def plan(self) -> bx.Plan:
        return self.make()

    @property
    def independent(self) -> bool:
        return bool(self.arguments.get("iid"))

    def composition(self, indices: np.ndarray, rows: int) -> np.ndarray:
        """How many items of each class each of `rows` equal parts of `indices` holds: shape (rows, C)."""
        count = len(self.plan.classes)
        groups = self.group[indices].reshape(rows, -1)
        assert (groups >= 0).all(), "an item outside every class was drawn"
        return np.bincount((groups + count * np.arange(rows)[:, None]).reshape(-1), minlength=rows * count).reshape(
            rows, count
        )

    def members(self, position: int) -> np.ndarray:
        """Items of a class that can be drawn."""
        return np.flatnonzero((self.group == position) & (self.weights > 0))

    def even(self, position: int) -> bool:
        """Whether the items of a class have equal weights."""
        weights = self.weights[self.members(position)]
        return len(weights) == 0 or bool((weights == weights[0]).all())


def assert_floor_or_ceil(counts: np.ndarray, total: Any, parts: int) -> None:
    """Every count is `total / parts`, rounded down or up; one total per column."""
    total = np.asarray(total)
    assert (counts >= total // parts).all(), f"{counts.min(axis=0)} is below {total} / {parts}"
    assert (counts <= -(-total // parts)).all(), f"{counts.max(axis=0)} is above {total} / {parts}"


def divisors(number: int) -> list[int]:
    return [d for d in range(1, number + 1) if number % d == 0]


def layouts(batch_size: int) -> list[tuple[int, int]]:
    """Every (world_size, blocks) that splits a batch."""
    return [(world, blocks) for world in divisors(batch_size) for blocks in divisors(batch_size // world)]


def class_sizes(largest: int = 200, most: int = 30) -> st.SearchStrategy[list[int]]:
    """Sizes of classes: some of a single item, some tiny, some larger than an epoch; sometimes many classes."""
    sizes = st.one_of(st.just(1), st.integers(1, 5), st.integers(1, largest))
    return st.one_of(st.lists(sizes, min_size=1, max_size=4), st.lists(sizes, min_size=1, max_size=most))


@st.composite
def arranged(draw: st.DrawFn, sizes: list[int]) -> np.ndarray:
    """Class numbers of the items: sorted by class, or in random order."""
    group = np.repeat(np.arange(len(sizes)), sizes)
    order = draw(st.sampled_from(["sorted", "random"]))
    return group if order == "sorted" else np.random.default_rng(draw(st.integers(0, 99))).permutation(group)


def exact_shares(target: Any, sizes: list[int]) -> list[Fraction]:
    """Shares of classes of the given sizes, up to a common factor: exact, or to 60 digits where irrational."""
    context = Context(prec=60)
    match target:
        case "natural":
            return [Fraction(n) for n in sizes]
        case "balanced":
            return [Fraction(n > 0) for n in sizes]
        case "square_root":
            return [Fraction(context.sqrt(Decimal(n))) for n in sizes]
        case bx.Power(exponent):
            return [Fraction(context.exp(context.multiply(context.ln(n), Decimal(exponent)))) for n in sizes]
        case bx.EffectiveNumber(beta):
            return [n / (1 - Fraction(beta) ** n) for n in sizes]
        case dict():
            return [Fraction(share) for share in target.values()]
    raise AssertionError(target)


any_share = st.one_of(st.integers(0, 9), st.floats(0, 1, allow_subnormal=False))


@st.composite
def targets(draw: st.DrawFn, labels: list[Any], shares: st.SearchStrategy[float] = any_share) -> Any:
    """A name, a formula, or a share for every label, not all of them 0."""
    named = st.sampled_from(["natural", "balanced", "square_root"])
    formula = st.one_of(
        st.sampled_from([-1.0, 0.3, 1.7, 3.0]).map(bx.Power), st.sampled_from([0.5, 0.99]).map(bx.EffectiveNumber)
    )
    kind = draw(st.sampled_from(["named", "formula", "shares"]))
    if kind != "shares":
        return draw(named if kind == "named" else formula)
    given = draw(st.lists(shares, min_size=len(labels), max_size=len(labels)))
    if not any(given):
        given[draw(st.integers(0, len(given) - 1))] = 1
    return dict(zip(labels, given, strict=True))


@st.composite
def random_weights(draw: st.DrawFn, count: int) -> np.ndarray:
    """Weights of very different kinds; some may be zero, but not all."""
    rng = np.random.default_rng(draw(st.integers(0, 9999)))
    kind = draw(st.sampled_from(["equal", "few values", "moderate", "heavy", "extreme"]))
    weights = {
        "equal": np.full(count, rng.random() + 0.1),
        "few values": rng.choice(rng.random(3) + 0.1, count),
        "moderate": rng.random(count) + 0.1,
        "heavy": rng.lognormal(0, 2, count),
        "extreme": 10.0 ** rng.uniform(-300, 300, count),
    }[kind]
    zeros = rng.random(count) < draw(st.sampled_from([0, 0, 0.3]))
    zeros[rng.integers(count)] = False
    return np.where(zeros, 0, weights)


@st.composite
def ratio_cases(draw: st.DrawFn, bounded: bool = False, item_weights: bool = False) -> Case:
    """Plans of `ratio`, whose arguments can be met."""
    sizes = draw(class_sizes())
    count = len(sizes)
    group = draw(arranged(sizes))
    labels = [int(label) for label in draw(st.sampled_from([1, 3])) * np.arange(count) - 5]
    target = draw(targets(labels))
    batch_size = draw(st.sampled_from(BATCH_SIZES))
    arguments: dict[str, Any] = {"labels": np.array(labels)[group], "target": target, "batch_size": batch_size}

    weights = np.ones(len(group))
    if item_weights:
        for c in range(count):
            weights[group == c] = draw(random_weights(sizes[c]))
        arguments["item_weights"] = weights
    drawable = np.bincount(group[weights > 0], minlength=count).tolist()
    shares = exact_shares(target, drawable)
    wanted = [c for c in range(count) if shares[c]]

    minima = [0] * count
    if bounded:
        for c in draw(st.lists(st.sampled_from(wanted), max_size=3)):
            minima[c] = draw(st.integers(0, max(1, batch_size // 4)))
        if sum(minima) >= batch_size:
            minima = [0] * count
        arguments["min_per_batch"] = {labels[c]: m for c, m in enumerate(minima) if m}
    others = sum(1 for c in wanted if not minima[c])
    first = max(1, -(-others // (batch_size - sum(minima))))
    steps = len(group) // batch_size
    if steps < first or draw(st.booleans()):
        steps = first + draw(st.integers(0, 40))
        arguments["epoch_size"] = steps * batch_size + draw(st.integers(0, batch_size - 1))
    least = [m * steps for m in minima]

    most: list[int | None] = [None] * count
    if bounded and draw(st.booleans()):
        draws = steps * batch_size
        needed = max(
            (draws + count) / sum(drawable[c] for c in wanted), *(max(1, least[c]) / drawable[c] for c in wanted)
        )
        arguments["max_repeats"] = needed * (1 + draw(st.sampled_from([1e-9, 0.01, 0.3, 3.0])))
        most = [int(Fraction(repr(float(arguments["max_repeats"]))) * n) for n in drawable]
    return Case("ratio", arguments, group, weights, shares, least, most)


@st.composite
def weighted_cases(draw: st.DrawFn, iid: bool = False) -> Case:
    """Plans of `weighted`: dealt as classes of equal weight, or as one class."""
    weights = draw(random_weights(draw(st.integers(1, 400))))
    batch_size = draw(st.sampled_from([b for b in BATCH_SIZES if b <= len(weights)]))
    arguments: dict[str, Any] = {"weights": weights, "batch_size": batch_size, "iid": iid}
    if draw(st.booleans()):
        arguments["epoch_size"] = batch_size * draw(st.integers(1, 40)) + draw(st.integers(0, batch_size - 1))
    plan = bx.weighted(**arguments)
    if plan.classes.dtype.kind == "f":
        group = np.where(weights > 0, np.searchsorted(plan.classes, weights), -1)
        within = np.where(weights > 0, 1.0, 0.0)
        shares = [int((weights == value).sum()) * Fraction(float(value)) for value in plan.classes]
    else:
        group, within, shares = np.where(weights > 0, 0, -1), weights, [Fraction(1)]
    return Case("weighted", arguments, group, within, shares, [0] * len(shares), [None] * len(shares))


MODES: dict[str, st.SearchStrategy[Case]] = {
    "ratio": ratio_cases(),
    "bounded": ratio_cases(bounded=True),
    "item_weights": ratio_cases(item_weights=True),
    "bounded_item_weights": ratio_cases(bounded=True, item_weights=True),
    "weighted": weighted_cases(),
}
IID = weighted_cases(iid=True)


def cases(*modes: str, iid: bool = False) -> st.SearchStrategy[Case]:
    """Plans of the given modes, by default of all; independent draws only on request."""
    chosen = [MODES[mode] for mode in modes or MODES]
    return st.one_of(*chosen, IID) if iid else st.one_of(*chosen)
