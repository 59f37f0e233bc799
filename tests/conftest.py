"""Settings for every test: jax on the CPU, and no time limits per Hypothesis example on shared machines."""

import os

import hypothesis
import pytest

os.environ.setdefault("JAX_PLATFORMS", "cpu")  # before any test module imports jax

hypothesis.settings.register_profile("balanceidx", deadline=None, print_blob=True)
hypothesis.settings.load_profile("balanceidx")


def pytest_collection_modifyitems(items):
    """Real-process tests of the JAX adapter are still being written: they run when asked for."""
    if os.environ.get("BALANCEIDX_UNFINISHED"):
        return
    skip = pytest.mark.skip(reason="unfinished; BALANCEIDX_UNFINISHED=1 runs it")
    for item in items:
        if item.path.name.startswith("test_jax_") and item.get_closest_marker("slow"):
            item.add_marker(skip)
