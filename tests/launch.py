"""Run a script in processes of its own, as users do."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ROOT / "tests" / "torch_scripts"
TORCHRUN = ("-m", "torch.distributed.run", "--standalone")

# One thread a process: the machines that run tests have few cores. Warnings are shown, and are no errors there.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONWARNINGS": "default"}

# What another launcher may have left; a script would believe that it was launched.
LAUNCHED = ("WORLD_SIZE", "RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


def start(*arguments: object, environment: dict[str, str] | None = None, **options: Any) -> "subprocess.Popen[str]":
    """Start the interpreter; its standard output is a pipe."""
    own = {name: value for name, value in os.environ.items() if name not in LAUNCHED}
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        env=own | ENVIRONMENT | (environment or {}),
        stdout=subprocess.PIPE,
        text=True,
        **options,
    )


def kill(process: "subprocess.Popen[str]") -> None:
    """`kill -9` a process and all that it started; torchrun puts its workers into sessions of their own."""
    if process.poll() is None:
        launcher = psutil.Process(process.pid)
        for one in [launcher, *launcher.children(recursive=True)]:
            one.kill()


def python(*arguments: object, seconds: float = 240, **environment: str) -> str:
    """Run the interpreter, and return what it printed."""
    with start(*arguments, environment=environment, stderr=subprocess.PIPE) as process:
        try:
            out, errors = process.communicate(timeout=seconds)
        finally:
            kill(process)
    assert process.returncode == 0, f"{arguments} failed:\n{out[-4000:]}\n{errors[-8000:]}"
    return out


def torchrun(processes: int, *arguments: object, **options: Any) -> str:
    """Run a script under torchrun on this machine."""
    return python(*TORCHRUN, f"--nproc-per-node={processes}", *arguments, **options)
