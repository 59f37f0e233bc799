"""The rows of "what you use today" in docs/torch.md, beside the peers that are installed."""

import importlib.util

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, RandomSampler, SequentialSampler, WeightedRandomSampler
from torch.utils.data.distributed import DistributedSampler

import balanceidx as bx
from balanceidx_torch import DistributedSamplerWrapper, PlanBatchSampler, PlanSampler, weighted_sampler

LABELS = np.array([0] * 950 + [1] * 50)
WEIGHTS = np.where(LABELS == 1, 1 / 50, 1 / 950)


def positives(indices):
    return int((np.asarray(indices) >= 950).sum())


def test_weighted_random_sampler():
    theirs = np.array(list(WeightedRandomSampler(WEIGHTS, 10_000, generator=torch.Generator().manual_seed(0))))
    ours = np.array(list(weighted_sampler(WEIGHTS, 10_000, seed=0, batch_size=100)))
    assert len(theirs) == len(ours) == 10_000
    assert {positives(batch) for batch in ours.reshape(-1, 100)} == {50}
    assert len({positives(batch) for batch in theirs.reshape(-1, 100)}) > 10
    uses = np.bincount(ours, minlength=1000)
    assert np.ptp(uses[:950]) <= 1 and np.ptp(uses[950:]) == 0
    assert np.bincount(theirs, minlength=1000)[:950].max() > uses[:950].max()


def test_weighted_random_sampler_under_ddp():
    """Wrapped by nothing, theirs draws the same on every rank, or on its own."""
    seeded = [WeightedRandomSampler(WEIGHTS, 1000, generator=torch.Generator().manual_seed(0)) for _ in range(2)]
    assert list(seeded[0]) == list(seeded[1])
    alone = [WeightedRandomSampler(WEIGHTS, 1000, generator=torch.Generator().manual_seed(rank)) for rank in range(2)]
    seen = [set(sampler) for sampler in alone]
    assert len(seen[0] & seen[1]) > 100
    ranks = [weighted_sampler(WEIGHTS, 1000, seed=0, batch_size=100, rank=rank, world_size=2) for rank in range(2)]
    ours = [np.array(list(sampler)).reshape(10, 50) for sampler in ranks]
    assert {positives(batch) for part in ours for batch in part} == {25}
    negatives = [part[part < 950].tolist() for part in ours]
    assert len(set(sum(negatives, []))) == 500, "no rank draws the negatives of the other"


@pytest.mark.slow
def test_more_weights_than_weighted_random_sampler_takes():
    many = torch.ones(2**24 + 1)
    many[-1] = 1e6
    with pytest.raises(RuntimeError, match=r"2\^24"):
        list(WeightedRandomSampler(many, 10))
    assert len(list(weighted_sampler(many, 64, batch_size=64))) == 64


def test_weights_of_classes_instead_of_items_are_noticed():
    assert len(list(WeightedRandomSampler([0.1, 0.9], 100))) == 100, "silently draws items 0 and 1"
    with pytest.raises(ValueError, match="give one weight per item, not one per class"):
        weighted_sampler([0.1, 0.9], 100, batch_size=10)


def test_distributed_sampler():
    plan = bx.stratified(LABELS, batch_size=80)
    for rank in range(4):
        sampler = PlanSampler(plan, seed=0, rank=rank, world_size=4)
        assert {positives(batch) for batch in np.array(list(sampler)).reshape(-1, 20)} == {1}
    collide = [DistributedSampler(range(100), 1, 0, seed=seed) for seed in (0, 1)]
    collide[0].set_epoch(1)
    assert list(collide[0]) == list(collide[1]), "seed 0, epoch 1 is seed 1, epoch 0"
    ours = [PlanSampler(plan, seed=seed, rank=0, world_size=1) for seed in (0, 1)]
    ours[0].set_epoch(1)
    assert list(ours[0]) != list(ours[1])


def test_m_per_class_sampler():
    samplers = pytest.importorskip("pytorch_metric_learning.samplers")
    kinds = np.arange(1000) % 10
    theirs = samplers.MPerClassSampler(kinds, 4, batch_size=40, length_before_new_iter=1000)
    plan = bx.ratio(kinds, batch_size=40)
    for sampler in (theirs, PlanSampler(plan, 0)):
        for batch in np.array(list(sampler)).reshape(-1, 40):
            assert np.bincount(kinds[batch]).tolist() == [4] * 10
    wrong = samplers.MPerClassSampler(LABELS, m=1500, length_before_new_iter=1000)
    assert len(list(wrong)) != len(wrong)


def test_balanced_batch_generator():
    tensorflow = pytest.importorskip("imblearn.tensorflow")
    items = np.arange(1000)[:, None]
    generator, steps = tensorflow.balanced_batch_generator(items, LABELS, batch_size=20, random_state=0)
    theirs = [{int(i) for _ in range(steps) for i in next(generator)[0][:, 0]} for _ in range(3)]
    assert theirs[0] == theirs[1] == theirs[2] and len(theirs[0]) == 100
    plan = bx.ratio(LABELS, batch_size=20, epoch_size="undersample")
    assert plan.steps_per_epoch == steps
    ours = [set(plan.epoch_indices(0, epoch=epoch).tolist()) for epoch in range(19)]
    assert ours[0] != ours[1] and len(set().union(*ours)) == 1000


