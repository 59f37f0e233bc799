"""What helps to drop the samplers in: the wrapper for any sampler, weights, and labels of common datasets."""

import collections
import random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    RandomSampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)
from torch.utils.data.distributed import DistributedSampler

import balanceidx as bx
from balanceidx_torch import DistributedSamplerWrapper, PlanSampler, labels_of, weighted_sampler


def shares(make_sampler, world_size, epoch=0, **options):
    """What each rank gets; every rank has its own sampler and its own random state, as in processes of their own."""
    got = []
    for rank in range(world_size):
        torch.manual_seed(rank)
        np.random.seed(rank)
        random.seed(rank)
        sampler = DistributedSamplerWrapper(make_sampler(), 0, rank=rank, world_size=world_size, **options)
        sampler.set_epoch(epoch)
        got.append(list(sampler))
        assert len(sampler) == len(got[-1])
    return got


def woven(parts):
    """The parts of the ranks in the order in which they were dealt."""
    return [element for round_ in zip(*parts, strict=True) for element in round_]


@given(total=st.integers(0, 40), world_size=st.integers(1, 8))
def test_padding_and_dropping(total, world_size):
    padded = woven(shares(lambda: SequentialSampler(range(total)), world_size))
    assert padded[:total] == list(range(total)) and len(padded) == -(-total // world_size) * world_size
    assert padded[total:] == [i % total for i in range(total, len(padded))]
    dropped = woven(shares(lambda: SequentialSampler(range(total)), world_size, drop_last=True))
    assert dropped == list(range(total // world_size * world_size))


def test_one_index_per_rank():
    assert shares(lambda: SequentialSampler(range(4)), 4) == [[0], [1], [2], [3]]


class FromNumpy:
    """A sampler that draws from numpy's global state."""

    def __iter__(self):
        return iter(np.random.permutation(30).tolist())

    def __len__(self):
        return 30


class FromPython(FromNumpy):
    def __iter__(self):
        return iter(random.sample(range(30), 30))


class WithGenerators(FromNumpy):
    """A sampler with generators of its own, whose state runs on."""

    def __init__(self):
        seed = random.randrange(2**32)
        self.own = [np.random.default_rng(seed)]
        self.generator, self.state, self.python = self.own[0], np.random.RandomState(seed), random.Random(seed)

    def __iter__(self):
        draws = zip(self.generator.random(30), self.state.random_sample(30), strict=True)
        return iter(sorted(range(30), key=dict(enumerate(a + b + self.python.random() for a, b in draws)).get))


def with_torch_generator():
    return RandomSampler(range(30), generator=torch.Generator().manual_seed(random.randrange(2**32)))


RANDOM = {
    "torch's global state": lambda: RandomSampler(range(30)),
    "a torch generator": with_torch_generator,
    "subset": lambda: SubsetRandomSampler(range(30)),
    "numpy's global state": FromNumpy,
    "python's global state": FromPython,
    "generators of its own": WithGenerators,
    "a sampler in a sampler": lambda: BatchSampler(with_torch_generator(), 1, False),
}


@pytest.mark.parametrize("make_sampler", RANDOM.values(), ids=RANDOM)
def test_the_order_is_the_same_on_every_rank_and_another_in_every_epoch(make_sampler):
    epochs = [woven(shares(make_sampler, 3, epoch)) for epoch in range(3)]
    assert epochs[0] == woven(shares(make_sampler, 3, 0))
    for epoch in epochs:
        assert sorted(np.ravel(epoch)) == list(range(30))
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]


@pytest.mark.parametrize("make_sampler", RANDOM.values(), ids=RANDOM)
def test_random_states_are_put_back(make_sampler):
    sampler = make_sampler()
    wrapper = DistributedSamplerWrapper(sampler, 0, rank=0, world_size=2)
    torch.manual_seed(1)
    np.random.seed(1)
    random.seed(1)
    wanted = torch.rand(1).item(), np.random.random(), random.random()
    torch.manual_seed(1)
    np.random.seed(1)
    random.seed(1)
    first = list(wrapper)
    assert (torch.rand(1).item(), np.random.random(), random.random()) == wanted
    wrapper.set_epoch(0)
    list(sampler)
    assert list(wrapper) == first, "nor does what the sampler drew in between matter"


def test_weighted_random_sampler_on_two_ranks():
    weights = [1.0] * 90 + [9.0] * 10
    one, two = shares(lambda: WeightedRandomSampler(weights, 1000), 2)
    assert len(one) == len(two) == 500 and one != two
    assert 400 < sum(index >= 90 for index in one + two) < 600


class Counting(SequentialSampler):
    """A sampler that counts epochs."""

    epoch = None

    def set_epoch(self, epoch):
        self.epoch = epoch


def test_set_epoch_reaches_the_sampler_inside():
    inner = Counting(range(10))
    wrapper = DistributedSamplerWrapper(BatchSampler(inner, 2, False), 0, rank=0, world_size=2)
    wrapper.set_epoch(5)
    assert inner.epoch == wrapper.epoch == 5


def test_epochs_advance_by_themselves_and_reach_the_sampler_inside():
    inner = Counting(range(10))
    wrapper = DistributedSamplerWrapper(inner, 0, rank=0, world_size=2)
    for epoch in range(3):
        list(wrapper)
        assert inner.epoch == epoch


def test_batches_are_shared_as_a_whole():
    assert shares(lambda: BatchSampler(range(8), 2, False), 2) == [[[0, 1], [4, 5]], [[2, 3], [6, 7]]]


def test_a_batch_sampler_is_wrapped_for_a_loader():
    parts = []
    for rank in range(2):
        torch.manual_seed(rank)
        wrapper = DistributedSamplerWrapper(BatchSampler(RandomSampler(range(12)), 3, False), rank=rank, world_size=2)
        loader = DataLoader(range(12), batch_sampler=wrapper)
        parts.append([[batch.tolist() for batch in loader] for _ in range(2)])
        assert len(loader) == 2
    for epoch in range(2):
        assert sorted(sum(parts[0][epoch] + parts[1][epoch], [])) == list(range(12))
    assert parts[0][0] != parts[0][1]


def test_a_distributed_sampler_of_one_rank_is_wrapped():
    for epoch in (0, 3):
        whole = DistributedSampler(range(10), num_replicas=1, rank=0)
        whole.set_epoch(epoch)
        inner = DistributedSampler(range(10), num_replicas=1, rank=0)
        assert woven(shares(lambda inner=inner: inner, 2, epoch)) == list(whole)


class Unmeasured(FromNumpy):
    """A sampler without a length."""

    __len__ = None


def test_a_sampler_without_a_length_is_shared():
    parts = [list(DistributedSamplerWrapper(Unmeasured(), rank=rank, world_size=3)) for rank in range(3)]
    assert sorted(woven(parts)) == list(range(30))


def test_the_wrapper_is_a_distributed_sampler():
    wrapper = DistributedSamplerWrapper(range(9), 3, rank=1, world_size=4)
    assert isinstance(wrapper, DistributedSampler)
    assert (wrapper.num_replicas, wrapper.rank, wrapper.num_samples, wrapper.total_size) == (4, 1, 3, 12)
    loader = DataLoader(range(9), sampler=wrapper, batch_size=2)
    assert [batch.tolist() for batch in loader] == [[1, 5], [0]]
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = wrapper.nothing


def test_what_is_shown_of_the_wrapper():
    wrapper = DistributedSamplerWrapper([1, 2], 3)
    assert repr(wrapper) == "DistributedSamplerWrapper([1, 2], seed=3, epoch=0)"
    wrapper = DistributedSamplerWrapper([1, 2], rank=1, world_size=2)
    wrapper.set_epoch(4)
    assert repr(wrapper) == "DistributedSamplerWrapper([1, 2], seed=0, epoch=4, rank=1, world_size=2)"
    assert repr(DistributedSamplerWrapper.__new__(DistributedSamplerWrapper)) == "DistributedSamplerWrapper()"


def test_the_wrapper_continues_from_a_state():
    def make():
        return DistributedSamplerWrapper(RandomSampler(range(50)), 0, rank=1, world_size=2)

    sampler = make()
    sampler.set_epoch(4)
    iterator = iter(sampler)
    for _ in range(7):
        next(iterator)
    other = iter(make())
    other.load_state_dict(iterator.state_dict())
    assert list(other) == list(iterator)
    with pytest.raises(
        ValueError, match="`state` was saved with world_size 2, but this sampler has world_size 3; make it"
    ):
        iter(DistributedSamplerWrapper(range(9), 0, rank=1, world_size=3)).load_state_dict(iterator.state_dict())


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (None, "`state` is not one of a DistributedSamplerWrapper: it lacks seed, world_size, epoch, step"),
        ({"seed": 7}, "`state` was saved with seed 7, but this sampler has seed 0; make it with seed=7, or start"),
        ({"epoch": -1}, r"`state\['epoch'\]` must be at least 0, not -1"),
        ({"step": 6}, r"`state\['step'\]` \(of 5 an epoch\) must be below 6, not 6"),
    ],
)
def test_states_that_the_wrapper_refuses(change, error):
    iterator = iter(DistributedSamplerWrapper(range(9), rank=0, world_size=2))
    assert next(iterator) == 0
    state = {**iterator.state_dict(), **change} if change else change
    with pytest.raises(ValueError, match=error):
        iterator.load_state_dict(state)
    assert list(iterator) == [2, 4, 6, 8], "and goes on where it was"


