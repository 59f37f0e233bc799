"""The JAX examples run as their pages say, and end where they promise to."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"
PAGE = ROOT / "docs" / "jax.md"

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


# How the page makes four devices of a CPU: a line of Python, or a variable of the environment.
FOUR_DEVICES = {
    "line": ('jax.config.update("jax_num_cpu_devices", 4)', {}),
    "variable": ("", {"XLA_FLAGS": "--xla_force_host_platform_device_count=4"}),
}


@pytest.mark.parametrize(("line", "variables"), FOUR_DEVICES.values(), ids=FOUR_DEVICES)
def test_the_page_runs_on_four_devices(line, variables):
    said = line or "=".join(*variables.items())
    assert f"`{said}`" in PAGE.read_text()
    code = f"import jax\n{line}\nimport test_docs\nprint(test_docs.run(test_docs.ROOT / 'docs/jax.md'), jax.device_count())"
    environment = {"PYTHONPATH": str(Path(__file__).parent), "JAX_PLATFORMS": "cpu"} | variables
    blocks, devices = map(int, output(sys.executable, "-W", "error", "-c", code, **environment).split())
    assert blocks == PAGE.read_text().count("```python\n")
    assert devices == 4


@pytest.mark.parametrize("example", ["digits_training.py", "on_device.py", "multihost.py", "multihost.sh"])
def test_what_the_examples_need_is_said(example):
    install = "pip install -c constraints.txt '.[examples]'"
    assert install in (EXAMPLES / example).read_text()
    assert install in PAGE.read_text()


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
