"""Worker processes from a script and from a notebook, and the flag without which Grain starts none."""

import subprocess
import sys

import pytest
from absl import flags

import balanceidx_grain

CELL = """
import grain
import numpy as np
import balanceidx as bx
import balanceidx_grain

class Double(grain.transforms.Map):
    def map(self, element):
        return 2 * element

def train():
    plan = bx.ratio(np.arange(100) >= 93, batch_size=12, epoch_size=24)
    dataset = balanceidx_grain.batches(plan, 3, num_epochs=2).map(Double()).to_iter_dataset()
    found = list(dataset.mp_prefetch(grain.MultiprocessingOptions(num_workers=1)))
    wanted = [plan.batch_indices(3, step, epoch=epoch) for epoch in range(2) for step in range(2)]
    np.testing.assert_array_equal(found, 2 * np.array(wanted))
    print("trained")
"""


def run(*arguments):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=240)


def test_flags_that_were_parsed_are_left_alone(monkeypatch):
    values = flags.FlagValues()
    flags.DEFINE_integer("answer", 1, "", flag_values=values)
    monkeypatch.setattr(flags, "FLAGS", values)
    balanceidx_grain.enable_workers()
    assert values.answer == 1
    values(["program", "--answer=42"])  # as a later app.run does
    balanceidx_grain.enable_workers()
    assert values.answer == 42


@pytest.mark.slow
def test_in_a_script(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(CELL + "\nif __name__ == '__main__':\n    balanceidx_grain.enable_workers()\n    train()\n")
    done = run(str(script))
    assert done.stdout.strip() == "trained", done.stderr


@pytest.mark.slow
def test_in_a_notebook():
    # A notebook's cells run in a __main__ that has no file, as the code given to -c does.
    done = run("-c", f"{CELL}\nbalanceidx_grain.enable_workers()\ntrain()")
    assert done.stdout.strip() == "trained", done.stderr


@pytest.mark.slow
def test_without_the_helper_grain_refuses():
    done = run("-c", f"{CELL}\ntrain()")
    assert "UnparsedFlagAccessError" in done.stderr
