"""Real processes: torchrun and gloo, 2 and 4 ranks."""

import collections
import json

import pytest

import balanceidx as bx
from launch import SCRIPTS, torchrun
from torch_scripts.ranks import LABELS, PLAN, WEIGHTS

# One pytest worker of several launches for all tests that look at what a launch wrote.
pytestmark = [pytest.mark.slow, pytest.mark.distributed, pytest.mark.xdist_group("torchrun")]

STEPS = PLAN.steps_per_epoch


@pytest.fixture(scope="module", params=[2, 4])
def ranks(request, tmp_path_factory):
    """What each of 2 or 4 ranks got."""
    folder = tmp_path_factory.mktemp("ranks")
    torchrun(request.param, SCRIPTS / "ranks.py", folder)
    return [json.loads((folder / f"{rank}_of_{request.param}.json").read_text()) for rank in range(request.param)]


@pytest.mark.parametrize("name", ["flat", "batches"])
@pytest.mark.parametrize("epoch", [0, 1])
def test_the_union_of_the_ranks_is_the_global_batch(ranks, name, epoch):
    for step in range(STEPS):
        union = [index for rank in ranks for index in rank[name][epoch][step]]
        assert sorted(union) == sorted(PLAN.batch_indices(5, step, epoch=epoch).tolist())


@pytest.mark.parametrize("name", ["flat", "batches"])
def test_the_composition_is_exact_on_every_rank(ranks, name):
    size = 16 // len(ranks)
    for rank in ranks:
        for batch in (batch for epoch in rank[name] for batch in epoch):
            counts = collections.Counter(LABELS[index] for index in batch)
            assert (counts[0], counts[1], counts[2]) == (size // 2, size // 4, size // 4)


def test_flat_and_batches_are_the_same(ranks):
    for rank in ranks:
        assert rank["flat"] == rank["batches"]


def test_the_interleaved_stream_is_the_same_on_every_rank(ranks):
    world_size = len(ranks)
    for epoch in (0, 1):
        for rank in ranks:
            assert rank["interleaved"][epoch] == ranks[0]["interleaved"][epoch]
        for r, rank in enumerate(ranks):
            assert rank["interleaved"][epoch][r::world_size] == rank["batches"][epoch]


def test_a_wrapped_random_sampler_is_shared_without_communication(ranks):
    for epoch in (0, 1):
        union = [index for rank in ranks for (index,) in rank["wrapped"][epoch]]
        assert set(union) == set(range(10)) and len(union) == -(-10 // len(ranks)) * len(ranks)
    assert ranks[0]["wrapped"][0] != ranks[0]["wrapped"][1]


def test_weighted_batches_are_exact_on_every_rank(ranks):
    plan = bx.weighted(WEIGHTS, batch_size=16, epoch_size=144)
    for r, rank in enumerate(ranks):
        expected = plan.epoch_indices(5, r, world_size=len(ranks)).reshape(STEPS, -1).tolist()
        assert rank["weighted"][0] == expected
        assert {sum(index >= 160 for index in batch) for batch in expected} == {8 // len(ranks)}
