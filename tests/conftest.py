"""Settings for every test: jax on the CPU, and no time limits per Hypothesis example on shared machines."""

import os

import hypothesis

os.environ.setdefault("JAX_PLATFORMS", "cpu")  # before any test module imports jax

hypothesis.settings.register_profile("balanceidx", deadline=None, print_blob=True)
hypothesis.settings.load_profile("balanceidx")
