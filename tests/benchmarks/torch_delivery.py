"""Delivering a weighted epoch to torch, index by index, beside torch's own samplers in the same run."""

import argparse
import gc
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch.utils.data import RandomSampler, WeightedRandomSampler
from torch.utils.data.distributed import DistributedSampler
from torchdata.stateful_dataloader.sampler import StatefulDistributedSampler

import balanceidx as bx
from balanceidx_torch import PlanBatchSampler, PlanSampler
from balanceidx_torch._source import LARGEST_BLOCK
from tests.benchmarks._measure import table

Rows = list[tuple[str, str, str]]

BATCH = 256
TURNS = 7


def seconds(action: Callable[[], object]) -> float:
    """Processor time of one call: on a shared machine, waiting for a processor is not counted."""
    gc.collect()
    start = time.process_time()
    action()
    return time.process_time() - start


def drain(elements: Iterable[object]) -> None:
    """Take every element, at the least cost that Python has."""
    deque(elements, maxlen=0)


def first(sampler: Iterable[object]) -> object:
    return next(iter(sampler))


def compute(plan: bx.Plan) -> None:
    """What delivery rests on: the indices of an epoch as arrays, in blocks as large as the samplers'."""
    steps = plan.steps_per_epoch
    rows = LARGEST_BLOCK // plan.batch_size
    for start in range(0, steps, rows):
        plan.range_indices(0, start, min(steps, start + rows))


def whole_epochs(n: int, plan: bx.Plan, peer: WeightedRandomSampler) -> Rows:
    draws = plan.steps_per_epoch * plan.batch_size
    ours: dict[str, tuple[Callable[[], object], int]] = {
        "PlanBatchSampler": (lambda: drain(PlanBatchSampler(plan, 0)), draws),
        "PlanSampler": (lambda: drain(PlanSampler(plan, 0)), draws),
        "PlanSampler, one of 4 ranks": (lambda: drain(PlanSampler(plan, 0, rank=1, world_size=4)), draws // 4),
        "range_indices alone, arrays in place of ints": (lambda: compute(plan), draws),
    }
    theirs: dict[str, tuple[Callable[[], object], int]] = {
        "torch's WeightedRandomSampler": (lambda: drain(peer), n),
        "torch's RandomSampler, no weights": (lambda: drain(RandomSampler(range(n))), n),
    }
    times: dict[str, list[float]] = {name: [] for name in ours | theirs}
    for turn in range(TURNS):  # all in turn: what else the machine does meets all alike
        for name, (action, count) in (ours if turn else ours | theirs).items():
            times[name].append(seconds(action) / count * 1e9)
    return [
        (
            f"{name}, whole epochs of {n:.0e}",
            f"{statistics.median(found):.0f} ns an index" + (f", {min(found):.0f} at best" if name in ours else ""),
            "≤ 60 ns" if name.startswith("Plan") else "",
        )
        for name, found in times.items()
    ]


def first_index(plan: bx.Plan, peer: WeightedRandomSampler) -> Rows:
    # A new seed each time: nothing is left from before.
    cold = [seconds(lambda seed=seed: first(PlanSampler(plan, seed))) for seed in range(20)]
    torch_seconds = seconds(lambda: first(peer))
    return [
        ("first index, PlanSampler, cold", f"{statistics.median(cold) * 1e3:.1f} ms", "milliseconds"),
        ("first index, WeightedRandomSampler", f"{torch_seconds * 1e3:.0f} ms", ""),
    ]


def restore(n: int, weights: np.ndarray, plan: bx.Plan) -> Rows:
    at = plan.steps_per_epoch * 9 // 10
    iterator = iter(PlanBatchSampler(plan, 0))
    iterator.load_state_dict(PlanBatchSampler(plan, 0).state_dict(at))
    state = iterator.state_dict()

    def once() -> float:
        fresh = bx.weighted(weights, batch_size=BATCH)  # nothing is left from before, the fingerprint included
        sampler = PlanBatchSampler(fresh, 0)

        def restored() -> object:
            iterator = iter(sampler)
            iterator.load_state_dict(state)
            return next(iterator)

        return seconds(restored)

    ours = statistics.median(once() for _ in range(5))
    own = StatefulDistributedSampler(range(n), num_replicas=1, rank=0)

    def stateful() -> object:
        own.load_state_dict({"yielded": at * BATCH})
        return first(own)

    def skipping() -> None:
        iterator = iter(DistributedSampler(range(n), num_replicas=1, rank=0))
        deque((next(iterator) for _ in range(at * BATCH)), maxlen=0)

    return [
        ("restore at 90 % and first batch, PlanBatchSampler", f"{ours * 1e3:.0f} ms", "< 50 ms"),
        ("... torchdata's StatefulDistributedSampler", f"{seconds(stateful) * 1e3:.0f} ms", ""),
        ("... torch's DistributedSampler, skipping", f"{seconds(skipping) * 1e3:.0f} ms", ""),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the sizes")
    n = 10_000_000 // (10 if parser.parse_args().quick else 1)
    torch.set_num_threads(1)
    print(
        f"torch {torch.__version__}, numpy {np.__version__}, Python {sys.version.split()[0]}; "
        f"one thread, processor time, N = {n:.0e}\n"
    )
    weights = np.where(np.random.default_rng(0).random(n) < 0.01, 99.0, 1.0)
    plan = bx.weighted(weights, batch_size=BATCH)
    peer = WeightedRandomSampler(torch.as_tensor(weights), n)
    table(whole_epochs(n, plan, peer) + first_index(plan, peer) + restore(n, weights, plan))


if __name__ == "__main__":
    main()
