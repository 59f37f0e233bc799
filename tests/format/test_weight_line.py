"""The weight line against Python's big integers: lengths in proportion, and look-ups by plain search."""

from bisect import bisect_right
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balanceidx._format.weight_line import Lines, _multiply_shift_62

positive = st.one_of(
    st.floats(0.1, 10), st.floats(5e-324, 1.7e308, allow_nan=False), st.sampled_from([5e-324, 1.0, 1.7e308])
)


def one_line(weights: list[float]) -> Lines:
    return Lines.of(np.array(weights), np.array([0, len(weights)]))


def lengths(line: Lines) -> list[int]:
    return [after - before for before, after in pairwise([*line.starts.tolist(), 2**64])]


def look_up(starts: list[int], position: int) -> int:
    """Which stretch holds a position, by bisection of Python integers."""
    return bisect_right(starts, position) - 1


# ---- lengths -------------------------------------------------------------------------------------------------------


@settings(max_examples=200)
@given(st.lists(positive, min_size=1, max_size=60))
def test_stretches_are_as_long_as_the_weights(weights):
    line = one_line(weights)
    assert line.starts.dtype == np.uint64 and line.starts[0] == 0
    total = sum(map(Fraction, weights))
    for length, weight in zip(lengths(line), weights, strict=True):
        assert length > 0, "an item with a weight has no place"
        # A weight is cut to a unit of 2**-61 of the line, or raised to one; starts are cut to one of 2**-64.
        assert abs(Fraction(length, 2**64) - Fraction(weight) / total) <= (len(weights) + 2) * Fraction(1, 2**60)


def test_equal_weights_have_equal_stretches():
    for count in (1, 2, 3, 10, 1000):
        found = lengths(one_line([0.3] * count))
        assert max(found) - min(found) <= count
        assert sum(found) == 2**64


def test_scaling_all_weights_by_a_power_of_two_changes_nothing():
    weights = np.random.default_rng(0).random(100) + 0.1
    line = one_line(weights)
    for power in (-1000, -1, 1, 900):
        assert (one_line(np.ldexp(weights, power)).starts == line.starts).all()


def test_a_heavy_item_leaves_the_light_ones_a_place():
    found = lengths(one_line([1e-300] * 500 + [1e300]))
    assert min(found) > 0 and max(found) > 2**64 - 2**20


@given(st.lists(st.integers(0, 2**63 - 1), min_size=1), st.integers(1, 2**65))
def test_multiply_shift_is_exact(values, factor):
    values = [value for value in values if value * factor >> 62 < 2**64] or [0]
    found = _multiply_shift_62(np.array(values, np.uint64), factor)
    assert found.tolist() == [value * factor >> 62 for value in values]


# ---- look-ups ------------------------------------------------------------------------------------------------------


def places_to_ask(data, starts: list[int]) -> list[int]:
    """Positions at random, and next to where stretches begin."""
    near = [(start + shift) % 2**64 for start in starts for shift in (-1, 0, 1)]
    return [0, 2**64 - 1, *near, *data.draw(st.lists(st.integers(0, 2**64 - 1), max_size=40), "positions")]


@settings(max_examples=200)
@given(st.data(), st.lists(positive, min_size=1, max_size=60))
def test_find_is_a_search_among_the_starts(data, weights):
    line = one_line(weights)
    starts = line.starts.tolist()
    positions = places_to_ask(data, starts)
    wanted = [look_up(starts, position) for position in positions]
    found = line.find(np.zeros(1, np.intp), np.array(positions, np.uint64))
    assert found.tolist() == wanted
    assert found.tolist() == (np.searchsorted(line.starts, np.array(positions, np.uint64), "right") - 1).tolist()


@settings(max_examples=100)
@given(st.data(), st.lists(st.lists(positive, max_size=12), min_size=1, max_size=6).filter(any))
def test_find_in_one_of_several_lines(data, pools):
    offsets = np.concatenate(([0], np.cumsum([len(pool) for pool in pools])))
    lines = Lines.of(np.array([weight for pool in pools for weight in pool]), offsets)
    asked = []
    for c, pool in enumerate(pools):
        starts = lines.starts[offsets[c] : offsets[c + 1]].tolist()
        assert starts == (one_line(pool).starts.tolist() if pool else [])
        asked += [(c, p, int(offsets[c]) + look_up(starts, p)) for p in places_to_ask(data, starts) if pool]
    chosen, positions, wanted = zip(*data.draw(st.permutations(asked), "order"), strict=True)
    found = lines.find(np.array(chosen, np.intp), np.array(positions, np.uint64))
    assert found.tolist() == list(wanted)
    for c in set(chosen):
        of_pool = np.array([p for d, p, _ in asked if d == c], np.uint64)
        assert lines.find(np.array([c]), of_pool).tolist() == [at for d, _, at in asked if d == c]


@pytest.mark.parametrize("count", [10, 10**5])
def test_find_on_long_lines(count):
    rng = np.random.default_rng(0)
    for weights in (rng.random(count) + 0.1, rng.lognormal(0, 5, count), np.sort(10 ** rng.uniform(-200, 200, count))):
        line = one_line(weights)
        positions = rng.integers(0, 2**64, 10**5, np.uint64)
        positions[: len(line.starts)] = line.starts[: len(positions)]
        found = line.find(np.zeros(1, np.intp), positions)
        assert (found == np.searchsorted(line.starts, positions, "right") - 1).all()
