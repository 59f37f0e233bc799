"""Run every benchmark module in a process of its own, on one thread, and print its table."""

import os
import pkgutil
import subprocess
import sys

import tests.benchmarks

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "JAX_PLATFORMS": "cpu"}


def main() -> int:
    failed = 0
    for module in pkgutil.iter_modules(tests.benchmarks.__path__):
        if module.name.startswith("_"):
            continue
        print(f"\n## {module.name}\n", flush=True)
        command = [sys.executable, "-m", f"tests.benchmarks.{module.name}", *sys.argv[1:]]
        failed += subprocess.run(command, env=os.environ | ONE_THREAD, check=False).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main())
