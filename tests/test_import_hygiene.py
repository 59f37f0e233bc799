"""`import balanceidx` is cheap and loads no framework: each look is taken in a fresh interpreter."""

import ast
import subprocess
import sys

import pytest

import balanceidx
from environments import ROOT

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


def taken_from_the_core(code: str) -> set[str]:
    """What a module imports of balanceidx, in full: `balanceidx.Plan` for `from balanceidx import Plan`."""
    taken = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            taken |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            taken |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in taken if name.partition(".")[0] == "balanceidx"}


PUBLIC = {"balanceidx", *(f"balanceidx.{name}" for name in balanceidx.__all__)}


@pytest.mark.parametrize("adapter", ["balanceidx_grain", "balanceidx_jax", "balanceidx_torch"])
def test_an_adapter_takes_public_names_and_the_door(adapter):
    for module in sorted((ROOT / "adapters" / adapter).glob("*.py")):
        others = taken_from_the_core(module.read_text()) - PUBLIC
        assert {name for name in others if not name.startswith("balanceidx.adapting")} == set(), module


@pytest.mark.parametrize(
    "line", ["from balanceidx import _checks", "import balanceidx._plan", "from balanceidx._plan import Plan"]
)
def test_the_check_of_the_door_can_fail(line):
    assert taken_from_the_core(line) - PUBLIC


@pytest.mark.benchmark
def test_core_imports_quickly():
    code = "import time, numpy\nstart = time.perf_counter()\nimport balanceidx\nprint(time.perf_counter() - start)"
    best = min(float(run(code)) for _ in range(5))
    assert best < SECONDS_BEYOND_NUMPY
