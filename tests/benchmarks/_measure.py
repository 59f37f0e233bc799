"""Timing that survives a shared machine: what is compared runs in turn, and the median of paired ratios is quoted."""

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


def seconds(action: Callable[[], object]) -> float:
    """Wall time of one call."""
    gc.collect()
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


@dataclass
class Paired:
    """Medians of two actions that ran in turn, and of the ratio first / second."""

    first: float
    second: float
    ratio: float


def paired(first: Callable[[], object], second: Callable[[], object], runs: int = 5) -> Paired:
    """Run two actions in turn, after one uncounted run of each."""
    first()
    second()
    times = [(seconds(first), seconds(second)) for _ in range(runs)]
    return Paired(
        statistics.median(a for a, _ in times),
        statistics.median(b for _, b in times),
        statistics.median(a / b for a, b in times),
    )


def table(rows: list[tuple[str, str, str]]) -> None:
    """Print rows of (what, measured, bound) as Markdown."""
    print("| what | measured | bound |")
    print("|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")
