"""The DDP example: killed in mid-epoch and continued with other numbers of processes, it consumes the same images."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from launch import ENVIRONMENT, ROOT, torchrun

pytestmark = [pytest.mark.slow, pytest.mark.distributed]

EXAMPLE = ROOT / "examples" / "torch_ddp.py"
STEPS = 1797 // 48


def consumed(folder):
    return [json.loads(line) for line in (folder / "consumed.jsonl").read_text().splitlines()]


def run_and_kill(processes, folder, saves, after):
    """Start the example, and kill every process of it, launcher first, a moment after a number of checkpoints."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    command += [str(EXAMPLE), "--folder", str(folder), "--epochs", "2", "--pause", "0.02"]
    environment = {k: v for k, v in os.environ.items() if k not in ("WORLD_SIZE", "RANK", "LOCAL_RANK")} | ENVIRONMENT
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as launcher:
        try:
            for line in launcher.stdout:
                saves -= line.startswith("saved")
                if not saves:
                    break
            time.sleep(after)
            assert launcher.poll() is None, "the run ended before it could be killed"
        finally:
            kill(launcher.pid)


def kill(launcher):
    """`kill -9` the launcher and the processes that it started, which torchrun puts into sessions of their own."""
    children = subprocess.run(["pgrep", "-P", str(launcher)], capture_output=True, text=True).stdout.split()
    for process in [launcher, *map(int, children)]:
        os.kill(process, signal.SIGKILL)


def test_killed_and_continued_with_other_numbers_of_processes(tmp_path):
    torchrun(2, EXAMPLE, "--folder", tmp_path / "whole", "--epochs", "2")
    whole = consumed(tmp_path / "whole")
    assert [(line["epoch"], line["step"]) for line in whole] == [(e, s) for e in range(2) for s in range(STEPS)]

    cut = tmp_path / "cut"
    run_and_kill(2, cut, saves=3, after=0.1)  # in epoch 0
    run_and_kill(4, cut, saves=7, after=0.1)  # in epoch 1
    assert 0 < len(consumed(cut)) % STEPS < STEPS, "the kill was in mid-epoch"
    out = torchrun(1, EXAMPLE, "--folder", cut, "--epochs", "2")
    assert "going on after step" in out and "of epoch 1 with 1 processes" in out
    assert consumed(cut) == whole
