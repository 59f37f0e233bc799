"""`import balanceidx` is cheap and loads no framework: each look is taken in a fresh interpreter."""

import subprocess
import sys

import pytest

FRAMEWORKS = {"torch", "jax", "grain", "flax", "optax", "tensorflow", "sklearn", "scipy", "matplotlib"}

SECONDS_BEYOND_NUMPY = 0.15


def run(code: str) -> str:
    """Run `code` in a fresh interpreter and return what it printed."""
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=240).stdout


def frameworks_loaded_by(module: str) -> set[str]:
    """The frameworks that a fresh interpreter holds after importing `module`."""
    loaded = run(f"import sys, {module}\nprint(*{{name.partition('.')[0] for name in sys.modules}})").split()
    return FRAMEWORKS.intersection(loaded)


def test_core_loads_no_framework():
    assert frameworks_loaded_by("balanceidx") == set()


@pytest.mark.slow
@pytest.mark.parametrize("framework", ["torch", "grain", "jax"])
def test_the_check_can_fail(framework):
    assert framework in frameworks_loaded_by(f"balanceidx_{framework}")


@pytest.mark.benchmark
def test_core_imports_quickly():
    code = "import time, numpy\nstart = time.perf_counter()\nimport balanceidx\nprint(time.perf_counter() - start)"
    best = min(float(run(code)) for _ in range(5))
    assert best < SECONDS_BEYOND_NUMPY
