"""Targets: shares against 60-digit arithmetic, mappings by label, and what is refused."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import balanceidx as bx
from balanceidx._make.targets import Explicit, exact_integers, per_label, resolve
from strategies import exact_shares

sizes_lists = st.lists(st.one_of(st.integers(1, 20), st.integers(1, 10**9)), min_size=1, max_size=8)


def assert_proportional(found: list[int], wanted: list[Fraction], tolerance: Fraction) -> None:
    """The two agree up to a common factor: each to `tolerance` of itself, or of 2**-64 of the largest."""
    largest = max(range(len(wanted)), key=lambda c: wanted[c])
    for count, share in zip(found, wanted, strict=True):
        part = share / wanted[largest]
        assert abs(Fraction(count, found[largest]) - part) <= max(part, Fraction(1, 2**64)) * tolerance
        assert count >> max(0, count.bit_length() - 32) << max(0, count.bit_length() - 32) == count


@given(sizes_lists, st.sampled_from(["square_root", bx.Power(0.3), bx.Power(-2), bx.Power(2.5), bx.Power(0.5)]))
def test_powers_are_right_to_32_bits(sizes, target):
    found = resolve(target, range(len(sizes))).shares(sizes)
    assert_proportional(found, exact_shares(target, sizes), Fraction(3, 2**32))
    assert min(found) >= 1, "a class with items has a share, however small"


@settings(max_examples=50)
@given(st.lists(st.integers(1, 400), min_size=1, max_size=5), st.sampled_from([0.0, 0.5, 0.9, 0.999, 1 - 2**-53]))
def test_effective_number_is_the_paper_s_formula(sizes, beta):
    found = bx.EffectiveNumber(beta).shares(sizes)
    # Written as in equation 2 of the paper, in exact fractions: n over the effective number (1 - beta^n) / (1 - beta).
    exact = Fraction(beta)
    wanted = [n * (1 - exact) / (1 - exact**n) for n in sizes]
    assert_proportional(found, wanted, Fraction(3, 2**32))


@given(sizes_lists)
def test_named_targets(sizes):
    named = {name: resolve(name, range(len(sizes))).shares(sizes) for name in ("natural", "balanced", "sqrt")}
    assert named["natural"] == sizes
    assert named["balanced"] == [1] * len(sizes)
    assert named["sqrt"] == resolve("square_root", range(len(sizes))).shares(sizes)


def test_effective_number_runs_from_natural_to_balanced():
    sizes = [10, 1000]

    def ratio(beta: float) -> float:
        small, large = bx.EffectiveNumber(beta).shares(sizes)
        return small / large

    betas = [0.0, 0.9, 0.99, 0.999, 0.9999, 1 - 1e-9]
    assert all(a < b for a, b in itertools.pairwise(map(ratio, betas)))
    assert ratio(0.0) == pytest.approx(0.01)
    assert ratio(1 - 1e-9) == pytest.approx(1, rel=1e-5)


def test_empty_classes_get_nothing():
    for target in (bx.Power(1), bx.Power(0), bx.Power(0.5), bx.Power(-1), bx.EffectiveNumber(0.9)):
        shares = target.shares([5, 0, 7])
        assert shares[1] == 0 and shares[0] > 0 and shares[2] > 0


@given(st.lists(st.floats(0, allow_nan=False, allow_infinity=False), min_size=1, max_size=8))
def test_floats_become_integers_without_rounding(values):
    integers = exact_integers(values)
    factors = {Fraction(n) / Fraction(value) for n, value in zip(integers, values, strict=True) if value}
    assert len(factors) <= 1
    assert all((n == 0) == (value == 0) for n, value in zip(integers, values, strict=True))


def test_extremes_of_floats_are_shares():
    plan = bx.ratio([0] * 5 + [1] * 5, {0: 1e308, 1: 5e-324}, batch_size=10)
    assert (plan.draws_per_epoch * 1024).tolist() == [10 * 1024 - 1, 1]


# ---- shares by label -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "target"),
    [
        (["dog", "cat", "cow"], {"cow": 2, "cat": 1, "dog": 3}),
        (["dog", "cat", "cow"], {np.str_("cow"): 2, np.str_("cat"): 1, np.str_("dog"): 3}),
        ([9, 2, 5], {5: 2, 2: 1, 9: 3}),
        ([9, 2, 5], {np.int64(5): 2, np.int8(2): 1, np.uint8(9): np.float32(3)}),
        ([9, 2, 5], [1, 2, 3]),  # in the sorted order of the labels
        ([9, 2, 5], (1, 2.0, 3)),
        ([9, 2, 5], np.array([1, 2, 3], np.float16)),
        ([9, 2, 5], {5: Fraction(2), 2: 1, 9: 3}),
    ],
)
def test_shares_are_given_by_label_or_in_sorted_order(labels, target):
    plan = bx.ratio(labels * 10, target, batch_size=6)
    assert plan.classes.tolist() == sorted(labels)
    assert plan.draws_per_epoch.tolist() == [5, 10, 15]


def test_booleans_are_labels_of_shares():
    plan = bx.ratio([True] * 5 + [False] * 15, {True: 3, False: 1}, batch_size=4)
    assert plan.classes.tolist() == [False, True]
    assert plan.draws_per_epoch.tolist() == [5, 15]


def test_a_share_of_zero_leaves_a_class_out():
    plan = bx.ratio([0] * 10 + [1] * 10 + [2] * 10, {0: 1, 1: 0, 2: 1}, batch_size=6)
    assert plan.draws_per_epoch.tolist() == [15, 0, 15]
    for epoch in range(3):
        drawn = plan.epoch_indices(0, epoch=epoch)
        assert not ((drawn >= 10) & (drawn < 20)).any()


class Series:
    """What a pandas Series is to us: values by label, and an array of them by position."""

    def __init__(self, values, index):
        self.values, self.index = values, index

    def keys(self):
        return self.index

    def items(self):
        return zip(self.index, self.values, strict=True)

    def __getitem__(self, label):
        return self.values[self.index.index(label)]

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.values, dtype)


def test_a_series_is_read_by_its_index_and_not_by_position():
    labels = ["a"] * 10 + ["b"] * 30
    plan = bx.ratio(labels, Series([0.75, 0.25], ["b", "a"]), batch_size=4)
    assert plan.draws_per_epoch.tolist() == [10, 30]


@pytest.mark.parametrize(
    ("values", "index", "text"),
    [
        ([1, 2], [0, 1], "`target` names label 0, which no item has; the labels are 'a', 'b'."),
        ([1], ["a"], "`target` gives no share to label 'b' (1 such labels in all)"),
        ([1, 2, 3], ["a", "b", "a"], "`target` names label 'a' more than once; give one value per label."),
        ([1, None], ["a", "b"], "`target` gives no share to label 'b'"),
        ([1, float("nan")], ["a", "b"], "`target` gives label 'b' the share nan;"),
    ],
)
def test_a_series_that_does_not_fit_the_labels(values, index, text):
    with pytest.raises(ValueError) as caught:
        bx.ratio(LABELS, Series(values, index), batch_size=4)
    assert text in str(caught.value)


@pytest.mark.parametrize("labels", [["cat"] * 30 + ["dog"] * 70, [7] * 30 + [9] * 70, [False] * 30 + [True] * 70])
@pytest.mark.parametrize("categorical", [True, False])
def test_the_frequencies_of_pandas_are_shares(labels, categorical):
    pandas = pytest.importorskip("pandas")
    series = pandas.Series(labels, dtype="category" if categorical else None)
    frequencies = series.value_counts(normalize=True)
    assert frequencies.iloc[0] == 0.7, "the most frequent comes first, so the position is not that of the sorted labels"
    plan = bx.ratio(labels, frequencies, batch_size=10)
    assert plan.draws_per_epoch.tolist() == [30, 70]
    assert plan.fingerprint == bx.ratio(labels, frequencies.to_dict(), batch_size=10).fingerprint


def test_a_series_of_pandas_may_have_a_label_named_shares():
    pandas = pytest.importorskip("pandas")
    target = pandas.Series({"shares": 3, "bonds": 1})  # pandas makes an attribute of it
    plan = bx.ratio(["shares"] * 10 + ["bonds"] * 10, target, batch_size=4)
    assert plan.draws_per_epoch.tolist() == [5, 15]


def test_a_target_of_one_s_own_may_have_labels_too():
    class Inverse(Series):
        def shares(self, sizes):
            return [10**12 // n for n in sizes]

    plan = bx.ratio([0] * 20 + [1] * 10, Inverse([5, 1], [0, 1]), batch_size=6)
    assert plan.draws_per_epoch.tolist() == [10, 20]


def test_a_target_of_one_s_own():
    class Inverse:
        def shares(self, sizes):
            return [10**12 // n for n in sizes]

    plan = bx.ratio([0] * 20 + [1] * 10, Inverse(), batch_size=6)
    assert plan.draws_per_epoch.tolist() == [10, 20]


def test_per_label_arranges_by_class():
    assert per_label("x", {"b": 2, "a": 1}, ["a", "b", "c"]) == [1, 2, None]
    assert per_label("x", {"b": 2}, ["a", "b"], unnamed=0) == [0, 2]
    assert Explicit((0.5, 0.25)).shares([1, 1]) == [2, 1]


# ---- the door ------------------------------------------------------------------------------------------------------

LABELS = ["a"] * 10 + ["b"] * 10


@pytest.mark.parametrize(
    ("target", "error", "text"),
    [
        ("balance", ValueError, "`target` 'balance' is unknown; the names are 'natural', 'balanced', 'square_root', 'sqrt', "
         "'effective_number'."),
        ({"a": 1, "c": 1}, ValueError, "`target` names label 'c', which no item has; the labels are 'a', 'b'."),
        ({"a": 1, 0: 1}, ValueError, "`target` names label 0, which no item has; the labels are 'a', 'b'."),
        ({"a": 1}, ValueError, "`target` gives no share to label 'b' (1 such labels in all); every label needs one, and 0 "
         "leaves it out."),
        ({}, ValueError, "`target` gives no share to label 'a' (2 such labels in all)"),
        ({"a": 1, "b": None}, ValueError, "`target` gives no share to label 'b'"),
        ({"a": 1, "b": -0.5}, ValueError, "`target` gives label 'b' the share -0.5; shares are finite and not negative."),
        ({"a": 1, "b": float("nan")}, ValueError, "`target` gives label 'b' the share nan;"),
        ({"a": float("inf"), "b": 1}, ValueError, "`target` gives label 'a' the share inf;"),
        ({"a": 1, "b": "1"}, ValueError, "`target` gives label 'b' the share '1';"),
        ({"a": 1, "b": [1]}, (TypeError, ValueError), "`target` gives label 'b' the share [1]"),
        ({"a": 1, "b": 1j}, (TypeError, ValueError), "`target` gives label 'b' the share 1j"),
        ({"a": 1, "b": 10**400}, ValueError, "`target` gives label 'b' the share 1000000"),
        ({"a": 0, "b": 0.0}, ValueError, "`target` has only zero shares: no item could ever be drawn."),
        ([1, 2, 3], ValueError, "`target` has 3 shares for 2 classes; give one share per class, in sorted order."),
        ([0, 0], ValueError, "`target` has only zero shares"),
        ([1, float("nan")], ValueError, "`target` gives label 'b' the share nan;"),
        ([[1, 2]], TypeError, "`target` must be a name, a {label: share} mapping, shares or a target, not [[1, 2]]."),
        ([[1], [2, 3]], TypeError, "`target` must be a name, a {label: share} mapping, shares or a target, not [[1], [2, 3]]."),
        (dict, TypeError, "`target` must be a name, a {label: share} mapping, shares or a target, not <class 'dict'>."),
        (0.5, TypeError, "`target` must be a name, a {label: share} mapping, shares or a target, not 0.5."),
        (None, TypeError, "`target` must be a name, a {label: share} mapping, shares or a target, not None."),
        (["x", "y"], TypeError, "`target` must be a name, a {label: share} mapping, shares or a target, not ['x', 'y']."),
        (bx.Power, TypeError, "`target`"),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_bad_targets(target, error, text):
    with pytest.raises(error) as caught:
        bx.ratio(LABELS, target, batch_size=4)
    assert text in str(caught.value)


class Returns:
    """A target of one's own that returns what it is told to."""

    def __init__(self, shares):
        self.answer = shares

    def shares(self, sizes):
        return self.answer


