"""Iterate loaders that accelerate has prepared, and write what each rank got: torchrun accelerate_ddp.py FOLDER."""

import json
import sys
from pathlib import Path
from typing import Any

from accelerate import Accelerator, skip_first_batches
from accelerate.data_loader import prepare_data_loader
from accelerate.utils import DataLoaderConfiguration
from torch.utils.data import DataLoader

import balanceidx as bx
from balanceidx_torch import InterleavedPlanBatchSampler, PlanBatchSampler, PlanSampler

LABELS = [0] * 80 + [1] * 16
PLAN = bx.ratio(LABELS, batch_size=8, epoch_size=8 * 7)
ITEMS = range(96)


def opt_out(loader: Any, accelerator: Accelerator, **options: Any) -> Any:
    return prepare_data_loader(
        loader, accelerator.device, num_processes=1, process_index=0, put_on_device=True, **options
    )


def epochs(loader: Any, count: int) -> list[list[list[int]]]:
    return [[batch.tolist() for batch in loader] for _ in range(count)]


def main(folder: Path) -> None:
    interleaved = DataLoader(ITEMS, batch_sampler=InterleavedPlanBatchSampler(PLAN, 3))  # before there is a group
    accelerator = Accelerator(cpu=True)
    got: dict[str, Any] = {"interleaved": epochs(accelerator.prepare(interleaved), 3)}
    got["opt out"] = epochs(opt_out(DataLoader(ITEMS, batch_sampler=PlanBatchSampler(PLAN, 3)), accelerator), 3)
    flat = PlanSampler(PLAN, 3)
    loader = DataLoader(ITEMS, sampler=flat, batch_size=flat.local_batch_size)
    got["opt out, flat"] = epochs(opt_out(loader, accelerator), 3)

    # Continue after 4 steps of epoch 1: the epoch must be told to the loader, which counts from 0 again.
    state = bx.Position(3, 1, 4).state_dict(PLAN)
    sampler = InterleavedPlanBatchSampler(PLAN, 3, start=state)
    loader = accelerator.prepare(DataLoader(ITEMS, batch_sampler=sampler))
    loader.set_epoch(state["epoch"])
    got["interleaved, resumed"] = epochs(loader, 2)
    own = PlanBatchSampler(PLAN, 3, start=state)
    loader = opt_out(DataLoader(ITEMS, batch_sampler=own), accelerator)
    loader.set_epoch(state["epoch"])
    got["opt out, resumed"] = epochs(loader, 2)

    # The same with accelerate's own way of skipping batches.
    loader = accelerator.prepare(DataLoader(ITEMS, batch_sampler=InterleavedPlanBatchSampler(PLAN, 3)))
    loader.set_epoch(1)
    got["interleaved, skipped"] = epochs(skip_first_batches(loader, 4), 1)
    loader.set_epoch(2)
    got["interleaved, skipped"] += epochs(loader, 1)

    # The same with torchdata's loader inside accelerate's; it too must be told the epoch.
    config = DataLoaderConfiguration(use_stateful_dataloader=True)
    stateful = Accelerator(cpu=True, dataloader_config=config)

    def make_interleaved() -> Any:
        return stateful.prepare(DataLoader(ITEMS, batch_sampler=InterleavedPlanBatchSampler(PLAN, 3)))

    def make_own() -> Any:
        plain = DataLoader(ITEMS, batch_sampler=PlanBatchSampler(PLAN, 3))
        return opt_out(plain, stateful, use_stateful_dataloader=True)

    for name, make in (("interleaved, stateful", make_interleaved), ("opt out, stateful", make_own)):
        loader = make()
        epochs(loader, 1)
        batches = iter(loader)
        for _ in range(4):
            next(batches)
        resumed = make()
        resumed.load_state_dict(loader.state_dict())
        resumed.set_epoch(1)
        got[name] = epochs(resumed, 2)

    # What not to do: accelerate shares a rank's batches among the ranks again.
    got["shared twice"] = epochs(accelerator.prepare(DataLoader(ITEMS, batch_sampler=PlanBatchSampler(PLAN, 3))), 1)
    (folder / f"{accelerator.process_index}.json").write_text(json.dumps(got))
    accelerator.end_training()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
