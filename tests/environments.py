"""Fresh virtual environments, for the tests that ask how the library behaves where little else is installed."""

import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


class Environment:
    """A new virtual environment at `folder` that holds the given pip requirements and nothing else."""

    def __init__(self, folder: Path, *requirements: str):
        venv.create(folder, with_pip=True, symlinks=sys.platform != "win32")
        self.folder = folder
        self.interpreter = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
        self.python("-m", "pip", "install", "--quiet", "--only-binary", ":all:", *requirements)

    def python(self, *arguments: str) -> str:
        """Run the interpreter, isolated from this checkout and from PYTHONPATH, and return what it printed."""
        command = [str(self.interpreter), "-I", *arguments]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True)
        assert done.returncode == 0, f"{command} failed:\n{done.stdout}\n{done.stderr}"
        return done.stdout
