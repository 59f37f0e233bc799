"""Global batches over real processes: two, with four CPU devices each."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("jax_process.py")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.mark.slow
def test_two_processes_of_four_devices():
    coordinator = f"127.0.0.1:{free_port()}"
    command = [sys.executable, SCRIPT, coordinator, "2"]
    pipe = subprocess.PIPE
    running = [subprocess.Popen([*command, str(process)], stdout=pipe, stderr=pipe, text=True) for process in range(2)]
    try:
        ended = [process.communicate(timeout=200) for process in running]
    finally:
        for process in running:
            process.kill()
    for process, (out, errors) in zip(running, ended, strict=True):
        assert process.returncode == 0, errors
        assert out.strip().endswith("passed"), out
