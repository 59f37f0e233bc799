"""Apportionment against exact fractions: largest remainders, minima, caps, ties, and what cannot be met."""

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from balanceidx._make.apportion import Names, Nodes, apportion, apportion_cycle, check_minima, quotas

shares_lists = st.lists(st.one_of(st.integers(0, 5), st.integers(0, 2**70)), min_size=1, max_size=12).filter(any)


def unbounded(draws: int, shares: list[int]) -> list[int]:
    return apportion(draws, shares, [0] * len(shares), [None] * len(shares))


def fair_parts(draws: int, shares: list[int], least: list[int], most: list[int | None]) -> list[Fraction]:
    """The real numbers in proportion to the shares, each moved to its nearest bound, that sum to `draws`."""

    def parts(level: Fraction) -> list[Fraction]:
        raised = [max(Fraction(low), level * share) for share, low in zip(shares, least, strict=True)]
        return [
            part if share and high is None else min(part, Fraction(high)) if share else Fraction(0)
            for part, high, share in zip(raised, most, shares, strict=True)
        ]

    ends = {Fraction(0)}
    for share, low, high in zip(shares, least, most, strict=True):
        if share:
            ends |= {Fraction(low, share), Fraction(high if high is not None else low, share)}
    ends.add(max(ends) + Fraction(draws, 1) + 1)
    for below, above in pairwise(sorted(ends)):
        first, last = sum(parts(below)), sum(parts(above))
        if first <= draws <= last:
            slope = (last - first) / (above - below)
            return parts(below + (draws - first) / slope if slope else below)
    raise AssertionError("no level meets the bounds")


# ---- largest remainders --------------------------------------------------------------------------------------------


@given(st.integers(1, 2**40), shares_lists)
def test_shares_are_met_to_within_one_draw(draws, shares):
    counts = unbounded(draws, shares)
    total = sum(shares)
    assert sum(counts) == draws
    fair = [Fraction(draws * share, total) for share in shares]
    assert all(abs(count - part) < 1 for count, part in zip(counts, fair, strict=True))
    rounded_up = [part % 1 for count, part in zip(counts, fair, strict=True) if count > part]
    rounded_down = [part % 1 for count, part in zip(counts, fair, strict=True) if count < part]
    assert min(rounded_up, default=1) >= max(rounded_down, default=0), "a smaller remainder was rounded up"


@given(st.integers(1, 10**6), shares_lists, st.integers(1, 2**40))
def test_only_the_proportions_of_the_shares_count(draws, shares, factor):
    assume(draws >= len(shares))
    assert unbounded(draws, shares) == unbounded(draws, [factor * share for share in shares])


@pytest.mark.parametrize(
    ("draws", "shares", "counts"),
    [
        (10, [1, 1, 1], [4, 3, 3]),  # a tie goes to the earlier class
        (11, [1, 1, 1], [4, 4, 3]),
        (5, [1, 0, 1], [3, 0, 2]),
        (7, [1], [7]),
        (10, [6, 6, 2], [4, 4, 2]),  # the Alabama paradox: one draw more ...
        (11, [6, 6, 2], [5, 5, 1]),  # ... and the third class has one less
        (3, [1000, 1, 1], [3, 0, 0]),
        (2**40, [2**80, 2**80], [2**39, 2**39]),
    ],
)
def test_known_cases(draws, shares, counts):
    assert unbounded(draws, shares) == counts


# ---- bounds --------------------------------------------------------------------------------------------------------


