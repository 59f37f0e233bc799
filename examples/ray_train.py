"""Ray Train on two CPU workers: every batch of every worker has the planned composition, also after a restart.

    pip install -c constraints.txt '.[torch]' 'ray[train]' scikit-learn
    python examples/ray_train.py --folder runs/ray

`PlanSampler` is a DistributedSampler by type, so `ray.train.torch.prepare_data_loader` leaves it as it is. (A loader
with a batch_sampler would be replaced by one without: give it add_dist_sampler=False.) The position in the data is
saved with each checkpoint. In the middle of the second epoch the workers fail, as this example wants, and Ray starts
them again from the last checkpoint. `consumed_0.jsonl` and so on list the images of every step of each worker.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import ray.train.torch
import torch
from ray.train import Checkpoint, CheckpointConfig, FailureConfig, RunConfig, ScalingConfig
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

import balanceidx as bx
from balanceidx_torch import PlanSampler

BATCH_SIZE = 40
EPOCHS = 2
SAVE_EVERY = 22  # steps, half an epoch; every worker reports and waits for the others, which takes seconds
FAILS_AT = (1, 30)  # epoch and step


def dataset() -> TensorDataset:
    """Handwritten eights (a tenth of the images) against the other digits, and the number of each image."""
    digits = load_digits()
    images = torch.tensor(digits.data, dtype=torch.float32) / 16
    return TensorDataset(images, torch.arange(len(images)), torch.tensor(digits.target == 8).long())


def train_worker(config: dict[str, Any]) -> None:
    """What each worker runs."""
    rank = ray.train.get_context().get_world_rank()
    items = dataset()
    plan = bx.ratio(items.tensors[2], batch_size=BATCH_SIZE)
    model = torch.nn.Linear(64, 2)
    first, done, start = 0, 0, None
    restarted = ray.train.get_checkpoint()
    if restarted:
        with restarted.as_directory() as folder:
            saved = torch.load(Path(folder) / "saved.pt")
        model.load_state_dict(saved["model"])
        start = saved["position"]
        first, done = start["epoch"], start["step"]
    sampler = PlanSampler(plan, seed=0, start=start)  # rank and world size from the process group that Ray has made
    loader = DataLoader(items, sampler=sampler, batch_size=sampler.local_batch_size)
    loader = ray.train.torch.prepare_data_loader(loader)
    assert loader.sampler is sampler, "Ray has replaced the sampler"
    wrapped = ray.train.torch.prepare_model(model)
    optimizer = torch.optim.SGD(wrapped.parameters(), lr=0.1)

    log = (Path(config["folder"]) / f"consumed_{rank}.jsonl").open("a" if restarted else "w", buffering=1)
    for epoch in range(first, EPOCHS):
        sampler.set_epoch(epoch)
        for step, (images, numbers, labels) in enumerate(loader, start=done):
            if not restarted and (epoch, step) == FAILS_AT:
                raise RuntimeError("this worker fails, as the example wants")
            log.write(json.dumps({"epoch": epoch, "step": step, "images": numbers.tolist()}) + "\n")
            loss = torch.nn.functional.cross_entropy(wrapped(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if (step + 1) % SAVE_EVERY and step + 1 < plan.steps_per_epoch:
                continue
            metrics = {"epoch": epoch, "step": step, "loss": loss.item(), "restarted": bool(restarted)}
            with tempfile.TemporaryDirectory() as folder:
                position = sampler.state_dict(step + 1)
                torch.save({"model": model.state_dict(), "position": position}, Path(folder) / "saved.pt")
                ray.train.report(metrics, checkpoint=None if rank else Checkpoint.from_directory(folder))
        done = 0


def main() -> None:
    """Train with one failure, and say where the run ended."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=Path("runs/ray"), help="for checkpoints and lists of images")
    options = parser.parse_args()
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    ray.init(num_cpus=options.workers + 1, include_dashboard=False, log_to_driver=False)
    trainer = ray.train.torch.TorchTrainer(
        train_worker,
        train_loop_config={"folder": str(folder)},
        scaling_config=ScalingConfig(num_workers=options.workers),
        run_config=RunConfig(
            storage_path=str(folder),
            failure_config=FailureConfig(max_failures=1),
            checkpoint_config=CheckpointConfig(num_to_keep=1),
        ),
    )
    metrics = trainer.fit().metrics or {}
    assert metrics["restarted"], "the run was to fail once"
    print(f"epoch {metrics['epoch']}, step {metrics['step']}, loss {metrics['loss']:.3f}, after one restart")
    ray.shutdown()


if __name__ == "__main__":
    main()