def test_repeat_factors():
    generator = np.random.default_rng(0)
    present = generator.random((400, 5)) < [0.9, 0.5, 0.1, 0.03, 0.01]
    present[:, 0] |= ~present.any(axis=1)
    category = np.maximum(1, np.sqrt(0.2 / present.mean(axis=0)))
    factors = np.where(present, category, 1).max(axis=1)
    plan = bx.weighted(factors, batch_size=1, epoch_size=round(factors.sum()))
    expected = factors * plan.steps_per_epoch / factors.sum()
    total = np.zeros(400)
    for epoch in range(50):
        drawn = np.bincount(plan.epoch_indices(0, epoch=epoch), minlength=400)
        assert (drawn >= np.floor(expected - 1e-9)).all() and (drawn <= np.ceil(expected + 1e-9)).all()
        total += drawn
        assert np.abs(total - (epoch + 1) * expected).max() < 2


def test_minimum_positives():
    plan = bx.min_positives(LABELS, {1: 8}, batch_size=40)
    loader = DataLoader(range(1000), batch_sampler=PlanBatchSampler(plan, 0))
    batches = [batch.tolist() for batch in loader]
    assert {positives(batch) for batch in batches} == {8}
    assert len(set(sum(batches, []))) == 800 + 50, "800 draws of negatives, none twice, and every positive"


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("BalanceClassSampler", {"labels": LABELS.tolist(), "mode": "downsampling"}),
        ("BatchBalanceClassSampler", {"labels": LABELS.tolist(), "num_classes": 2, "num_samples": 4}),
        ("DynamicBalanceClassSampler", {"labels": LABELS.tolist()}),
        ("MiniEpochSampler", {"data_len": 1000, "mini_epoch_len": 100}),
    ],
)
def test_samplers_of_catalyst_cannot_be_made(name, arguments):
    """They hand arguments to the constructor of torch's Sampler, which takes none any more."""
    catalyst = pytest.importorskip("catalyst.data")
    with pytest.raises(TypeError, match="takes exactly one argument"):
        getattr(catalyst, name)(**arguments)


def test_balance_class_sampler():
    """What catalyst documents: every class as often as the rarest, without repeats, or as the most frequent."""
    down = bx.ratio(LABELS, batch_size=20, epoch_size="undersample").epoch_indices(0)
    assert (len(down), positives(down), len(set(down.tolist()))) == (100, 50, 100)
    up = bx.ratio(LABELS, batch_size=20, epoch_size="oversample").epoch_indices(0)
    assert (len(up), positives(up), len(set(up.tolist()))) == (1900, 950, 1000)
    every = bx.ratio(LABELS, batch_size=20, epoch_size=2 * 300).epoch_indices(0)
    assert (len(every), positives(every)) == (600, 300)


def test_distributed_sampler_wrapper():
    catalyst = pytest.importorskip("catalyst.data")

    def of_three_ranks(wrap):
        found = []
        for rank in range(3):
            torch.manual_seed(rank)  # as after steps that draw unequally often
            found += list(wrap(RandomSampler(range(9)), rank))
        return sorted(found)

    theirs = of_three_ranks(lambda sampler, rank: catalyst.DistributedSamplerWrapper(sampler, 3, rank))
    ours = of_three_ranks(lambda sampler, rank: DistributedSamplerWrapper(sampler, rank=rank, world_size=3))
    assert len(theirs) == len(ours) == 9
    assert ours == list(range(9)) != theirs, "they agree only while all random states do"

    pair = SequentialSampler(range(2))
    with pytest.raises(TypeError, match="'int' object is not iterable"):
        list(catalyst.DistributedSamplerWrapper(pair, 2, 1))
    assert list(DistributedSamplerWrapper(pair, rank=1, world_size=2)) == [1]


def test_fabric_counts_epochs_from_zero():
    fabric = pytest.importorskip("lightning.fabric").Fabric(accelerator="cpu", devices=1)
    plan = bx.ratio(LABELS, batch_size=100)
    state = bx.Position(0, 2, 4).state_dict(plan)

    def make():
        sampler = PlanBatchSampler(plan, 0, rank=0, world_size=1, start=state)
        return fabric.setup_dataloaders(DataLoader(range(1000), batch_sampler=sampler), use_distributed_sampler=False)

    with pytest.warns(UserWarning, match=r"set_epoch\(0\) was called after a state of epoch 2"):
        next(iter(make()))
    loader = make()
    loader._num_iter_calls = state["epoch"]
    got = [batch.tolist() for _ in range(2) for batch in loader]
    expected = [plan.epoch_indices(0, epoch=epoch).reshape(10, -1).tolist() for epoch in (2, 3)]
    assert got == sum(expected, [])[4:]


@pytest.mark.parametrize("module", ["lightning", "accelerate", "ray", "datasets", "torchdata"])
def test_what_the_notes_are_about_is_installed_here(module):
    assert importlib.util.find_spec(module), "the tests of trainers would be skipped"
