"""Every rank iterates loaders over the same plan and writes what it got: torchrun ranks.py FOLDER."""

import json
import sys
from pathlib import Path

import torch
from torch.utils.data import DataLoader, RandomSampler

import balanceidx as bx
from balanceidx_torch import (
    DistributedSamplerWrapper,
    InterleavedPlanBatchSampler,
    PlanBatchSampler,
    PlanSampler,
    weighted_sampler,
)

LABELS = [0] * 160 + [1] * 32 + [2] * 8
PLAN = bx.ratio(LABELS, {0: 0.5, 1: 0.25, 2: 0.25}, batch_size=16, epoch_size=16 * 9)
WEIGHTS = [1.0] * 160 + [4.0] * 40


def main(folder: Path) -> None:
    # The samplers are made before the process group is there, as many scripts do.
    flat, batches, interleaved = PlanSampler(PLAN, 5), PlanBatchSampler(PLAN, 5), InterleavedPlanBatchSampler(PLAN, 5)
    wrapped = DistributedSamplerWrapper(RandomSampler(range(10)), seed=5)
    torch.distributed.init_process_group("gloo")
    rank, world_size = torch.distributed.get_rank(), torch.distributed.get_world_size()
    torch.manual_seed(rank)  # the ranks' random states differ, as they do in training
    weighted = weighted_sampler(WEIGHTS, 144, seed=5, batch_size=16)

    items = range(len(LABELS))
    loaders = {
        "flat": DataLoader(items, sampler=flat, batch_size=flat.local_batch_size),
        "batches": DataLoader(items, batch_sampler=batches, num_workers=1, multiprocessing_context="fork"),
        "interleaved": DataLoader(items, batch_sampler=interleaved),
        "wrapped": DataLoader(items, sampler=wrapped),
        "weighted": DataLoader(items, sampler=weighted, batch_size=weighted.local_batch_size),
    }
    got = {name: [[batch.tolist() for batch in loader] for _ in range(2)] for name, loader in loaders.items()}
    (folder / f"{rank}_of_{world_size}.json").write_text(json.dumps(got))
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
