"""The core on one thread: whole epochs, single batches, building plans, weights, many classes."""

import argparse
import statistics
import sys
import time
import tracemalloc

import numpy as np
import torch
from torch.utils.data import WeightedRandomSampler

import balanceidx as bx
from tests.benchmarks._measure import paired, seconds, table

Rows = list[tuple[str, str, str]]


def rare_labels(n: int) -> np.ndarray:
    """One percent positives, in random places."""
    return (np.random.default_rng(0).random(n) < 0.01).astype(np.uint8)


def whole_epoch(n: int) -> Rows:
    labels = rare_labels(n)
    plan = bx.ratio(labels, batch_size=1000)
    generator = np.random.default_rng(0)
    against_numpy = paired(lambda: plan.epoch_indices(0), lambda: generator.permutation(n), runs=9)
    weights = torch.as_tensor(np.where(labels == 1, 0.5 / labels.sum(), 0.5 / (n - labels.sum())))
    torch.set_num_threads(1)
    torch_seconds = seconds(lambda: sum(1 for _ in WeightedRandomSampler(weights, n)))
    ours = against_numpy.first
    return [
        (
            f"epoch of {n:.0e} indices, 1 % positives, balanced, B = 1000",
            f"{ours / n * 1e9:.0f} ns an index",
            "",
        ),
        (
            "... beside torch's WeightedRandomSampler, iterated",
            f"{torch_seconds / ours:.1f} times faster ({torch_seconds / n * 1e9:.0f} ns)",
            "≥ 10 times",
        ),
        (
            "... beside numpy's Generator.permutation(N)",
            f"{against_numpy.ratio:.2f} times its time ({against_numpy.second / n * 1e9:.0f} ns)",
            "≤ 1.5 times",
        ),
    ]


def one_rank_of_64(n: int) -> Rows:
    rows = []
    for batch_size in (1024, 4096):
        plan = bx.ratio(rare_labels(n), batch_size=batch_size)
        result = paired(
            lambda plan=plan: plan.epoch_indices(0, world_size=64), lambda plan=plan: plan.epoch_indices(0), runs=11
        )
        what = f"rank 0 of 64, B = {batch_size:,}, beside the whole epoch"
        rows.append((what, f"{result.ratio * 64:.2f} / 64", "≤ 1.25 / 64"))
    return rows


def random_access(n: int) -> Rows:
    labels = rare_labels(n)
    plan = bx.ratio(labels, batch_size=1000)
    last = plan.steps_per_epoch - 1
    cold = [seconds(lambda seed=seed: plan.batch_indices(seed, last, epoch=50)) for seed in range(20)]
    plan.batch_indices(0, 0, epoch=50)
    warm = seconds(lambda: [plan.batch_indices(0, step, epoch=50) for step in range(500)]) / 500
    stream = plan.stream(0)
    next(stream)
    tracemalloc.start()
    for _ in range(min(2000, plan.steps_per_epoch - 1)):
        next(stream)
    peak_stream = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    build = paired(lambda: bx.ratio(labels, batch_size=1000), lambda: np.argsort(labels, kind="stable"), runs=3)
    return [
        (
            f"one batch of 1,000 at N = {n:.0e}, epoch 50, last step, cold",
            f"{statistics.median(cold) * 1e3:.2f} ms",
            "< 2 ms",
        ),
        ("... warm", f"{warm * 1e3:.2f} ms", "< 0.5 ms"),
        ("extra memory while streaming", f"{peak_stream / 2**20:.1f} MiB", "< 64 MiB"),
        (
            f"plan from {n:.0e} uint8 labels, beside np.argsort(labels, kind='stable')",
            f"{build.ratio:.2f} times its time ({build.first:.2f} s)",
            "≤ 1.5 times",
        ),
    ]


def plain_weights(n: int, large: int) -> Rows:
    generator = np.random.default_rng(0)
    weights = generator.random(n) + 0.01
    probabilities = weights / weights.sum()
    plan = bx.weighted(weights, batch_size=1000)
    iid = bx.weighted(weights, batch_size=1000, iid=True)
    ours = paired(lambda: plan.epoch_indices(0), lambda: iid.epoch_indices(0), runs=3)
    peer = seconds(lambda: generator.choice(n, size=n, p=probabilities))
    rows = [
        (
            f"weighted, {n:.0e} distinct weights, beside Generator.choice(p=...)",
            f"{peer / ours.first:.1f} times faster a draw ({ours.first / n * 1e9:.0f} ns)",
            "≥ 5 times",
        ),
        (
            "... with iid=True",
            f"{peer / ours.second:.1f} times faster a draw ({ours.second / n * 1e9:.0f} ns)",
            "≥ 5 times",
        ),
    ]
    for size in (2**24 + 1, large):
        weights = np.random.default_rng(0).random(size, dtype=np.float32)
        start = time.perf_counter()
        plan = bx.weighted(weights, batch_size=1000)
        built = time.perf_counter() - start
        batch = plan.batch_indices(0, 0)
        drawn = "draws" if ((batch >= 0) & (batch < size)).all() else "FAILS"
        rows.append((f"weighted, {size:,} distinct weights", f"{drawn}; the plan takes {built:.1f} s", "works"))
    return rows


def many_classes(n: int) -> Rows:
    generator = np.random.default_rng(0)
    two = bx.ratio(rare_labels(n), batch_size=1000)
    rows = []
    for count in (1_000, 100_000):
        plan = bx.ratio(generator.integers(0, count, n).astype(np.int32), batch_size=1000)
        result = paired(lambda plan=plan: plan.epoch_indices(0), lambda: two.epoch_indices(0), runs=3)
        rows.append((f"{count:,} classes, beside two", f"{result.ratio:.2f} times", "≤ 3 times"))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the sizes")
    scale = 10 if parser.parse_args().quick else 1
    print(f"numpy {np.__version__}, torch {torch.__version__}, Python {sys.version.split()[0]}, one thread\n")
    n = 10_000_000 // scale
    table(whole_epoch(n) + one_rank_of_64(n) + random_access(n * 10) + plain_weights(n, n * 10) + many_classes(n))


if __name__ == "__main__":
    main()
