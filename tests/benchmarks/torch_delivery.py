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
from tests.benchmarks._measure import table

Rows = list[tuple[str, str, str]]

BATCH = 256


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


def whole_epochs(n: int, plan: bx.Plan, peer: WeightedRandomSampler) -> Rows:
    samplers = {
        "PlanBatchSampler": PlanBatchSampler(plan, 0),
        "PlanSampler": PlanSampler(plan, 0),
        "PlanSampler, one of 4 ranks": PlanSampler(plan, 0, rank=1, world_size=4),
    }
    rows = []
    for name, sampler in samplers.items():
        part = plan.steps_per_epoch * sampler.local_batch_size
        runs = [seconds(lambda sampler=sampler: drain(sampler)) for _ in range(5)]
        each = statistics.median(runs) / part * 1e9
        rows.append((f"{name}, whole epochs of {n:.0e}", f"{each:.0f} ns an index", "≤ 60 ns"))
    torch_seconds = seconds(lambda: drain(peer))
    rows.append(("torch's WeightedRandomSampler", f"{torch_seconds / n * 1e9:.0f} ns an index", ""))
    shuffled = seconds(lambda: drain(RandomSampler(range(n))))
    rows.append(("torch's RandomSampler, no weights", f"{shuffled / n * 1e9:.0f} ns an index", ""))
    return rows


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
        f"torch {torch.__version__}, numpy {np.__version__}, Python {sys.version.split()[0]}, one thread, processor time, N = {n:.0e}\n"
    )
    weights = np.where(np.random.default_rng(0).random(n) < 0.01, 99.0, 1.0)
    plan = bx.weighted(weights, batch_size=BATCH)
    peer = WeightedRandomSampler(torch.as_tensor(weights), n)
    table(whole_epochs(n, plan, peer) + first_index(plan, peer) + restore(n, weights, plan))


if __name__ == "__main__":
    main()
