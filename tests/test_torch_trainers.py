"""Real trainers on two processes: Lightning, accelerate and Ray Train."""

import json

import pytest
from sklearn.datasets import load_digits

import balanceidx as bx
from launch import ROOT, SCRIPTS, python, torchrun

pytestmark = [pytest.mark.slow, pytest.mark.distributed]

# One pytest worker of several launches for all tests that look at what a launch wrote.
LIGHTNING, ACCELERATE = pytest.mark.xdist_group("lightning"), pytest.mark.xdist_group("accelerate")


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


@LIGHTNING
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


@LIGHTNING
def test_lightning_refuses_a_batch_sampler_with_default_settings(lightning):
    for rank in range(2):
        assert "Trying to inject a modified sampler" in lightning["first"][rank]["batches, default settings"]


@pytest.fixture(scope="module")
def accelerate(tmp_path_factory):
    """What each rank got."""
    pytest.importorskip("accelerate")
    folder = tmp_path_factory.mktemp("accelerate")
    torchrun(2, SCRIPTS / "accelerate_ddp.py", folder)
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]


@ACCELERATE
@pytest.mark.parametrize("name", ["interleaved", "opt out", "opt out, flat"])
def test_accelerate(accelerate, name):
    from torch_scripts.accelerate_ddp import PLAN

    for rank in range(2):
        assert sum(accelerate[rank][name], []) == promised(PLAN, rank, 0, 1, 2)


RESUMED = ["interleaved, resumed", "opt out, resumed"]
RESUMED += ["interleaved, skipped", "interleaved, stateful", "opt out, stateful"]


@ACCELERATE
@pytest.mark.parametrize("name", RESUMED)
def test_accelerate_continues_in_mid_epoch(accelerate, name):
    from torch_scripts.accelerate_ddp import PLAN

    for rank in range(2):
        assert sum(accelerate[rank][name], []) == promised(PLAN, rank, 1, 2)[4:]


@ACCELERATE
def test_accelerate_shares_a_rank_s_batches_again(accelerate):
    from torch_scripts.accelerate_ddp import PLAN

    for rank in range(2):
        (epoch,) = accelerate[rank]["shared twice"]
        assert epoch == promised(PLAN, rank, 0)[rank::2][:3], "if this fails, accelerate has changed: see docs/torch.md"


@pytest.mark.timeout(600)
def test_ray_train(tmp_path):
    """The example fails in epoch 1 before step 30, and goes on after step 22, where the last checkpoint was."""
    pytest.importorskip("ray")
    quick = {"RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.5", "RAY_USAGE_STATS_ENABLED": "0", "HOME": str(tmp_path)}
    out = python(ROOT / "examples" / "ray_train.py", "--folder", tmp_path, seconds=540, **quick)
    assert out.startswith("epoch 1, step 43, loss ") and "after one restart" in out
    plan = bx.ratio(load_digits().target == 8, batch_size=40)
    steps = (
        [(0, step) for step in range(44)] + [(1, step) for step in range(30)] + [(1, step) for step in range(22, 44)]
    )
    for rank in range(2):
        assert [json.loads(line) for line in (tmp_path / f"consumed_{rank}.jsonl").read_text().splitlines()] == [
            {
                "epoch": epoch,
                "step": step,
                "images": plan.batch_indices(0, step, rank, epoch=epoch, world_size=2).tolist(),
            }
            for epoch, step in steps
        ]
