"""Train on digits with DDP; kill it at any moment, and go on with another number of processes.

    pip install -c constraints.txt '.[torch]' scikit-learn
    torchrun --nproc-per-node=2 examples/torch_ddp.py --folder runs/ddp
    ... kill -9 ...
    torchrun --nproc-per-node=4 examples/torch_ddp.py --folder runs/ddp

Eights, a tenth of the images, are half of every batch on every process. Whatever happens to the processes, the images
that the saved model has consumed are exactly those of an uninterrupted run: the position in the data is two numbers in
the checkpoint, and which images a step consumes depends on neither the processes nor the history. `consumed.jsonl`
lists them.
"""

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from sklearn.datasets import load_digits
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, TensorDataset

import balanceidx as bx
from balanceidx_torch import PlanBatchSampler


def dataset() -> TensorDataset:
    """Handwritten eights against the other digits, and the number of each image."""
    digits = load_digits()
    images = torch.tensor(digits.data, dtype=torch.float32) / 16
    return TensorDataset(images, torch.arange(len(images)), torch.tensor(digits.target == 8).long())


def global_batch(numbers: torch.Tensor) -> list[int]:
    """Numbers of the images that all processes together have in this step, sorted."""
    parts = [torch.empty_like(numbers) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, numbers)
    return sorted(torch.cat(parts).tolist())


class Checkpoint:
    """Model, optimizer, position and list of consumed images: what rank 0 writes, and every rank reads."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path, self.log = folder / "checkpoint.pt", folder / "consumed.jsonl"
        self.lines: list[str] = []

    def load(self) -> dict[str, Any] | None:
        """The last checkpoint; lines of steps after it, which it does not contain, are dropped from the list."""
        saved: dict[str, Any] | None = torch.load(self.path) if self.path.exists() else None
        if dist.get_rank() == 0:
            kept = self.log.read_text().splitlines()[: saved["steps"] if saved else 0] if self.log.exists() else []
            self.log.with_suffix(".new").write_text("".join(line + "\n" for line in kept))
            os.replace(self.log.with_suffix(".new"), self.log)
        dist.barrier()
        return saved

    def note(self, epoch: int, step: int, numbers: list[int]) -> None:
        """Remember what a step has consumed, until the next `save`."""
        self.lines.append(json.dumps({"epoch": epoch, "step": step, "images": numbers}))

    def save(self, state: dict[str, Any]) -> None:
        """Append to the list, then replace the checkpoint in one move: a kill leaves the old or the new one."""
        if dist.get_rank() == 0:
            with self.log.open("a") as log:
                log.writelines(line + "\n" for line in self.lines)
            torch.save(state, self.path.with_suffix(".new"))
            os.replace(self.path.with_suffix(".new"), self.path)
        self.lines = []


def main() -> None:
    """Train, or go on training."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("runs/ddp"))
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=48, help="images in a step, all processes together")
    parser.add_argument("--save-every", type=int, default=5, help="steps between checkpoints")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pause", type=float, default=0, help="seconds to wait in each step, to have time for a kill")
    options = parser.parse_args()
    dist.init_process_group("gloo")
    torch.manual_seed(options.seed)

    items = dataset()
    plan = bx.ratio(items.tensors[2], batch_size=options.batch_size)
    checkpoint = Checkpoint(options.folder)
    saved = checkpoint.load()
    start = saved["position"] if saved else None  # whatever the number of processes was
    sampler = PlanBatchSampler(plan, options.seed, start=start)
    loader = DataLoader(items, batch_sampler=sampler)
    model = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    first, step, steps = 0, 0, 0
    if saved:
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        first, step, steps = saved["position"]["epoch"], saved["position"]["step"], saved["steps"]
        if dist.get_rank() == 0:
            print(f"going on after step {step} of epoch {first} with {dist.get_world_size()} processes", flush=True)
    parallel = DistributedDataParallel(model)

    for epoch in range(first, options.epochs):
        sampler.set_epoch(epoch)
        for images, numbers, labels in loader:
            assert int(labels.sum()) == len(labels) // 2, "half of every process's part are eights"
            loss = torch.nn.functional.cross_entropy(parallel(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            checkpoint.note(epoch, step, global_batch(numbers))
            step, steps = step + 1, steps + 1
            if options.pause:
                time.sleep(options.pause)
            if step % options.save_every == 0 or step == len(sampler):
                position = sampler.state_dict(step)
                parts = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
                checkpoint.save({**parts, "position": position, "steps": steps})
                if dist.get_rank() == 0:
                    print(f"saved after step {step} of epoch {epoch}, loss {loss.item():.4f}", flush=True)
        step = 0
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
