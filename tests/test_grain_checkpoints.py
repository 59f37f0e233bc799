"""Orbax checkpoints of Grain's iterators and of our own position, in a process that is killed, continued by another."""

import json
import signal
import subprocess
import sys

import numpy as np
import orbax.checkpoint as ocp
import pytest

import balanceidx as bx
import balanceidx_grain
from environments import ROOT
from grain_checks import LABELS, expected

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="kills itself with SIGKILL"),
]

TRAIN = f"""
import json, os, signal, sys
sys.path.insert(0, {str(ROOT / "tests")!r})
import grain, orbax.checkpoint as ocp
import balanceidx as bx, balanceidx_grain
from grain_checks import LABELS, Records, loader

folder, crash_at = sys.argv[1], int(sys.argv[2])
plan = bx.ratio(LABELS, batch_size=12, epoch_size=72)
iterators = {{
    "batches": iter(balanceidx_grain.batches(
        plan, 3, rank=1, world_size=2, num_epochs=2, source=Records()).to_iter_dataset()),
    "loader": iter(loader(plan, 1, 2, 0)),
}}
manager = ocp.CheckpointManager(folder)
first = 0
if manager.latest_step() is not None:
    first = manager.latest_step()
    manager.restore(first, args=ocp.args.Composite(
        **{{name: grain.checkpoint.CheckpointRestore(iterator) for name, iterator in iterators.items()}}))
for step in range(first, 12):
    batch = {{name: next(iterator)["item"].tolist() for name, iterator in iterators.items()}}
    print(json.dumps([step, batch]), flush=True)
    if step == crash_at:
        os.kill(os.getpid(), signal.SIGKILL)
    if step % 4 == 3:
        manager.save(step + 1, args=ocp.args.Composite(
            position=ocp.args.JsonSave(balanceidx_grain.state_dict(plan, 3, step + 1)),
            **{{name: grain.checkpoint.CheckpointSave(iterator) for name, iterator in iterators.items()}}))
        manager.wait_until_finished()
"""


def train(folder, crash_at):
    command = [sys.executable, "-c", TRAIN, str(folder), str(crash_at)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    return done, [json.loads(line) for line in done.stdout.splitlines()]


def test_a_killed_run_continues_where_it_was_saved(tmp_path):
    plan = bx.ratio(LABELS, batch_size=12, epoch_size=72)
    wanted = expected(plan, 1, 2)
    killed, before = train(tmp_path, 9)  # in the second epoch, one batch and a half after the last checkpoint
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert [step for step, _ in before] == list(range(10))
    with ocp.CheckpointManager(tmp_path) as manager:
        assert manager.latest_step() == 8
        position = manager.restore(8, args=ocp.args.Composite(position=ocp.args.JsonRestore())).position
    for rank in range(4):  # our own position goes on with four hosts, where two were killed
        found = balanceidx_grain.batches(plan, 3, rank=rank, world_size=4, num_epochs=2, start=position)
        np.testing.assert_array_equal(list(found), expected(plan, rank, 4)[8:])
    done, after = train(tmp_path, -1)
    assert done.returncode == 0, done.stderr
    assert [step for step, _ in after] == list(range(8, 12))
    for name in ("batches", "loader"):
        np.testing.assert_array_equal([batch[name] for _, batch in before], wanted[:10])
        np.testing.assert_array_equal([batch[name] for _, batch in after], wanted[8:])
