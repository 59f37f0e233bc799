"""Trees and groups: the promises at every node, for every rank and block, and coverage at both levels."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import balanceidx as bx
from strategies import divisors, epochs, layouts, seeds

BATCHES = [1, 2, 3, 4, 6, 8, 12, 24]


class TreeCase:
    """A plan over a tree of two levels, and the nodes to count."""

    def __init__(self, sources, labels, target, batch_size, steps, **options):
        self.plan = bx.ratio(
            bx.Tree(sources, labels), target, batch_size=batch_size, epoch_size=batch_size * steps, **options
        )
        number = {leaf: c for c, leaf in enumerate(self.plan.classes.tolist())}
        self.leaf = np.array([number[pair] for pair in zip(sources.tolist(), labels.tolist(), strict=True)])
        sources_of = [leaf[0] for leaf in number]
        self.nodes = np.array(
            [*np.eye(len(number), dtype=int), *([int(s == source) for s in sources_of] for source in set(sources_of))]
        )

    def counts(self, indices, rows):
        """Items of every node in each of `rows` parts."""
        held = np.zeros((rows, self.nodes.shape[1]), np.int64)
        np.add.at(held, (np.arange(rows)[:, None], self.leaf[indices].reshape(rows, -1)), 1)
        return held @ self.nodes.T


@st.composite
def tree_cases(draw):
    rng = np.random.default_rng(draw(st.integers(0, 9999)))
    count = draw(st.integers(1, 200))
    sources = rng.integers(draw(st.integers(1, 4)), size=count)
    labels = rng.integers(draw(st.integers(1, 6)), size=count)
    one = st.sampled_from(["natural", "balanced", "square_root", bx.Power(0.3)])
    target = draw(st.one_of(one, st.tuples(one, one)))
    return TreeCase(sources, labels, target, draw(st.sampled_from(BATCHES)), draw(st.integers(1, 40)))


def assert_floor_or_ceil(held, total, parts):
    assert (held >= total // parts).all() and (held <= -(-total // parts)).all()


@settings(max_examples=80, deadline=None)
@given(st.data(), tree_cases(), seeds, epochs)
def test_every_node_is_exact_in_every_batch_rank_and_block(data, case, seed, epoch):
    plan = case.plan
    world_size, blocks = data.draw(st.sampled_from(layouts(plan.batch_size)))
    total = case.nodes @ plan.draws(epoch)
    parts = plan.steps_per_epoch * blocks
    for rank in range(world_size):
        indices = plan.epoch_indices(seed, rank, epoch=epoch, world_size=world_size, blocks=blocks)
        assert_floor_or_ceil(case.counts(indices, parts), total, parts * world_size)
    dealt = plan.epoch_indices(seed, epoch=epoch, order="dealt").reshape(plan.steps_per_epoch, -1)
    for stride in divisors(plan.batch_size):
        slots = np.concatenate([dealt[:, first::stride] for first in range(stride)])
        assert_floor_or_ceil(case.counts(slots, stride * plan.steps_per_epoch), total, stride * plan.steps_per_epoch)


@settings(max_examples=30, deadline=None)
@given(tree_cases(), st.sampled_from([0, 7]))
def test_every_node_is_exact_in_every_epoch_of_a_cycle(case, number):
    plan = case.plan
    in_cycle = case.nodes @ (plan.draws_per_epoch * 1024).astype(np.int64)
    draws = np.array([case.nodes @ plan.draws(number * 1024 + epoch) for epoch in range(1024)])
    assert_floor_or_ceil(draws, in_cycle, 1024)
    assert (draws.sum(axis=0) == in_cycle).all()


def test_two_labels_of_three_patients_each_in_batches_of_two():
    label = np.repeat([0, 1], 9)
    plan = bx.ratio(bx.Tree(label, np.arange(18) // 3), batch_size=2, epoch_size=2)
    for epoch in range(1024):
        assert label[plan.batch_indices(1, 0, epoch=epoch)].sum() == 1


@pytest.mark.parametrize("world_size", [1, 2, 4])
def test_two_labels_of_twenty_patients_of_fifty_frames(world_size):
    label, patient = np.repeat([0, 1], 1000), np.arange(2000) // 50
    plan = bx.ratio(bx.Tree(label, patient), batch_size=16)
    for epoch in (0, 1, 5):
        ranks = [
            plan.epoch_indices(3, rank, epoch=epoch, world_size=world_size).reshape(plan.steps_per_epoch, -1)
            for rank in range(world_size)
        ]
        for part in ranks:
            assert (label[part].sum(axis=1) == 8 // world_size).all()
        for batch in np.concatenate(ranks, axis=1):
            assert np.bincount(patient[batch]).max() == 1, "a patient came twice"


def test_by_leaves_alone_labels_would_not_be_exact():
    """The control: the same leaves in one flat line keep floor and ceil of the leaves, not of the labels."""
    label, patient = np.repeat([0, 1], 1000), np.arange(2000) // 50
    flat = bx.ratio(patient, batch_size=16)
    positives = label[flat.epoch_indices(3)].reshape(-1, 16).sum(axis=1)
    assert set(positives.tolist()) != {8}


def test_targets_of_a_tree_in_every_spelling():
    sources, labels = np.array(["web"] * 60 + ["book"] * 20), np.array([0] * 50 + [1] * 10 + [0] * 5 + [1] * 15)
    tree = bx.Tree(sources, labels)
    kw = {"batch_size": 10, "epoch_size": 100}
    classes = [("book", 0), ("book", 1), ("web", 0), ("web", 1)]
    for target, wanted in [
        ("balanced", [25, 25, 25, 25]),
        (("balanced", "natural"), [12.5, 37.5, 50 * 5 / 6, 50 / 6]),
        (({"web": 0.7, "book": 0.3}, "balanced"), [15, 15, 35, 35]),
        (({"web": 0.7, "book": 0.3}, {0: 3, 1: 1}), [22.5, 7.5, 52.5, 17.5]),
        ({"web": {0: 0.1, 1: 0.2}, "book": {0: 0.3, 1: 0.4}}, [30, 40, 10, 20]),
    ]:
        plan = bx.ratio(tree, target, **kw)
        assert plan.classes.tolist() == classes
        assert np.abs(plan.draws_per_epoch - wanted).max() < 2 / 1024
    plan = bx.ratio(tree, "natural", min_per_batch={"book": 5, ("web", 1): 2}, **kw)
    for epoch in range(3):
        batches = plan.epoch_indices(0, epoch=epoch).reshape(10, 10)
        assert ((sources[batches] == "book").sum(axis=1) >= 5).all()
        assert (((sources == "web") & (labels == 1))[batches].sum(axis=1) >= 2).all()


@pytest.mark.parametrize(
    ("target", "error", "text"),
    [
        (("balanced",), ValueError, "`target` has 1 entries for the 2 levels of the tree"),
        ({"web": 1, "book": 1}, TypeError, "`target` gives 'web' the share 1, but the tree has 2 levels: nest"),
        (({"web": 1, "pdf": 1}, "natural"), ValueError, "`target` names label 'pdf', which no item has at this level"),
        (({"web": 1}, "natural"), ValueError, "`target` gives no share to label 'book'"),
        ((3, "natural"), TypeError, "`target` for a level of a tree must be a name, a {label: share} mapping"),
    ],
)
def test_bad_targets_of_a_tree(target, error, text):
    with pytest.raises(error) as caught:
        bx.ratio(bx.Tree(["web", "book"], [0, 1]), target, batch_size=2)
    assert text in str(caught.value)


def test_bad_trees_and_groups():
    for make, error, text in [
        (lambda: bx.Tree(), ValueError, "`Tree` needs a column of labels for each level"),
        (lambda: bx.ClassIndex(bx.Tree([1, 2], [1])), ValueError, "has 2 labels in its first column and 1 in column 2"),
        (lambda: bx.ClassIndex([1, 2], groups=[1]), ValueError, "`groups` has 1 entries for 2 items"),
        (lambda: bx.ratio(bx.ClassIndex([1, 2]), batch_size=2, groups=[1, 2]), ValueError, "`groups` are part of a"),
        (lambda: bx.ratio(bx.Tree([1], [1]), batch_size=1, min_per_batch={9: 1}), ValueError, "is no node of the tree"),
    ]:
        with pytest.raises(error) as caught:
            make()
        assert text in str(caught.value)


# ---- groups --------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 9999), seeds, st.sampled_from(BATCHES), st.integers(1, 30), st.integers(1, 4))
def test_groups_and_the_items_of_a_group_are_covered_evenly(number, seed, batch_size, steps, count):
    rng = np.random.default_rng(number)
    n = int(rng.integers(2, 150))
    labels, groups = rng.integers(3, size=n), rng.integers(6, size=n)
    plan = bx.ratio(labels, batch_size=batch_size, epoch_size=batch_size * steps, groups=groups)
    used = np.zeros(n, np.int64)
    for epoch in range(count):
        used += np.bincount(plan.epoch_indices(seed, epoch=epoch), minlength=n)
        for label in set(labels.tolist()):
            parts = [used[(labels == label) & (groups == g)] for g in set(groups[labels == label].tolist())]
            assert np.ptp([part.sum() for part in parts]) <= 1, "groups of a class are not level"
            assert all(np.ptp(part) <= 1 for part in parts), "items of a group are not level"


def test_no_group_comes_twice_in_a_batch_while_there_are_enough():
    labels, groups = np.repeat([0, 1], 400), np.arange(800) // 20
    plan = bx.ratio(labels, batch_size=8, groups=groups)  # four of twenty groups of each class in a batch
    repeated = sum(
        len(set(groups[batch].tolist())) < 8 for batch in plan.epoch_indices(2).reshape(plan.steps_per_epoch, 8)
    )
    # Only batches in which a pass over the groups ends may repeat one; here a pass is five whole batches.
    assert repeated == 0
    alone = bx.ratio(labels, batch_size=8)
    assert any(len(set(groups[batch].tolist())) < 8 for batch in alone.epoch_indices(2).reshape(-1, 8))


def test_classes_by_length_count_through_and_need_no_table():
    lengths = {"web": 3 * 2**33 + 1, "books": 40_000_000, "code": 7}
    plan = bx.ratio(bx.ClassIndex.of_lengths(lengths), {"web": 0.5, "books": 0.25, "code": 0.25}, batch_size=8)
    starts = np.cumsum([0, *lengths.values()])
    batch = plan.range_indices(0, 10**6, 10**6 + 50, epoch=3)
    counts = np.histogram(batch, starts)[0]
    assert counts.tolist() == [200, 100, 100]
    small = bx.ratio(bx.ClassIndex.of_lengths({"a": 5, "b": 3}), batch_size=2, epoch_size=30)
    table = bx.ratio(["a"] * 5 + ["b"] * 3, batch_size=2, epoch_size=30)
    for epoch in range(5):
        assert (small.epoch_indices(7, epoch=epoch) == table.epoch_indices(7, epoch=epoch)).all()
    assert math.log2(plan.num_items) > 34