@pytest.mark.parametrize("shares", [[1], [1, 1, 1], [1, -1], [0, 0], None, ["a", "b"], [True, True]], ids=repr)
def test_a_target_of_one_s_own_that_answers_nonsense_is_refused_by_name(shares):
    with pytest.raises((TypeError, ValueError), match="`target`"):
        bx.ratio(LABELS, Returns(shares), batch_size=4)


@pytest.mark.parametrize(
    ("make", "value", "error", "text"),
    [
        (bx.Power, float("nan"), ValueError, "`exponent` must be a finite number, not nan."),
        (bx.Power, float("inf"), ValueError, "`exponent` must be a finite number, not inf."),
        (bx.Power, True, ValueError, "`exponent` must be a finite number, not True."),
        (bx.Power, "half", (TypeError, ValueError), "`exponent` must be a finite number, not 'half'."),
        (bx.Power, None, (TypeError, ValueError), "`exponent` must be a finite number, not None."),
        (bx.EffectiveNumber, 1, ValueError, "`beta` must be in [0, 1), not 1."),
        (bx.EffectiveNumber, -0.1, ValueError, "`beta` must be in [0, 1), not -0.1."),
        (bx.EffectiveNumber, float("nan"), ValueError, "`beta` must be in [0, 1), not nan."),
        (bx.EffectiveNumber, False, ValueError, "`beta` must be in [0, 1), not False."),
        (bx.EffectiveNumber, "a", (TypeError, ValueError), "`beta` must be in [0, 1), not 'a'."),
    ],
)
def test_bad_parameters_of_targets(make, value, error, text):
    with pytest.raises(error) as caught:
        make(value)
    assert text in str(caught.value)


@pytest.mark.parametrize("exponent", [1e300, -1e300, 1e9, -1e9, 400.0])
def test_extreme_exponents_give_shares_or_a_clear_error(exponent):
    try:
        plan = bx.ratio([0] * 20 + [1] * 10, bx.Power(exponent), batch_size=6)
    except ValueError as error:
        assert "`target`" in str(error)
    else:
        in_cycle = (plan.draws_per_epoch * 1024).tolist()
        assert in_cycle == ([30 * 1024 - 1, 1] if exponent > 0 else [1, 30 * 1024 - 1])