@st.composite
def bounded(draw):
    """Draws, shares and bounds that can be met."""
    shares = draw(shares_lists)
    draws = draw(st.integers(sum(1 for share in shares if share), 500))
    least, most, spare = [], [], draws
    for share in shares:
        low = draw(st.integers(0, max(0, spare // 3))) if share else 0
        least.append(low)
        spare -= max(low, 1) if share else 0
        most.append(draw(st.none() | st.integers(max(1, low), 500)) if share else None)
    wanted = [c for c, share in enumerate(shares) if share]
    assume(sum(max(1, least[c]) for c in wanted) <= draws)
    if all(most[c] is not None for c in wanted):
        short = draws - sum(most[c] for c in wanted)
        most[wanted[-1]] += max(0, short)
    return draws, shares, least, most


@settings(max_examples=500)
@given(bounded())
@example((100, [1, 1, 2], [0, 40, 0], [None, None, 45]))
@example((11, [5, 5, 1], [5, 5, 0], [None, None, None]))
def test_bounds_hold_and_the_rest_is_shared_in_proportion(problem):
    draws, shares, least, most = problem
    counts = apportion(draws, shares, least, most)
    assert sum(counts) == draws
    for count, share, low, high in zip(counts, shares, least, most, strict=True):
        assert (count >= low) if share else (count == 0)
        assert high is None or count <= high
    parts = fair_parts(draws, shares, least, most)
    assert all(abs(count - part) < 1 for count, part in zip(counts, parts, strict=True)), [float(p) for p in parts]
    assert quotas([flat(shares, least, most)], draws, 1) == parts


def test_what_a_minimum_takes_is_shared_in_proportion():
    assert apportion(100, [60, 30, 10], [0, 0, 40], [None] * 3) == [40, 20, 40]


def test_what_a_cap_frees_is_shared_in_proportion():
    assert apportion(100, [60, 30, 10], [0, 0, 0], [20, None, None]) == [20, 60, 20]


def test_a_cap_can_push_another_class_over_its_cap():
    assert apportion(100, [60, 30, 10], [0, 0, 0], [20, 50, None]) == [20, 50, 30]


# ---- down a tree, over a cycle -------------------------------------------------------------------------------------


def flat(shares: list[int], minima: list[int], caps: list[int | None]) -> Nodes:
    return Nodes("abcdefghijklmnop"[: len(shares)], [0] * len(shares), shares, minima, caps)


def test_a_cycle_shares_out_what_epochs_cannot():
    level = flat([1, 1, 1], [0, 0, 0], [None] * 3)
    assert apportion_cycle([level], 10, 1, 1, Names()) == [4, 3, 3]
    assert apportion_cycle([level], 10, 1, 1024, Names()) == [3414, 3413, 3413]
    assert apportion_cycle([flat([10**9, 1], [0, 0], [None] * 2)], 10, 1, 4, Names()) == [39, 1]


@settings(max_examples=100)
@given(st.data(), st.integers(1, 50), st.integers(1, 8), st.sampled_from([1, 2, 64]))
def test_every_node_of_a_tree_is_within_its_depth_of_the_quota(data, batch_size, steps, cycle):
    count = data.draw(st.integers(1, 4))
    parents = sorted([*range(count), *data.draw(st.lists(st.integers(0, count - 1), max_size=8))])
    share = st.integers(1, 9)
    tops = data.draw(st.lists(share, min_size=count, max_size=count))
    leaves = data.draw(st.lists(share, min_size=len(parents), max_size=len(parents)))
    top = Nodes(range(count), [0] * count, tops, [0] * count, [None] * count)
    leaf = Nodes(range(len(parents)), parents, leaves, [0] * len(parents), [None] * len(parents))
    total = batch_size * steps * cycle
    assume(total >= 20 * len(parents))
    draws = apportion_cycle([top, leaf], batch_size, steps, cycle, Names())
    assert sum(draws) == total
    for node in range(count):
        own = [c for c, parent in enumerate(parents) if parent == node]
        fair = Fraction(total * tops[node], sum(tops))
        assert abs(sum(draws[c] for c in own) - fair) < 1 or min(draws[c] for c in own) == 1
        for c in own:
            part = fair * Fraction(leaves[c], sum(leaves[i] for i in own))
            assert abs(draws[c] - part) < 2 or draws[c] == 1


def test_bounds_of_a_node_hold_whatever_is_below_it():
    top = Nodes("ab", [0, 0], [1, 9], [4, 0], [None, None])
    leaf = Nodes(["x", "y", "z"], [0, 0, 1], [1, 3, 1], [3, 0, 0], [None, None, None])
    draws = apportion_cycle([top, leaf], 10, 2, 4, Names())
    assert draws == [24, 8, 48]  # 4 of 10 in a, 3 of them x, which would be due one


# ---- what cannot be met --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("draws", "shares", "least", "most", "text"),
    [
        (10, [1, 0], [0, 3], [None, None], "`min_per_batch` asks for label 'b', whose share in `target` is 0."),
        (10, [1, 1], [0, 5], [None, 4], "`max_repeats` allows label 'b' at most 4 draws an epoch, below its minimum of 5; "
         "raise `max_repeats` or lower `min_per_batch`."),
        (10, [1, 1], [0, 0], [None, 0], "`max_repeats` allows label 'b' at most 0 draws an epoch, below its minimum of 1;"),
        (10, [1, 1], [6, 5], [None, None], "the 2 classes need at least 88 draws a cycle of 8 epochs (minima, and 1 each), "
         "but a cycle has 80; raise `epoch_size` or `batch_size`, or lower `min_per_batch`."),
        (1, [1] * 9, [0] * 9, [None] * 9, "the 9 classes need at least 9 draws a cycle of 8 epochs (minima, and 1 each), "
         "but a cycle has 8;"),
        (10, [1, 1], [0, 0], [4, 5], "`max_repeats` caps all classes together at 9 draws an epoch, below the 10 draws that "
         "it has; raise `max_repeats` or shorten `epoch_size`."),
    ],
)  # fmt: skip
def test_bounds_that_cannot_be_met_are_named(draws, shares, least, most, text):
    levels = [flat(shares, least, most)]
    with pytest.raises(ValueError) as caught:
        check_minima(levels, Names())
        apportion_cycle(levels, draws, 1, 8, Names())
    assert text in str(caught.value)
    if "target" not in text and len(shares) == 2 and most != [None, 0]:
        assert quotas(levels, draws, 1) is None
