"""The adapter under the installed Grain and under the oldest one that the package declares."""

import tomllib

import pytest

import grain_checks
from environments import ROOT, Environment

OLDEST = "0.2.13"  # in earlier ones, a slice of a dataset forgets the epoch

RUN = f"""
import sys
sys.path[:0] = {[str(ROOT), str(ROOT / "adapters"), str(ROOT / "tests")]!r}
import grain_checks
if __name__ == "__main__":
    grain_checks.balanceidx_grain.enable_workers()
    grain_checks.check(worker_counts=(0, 3))
    print("checked")
"""


def test_oldest_is_what_the_package_declares():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert f"grain>={OLDEST}" in extras["grain"]


def test_installed():
    grain_checks.check(worker_counts=(0,))


@pytest.mark.slow
def test_oldest(tmp_path):
    # Everything but Grain as it is pinned.
    pins = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("grain==")]
    (tmp_path / "constraints.txt").write_text("\n".join(pins))
    environment = Environment(
        tmp_path / "venv", "--constraint", str(tmp_path / "constraints.txt"), f"grain=={OLDEST}", "jax", "numpy"
    )
    script = tmp_path / "run.py"
    script.write_text(RUN)
    version = environment.python("-c", "import importlib.metadata as m; print(m.version('grain'))")
    assert version.strip() == OLDEST
    assert environment.python(str(script)).strip() == "checked"
