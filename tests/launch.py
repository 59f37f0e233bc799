"""Run a script in processes of its own, as users do."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ROOT / "tests" / "torch_scripts"

# One thread a process: the machines that run tests have few cores. Warnings are shown, and are no errors there.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONWARNINGS": "default"}


def python(*arguments: object, seconds: float = 240, **environment: str) -> str:
    """Run the interpreter, and return what it printed."""
    # What torchrun or another trainer left in the environment would make the script believe it was launched.
    clean = {k: v for k, v in os.environ.items() if k not in ("WORLD_SIZE", "RANK", "LOCAL_RANK", "MASTER_ADDR")}
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        env=clean | ENVIRONMENT | environment,
        capture_output=True,
        text=True,
        timeout=seconds,
    )
    assert done.returncode == 0, f"{arguments} failed:\n{done.stdout[-4000:]}\n{done.stderr[-8000:]}"
    return done.stdout


def torchrun(processes: int, *arguments: object, **options: str) -> str:
    """Run a script under torchrun on this machine."""
    return python("-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", *arguments, **options)
