"""Real trainers on two processes: Lightning, accelerate and Ray Train."""

import importlib.util
import json

import pytest

from launch import SCRIPTS, python, torchrun

pytestmark = [pytest.mark.slow, pytest.mark.distributed]


def promised(plan, rank, *epochs):
    """Batches of a rank of two, epoch after epoch."""
    return [
        batch
        for epoch in epochs
        for batch in plan.epoch_indices(3, rank, epoch=epoch, world_size=2).reshape(plan.steps_per_epoch, -1).tolist()
    ]


@pytest.fixture(scope="module")
def lightning(tmp_path_factory):
    """What each rank got in the first run, and in one that continues from the first's checkpoints."""
    pytest.importorskip("lightning")
    folder = tmp_path_factory.mktemp("lightning")
    for which in ("first", "restart"):
        python(SCRIPTS / "lightning_ddp.py", which, folder)
    return {
        which: [json.loads((folder / f"{which}_{rank}.json").read_text()) for rank in range(2)]
        for which in ("first", "restart")
    }


@pytest.mark.parametrize("name", ["flat", "batches", "stateful flat", "stateful batches"])
class TestLightning:
    """The flat sampler with default settings, the batch sampler with use_distributed_sampler=False."""

    def test_epochs_are_the_promised_ones(self, lightning, name):
        from torch_scripts.lightning_ddp import PLAN

        for rank in range(2):
            epochs, batches = zip(*lightning["first"][rank][name], strict=True)
            assert list(epochs) == [0] * 7 + [1] * 7
            assert list(batches) == promised(PLAN, rank, 0, 1)

    def test_a_restart_in_mid_epoch_continues(self, lightning, name):
        from torch_scripts.lightning_ddp import PLAN

        for rank in range(2):
            cut = lightning["first"][rank][f"{name}, cut"][:10]  # what was trained up to the checkpoint
            epochs, batches = zip(*cut, *lightning["restart"][rank][name], strict=True)
            assert list(epochs) == [0] * 7 + [1] * 7 + [2] * 7
            assert list(batches) == promised(PLAN, rank, 0, 1, 2)


def test_lightning_refuses_a_batch_sampler_with_default_settings(lightning):
    for rank in range(2):
        assert "unexpected keyword argument" in lightning["first"][rank]["batches, default settings"]


@pytest.fixture(scope="module")
def accelerate(tmp_path_factory):
    """What each rank got."""
    pytest.importorskip("accelerate")
    folder = tmp_path_factory.mktemp("accelerate")
    torchrun(2, SCRIPTS / "accelerate_ddp.py", folder)
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]


@pytest.mark.parametrize("name", ["interleaved", "opt out", "opt out, flat"])
def test_accelerate(accelerate, name):
    from torch_scripts.accelerate_ddp import PLAN

    for rank in range(2):
        assert sum(accelerate[rank][name], []) == promised(PLAN, rank, 0, 1, 2)


@pytest.mark.parametrize("name", ["interleaved, resumed", "opt out, resumed"])
def test_accelerate_continues_in_mid_epoch(accelerate, name):
    from torch_scripts.accelerate_ddp import PLAN

    for rank in range(2):
        assert sum(accelerate[rank][name], []) == promised(PLAN, rank, 1, 2)[4:]


def test_accelerate_shares_a_rank_s_batches_again(accelerate):
    from torch_scripts.accelerate_ddp import PLAN

    for rank in range(2):
        (epoch,) = accelerate[rank]["shared twice"]
        assert epoch == promised(PLAN, rank, 0)[rank::2][:3], "if this fails, accelerate has changed: see docs/torch.md"


@pytest.mark.timeout(600)
@pytest.mark.skipif(not importlib.util.find_spec("ray"), reason="ray is not installed")
def test_ray_train(tmp_path):
    from launch import ROOT

    out = python(
        ROOT / "examples" / "ray_train.py",
        "--storage",
        tmp_path,
        seconds=540,
        RAY_USAGE_STATS_ENABLED="0",
        HOME=str(tmp_path),
    )
    assert "every batch of every rank is as planned" in out
