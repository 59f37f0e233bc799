"""The wheel as users get it: what is in it, and that it works where only numpy is installed."""

import json
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from environments import ROOT, Environment

# Builds a wheel and a virtual environment: about 15 seconds.
pytestmark = pytest.mark.slow

PACKAGES = {"balanceidx", "balanceidx_torch", "balanceidx_grain", "balanceidx_jax"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def bare(tmp_path_factory, wheel) -> Environment:
    """An environment that was given the wheel only."""
    return Environment(tmp_path_factory.mktemp("bare"), "--constraint", str(ROOT / "constraints.txt"), str(wheel))


def test_wheel_holds_the_packages_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    (metadata,) = {top for top in tops if top.endswith(".dist-info")}
    assert tops == PACKAGES | {metadata}
    assert {f"{package}/{name}" for package in PACKAGES for name in ("__init__.py", "py.typed")} <= set(names)
    assert f"{metadata}/licenses/LICENSE" in names
    assert all(name.endswith((".py", "/py.typed")) for name in names if not name.startswith(metadata))


def test_wheel_holds_every_module_of_the_checkout(wheel):
    modules = [path.relative_to(ROOT) for path in ROOT.glob("balanceidx/**/*.py")]
    modules += [path.relative_to(ROOT / "adapters") for path in ROOT.glob("adapters/**/*.py")]
    assert modules
    assert {module.as_posix() for module in modules} <= set(zipfile.ZipFile(wheel).namelist())


def test_metadata(wheel):
    archive = zipfile.ZipFile(wheel)
    (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
    metadata = Parser().parsestr(archive.read(name).decode())
    assert metadata["Name"] == "balanceidx"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    required = metadata.get_all("Requires-Dist")
    assert [requirement for requirement in required if "extra ==" not in requirement] == ["numpy>=1.24"]
    assert set(metadata.get_all("Provides-Extra")) == {"grain", "torch", "jax", "plot", "examples", "test"}


def test_only_numpy_is_installed_with_it(bare):
    listed = json.loads(bare.python("-m", "pip", "list", "--format", "json"))
    assert {package["name"] for package in listed} - {"pip", "setuptools"} == {"balanceidx", "numpy"}


def test_a_plan_runs_where_only_numpy_is_installed(bare):
    code = """
import sys
at_start = set(sys.modules)  # setuptools, where venv installs it, has a hook there
import balanceidx
indices = balanceidx.ratio([0] * 90 + [1] * 10, batch_size=10).epoch_indices(0)
assert indices.shape == (100,) and str(indices.dtype) == "int64", (indices.shape, indices.dtype)
assert [int((batch >= 90).sum()) for batch in indices.reshape(10, 10)] == [5] * 10, indices
for name in set(sys.modules) - at_start:
    if "site-packages" in (getattr(sys.modules[name], "__file__", None) or ""):
        print(name.partition(".")[0])
"""
    assert set(bare.python("-c", code).split()) == {"balanceidx", "numpy"}


def test_version_is_told_alike(bare):
    code = "import balanceidx, importlib.metadata as m; print(balanceidx.__version__, m.version('balanceidx'))"
    told, declared = bare.python("-c", code).split()
    assert told == declared


@pytest.mark.parametrize(
    ("adapter", "name", "extra"), [("torch", "PyTorch", "torch"), ("grain", "Grain", "grain"), ("jax", "JAX", "jax")]
)
def test_an_adapter_names_the_missing_framework(bare, adapter, name, extra):
    code = f"""
try:
    import balanceidx_{adapter}
except ImportError as error:
    print(error)
"""
    assert f"needs {name}: pip install 'balanceidx[{extra}]'" in bare.python("-c", code)
