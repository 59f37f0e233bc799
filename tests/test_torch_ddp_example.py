"""The DDP example: killed in mid-epoch and continued with other numbers of processes, it consumes the same images."""

import json
import time

import pytest
import torch
from sklearn.datasets import load_digits

import balanceidx as bx
from launch import ROOT, TORCHRUN, kill, start, torchrun

pytestmark = [pytest.mark.slow, pytest.mark.distributed]

EXAMPLE = ROOT / "examples" / "torch_ddp.py"
PLAN = bx.ratio(load_digits().target == 8, batch_size=48)
STEPS = PLAN.steps_per_epoch
PAUSE = 0.1


def consumed(folder):
    return [json.loads(line) for line in (folder / "consumed.jsonl").read_text().splitlines()]


def run_and_kill(processes, folder, saves):
    """Start the example, and `kill -9` every process of it two steps after a number of checkpoints."""
    options = ("--folder", folder, "--epochs", 2, "--pause", PAUSE)
    with start(*TORCHRUN, f"--nproc-per-node={processes}", EXAMPLE, *options) as launcher:
        try:
            for line in launcher.stdout:
                saves -= line.startswith("saved")
                if not saves:
                    break
            time.sleep(2.5 * PAUSE)
            assert launcher.poll() is None, "the run ended before it could be killed"
        finally:
            kill(launcher)


@pytest.mark.timeout(600)
def test_killed_and_continued_with_other_numbers_of_processes(tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    torchrun(2, EXAMPLE, "--folder", whole, "--epochs", 2)
    assert consumed(whole) == [
        {"epoch": epoch, "step": step, "images": sorted(PLAN.batch_indices(0, step, epoch=epoch).tolist())}
        for epoch in range(2)
        for step in range(STEPS)
    ]

    run_and_kill(2, cut, saves=3)
    assert 0 < len(consumed(cut)) < STEPS, "in the middle of epoch 0"
    run_and_kill(4, cut, saves=7)
    saved = torch.load(cut / "checkpoint.pt")["steps"] - STEPS
    assert 0 < saved < STEPS, "in the middle of epoch 1"
    out = torchrun(1, EXAMPLE, "--folder", cut, "--epochs", 2)
    assert f"going on after step {saved} of epoch 1 with 1 processes" in out
    assert consumed(cut) == consumed(whole)

    # The same images in every step make the same model, but for the order of sums.
    models = [torch.load(folder / "checkpoint.pt")["model"] for folder in (whole, cut)]
    for name, parameter in models[0].items():
        torch.testing.assert_close(models[1][name], parameter, rtol=1e-3, atol=1e-4)