def test_what_the_wrapper_refuses():
    plan = bx.ratio([0, 1] * 10, batch_size=2)
    with pytest.raises(TypeError, match="`sampler` must be iterable once for every epoch, which list_iterator is not"):
        DistributedSamplerWrapper(iter([1, 2]))
    with pytest.raises(TypeError, match="`sampler` is a PlanSampler, which shares its batches among ranks itself"):
        DistributedSamplerWrapper(PlanSampler(plan, 0))
    with pytest.raises(TypeError, match="`sampler` contains a DistributedSamplerWrapper, which shares its batches"):
        DistributedSamplerWrapper(BatchSampler(DistributedSamplerWrapper(range(9)), 3, False))
    with pytest.raises(TypeError, match=r"is a DistributedSampler for rank 1 of 2, .* make it with num_replicas=1"):
        DistributedSamplerWrapper(DistributedSampler(range(9), num_replicas=2, rank=1))
    with pytest.raises(TypeError, match="`drop_last` must be True or False, not 1"):
        DistributedSamplerWrapper(range(9), drop_last=1)
    with pytest.raises(ValueError, match=r"`rank` \(=4\) must be below `world_size` \(=4\)"):
        DistributedSamplerWrapper(range(9), rank=4, world_size=4)


WEIGHTS = [1.0] * 990 + [99.0] * 10


