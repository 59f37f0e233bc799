"""The JAX examples run as their pages say, and end where they promise to."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from test_jax_processes import free_port

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"

pytestmark = pytest.mark.slow


def output(*command: object, **environment: str) -> str:
    done = subprocess.run(
        [str(part) for part in command], env=os.environ | environment, capture_output=True, text=True, timeout=250
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_one_scan_ends_with_the_parameters_of_the_run_fed_by_the_host():
    printed = output(sys.executable, "-W", "error", EXAMPLES / "on_device.py", "--epochs", "5")
    assert "the same final parameters" in printed  # the script itself raises when they are not
    assert float(re.findall(r"mean (\d\.\d+)", printed)[0]) > 0.85


def test_two_processes_train_like_one():
    results = []
    for processes in (1, 2):
        script = EXAMPLES / "multihost.sh"
        printed = output("bash", script, processes, "--epochs", "4", PYTHON=sys.executable, PORT=str(free_port()))
        # Each of the 4 or 8 devices: as many of each digit.
        each = 160 // (4 * processes) // 10
        assert printed.count(str([each] * 10)) == 4 * processes, printed
        assert f"processes: {processes}, devices: {4 * processes}, steps: 16" in printed
        assert f"each process loaded {16 * 160 // processes} of 2560 images" in printed
        results.append(float(re.findall(r"(\d+\.\d+) in sum", printed)[0]))
    assert results[0] == pytest.approx(results[1], rel=1e-4)


def test_a_process_that_fails_ends_the_others():
    command = ["bash", EXAMPLES / "multihost.sh", "2", "--seed", "-1"]
    environment = os.environ | {"PYTHON": sys.executable, "PORT": str(free_port())}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode != 0
    assert "`seed` must be at least 0, not -1." in done.stderr
