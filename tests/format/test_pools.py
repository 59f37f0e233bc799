"""The pools: passes, seats on the weight line, and numbers far beyond any run."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balanceidx._format import keys, permutation
from balanceidx._format.pools import Groups, Passes, Pools
from balanceidx._format.weight_line import Lines
from strategies import seeds

big = st.one_of(st.integers(0, 200), st.integers(0, 2**62))


def make_pools(sizes, weights=None, seats=None, independent=False, groups=None):
    """Pools of classes 0, 1, .. whose items are three times their places."""
    offsets = np.concatenate(([0], np.cumsum(sizes)))
    members = np.arange(offsets[-1], dtype=np.int64) * 3
    lined = np.full(len(sizes), weights is not None)
    lines = None if weights is None else Lines.of(np.array(weights, float), offsets)
    passes = Passes.of(np.arange(len(sizes), dtype=np.uint64), np.array(seats or sizes))
    return Pools(members, offsets, passes, groups, lines, lined, independent)


def place_by_hand(seed: int, label: int, size: int, number: int) -> int:
    """Place, after permutation, of a class's running draw number: the formula, one draw at a time."""
    turn = number // size
    key = keys.key(seed, keys.POOL, label >> 32, label & 0xFFFFFFFF, turn >> 32, turn & 0xFFFFFFFF)
    return int(permutation.permute(np.array([number % size], np.uint32), permutation.Domain.of([size]), key)[0])


@settings(max_examples=150)
@given(st.data(), st.lists(st.integers(1, 40), min_size=1, max_size=6), seeds)
def test_an_even_draw_is_a_place_of_a_pass(data, sizes, seed):
    pools = make_pools(sizes).seeded(seed)
    asked = []
    for c in range(len(sizes)):
        for number in data.draw(st.lists(big, min_size=1, max_size=4), f"draws of class {c}"):
            asked.append((c, number, 3 * (sum(sizes[:c]) + place_by_hand(seed, c, sizes[c], number))))
    classes, numbers, wanted = zip(*asked, strict=True)
    assert pools.items(np.array(classes), np.array(numbers), 0).tolist() == list(wanted)
    for c in range(len(sizes)):
        of_class = [(number, item) for d, number, item in asked if d == c]
        found = pools.items(np.array([c]), np.array([number for number, _ in of_class]), 0)
        assert found.tolist() == [item for _, item in of_class]


@settings(max_examples=60)
@given(st.integers(1, 40), seeds, st.integers(0, 2**50))
def test_every_pass_holds_every_item_once(size, seed, first):
    items = make_pools([size]).seeded(seed).items(np.array([0]), np.arange(first * size, (first + 4) * size), 0)
    for one_pass in items.reshape(4, size):
        assert sorted(one_pass.tolist()) == list(range(0, 3 * size, 3))


def test_passes_classes_and_seeds_have_orders_of_their_own():
    orders = set()
    for seed in (0, 1, 2**32, 2**63):
        pools = make_pools([30, 30]).seeded(seed)
        for c in (0, 1):
            items = pools.items(np.array([c]), np.arange(30 * 6), 0) // 3 % 30
            orders |= {tuple(one_pass) for one_pass in items.reshape(6, 30).tolist()}
    assert len(orders) == 4 * 2 * 6


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
@pytest.mark.parametrize("first", [2**32 - 2, 2**61, 2**63 - 6])
def test_very_late_draws_are_those_of_big_integers(size, first):
    found = make_pools([size]).seeded(7).items(np.array([0]), np.arange(first, first + 5), 0)
    assert found.tolist() == [3 * place_by_hand(7, 0, size, first + i) for i in range(5)]


# ---- groups --------------------------------------------------------------------------------------------------------


@settings(max_examples=80)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=8), seeds, st.integers(0, 2**40))
def test_a_group_is_drawn_once_a_pass_and_numbers_its_own_draws(sizes, seed, first):
    starts = np.cumsum([0, *sizes[:-1]])
    labels = np.arange(100, 100 + len(sizes), dtype=np.uint64)
    groups = Groups(np.array([0, len(sizes)]), starts, Passes.of(labels, np.array(sizes)))
    pools = make_pools([sum(sizes)], seats=[len(sizes)], groups=groups).seeded(seed)
    numbers = np.arange(first, first + 30)
    for number, item in zip(numbers.tolist(), pools.items(np.array([0]), numbers, 0).tolist(), strict=True):
        group = place_by_hand(seed, 0, len(sizes), number)
        own = place_by_hand(seed, 100 + group, sizes[group], number // len(sizes))
        assert item == 3 * (int(starts[group]) + own)


# ---- seats on the line ---------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(
    st.lists(st.floats(0.1, 9), min_size=2, max_size=30, unique=True),
    st.integers(16, 200),
    seeds,
    st.integers(0, 2**40),
)
def test_seats_of_a_lined_pool_are_evenly_spaced_and_turn_from_pass_to_pass(weights, seats, seed, number):
    pools = make_pools([len(weights)], weights, [seats])
    items = pools.seeded(seed).items(np.array([0]), np.arange(number * seats, (number + 1) * seats), 0)
    step = (2**64 - 1) // seats
    turn = (int(keys.key(seed, keys.LINE_PHASE, 0, 0).u[0]) + number * 0x9E3779B9) % 2**32
    phase = step * turn >> 32
    at = np.array([seat * step + phase for seat in range(seats)], np.uint64)
    wanted = np.searchsorted(pools.lines.starts, at, "right") - 1
    assert np.sort(items).tolist() == np.sort(3 * wanted).tolist()


def test_over_many_passes_the_seats_fill_the_gaps_they_left():
    weights = [1.0] * 15 + [0.05]
    items = make_pools([16], weights, [16]).seeded(0).items(np.array([0]), np.arange(16 * 400), 0)
    light = (items == 45).reshape(-1, 16).sum(axis=1)
    # Due 16 * 0.05 / 15.05 = 0.053 a pass, whichever stretch of passes is looked at.
    assert light.max() == 1
    for start in range(0, 400, 100):
        assert abs(light[start : start + 100].sum() - 5.3) <= 2


# ---- independent draws ---------------------------------------------------------------------------------------------


def test_independent_draws_are_in_proportion_and_do_not_depend_on_their_neighbours():
    weights = np.array([1.0, 2.0, 5.0])
    pools = make_pools([3], weights, independent=True).seeded(11)
    for first in (0, 2**32 - 20_000, 2**40 - 40_000):
        numbers = np.arange(first, first + 40_000)
        items = pools.items(np.array([0]), numbers, 3)
        counts = np.bincount(items // 3, minlength=3)
        assert np.abs(counts - 5000 * weights).max() < 5 * np.sqrt(40_000 * 0.25)
        assert (pools.items(np.array([0]), numbers[::-7], 3) == items[::-7]).all()