@pytest.mark.parametrize(
    "weights",
    [
        WEIGHTS,
        np.array(WEIGHTS),
        torch.tensor(WEIGHTS),
        torch.tensor(WEIGHTS).double(),
        torch.tensor(WEIGHTS).bfloat16(),
        torch.tensor(WEIGHTS, requires_grad=True),
    ],
)
def test_weights_with_the_arguments_of_weighted_random_sampler(weights):
    sampler = weighted_sampler(weights, 2000, True)
    drawn = collections.Counter(sampler)
    assert len(sampler) == 2000 == drawn.total()
    assert [drawn[index] for index in range(990, 1000)] == [100] * 10
    assert sum(drawn[index] for index in range(990)) == 1000


def test_weighted_batches_are_exact_on_every_rank():
    for rank in range(4):
        sampler = weighted_sampler(WEIGHTS, 2000, seed=3, batch_size=40, rank=rank, world_size=4)
        loader = DataLoader(range(1000), sampler=sampler, batch_size=sampler.local_batch_size)
        assert {int((batch >= 990).sum()) for batch in loader} == {5}


def test_weights_without_a_batch_size_share_the_draws_among_ranks():
    parts = [list(weighted_sampler(WEIGHTS, 2000, seed=3, rank=rank, world_size=4)) for rank in range(4)]
    assert [len(part) for part in parts] == [500] * 4
    assert sum(index >= 990 for part in parts for index in part) == 1000
    for part in parts:
        windows = np.array(part).reshape(-1, 50) >= 990
        assert (np.abs(windows.sum(axis=1) - 25) <= 6).all()


