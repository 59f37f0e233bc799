"""Ray Train on two CPU workers: every batch of every worker has the planned composition, also after a restart.

    pip install 'balanceidx[torch]' 'ray[train]' scikit-learn
    python examples/ray_train.py

`PlanSampler` is a DistributedSampler by type, so `ray.train.torch.prepare_data_loader` leaves it as it is. (A loader
with a batch_sampler would be replaced by one without: give it add_dist_sampler=False.) The position in the data is
saved with each checkpoint; a worker that fails in the middle of an epoch makes Ray start all workers again from the
last one.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import ray.train.torch
import torch
from ray.train import Checkpoint, CheckpointConfig, FailureConfig, RunConfig, ScalingConfig
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

import balanceidx as bx
from balanceidx_torch import PlanSampler, labels_of

BATCH_SIZE = 40
EPOCHS = 2
SAVE_EVERY = 16


def dataset() -> TensorDataset:
    """Handwritten eights (a tenth of the images) against the other digits, and the number of each image."""
    digits = load_digits()
    images = torch.tensor(digits.data, dtype=torch.float32) / 16
    return TensorDataset(images, torch.arange(len(images)), torch.tensor(digits.target == 8).long())


def train_worker(config: dict[str, Any]) -> None:
    """What each worker runs."""
    rank, world_size = ray.train.get_context().get_world_rank(), ray.train.get_context().get_world_size()
    items = dataset()
    plan = bx.ratio(labels_of(items), batch_size=BATCH_SIZE)
    sampler = PlanSampler(plan, seed=0)
    model = torch.nn.Linear(64, 2)
    state, restarted = None, ray.train.get_checkpoint()
    if restarted:
        with restarted.as_directory() as folder:
            saved = torch.load(Path(folder) / "saved.pt")
        model.load_state_dict(saved["model"])
        state = saved["position"]
        sampler.resume(state)
    loader = DataLoader(items, sampler=sampler, batch_size=sampler.local_batch_size)
    loader = ray.train.torch.prepare_data_loader(loader)
    assert loader.sampler is sampler, "Ray has replaced the sampler"
    wrapped = ray.train.torch.prepare_model(model)
    optimizer = torch.optim.SGD(wrapped.parameters(), lr=0.1)

    first, done = (state["epoch"], state["step"]) if state else (0, 0)
    for epoch in range(first, EPOCHS):
        sampler.set_epoch(epoch)
        for step, (images, numbers, labels) in enumerate(loader, start=done):
            planned = plan.batch_indices(0, step, rank, epoch=epoch, world_size=world_size)
            assert numbers.tolist() == planned.tolist()
            assert int(labels.sum()) == BATCH_SIZE // 2 // world_size
            if config["fail"] and not restarted and (epoch, step) == (1, 20):
                raise RuntimeError("this worker fails, as the example wants")
            loss = torch.nn.functional.cross_entropy(wrapped(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            metrics = {"epoch": epoch, "step": step, "loss": loss.item(), "restarted": bool(restarted)}
            if (step + 1) % SAVE_EVERY and step + 1 < plan.steps_per_epoch:
                continue
            with tempfile.TemporaryDirectory() as folder:
                position = sampler.state_dict(step + 1)
                torch.save({"model": model.state_dict(), "position": position}, Path(folder) / "saved.pt")
                # Every worker reports, and waits for the others; that takes seconds.
                ray.train.report(metrics, checkpoint=None if rank else Checkpoint.from_directory(folder))
        done = 0


def main() -> None:
    """Train with one failure, and say where the run ended."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--storage", type=Path, default=None, help="folder of the checkpoints; a temporary one")
    options = parser.parse_args()
    ray.init(num_cpus=options.workers + 1, include_dashboard=False, log_to_driver=False)
    with tempfile.TemporaryDirectory() as temporary:
        trainer = ray.train.torch.TorchTrainer(
            train_worker,
            train_loop_config={"fail": True},
            scaling_config=ScalingConfig(num_workers=options.workers),
            run_config=RunConfig(
                storage_path=str((options.storage or Path(temporary)).resolve()),
                failure_config=FailureConfig(max_failures=1),
                checkpoint_config=CheckpointConfig(num_to_keep=1),
            ),
        )
        metrics = trainer.fit().metrics or {}
    assert metrics["restarted"], "the run was to fail once"
    print(f"epoch {metrics['epoch']}, step {metrics['step']}, loss {metrics['loss']:.3f}, after one restart:")
    print("every batch of every rank is as planned")
    ray.shutdown()


if __name__ == "__main__":
    main()
