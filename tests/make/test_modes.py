"""The ways to make a plan from labels: what they agree on, what they mean, and what they refuse."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import balanceidx as bx
from strategies import cases, seeds

LABELS = [0] * 90 + [1] * 9 + [2]


def counts(plan: bx.Plan, labels: list, seed: int = 0, **call) -> np.ndarray:
    """How many of each class every batch of an epoch holds."""
    classes = plan.classes.tolist()
    held = np.array([classes.index(label) for label in labels])[plan.epoch_indices(seed, **call)]
    return np.array([np.bincount(batch, minlength=len(classes)) for batch in held.reshape(plan.steps_per_epoch, -1)])


# ---- ratio, stratified, min_positives ------------------------------------------------------------------------------


def test_the_short_names_are_ratio_with_a_target():
    assert bx.stratified(LABELS, batch_size=10).fingerprint == bx.ratio(LABELS, "natural", batch_size=10).fingerprint
    minimum = {1: 2, 2: 1}
    short = bx.min_positives(LABELS, minimum, batch_size=10, max_repeats=30, epoch_size=90)
    long = bx.ratio(LABELS, "natural", batch_size=10, min_per_batch=minimum, max_repeats=30, epoch_size=90)
    assert short.fingerprint == long.fingerprint


def test_balanced_is_the_default():
    assert bx.ratio(LABELS, batch_size=9).draws_per_epoch.tolist() == [33, 33, 33]


@settings(max_examples=60)
@given(cases("bounded", "bounded_item_weights"), seeds)
def test_every_batch_and_rank_holds_the_minimum(case, seed):
    plan = case.plan
    minimum = [m // plan.steps_per_epoch for m in case.least]
    held = case.composition(plan.epoch_indices(seed), plan.steps_per_epoch)
    assert (held >= minimum).all()
    ranks = 2 if plan.batch_size % 2 == 0 else 1
    part = case.composition(plan.epoch_indices(seed, ranks - 1, world_size=ranks), plan.steps_per_epoch)
    assert (part >= [m // ranks for m in minimum]).all()


def test_a_minimum_leaves_the_others_their_proportions():
    plan = bx.min_positives([0] * 800 + [1] * 190 + [2] * 10, {2: 5}, batch_size=104, epoch_size=1040)
    assert plan.draws_per_epoch.tolist() == [800, 190, 50]


def test_a_minimum_below_the_share_changes_nothing():
    plain = bx.stratified(LABELS, batch_size=10)
    assert bx.min_positives(LABELS, {0: 3}, batch_size=10).fingerprint == plain.fingerprint
    assert bx.stratified(LABELS, batch_size=10, min_per_batch={}).fingerprint == plain.fingerprint


def test_minima_that_fill_the_batch_are_the_batch():
    plan = bx.min_positives(LABELS, {0: 5, 1: 3, 2: 2}, batch_size=10)
    assert (counts(plan, LABELS) == [5, 3, 2]).all()


@settings(max_examples=40)
@given(cases("bounded"))
def test_no_class_is_drawn_more_often_than_its_cap(case):
    if "max_repeats" in case.arguments:
        exact = Fraction(repr(float(case.arguments["max_repeats"])))
        sizes = np.bincount(case.group)
        for count, size in zip(case.plan.draws_per_epoch.tolist(), sizes.tolist(), strict=True):
            assert count <= exact * size


def test_a_cap_in_tenths_is_the_number_as_it_is_written():
    # The float 1.2 is a little below 12 / 10.
    plan = bx.ratio([0] * 90 + [1] * 10, batch_size=10, max_repeats=1.2)
    assert plan.draws_per_epoch.tolist() == [88, 12]


def test_a_cap_may_be_any_real_number():
    third = bx.ratio([0] * 9 + [1] * 9, batch_size=2, epoch_size=6, max_repeats=Fraction(1, 3))
    assert third.draws_per_epoch.tolist() == [3, 3], "a third of nine is three, though the float is a little less"
    decimal, exact = (bx.ratio([0] * 90 + [1] * 10, batch_size=10, max_repeats=cap) for cap in (1.2, Fraction(6, 5)))
    assert decimal.fingerprint == exact.fingerprint


def test_a_cap_of_one_is_undersampling_in_proportion():
    plan = bx.ratio(LABELS, batch_size=10, epoch_size=60, max_repeats=1)
    assert plan.draws_per_epoch.tolist() == [50, 9, 1]


# ---- item weights --------------------------------------------------------------------------------------------------


def test_item_weights_share_out_the_draws_of_a_class():
    weights = np.array([1.0, 2.0, 3.0, 0.0] * 5 + [1.0] * 10)
    labels = [0] * 20 + [1] * 10
    plan = bx.ratio(labels, batch_size=6, epoch_size=60, item_weights=weights)
    for epoch in range(5):
        used = np.bincount(plan.epoch_indices(3, epoch=epoch), minlength=30)
        assert used[:20].tolist() == [1, 2, 3, 0] * 5
        assert (used[20:] == 3).all()


def test_groups_within_a_class_through_weights():
    # Weight 1 / size of the group: each group of a class gets the same number of draws.
    groups = np.repeat([0, 1, 2], [50, 30, 20])
    weights = 1 / np.bincount(groups)[groups]
    plan = bx.ratio(["x"] * 100, batch_size=10, epoch_size=300, item_weights=weights)
    for epoch in range(5):
        drawn = np.bincount(groups[plan.epoch_indices(0, epoch=epoch)])
        assert np.abs(drawn - 100).max() <= 1


def test_equal_item_weights_are_no_weights():
    plain = bx.ratio(LABELS, batch_size=10)
    weighted = bx.ratio(LABELS, batch_size=10, item_weights=np.full(100, 0.3))
    assert (weighted.epoch_indices(1, epoch=2) == plain.epoch_indices(1, epoch=2)).all()


def test_item_weights_of_another_scale_per_class_change_nothing():
    rng = np.random.default_rng(0)
    weights = rng.random(100) + 0.1
    scaled = weights * np.array([4.0, 0.25, 8.0])[LABELS]
    plans = [bx.ratio(LABELS, batch_size=10, item_weights=w) for w in (weights, scaled)]
    assert plans[0].fingerprint == plans[1].fingerprint


def test_item_weights_leave_the_shares_alone():
    weights = np.where(np.array(LABELS) == 0, 1000.0, 1.0) * (1 + np.arange(100) % 2)
    plan = bx.ratio(LABELS, batch_size=9, item_weights=weights)
    assert plan.draws_per_epoch.tolist() == [33, 33, 33]


@pytest.mark.parametrize("shares", [{0: 1, 1: 0, 2: 1}, {0: 1, 1: 0, 2: 0}])
def test_a_class_without_drawable_items_may_have_no_share(shares):
    weights = [1.0] * 20 + [0.0] * 10 + [1.0] * 10
    plan = bx.ratio([0] * 20 + [1] * 10 + [2] * 10, shares, batch_size=4, item_weights=weights)
    drawn = plan.epoch_indices(0)
    assert not ((drawn >= 20) & (drawn < 30)).any()


# ---- the door ------------------------------------------------------------------------------------------------------

HALF = [0] * 10 + [1] * 10

BAD_PLANS = {
    "batch size 0": (lambda: bx.ratio(HALF, batch_size=0), ValueError, "`batch_size` (all ranks together) must be at "
                     "least 1, not 0."),
    "batch size a float": (lambda: bx.ratio(HALF, batch_size=4.0), TypeError, "`batch_size` (all ranks together) must be "
                           "an integer, not float 4.0."),
    "batch size a bool": (lambda: bx.weighted([1.0], batch_size=True), TypeError, "not bool True."),
    "batch size a string": (lambda: bx.ratio(HALF, batch_size="4"), TypeError, "not str '4'."),
    "batch size too large": (lambda: bx.ratio(HALF, batch_size=2**31), ValueError, "`batch_size` (all ranks together) must "
                             "be below 2**31, not 2147483648."),
    "minimum of an unknown label": (lambda: bx.ratio(HALF, batch_size=4, min_per_batch={7: 1}), ValueError,
                                    "`min_per_batch` names label 7, which no item has; the labels are 0, 1."),
    "minima above the batch": (lambda: bx.ratio(HALF, batch_size=4, min_per_batch={0: 3, 1: 2}), ValueError,
                               "`min_per_batch` asks for 5 items in every batch, but `batch_size` is 4."),
    "minimum negative": (lambda: bx.ratio(HALF, batch_size=4, min_per_batch={1: -1}), ValueError,
                         "`min_per_batch[1]` must be at least 0, not -1."),
    "minimum a float": (lambda: bx.ratio(HALF, batch_size=4, min_per_batch={1: 0.5}), TypeError,
                        "`min_per_batch[1]` must be an integer, not float 0.5."),
    "minimum None": (lambda: bx.ratio(HALF, batch_size=4, min_per_batch={0: None}), TypeError,
                     "`min_per_batch[0]` must be an integer, not NoneType None."),
    "min_positives of None": (lambda: bx.min_positives(HALF, {0: 1, 1: None}, batch_size=4), TypeError,
                              "`minimum[1]` must be an integer, not NoneType None."),
    "minima a number": (lambda: bx.ratio(HALF, batch_size=4, min_per_batch=2), TypeError,
                        "`min_per_batch` must be a mapping {label: count}, not 2."),
    "minimum without a share": (lambda: bx.ratio(HALF, {0: 1, 1: 0}, batch_size=4, min_per_batch={1: 1}), ValueError,
                                "`min_per_batch` asks for label 1, whose share in `target` is 0."),
    "minima leave no seat": (lambda: bx.ratio(HALF, batch_size=4, min_per_batch={0: 4}), ValueError,
                             "the 2 classes need at least 20481 draws a cycle of 1024 epochs (minima, and 1 each), but a cycle "
                             "has 20480;"),
    "min_positives without a mapping": (lambda: bx.min_positives(HALF, 3, batch_size=4), TypeError,
                                        "`minimum` must be a mapping such as {label: 4}, not 3."),
    "min_positives of nothing": (lambda: bx.min_positives(HALF, {}, batch_size=4), TypeError,
                                 "`minimum` must be a mapping such as {label: 4}, not {}."),
    "min_positives above the batch": (lambda: bx.min_positives(HALF, {0: 3, 1: 2}, batch_size=4), ValueError,
                                      "`minimum` asks for 5 items in every batch, but `batch_size` is 4."),
    "min_positives above the cap": (lambda: bx.min_positives(HALF, {1: 3}, batch_size=4, max_repeats=1.25), ValueError,
                                    "below its minimum of 15; raise `max_repeats` or lower `minimum`."),
    "min_positives of a float": (lambda: bx.min_positives(HALF, {1: 0.5}, batch_size=4), TypeError,
                                 "`minimum[1]` must be an integer, not float 0.5."),
    "min_positives of an unknown label": (lambda: bx.min_positives(HALF, {7: 1}, batch_size=4), ValueError,
                                          "names label 7, which no item has; the labels are 0, 1."),
    "more classes than draws": (lambda: bx.ratio(list(range(5000)), batch_size=4, epoch_size=4), ValueError,
                                "the 5000 classes need at least 5000 draws a cycle of 1024 epochs (minima, and 1 each), but a "
                                "cycle has 4096; raise `epoch_size` or `batch_size`, or lower `min_per_batch`."),
    "cap below a minimum": (lambda: bx.ratio(HALF, batch_size=4, min_per_batch={1: 3}, max_repeats=1.25), ValueError,
                            "`max_repeats` allows label 1 at most 12 draws an epoch, below its minimum of 15"),
    "cap of nothing": (lambda: bx.ratio(HALF, batch_size=4, max_repeats=0.01), ValueError,
                       "`max_repeats` allows label 0 at most 0 draws an epoch, below its minimum of 1"),
    "all capped": (lambda: bx.ratio(HALF, batch_size=4, max_repeats=0.9), ValueError,
                   "`max_repeats` caps all classes together at 18 draws an epoch, below the 20 draws that it has"),
    "cap zero": (lambda: bx.ratio(HALF, batch_size=4, max_repeats=0), ValueError,
                 "`max_repeats` must be a positive finite number, not 0."),
    "cap NaN": (lambda: bx.ratio(HALF, batch_size=4, max_repeats=float("nan")), ValueError, "number, not nan."),
    "cap infinite": (lambda: bx.ratio(HALF, batch_size=4, max_repeats=float("inf")), ValueError, "number, not inf."),
    "cap negative": (lambda: bx.ratio(HALF, batch_size=4, max_repeats=-1), ValueError, "number, not -1."),
    "cap beyond floats": (lambda: bx.ratio(HALF, batch_size=4, max_repeats=10**400), ValueError,
                          f"`max_repeats` must be a positive finite number, not 1{'0' * 400}."),
    "cap a negative fraction": (lambda: bx.ratio(HALF, batch_size=4, max_repeats=Fraction(-1, 2)), ValueError,
                                "number, not Fraction(-1, 2)."),
    "cap a bool": (lambda: bx.ratio(HALF, batch_size=4, max_repeats=True), ValueError, "number, not True."),
    "cap a string": (lambda: bx.ratio(HALF, batch_size=4, max_repeats="2"), ValueError, "number, not '2'."),
    "item weights per class": (lambda: bx.ratio(HALF, batch_size=4, item_weights=[0.1, 0.9]), ValueError,
                               "`item_weights` has 2 entries for 20 items (one weight per class?); give one per item."),
    "item weights one short": (lambda: bx.ratio(HALF, batch_size=4, item_weights=[1.0] * 19), ValueError,
                               "`item_weights` has 19 entries for 20 items; give one per item."),
    "item weights negative": (lambda: bx.ratio(HALF, batch_size=4, item_weights=[1.0] * 19 + [-1.0]), ValueError,
                              "`item_weights` must be finite and not negative, but entry 19 is -1.0."),
    "item weights NaN": (lambda: bx.ratio(HALF, batch_size=4, item_weights=[float("nan")] * 20), ValueError,
                         "`item_weights` must be finite and not negative, but entry 0 is nan."),
    "item weights all zero": (lambda: bx.ratio(HALF, batch_size=4, item_weights=[0.0] * 20), ValueError,
                              "`item_weights` are all zero: no item could ever be drawn."),
    "item weights too large together": (
        lambda: bx.ratio([0] * 4, batch_size=1, item_weights=[1e308, 1e308, 1.7e308, 1e308], epoch_size="oversample"),
        ValueError, "`item_weights` of one class sum to more than a float can hold; scale them down."),
    "item weights are labels": (lambda: bx.ratio(HALF, batch_size=4, item_weights=HALF), TypeError,
                                "`item_weights` has dtype int64 and looks like labels"),
    "first class without drawable items": (
        lambda: bx.ratio(HALF, {0: 1, 1: 1}, batch_size=4, item_weights=[0.0] * 10 + [1.0] * 10), ValueError,
        "`target` gives label 0 a share, but none of its items has a positive weight; give the label a share of 0 or its "
        "items a weight."),
    "second class without drawable items": (
        lambda: bx.ratio([0, 1, 2, 2], {0: 0, 1: 1, 2: 1}, batch_size=2, item_weights=[0.0, 0.0, 1.0, 1.0]), ValueError,
        "`target` gives label 1 a share, but none of its items has a positive weight"),
    "balanced class without drawable items": (
        lambda: bx.ratio(HALF, batch_size=4, item_weights=[1.0] * 10 + [0.0] * 10), ValueError,
        "`target` gives label 1 a share, but none of its items has a positive weight"),
    "weights as labels": (lambda: bx.ratio(np.random.default_rng(0).random(20), batch_size=4), TypeError,
                          "`labels` has dtype float64 and looks like weights; one weight per item goes to "
                          "balanceidx.weighted(weights, ...)."),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_PLANS)
def test_bad_plans(name):
    make, error, text = BAD_PLANS[name]
    with pytest.raises(error) as caught:
        make()
    assert text in str(caught.value)


@pytest.mark.parametrize("make", [bx.stratified, bx.min_positives])
def test_minima_of_pandas_are_read_by_label(make):
    pandas = pytest.importorskip("pandas")
    name = "minimum" if make is bx.min_positives else "min_per_batch"
    plan = make(HALF, **{name: pandas.Series({1: 3, 0: 0})}, batch_size=4)
    assert plan.fingerprint == make(HALF, **{name: {1: 3}}, batch_size=4).fingerprint
    with pytest.raises(ValueError, match=f"`{name}` names label 7, which no item has"):
        make(HALF, **{name: pandas.Series({7: 1})}, batch_size=4)


def test_a_target_has_no_place_in_stratified():
    with pytest.raises(TypeError, match="target"):
        bx.stratified(HALF, batch_size=4, target="balanced")


@pytest.mark.parametrize("kind", [np.int8, np.uint64, np.int64, np.array])
def test_numpy_scalars_are_numbers(kind):
    plain = bx.ratio(LABELS, batch_size=10, epoch_size=90, min_per_batch={1: 2}, max_repeats=30)
    other = bx.ratio(
        LABELS,
        batch_size=kind(10),
        epoch_size=kind(90),
        min_per_batch={np.int32(1): kind(2)},
        max_repeats=np.float32(30),
    )
    assert other.fingerprint == plain.fingerprint


@given(st.integers(1, 6), st.integers(1, 6))
def test_the_smallest_plans(items, batch_size):
    plan = bx.ratio([7] * items, batch_size=batch_size, epoch_size=batch_size)
    assert plan.epoch_indices(0).shape == (batch_size,)
    assert set(plan.epoch_indices(0).tolist()) <= set(range(items))
