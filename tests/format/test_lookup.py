"""Look-up: `where` is the inverse of the batches, `uses` and `coverage` are what counting gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import balanceidx as bx
from strategies import cases, layouts, seeds


@st.composite
def plans(draw):
    """Plans with pools of every kind that can be asked backwards."""
    if draw(st.booleans()):
        return draw(cases()).plan
    rng = np.random.default_rng(draw(st.integers(0, 9999)))
    n = int(rng.integers(1, 160))
    labels, groups = rng.integers(draw(st.sampled_from([1, 3, 90])), size=n), rng.integers(6, size=n)
    batch_size = draw(st.sampled_from([1, 2, 3, 4, 6, 8, 12]))
    options = {"batch_size": batch_size, "epoch_size": batch_size * draw(st.integers(1, 40))}
    kind = draw(st.sampled_from(["groups", "groups and weights", "tree", "lengths"]))
    if kind.startswith("groups"):
        weights = 1.0 + rng.integers(3, size=n) if kind.endswith("weights") else None
        return bx.ratio(labels, groups=groups, item_weights=weights, **options)
    if kind == "tree":
        return bx.ratio(bx.Tree(groups, labels), **options)
    return bx.ratio(
        bx.ClassIndex.of_lengths({c: int(size) for c, size in enumerate(rng.integers(1, 20, 5))}), **options
    )


@settings(max_examples=80, deadline=None)
@given(st.data(), plans(), seeds, st.sampled_from([0, 1, 3, 1024, 2**20]))
def test_where_names_every_use_and_nothing_else(data, plan, seed, epoch):
    world_size, blocks = data.draw(st.sampled_from(layouts(plan.batch_size)))
    layout = {"epoch": epoch, "world_size": world_size, "blocks": blocks}
    found = {item: [] for item in range(plan.num_items)}
    for rank in range(world_size):
        steps = plan.epoch_indices(seed, rank, **layout).reshape(plan.steps_per_epoch, -1)
        for step, part in enumerate(steps.tolist()):
            for position, item in enumerate(part):
                found[item].append((step, rank, position))
    for item in data.draw(st.lists(st.integers(0, plan.num_items - 1), min_size=1, max_size=8)):
        assert [tuple(use) for use in plan.where(item, seed, **layout)] == sorted(found[item])


@settings(max_examples=80, deadline=None)
@given(st.data(), plans(), seeds)
def test_uses_and_coverage_are_what_counting_gives(data, plan, seed):
    epoch, step = data.draw(st.integers(0, 4)), data.draw(st.integers(0, plan.steps_per_epoch))
    counted = np.bincount(plan.range_indices(seed, 0, step, epoch=epoch), minlength=plan.num_items)
    for e in range(epoch):
        counted += np.bincount(plan.epoch_indices(seed, epoch=e), minlength=plan.num_items)
    uses = plan.uses(np.arange(plan.num_items), seed, until=(epoch, step))
    assert uses.dtype == np.int64 and (uses == counted).all()
    coverage = plan.coverage(seed, until=(epoch, step))
    assert coverage.draws.sum() == counted.sum()
    assert coverage.seen.sum() == (counted > 0).sum()
    assert (coverage.seen + coverage.unseen == plan.sizes).all()
    classes = plan._lookups[0].inverse.spots(np.arange(plan.num_items)).classes
    drawn = classes >= 0
    assert (np.bincount(classes[drawn], counted[drawn], len(plan.classes)) == coverage.draws).all()


def test_a_hundred_thousand_items_late_in_a_run():
    labels = np.arange(1_000_000) % 100 == 0
    plan = bx.ratio(labels, batch_size=1000)
    items = np.random.default_rng(0).integers(1_000_000, size=100_000)
    until = (10_000, 517)
    uses = plan.uses(items, 4, until=until)
    after = plan.uses(items, 4, until=(10_000, 518))
    batch = np.bincount(plan.batch_indices(4, 517, epoch=10_000), minlength=1_000_000)
    assert (after - uses == batch[items]).all()
    draws = plan.coverage(4, until=until).draws
    for label, total in enumerate(draws.tolist()):
        of_class = uses[labels[items] == label]
        assert np.ptp(of_class) <= 2 and abs(of_class.mean() - total / (labels == label).sum()) < 1


def test_independent_draws_refuse_and_say_why():
    plan = bx.weighted([0.1, 0.2, 0.3], batch_size=2, iid=True)
    for ask in (
        lambda: plan.where(0, 0),
        lambda: plan.uses([0], 0, until=(1, 0)),
        lambda: plan.coverage(0, until=(1, 0)),
    ):
        with pytest.raises(ValueError, match="made with `iid=True` draws at random and cannot be asked backwards"):
            ask()


@pytest.mark.parametrize(
    ("ask", "error", "text"),
    [
        (lambda p: p.where(100, 0), ValueError, "`item` (of 100 in the dataset) must be below 100, not 100."),
        (lambda p: p.where(1.5, 0), TypeError, "`item` (of 100 in the dataset) must be an integer"),
        (lambda p: p.where(1, 0, world_size=3), ValueError, "`batch_size` (=10, all ranks together) must be divisible"),
        (lambda p: p.uses([1, 100], 0, until=(0, 0)), ValueError, "`items` must be in [0, 100), but entry 1 is 100."),
        (lambda p: p.uses([0.5], 0, until=(0, 0)), TypeError, "`items` must be integers"),
        (lambda p: p.uses([1], 0, until=3), TypeError, "`until` must be a pair (epoch, step), not 3."),
        (lambda p: p.uses([1], 0, until=(0, 11)), ValueError, "`until[1]` (the step, of 10 an epoch) must be below 11"),
        (lambda p: p.coverage(0, until=(-1, 0)), ValueError, "`until[0]` (the epoch) must be at least 0, not -1."),
    ],
)
def test_bad_questions(ask, error, text):
    with pytest.raises(error) as caught:
        ask(bx.ratio([0] * 90 + [1] * 10, batch_size=10))
    assert text in str(caught.value)


def test_an_item_that_is_never_drawn_has_no_uses():
    plan = bx.ratio([0, 0, 1, 1], batch_size=2, item_weights=[1.0, 0.0, 2.0, 1.0])
    assert plan.where(1, 0) == [] and plan.uses([1], 0, until=(5, 0)).tolist() == [0]
