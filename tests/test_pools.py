"""The pools: passes, seats on the weight line, and numbers far beyond any run."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balanceidx._format import keys, permutation
from balanceidx._pools import Pools
from strategies import epochs, seeds

EPOCHS = 2**32


def even_pools(sizes: list[int], draws: list[int]) -> Pools:
    offsets = np.concatenate(([0], np.cumsum(sizes)))
    return Pools.of(np.arange(offsets[-1], dtype=np.int32) * 3, offsets, np.array(draws))


@st.composite
def sizes_and_draws(draw):
    sizes = draw(st.lists(st.one_of(st.integers(1, 4), st.integers(1, 40)), min_size=1, max_size=6))
    draws = draw(
        st.lists(st.one_of(st.integers(1, 80), st.integers(1, 2**38)), min_size=len(sizes), max_size=len(sizes))
    )
    return sizes, draws


def place_by_hand(seed: int, c: int, size: int, number: int) -> int:
    """Place, after permutation, of a class's running draw number: the formula, one draw at a time."""
    turn = number // size % 2**64
    key = keys.key(seed, keys.POOL, c, turn >> 32, turn & 0xFFFFFFFF)
    return int(permutation.permute(np.array([number % size], np.uint32), permutation.Domain.of([size]), key)[0])


@settings(max_examples=150)
@given(st.data(), sizes_and_draws(), seeds, epochs)
def test_an_even_draw_is_a_place_of_a_pass(data, problem, seed, epoch):
    sizes, draws = problem
    pools = even_pools(sizes, draws)
    asked = []
    for c, count in enumerate(draws):
        for number in data.draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=4), f"draws of class {c}"):
            asked.append((c, number, 3 * (sum(sizes[:c]) + place_by_hand(seed, c, sizes[c], epoch * count + number))))
    classes, numbers, wanted = zip(*asked, strict=True)
    tables = pools.epoch(seed, epoch)
    assert tables.items(np.array(classes), np.array(numbers)).tolist() == list(wanted)
    for c in range(len(sizes)):
        of_class = [(number, item) for d, number, item in asked if d == c]
        found = tables.items(np.array([c]), np.array([number for number, _ in of_class]))
        assert found.tolist() == [item for _, item in of_class]


@settings(max_examples=60)
@given(st.integers(1, 40), st.integers(1, 100), seeds, epochs)
def test_every_pass_holds_every_item_once(size, draws, seed, epoch):
    epoch = min(epoch, EPOCHS - 4)
    pools = even_pools([size], [draws])
    items = np.concatenate(
        [pools.epoch(seed, e).items(np.array([0]), np.arange(draws)) for e in range(epoch, epoch + 4)]
    )
    first = -epoch * draws % size
    for start in range(first, len(items) - size + 1, size):
        assert sorted(items[start : start + size].tolist()) == list(range(0, 3 * size, 3))


def test_passes_epochs_classes_and_seeds_have_orders_of_their_own():
    pools = even_pools([30, 30], [30, 60])
    orders = set()
    for seed in (0, 1, 2**32, 2**63):
        for epoch in range(4):
            tables = pools.epoch(seed, epoch)
            first, second = (tables.items(np.array([c]), np.arange(30 * (c + 1))) for c in (0, 1))
            orders |= {tuple((part // 3 % 30).tolist()) for part in (first, second[:30], second[30:])}
    assert len(orders) == 4 * 4 * 3


@pytest.mark.parametrize("draws", [2**40, 2**40 - 1])
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_passes_of_the_last_epochs_are_those_of_big_integers(size, draws):
    pools = even_pools([size], [draws])
    for epoch in (2**24 - 1, 2**24, EPOCHS - 1):
        for first in (0, draws // 2, draws - 5):
            found = pools.epoch(7, epoch).items(np.array([0]), np.arange(first, first + 5))
            wanted = [3 * place_by_hand(7, 0, size, epoch * draws + number) for number in range(first, first + 5)]
            assert found.tolist() == wanted


# ---- seats on the line ---------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(st.lists(st.floats(0.1, 9), min_size=2, max_size=30, unique=True), st.integers(1, 200), seeds, epochs)
def test_seats_of_a_lined_pool_are_evenly_spaced(weights, draws, seed, epoch):
    pools = Pools.of(np.arange(len(weights)), np.array([0, len(weights)]), np.array([draws]), np.array(weights))
    assert pools.lined.tolist() == [True]
    tables = pools.epoch(seed, epoch)
    items = tables.items(np.array([0]), np.arange(draws))
    step, phase = int(tables.step[0]), int(tables.phase[0])
    assert step == (2**64 - 1) // draws and 0 <= phase < step
    seats = np.array([seat * step + phase for seat in range(draws)], np.uint64)
    wanted = np.searchsorted(pools.lines.starts, seats, "right") - 1
    assert np.sort(items).tolist() == np.sort(wanted).tolist()


def test_a_class_of_equal_weights_stays_even_beside_a_lined_one():
    weights = np.array([2.0, 2.0, 2.0, 1.0, 3.0])
    pools = Pools.of(np.arange(5), np.array([0, 3, 5]), np.array([3, 4]), weights)
    assert pools.lined.tolist() == [False, True]
    alone = Pools.of(np.arange(3), np.array([0, 3]), np.array([3]))
    for epoch in range(4):
        found = pools.epoch(1, epoch).items(np.array([0]), np.arange(3))
        assert found.tolist() == alone.epoch(1, epoch).items(np.array([0]), np.arange(3)).tolist()
        assert np.bincount(pools.epoch(1, epoch).items(np.array([1]), np.arange(4))).tolist() == [0, 0, 0, 1, 3]


def test_the_phase_moves_from_epoch_to_epoch():
    pools = Pools.of(np.arange(2), np.array([0, 2]), np.array([1]), np.array([1.0, 2.0]))
    items = np.array([int(pools.epoch(0, epoch).items(np.array([0]), np.array([0]))[0]) for epoch in range(300)])
    # One draw an epoch: item 0 is due a third of them, whichever stretch of epochs is looked at.
    for start in range(0, 300, 30):
        assert abs((items[start : start + 30] == 0).sum() - 10) <= 2


# ---- independent draws ---------------------------------------------------------------------------------------------


def test_independent_draws_are_in_proportion_and_do_not_depend_on_their_neighbours():
    weights = np.array([1.0, 2.0, 5.0])
    pools = Pools.of(np.arange(3), np.array([0, 3]), np.array([2**40]), weights, independent=True)
    tables = pools.epoch(11, 3)
    for first in (0, 2**32 - 20_000, 2**40 - 40_000):
        numbers = np.arange(first, first + 40_000)
        items = tables.items(np.array([0]), numbers)
        counts = np.bincount(items, minlength=3)
        assert np.abs(counts - 5000 * weights).max() < 5 * np.sqrt(40_000 * 0.25)
        assert (tables.items(np.array([0]), numbers[::-7]) == items[::-7]).all()