def positives(sampler, size, rare):
    """Items below `rare` in the batches that a loader would make, without the last one."""
    drawn = np.fromiter(sampler, np.int64)
    return (drawn[: len(drawn) // size * size].reshape(-1, size) < rare).sum(axis=1)


@pytest.mark.parametrize("size", [32, 100])
@pytest.mark.parametrize("count", [1000, 10_000, 12_345, 60_000])
def test_weights_without_a_batch_size_make_level_batches_of_any_size(count, size):
    rare = count // 20
    weights = np.repeat([0.5 / rare, 0.5 / (count - rare)], [rare, count - rare])
    ours = positives(weighted_sampler(weights, count, seed=1), size, rare)
    torch.manual_seed(1)
    theirs = positives(WeightedRandomSampler(torch.from_numpy(weights), count), size, rare)
    assert ours.std() < 1.5 and np.abs(ours - size / 2).max() <= 5
    assert theirs.std() > 1.5 * ours.std() and theirs.std() > 2, "the control: independent draws are not level"


@pytest.mark.parametrize("count", [1, 7, 31, 1000, 1009, 99_991, 100_000])
@pytest.mark.parametrize("world_size", [1, 3, 8])
def test_weights_without_a_batch_size_lose_less_than_a_draw_a_rank(count, world_size):
    if count < world_size:
        return
    sampler = weighted_sampler(WEIGHTS, count, rank=0, world_size=world_size)
    assert len(sampler) == len(list(sampler)) == count // world_size


def test_a_step_of_weights_without_a_batch_size_is_a_draw():
    whole = list(weighted_sampler(WEIGHTS, 1000, rank=1, world_size=2))
    sampler = weighted_sampler(WEIGHTS, 1000, rank=1, world_size=2)
    batches = iter(DataLoader(range(1000), sampler=sampler, batch_size=32))
    for _ in range(3):
        next(batches)
    resumed = weighted_sampler(WEIGHTS, 1000, rank=1, world_size=2, start=sampler.state_dict(3 * 32))
    assert list(resumed) == whole[96:]


def test_weights_without_a_batch_size_need_the_process_group_first(monkeypatch):
    sampler = weighted_sampler(WEIGHTS, 1000)
    sized = weighted_sampler(WEIGHTS, 1000, batch_size=20)
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 0)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    with pytest.raises(RuntimeError, match=r"`world_size` was 1, but now it is 2, .* \(and a weighted_sampler without"):
        iter(sampler)
    assert len(list(sized)) == 500


def test_independent_weights():
    drawn = collections.Counter(weighted_sampler(WEIGHTS, 20_000, iid=True))
    assert len({drawn[index] for index in range(990, 1000)}) > 1


def test_what_weights_refuse():
    with pytest.raises(ValueError, match=r"`replacement` \(=False\) must be True.*epoch_size='undersample'"):
        weighted_sampler(WEIGHTS, 100, replacement=False)
    with pytest.raises(TypeError, match=r"`generator` is not used here; give `seed`.*initial_seed"):
        weighted_sampler(WEIGHTS, 100, True, torch.Generator())
    with pytest.raises(ValueError, match=r"`num_samples` .* must be at least 1, not 0"):
        weighted_sampler(WEIGHTS, 0)
    with pytest.raises(TypeError, match="`weights` has dtype int64 and looks like labels"):
        weighted_sampler(torch.tensor([0, 1, 1]), 3)
    with pytest.raises(TypeError, match="`weights` must be a list or array with one entry per item, not int"):
        weighted_sampler(3, 10)


FEATURES, LABELS = torch.zeros(6, 2), torch.tensor([5, 7, 7, 5, 9, 5])


class WithTargets(torch.utils.data.Dataset):
    def __init__(self, name, values):
        setattr(self, name, values)

    def __len__(self):
        return 6

    def __getitem__(self, index):
        raise AssertionError("labels are found without loading an item")


@pytest.mark.parametrize("name", ["targets", "labels"])
@pytest.mark.parametrize("values", [LABELS.tolist(), LABELS, LABELS.numpy(), tuple(LABELS.tolist())])
def test_labels_of_attributes(name, values):
    assert labels_of(WithTargets(name, values)).tolist() == LABELS.tolist()


def test_labels_of_torch_s_datasets():
    whole = TensorDataset(FEATURES, LABELS)
    assert labels_of(whole).tolist() == LABELS.tolist()
    part = Subset(whole, [4, 0, 1])
    assert labels_of(part).tolist() == [9, 5, 7]
    assert labels_of(Subset(part, torch.tensor([2, 0]))).tolist() == [7, 9]
    assert labels_of(Subset(whole, [])).tolist() == []
    assert labels_of(ConcatDataset([part, whole])).tolist() == [9, 5, 7, *LABELS.tolist()]
    assert labels_of(Subset(ConcatDataset([part, whole]), [3, 2])).tolist() == [5, 7]
    assert labels_of(WithTargets("kinds", list("aabbab")), column="kinds").tolist() == list("aabbab")


@pytest.mark.parametrize("column", ["label", "labels", "kind"])
def test_labels_of_hugging_face_datasets(column):
    datasets = pytest.importorskip("datasets")
    table = datasets.Dataset.from_dict({"text": list("abcdef"), column: LABELS.tolist()})
    named = {"column": column} if column == "kind" else {}
    assert labels_of(table, **named).tolist() == LABELS.tolist()
    assert labels_of(table.select([4, 0]), **named).tolist() == [9, 5]
    assert labels_of(Subset(table, [4, 0]), **named).tolist() == [9, 5]


def test_targets_win_over_labels():
    dataset = WithTargets("labels", [1] * 6)
    dataset.targets = LABELS
    assert labels_of(dataset).tolist() == LABELS.tolist()


def test_labels_are_found_as_they_are_stored():
    datasets = pytest.importorskip("datasets")
    dataset = WithTargets("targets", LABELS)
    dataset.target_transform = lambda label: label + 1
    assert labels_of(dataset).tolist() == LABELS.tolist()
    table = datasets.Dataset.from_dict({"label": LABELS.tolist()})
    changed = table.with_transform(lambda rows: {"label": [label + 1 for label in rows["label"]]})
    assert changed[0]["label"] == 6 and labels_of(changed).tolist() == LABELS.tolist()


def test_the_labels_among_more_than_two_tensors_are_not_guessed():
    dataset = TensorDataset(FEATURES, LABELS, torch.arange(6))
    part = Subset(dataset, [4, 0])
    for whole in (dataset, part, ConcatDataset([dataset])):
        with pytest.raises(
            TypeError, match=r"a TensorDataset of 3 tensors, any of .* such as dataset\.tensors\[1\] \(of"
        ):
            labels_of(whole)
    assert bx.ratio(dataset.tensors[1], batch_size=3).classes.tolist() == [5, 7, 9], "the way out"
    assert part.dataset.tensors[1][part.indices].tolist() == [9, 5]


def test_a_plan_of_found_labels():
    plan = bx.ratio(labels_of(TensorDataset(FEATURES, LABELS)), batch_size=3)
    assert plan.classes.tolist() == [5, 7, 9]


def test_labels_that_cannot_be_found():
    datasets = pytest.importorskip("datasets")
    with pytest.raises(
        TypeError, match=r"No labels found in `dataset`, a list: it has none of 'targets', 'labels', .*"
    ):
        labels_of([1, 2])
    with pytest.raises(TypeError, match=r"a TensorDataset: it has none of .* read them once yourself, such as \[int"):
        labels_of(TensorDataset(FEATURES))
    with pytest.raises(TypeError, match=r"none of 'kind'; its columns are \['text'\]"):
        labels_of(datasets.Dataset.from_dict({"text": ["a"]}), column="kind")
    with pytest.raises(TypeError, match="`column` must be the name of a column or an attribute, not 3"):
        labels_of(TensorDataset(FEATURES, LABELS), column=3)
    splits = datasets.DatasetDict({name: datasets.Dataset.from_dict({"label": [0, 1]}) for name in ("train", "test")})
    with pytest.raises(
        TypeError,
        match=r"a DatasetDict of 'train', 'test', not one dataset; choose a split, such as dataset\['train'\]",
    ):
        labels_of(splits)
    stream = datasets.Dataset.from_dict({"label": [0, 1]}).to_iterable_dataset()
    with pytest.raises(TypeError, match="`dataset` is an IterableDataset, which has no length: batches are chosen by"):
        labels_of(stream)


def test_labels_that_are_not_one_per_item():
    with pytest.raises(
        ValueError, match=r"The last tensor of the TensorDataset is not one label per item: its shape is"
    ):
        labels_of(TensorDataset(FEATURES, FEATURES))
    with pytest.raises(
        ValueError, match=r"`WithTargets.targets` is not one label per item: its shape is \(2,\), and the"
    ):
        labels_of(WithTargets("targets", [0, 1]))
    lists = r"is not one label per item: its entries are lists\. Give balanceidx one label per item, or one weight"
    with pytest.raises(ValueError, match=lists):
        labels_of(WithTargets("targets", [0, 1, [2, 3], 4, 5, 6]))
    datasets = pytest.importorskip("datasets")
    with pytest.raises(ValueError, match=lists):
        labels_of(datasets.Dataset.from_dict({"label": [[0], [1, 2]]}))
    named = WithTargets("targets", list("abcabc"))
    with pytest.raises(
        TypeError, match="joins parts with labels of dtypes int64, <U1: some are numbers and some are str"
    ):
        labels_of(ConcatDataset([TensorDataset(FEATURES, LABELS), named]))
