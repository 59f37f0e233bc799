"""The stream does not depend on the numpy release: the golden vectors under the oldest one supported."""

import sys
import tomllib

import pytest

from environments import ROOT, Environment

# Makes a virtual environment: about 15 seconds.
pytestmark = [pytest.mark.slow, pytest.mark.numpy_versions]

OLDEST = "1.24.0"

# An overflow that only one numpy release warns of is an error here, as in the other tests.
CHECK = f"""
import sys, warnings
sys.path[:0] = {[str(ROOT), str(ROOT / "tests")]!r}
import numpy
assert numpy.__version__ == {OLDEST!r}, numpy.__version__
warnings.simplefilter("error")
import golden
golden.check()
print(golden.__file__)
"""


def test_oldest_is_what_the_package_declares():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"numpy>={OLDEST.removesuffix('.0')}" in project["dependencies"]


@pytest.mark.skipif(sys.version_info >= (3, 12), reason=f"numpy {OLDEST} has no wheels for Python 3.12 and newer")
def test_golden_vectors_under_the_oldest_numpy(tmp_path):
    environment = Environment(tmp_path / "venv", f"numpy=={OLDEST}")
    assert environment.python("-c", CHECK).strip() == str(ROOT / "tests" / "golden.py")
