"""Train with Lightning on 2 processes, and write what each rank got: python lightning_ddp.py first|restart FOLDER."""

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch.utils.data import DataLoader
from torchdata.stateful_dataloader import StatefulDataLoader

import balanceidx as bx
from balanceidx_torch import PlanBatchSampler, PlanSampler

LABELS = [0] * 80 + [1] * 16
PLAN = bx.ratio(LABELS, batch_size=8, epoch_size=8 * 7)


class Model(L.LightningModule):
    """Keeps the indices of its batches."""

    def __init__(self, make_loader: Any, keeps_position: bool) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)
        self.make_loader, self.keeps_position = make_loader, keeps_position
        self.state: dict[str, Any] | None = None
        self.got: list[tuple[int, list[int]]] = []

    def train_dataloader(self) -> Any:
        self.sampler, loader = self.make_loader(start=self.state)
        return loader

    def training_step(self, batch: torch.Tensor) -> torch.Tensor:
        self.got.append((self.current_epoch, batch.tolist()))
        return self.layer(batch[:, None].float()).mean()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 1e-6)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        if self.keeps_position:
            trained = self.trainer.fit_loop.epoch_loop.batch_progress.current.ready
            checkpoint["balanceidx"] = self.sampler.state_dict(trained)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.state = checkpoint.get("balanceidx")


def flat(loader: type[DataLoader[int]] = DataLoader, start: Any = None) -> Any:
    sampler = PlanSampler(PLAN, 3, start=start)
    return sampler, loader(range(96), sampler=sampler, batch_size=sampler.local_batch_size)


def batches(loader: type[DataLoader[int]] = DataLoader, start: Any = None) -> Any:
    sampler = PlanBatchSampler(PLAN, 3, start=start)
    return sampler, loader(range(96), batch_sampler=sampler)


def stateful_flat(start: Any = None) -> Any:
    return flat(StatefulDataLoader, start)


def stateful_batches(start: Any = None) -> Any:
    return batches(StatefulDataLoader, start)


# Name, loader, arguments of the Trainer, whether the model keeps the sampler's state in the checkpoint.
KEPT: list[tuple[str, Any, dict[str, Any], bool]] = [
    ("flat", flat, {}, True),
    ("batches", batches, {"use_distributed_sampler": False}, True),
    ("stateful flat", stateful_flat, {}, False),
    ("stateful batches", stateful_batches, {"use_distributed_sampler": False}, False),
]


def fit(make_loader: Any, keeps_position: bool, ckpt_path: Path | None = None, **arguments: Any) -> list[Any]:
    model = Model(make_loader, keeps_position)
    trainer = L.Trainer(
        accelerator="cpu",
        devices=2,
        strategy="ddp",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **{"enable_checkpointing": False, **arguments},
    )
    trainer.fit(model, ckpt_path=ckpt_path)
    return model.got


def main(which: str, folder: Path) -> None:
    got: dict[str, Any] = {}
    for name, make_loader, arguments, keeps in KEPT:
        if which == "first":
            got[name] = fit(make_loader, keeps, max_epochs=2, **arguments)
            # The checkpoint of step 10 is in the middle of epoch 1; the run goes on for a step and is lost.
            saved = ModelCheckpoint(folder / name, "saved", every_n_train_steps=10)
            got[f"{name}, cut"] = fit(
                make_loader, keeps, max_steps=11, callbacks=[saved], enable_checkpointing=True, **arguments
            )
        else:
            got[name] = fit(make_loader, keeps, folder / name / "saved.ckpt", max_epochs=3, **arguments)
    if which == "first":
        try:
            fit(batches, False, max_epochs=1)
        except TypeError as error:
            got["batches, default settings"] = str(error)
    (folder / f"{which}_{torch.distributed.get_rank()}.json").write_text(json.dumps(got))


if __name__ == "__main__":
    warnings.simplefilter("default")
    main(sys.argv[1], Path(sys.argv[2]))
