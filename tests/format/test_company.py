"""Company and stability: which classes meet in batches, and what an order depends on."""

import numpy as np
import pytest

import balanceidx as bx


def pairs_that_meet(batches, classes):
    """Pairs of different classes that are in some batch together."""
    met = np.zeros((classes, classes), np.bool_)
    for batch in batches:
        own = np.unique(batch)
        met[np.ix_(own, own)] = True
    return (met.sum() - np.trace(met)) / 2


def shuffled(held, rng):
    """Batches of a shuffle with the same G1: every class in as many different batches, at random."""
    steps = len(held)
    batches = [[] for _ in range(steps)]
    for c, total in enumerate(held.sum(axis=0).tolist()):
        whole, rest = divmod(int(total), steps)
        for t in rng.permutation(steps)[:rest].tolist():
            batches[t].append(c)
        for t in range(steps) if whole else ():
            batches[t].append(c)
    return batches


def company(plan, labels, epochs=(0,)):
    """Pairs that meet in epochs, as a share of a shuffle's."""
    count, rng = len(plan.classes), np.random.default_rng(0)
    ours, theirs = [], []
    for epoch in epochs:
        batches = labels[plan.epoch_indices(1, epoch=epoch)].reshape(plan.steps_per_epoch, -1)
        held = np.zeros((len(batches), count), np.int64)
        np.add.at(held, (np.arange(len(batches))[:, None], batches), 1)
        ours += list(batches)
        theirs += shuffled(held, rng)
    return pairs_that_meet(ours, count) / pairs_that_meet(theirs, count)


CASES = {
    "1,000 classes of 10 draws in batches of 10": (np.full(1000, 10), 10, 1000),
    "1,000 classes of 128 draws in batches of 64": (np.full(1000, 128), 64, 2000),
    "100 classes of 512 draws in batches of 32": (np.full(100, 512), 32, 1600),
    "Zipf, 300 classes in batches of 32": (1 / np.arange(1, 301) ** 1.2, 32, 3000),
    "300 classes of 0.05 a batch": (np.full(300, 50), 15, 1000),
}


@pytest.mark.parametrize("name", CASES)
def test_classes_meet_as_in_a_shuffle(name):
    shares, batch_size, steps = CASES[name]
    labels = np.arange(len(shares))
    plan = bx.ratio(labels, dict(enumerate(shares.tolist())), batch_size=batch_size, epoch_size=batch_size * steps)
    assert company(plan, labels) >= 0.9


def test_with_one_order_an_epoch_most_pairs_never_meet(monkeypatch):
    """The control: the first edition's deal, an epoch in one chapter."""
    monkeypatch.setattr("balanceidx._make.build.levels_of", lambda *arguments: 0)
    labels = np.arange(1000)
    plan = bx.ratio(labels, batch_size=10, epoch_size=10_000)
    assert company(plan, labels) < 0.2


def test_classes_due_a_tenth_of_a_draw_meet_over_the_epochs():
    labels = np.arange(100)
    plan = bx.ratio(labels, batch_size=5, epoch_size=10)
    assert company(plan, labels, range(200)) >= 0.9


# ---- stability -----------------------------------------------------------------------------------------------------


def items_by_class(plan, labels, seed=3, epochs=3):
    """The items of every label in the order of its draws."""
    order = np.concatenate([plan.epoch_indices(seed, epoch=e, order="dealt") for e in range(epochs)])
    found = {}
    for label in sorted(set(labels.tolist())):
        number = plan.classes.tolist().index(label)
        draws = np.arange(int((labels[order] == label).sum()))
        found[label] = plan._evaluator.seeded(seed).items(np.array([number]), draws, 0).tolist()
    return found


@pytest.mark.parametrize("kind", [int, str])
def test_an_unused_class_changes_nothing(kind):
    labels = np.array([kind(c) for c in np.arange(300) % 3 + 1])
    plan = bx.ratio(labels, batch_size=12)
    more = np.array([kind(0), *labels.tolist()])
    target = {kind(c): float(c > 0) for c in range(4)}
    other = bx.ratio(more, target, batch_size=12, epoch_size=300)
    for epoch in (0, 1, 7):
        assert (other.epoch_indices(5, epoch=epoch) == plan.epoch_indices(5, epoch=epoch) + 1).all()


def test_weighting_one_class_anew_leaves_the_orders_of_others():
    labels = np.arange(300) % 3
    orders = [items_by_class(bx.ratio(labels, {0: first, 1: 1, 2: 1}, batch_size=12), labels) for first in (1, 2.5)]
    for label in range(3):
        length = min(len(order[label]) for order in orders)
        assert length > 50 and orders[0][label][:length] == orders[1][label][:length]


def test_adding_a_class_leaves_the_orders_of_others():
    labels = np.arange(300) % 3
    before = items_by_class(bx.ratio(labels, batch_size=12), labels)
    longer = np.concatenate((labels, np.full(50, -1)))
    after = items_by_class(bx.ratio(longer, batch_size=12), longer)
    for label in range(3):
        length = min(len(before[label]), len(after[label]))
        assert before[label][:length] == after[label][:length]


def test_orders_of_two_labels_differ():
    """The control: a key that forgot the label would draw two classes in step."""
    labels = np.arange(200) % 2
    found = items_by_class(bx.ratio(labels, batch_size=10), labels)
    assert [item // 2 for item in found[0]] != [item // 2 for item in found[1]]


# ---- the order of delivery -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("world_size", "blocks"), [(1, 1), (2, 3), (6, 1)])
def test_by_class_groups_each_block_in_the_order_of_the_classes(world_size, blocks):
    labels = np.array(["c", "a", "b"])[np.arange(240) % 3]
    plan = bx.ratio(labels, {"a": 3, "b": 2, "c": 1}, batch_size=12)
    for rank in range(world_size):
        layout = {"epoch": 4, "world_size": world_size, "blocks": blocks}
        found = plan.epoch_indices(2, rank, order="by_class", **layout).reshape(-1, 12 // world_size // blocks)
        usual = plan.epoch_indices(2, rank, **layout).reshape(found.shape)
        assert (np.sort(found) == np.sort(usual)).all()
        assert all(block == sorted(block) for block in labels[found].tolist())
    with pytest.raises(ValueError, match="`order` must be 'shuffled', 'dealt' or 'by_class', not 'sorted'"):
        plan.batch_indices(0, 0, order="sorted")
