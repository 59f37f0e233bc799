"""The JAX examples run as their pages say, and end where they promise to."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"

pytestmark = pytest.mark.slow


def output(*command: object, **environment: str) -> str:
    done = subprocess.run(
        [str(part) for part in command], env=os.environ | environment, capture_output=True, text=True, timeout=250
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def size_of_parameters(printed: str) -> float:
    return float(re.findall(r"parameters: (\d+\.\d+) in sum", printed)[0])


@pytest.fixture(scope="module")
def one_scan() -> str:
    return output(sys.executable, "-W", "error", EXAMPLES / "on_device.py", "--epochs", "4", JAX_PLATFORMS="cpu")


def test_one_scan_ends_with_the_parameters_of_the_run_fed_by_the_host(one_scan):
    assert "4 epochs, 32 steps" in one_scan
    assert "the same final parameters" in one_scan  # the script itself raises when they are not
    assert float(re.findall(r"mean (\d\.\d+)", one_scan)[0]) > 0.8


@pytest.mark.distributed
@pytest.mark.parametrize("processes", [1, 2])
def test_processes_train_like_one_scan(processes, one_scan):
    printed = output("bash", EXAMPLES / "multihost.sh", processes, "--epochs", "4", PYTHON=sys.executable)
    # Each of the 4 or 8 devices: as many of each digit.
    each = 80 // (4 * processes) // 10
    assert printed.count(str([each] * 10)) == 4 * processes, printed
    assert f"processes: {processes}, devices: {4 * processes}, steps: 32" in printed
    assert f"each process loaded {32 * 80 // processes} of 2560 images" in printed
    assert size_of_parameters(printed) == pytest.approx(size_of_parameters(one_scan), rel=1e-4)


@pytest.mark.distributed
def test_a_process_that_fails_ends_the_others():
    command = ["bash", EXAMPLES / "multihost.sh", "2", "--seed", "-1"]
    environment = os.environ | {"PYTHON": sys.executable}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode != 0
    assert "`seed` must be at least 0, not -1." in done.stderr
