"""Plans from weights alone: dealt like classes or on one line, independent draws, and what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings

import balanceidx as bx
from strategies import IID, cases, seeds

LABELS = [0] * 90 + [1] * 9 + [2]


def test_inverse_class_frequencies_are_dealt_like_classes():
    labels = np.array(LABELS)
    weights = 1 / np.bincount(labels)[labels]
    plan = bx.weighted(weights, batch_size=10, epoch_size=100)
    assert plan.classes.tolist() == sorted(set(weights.tolist()))
    held = np.array([np.bincount(labels[batch], minlength=3) for batch in plan.epoch_indices(0).reshape(10, 10)])
    assert held.min() >= 3 and held.max() <= 4


@settings(max_examples=40)
@given(cases("weighted"))
def test_a_plan_of_weights_is_dealt_as_classes_or_on_one_line(case):
    weights, plan = np.asarray(case.arguments["weights"]), case.plan
    distinct = np.unique(weights[weights > 0])
    if plan.classes.tolist() == ["all items"]:
        shares = np.array([weights[weights == value].sum() for value in distinct[:1025]])
        draws = plan.steps_per_epoch * plan.batch_size
        assert len(distinct) > 1024 or draws * (shares / weights.sum()).min() < 17
    else:
        assert plan.classes.tolist() == distinct.tolist()
        assert plan.draws_per_epoch.min() >= 16


def test_a_thousand_distinct_weights_are_classes_and_two_thousand_a_line():
    few = np.repeat(1 + np.arange(1000) / 1000, 20)
    many = np.repeat(1 + np.arange(2000) / 2000, 20)
    assert len(bx.weighted(few, batch_size=40, epoch_size=40_000).classes) == 1000
    assert bx.weighted(many, batch_size=40, epoch_size=80_000).classes.tolist() == ["all items"]


@settings(max_examples=40)
@given(cases("weighted"), seeds)
def test_draws_of_plain_weights_are_in_proportion(case, seed):
    weights, plan = np.asarray(case.arguments["weights"]), case.plan
    used = plan.uses(np.arange(len(weights)), seed, until=(64, 0))
    scaled = weights / weights.max()
    expected = 64 * plan.steps_per_epoch * plan.batch_size * scaled / scaled.sum()
    # Whole passes give floor or ceil; the open one, and the draws of a class in its cycle, make the rest.
    assert np.abs(used - expected).max() <= 5


@pytest.mark.parametrize("few", [True, False])
def test_plain_weights_in_later_epochs(few):
    # A class may be in mid-pass when an epoch begins; over all epochs so far the counts are level.
    weights = np.repeat([1.0, 2.0, 3.0], 40) if few else np.linspace(1, 3, 120)
    plan = bx.weighted(weights, batch_size=10, epoch_size=130)
    expected = 130 * weights / weights.sum()
    used = np.zeros(120)
    for epoch in range(1, 20):
        used += np.bincount(plan.epoch_indices(5, epoch=epoch - 1), minlength=120)
        assert np.abs(used - epoch * expected).max() < (1 + epoch / 40 if few else 3)


@settings(max_examples=20)
@given(IID, seeds)
def test_independent_draws_stay_within_the_weights(case, seed):
    drawn = case.plan.epoch_indices(seed)
    assert (np.asarray(case.arguments["weights"])[drawn] > 0).all()


@pytest.mark.parametrize("weights", [[1.0, 2.0, 3.0, 4.0], [0.0, 1e-3, 1.0, 1.0], [1.0] * 7], ids=str)
def test_independent_draws_are_in_proportion(weights):
    plan = bx.weighted(weights, batch_size=4, epoch_size=200_000, iid=True)
    used = np.bincount(plan.epoch_indices(0), minlength=len(weights))
    share = np.array(weights) / np.sum(weights)
    assert (np.abs(used - 200_000 * share) <= 5 * np.sqrt(200_000 * share * (1 - share))).all()
    # And independent: neighbours are equal as often as two throws of the same dice.
    drawn = plan.epoch_indices(0, order="dealt")
    same = (drawn[1:] == drawn[:-1]).mean()
    assert abs(same - (share**2).sum()) < 5 * np.sqrt(0.25 / 200_000)


def test_all_independent_plans_have_one_class():
    assert bx.weighted([1.0] * 8, batch_size=4, iid=True).classes.tolist() == ["all items"]
    assert bx.weighted([1.0] * 8, batch_size=4, iid=np.bool_(True)).classes.tolist() == ["all items"]


def test_weights_of_zero_leave_items_out_but_count_them():
    plan = bx.weighted([0.0, 1.0, 0.0, 1.0] * 10, batch_size=4)
    assert plan.num_items == 40 and plan.steps_per_epoch == 10
    assert np.bincount(plan.epoch_indices(0), minlength=40).tolist() == [0, 2, 0, 2] * 10


@pytest.mark.parametrize("name", ["undersample", "oversample"])
def test_epoch_sizes_by_coverage_of_weighted_items(name):
    weights = np.repeat([1.0, 2.0], [40, 20])
    plan = bx.weighted(weights, batch_size=5, epoch_size=name)
    assert plan.draws_per_epoch.tolist() == ([20, 20] if name == "undersample" else [40, 40])


def test_one_weight_per_class_shows_in_the_number_of_items():
    dataset, per_class = [0] * 90 + [1] * 9 + [2], [1 / 90, 1 / 9, 1.0]
    assert bx.weighted(per_class, batch_size=3).num_items == 3
    per_item = np.array(per_class)[dataset]
    assert bx.weighted(per_item, batch_size=3).num_items == len(dataset)


# ---- the door ------------------------------------------------------------------------------------------------------

HALF = [0] * 10 + [1] * 10

BAD_PLANS = {
    "labels as weights": (lambda: bx.weighted(HALF, batch_size=4), TypeError,
                          "`weights` has dtype int64 and looks like labels; labels go to balanceidx.ratio(labels, ...)."),
    "weights per class": (lambda: bx.weighted([0.1, 0.9], batch_size=4), ValueError,
                          "`weights` has 2 entries, fewer than one batch of `batch_size` (=4); give one weight per item, not "
                          "one per class."),
    "weights all zero": (lambda: bx.weighted([0.0] * 5, batch_size=4), ValueError, "`weights` are all zero"),
    "weights infinite": (lambda: bx.weighted([1.0, float("inf")], batch_size=1), ValueError,
                         "`weights` must be finite and not negative, but entry 1 is inf."),
    "weights too large together": (
        lambda: bx.weighted([1e308, 1e308, 1.7e308, 1e308], batch_size=1, epoch_size="oversample"), ValueError,
        "`weights` of one class sum to more than a float can hold; scale them down."),
    "iid a number": (lambda: bx.weighted([1.0] * 4, batch_size=4, iid=1), TypeError, "`iid` must be True or False, not 1."),
    "iid and oversample": (lambda: bx.weighted([1.0] * 4, batch_size=4, iid=True, epoch_size="oversample"), ValueError,
                           "`epoch_size` 'oversample' promises coverage, which independent draws cannot give."),
    "unknown epoch size of weights": (lambda: bx.weighted([1.0] * 4, batch_size=4, epoch_size="all"), ValueError,
                                      "`epoch_size` must be an integer or one of 'dataset', 'undersample', 'oversample', not "
                                      "'all'."),
    "epoch smaller than a batch": (lambda: bx.weighted([1.0] * 4, batch_size=4, epoch_size=3), ValueError,
                                   "`epoch_size` (=3) is smaller than one batch of `batch_size` (=4)"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_PLANS)
def test_bad_plans(name):
    make, error, text = BAD_PLANS[name]
    with pytest.raises(error) as caught:
        make()
    assert text in str(caught.value)
