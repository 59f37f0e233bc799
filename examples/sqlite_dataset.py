"""A dataset too large for memory, in an SQLite table: balanced batches by key, with torch and with Grain.

    pip install -c constraints.txt '.[torch,grain]' kornia optax
    python examples/sqlite_dataset.py --rows 1000000 --folder runs/sqlite

* Rows are read by key, a batch in one query. Reading row i by `LIMIT 1 OFFSET i` walks over i rows.
* Only keys and labels are held in memory, 9 bytes a row; they are read once, in one pass.
* Threads and processes open connections of their own; a forked one neither uses nor closes those that it inherits.
* One percent of the rows are positive. Every batch of 256 holds 64 of them, and the loss is the focal loss (Lin et al.
  2017): kornia has it for torch, optax for JAX.
"""

import argparse
import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import grain
import jax
import jax.numpy as jnp
import numpy as np
import optax
import torch
from kornia.losses import binary_focal_loss_with_logits
from torch.utils.data import DataLoader

import balanceidx as bx
import balanceidx_grain
from balanceidx_torch import PlanBatchSampler

FEATURES = 16
CHUNK = 50_000

Batch = dict[str, Any]


def write(path: Path, rows: int, positive: float = 0.01) -> None:
    """Make the table: keys with gaps, as tables have them, a label, and features as raw bytes."""
    generator = np.random.default_rng(0)
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    table = sqlite3.connect(part)
    table.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, label INTEGER NOT NULL, features BLOB NOT NULL)")
    for start in range(0, rows, CHUNK):
        count = min(CHUNK, rows - start)
        labels = (generator.random(count) < positive).astype(int)
        features = generator.standard_normal((count, FEATURES), dtype=np.float32) + labels[:, None].astype(np.float32)
        keys = range(3 * start + 7, 3 * (start + count) + 7, 3)
        table.executemany(
            "INSERT INTO items VALUES (?, ?, ?)",
            zip(keys, labels.tolist(), (row.tobytes() for row in features), strict=True),
        )
    table.commit()
    table.close()
    part.replace(path)


class Items:
    """The rows of the table, numbered 0 .. N - 1 in the order of their keys."""

    def __init__(self, path: Path) -> None:
        self.open = _Connections(path)
        rows = self.open().execute("SELECT id, label FROM items ORDER BY id")
        table = np.fromiter(rows, np.dtype([("id", np.int64), ("label", np.uint8)]))  # one after the other
        self.keys, self.labels = table["id"].copy(), table["label"].copy()

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, index: int) -> Batch:
        return {name: values[0] for name, values in self.__getitems__([index]).items()}

    def __getitems__(self, indices: Sequence[int] | np.ndarray) -> Batch:
        """Rows with the given numbers, in that order; torch's DataLoader calls this with a whole batch."""
        keys, place = np.unique(self.keys[np.asarray(indices)], return_inverse=True)
        found = self.open().execute(
            "SELECT id, label, features FROM items WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id",
            (json.dumps(keys.tolist()),),
        )
        ids, labels, features = zip(*found, strict=True)
        assert len(ids) == len(keys), "the table has lost rows since the keys were read"
        rows = np.frombuffer(b"".join(features), np.float32).reshape(-1, FEATURES)
        return {"index": np.asarray(indices), "label": np.array(labels, np.float32)[place], "features": rows[place]}


class _Connections:
    """One read-only connection for each thread of each process, opened at its first use."""

    def __init__(self, path: Path) -> None:
        self.path = path
        # Those that a fork has copied stay here as well: SQLite forbids the child even to close them.
        self.opened: dict[tuple[int, int], sqlite3.Connection] = {}

    def __call__(self) -> sqlite3.Connection:
        who = os.getpid(), threading.get_ident()
        if who not in self.opened:
            self.opened[who] = sqlite3.connect(f"{self.path.resolve().as_uri()}?mode=ro", uri=True)
        return self.opened[who]

    def __reduce__(self) -> tuple[type, tuple[Path]]:
        return type(self), (self.path,)


def as_tensors(batch: Batch) -> dict[str, torch.Tensor]:
    """What `__getitems__` returns is a batch already."""
    return {name: torch.from_numpy(values) for name, values in batch.items()}


def torch_batches(items: Items, plan: bx.Plan, workers: int = 0, method: str | None = None) -> Iterator[Batch]:
    """Batches of one epoch through torch's DataLoader; workers start by `method`, such as "fork" or "spawn"."""
    sampler = PlanBatchSampler(plan, seed=0)
    loader = DataLoader(
        items,  # type: ignore[arg-type]
        batch_sampler=sampler,
        collate_fn=as_tensors,
        num_workers=workers,
        multiprocessing_context=method,
    )
    return iter(loader)


def grain_batches(items: Items, plan: bx.Plan, workers: int = 0) -> Iterator[Batch]:
    """The same batches through Grain."""
    indices = balanceidx_grain.batches(plan, seed=0, num_epochs=1)
    batches = indices.map(items.__getitems__).to_iter_dataset()
    if workers:
        batches = batches.mp_prefetch(grain.MultiprocessingOptions(num_workers=workers))
    return iter(batches)


def train_torch(batches: Iterator[Batch], steps: int) -> float:
    """Loss after some steps of a linear model."""
    model = torch.nn.Linear(FEATURES, 1)
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    loss = torch.zeros(())
    for _, batch in zip(range(steps), batches, strict=False):
        assert batch["label"].sum() == 64
        loss = binary_focal_loss_with_logits(model(batch["features"]), batch["label"][:, None], alpha=None).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


def train_jax(batches: Iterator[Batch], steps: int) -> float:
    """The same with JAX and the focal loss of optax."""
    optimizer = optax.adam(0.02)
    weights = {"w": jnp.zeros(FEATURES), "b": jnp.zeros(())}
    state = optimizer.init(weights)

    @jax.jit
    def update(weights: Any, state: Any, features: jax.Array, labels: jax.Array) -> Any:
        def mean_loss(weights: Any) -> jax.Array:
            logits = features @ weights["w"] + weights["b"]
            return optax.losses.sigmoid_focal_loss(logits, labels).mean()

        loss, gradients = jax.value_and_grad(mean_loss)(weights)
        updates, state = optimizer.update(gradients, state)
        return optax.apply_updates(weights, updates), state, loss

    loss = jnp.zeros(())
    for _, batch in zip(range(steps), batches, strict=False):
        weights, state, loss = update(weights, state, batch["features"], batch["label"])
    return float(loss)


def rows_per_second(items: Items, plan: bx.Plan) -> dict[str, float]:
    """Measure three ways to read the rows of the plan's first batches."""
    batches = plan.range_indices(0, 0, min(100, plan.steps_per_epoch)).reshape(-1, plan.batch_size)

    def by_offset(index: int) -> object:
        return items.open().execute("SELECT id, label, features FROM items LIMIT 1 OFFSET ?", (index,)).fetchone()

    return {
        "by key, a batch in one query": batches.size / seconds(items.__getitems__, batches),
        "by key, row by row": batches[:5].size / seconds(items.__getitem__, batches[:5].flat),
        "by LIMIT 1 OFFSET i": 100 / seconds(by_offset, batches[0, :100].tolist()),
    }


def seconds(read: Callable[[Any], object], what: Iterable[Any]) -> float:
    """How long it takes to read one after the other."""
    start = time.perf_counter()
    for each in what:
        read(each)
    return time.perf_counter() - start


def main() -> None:
    """Write the table if need be, train on it twice, and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("runs/sqlite"))
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    path = options.folder / f"{options.rows}.sqlite"
    if not path.exists():
        print(f"writing {options.rows:,} rows to {path}")
        write(path, options.rows)
    items = Items(path)
    plan = bx.ratio(items.labels, {0: 0.75, 1: 0.25}, batch_size=256)
    print(f"{len(items):,} rows, {int(items.labels.sum()):,} of them positive; {plan.steps_per_epoch:,} steps an epoch")
    found = rows_per_second(items, plan)
    slowest = min(found.values())
    for way, rate in found.items():
        print(f"{way:<28} {rate:>10,.0f} rows a second, {rate / slowest:>6,.0f} x")
    batches = torch_batches(items, plan, options.workers)
    print(f"torch: focal loss {train_torch(batches, options.steps):.4f} after {options.steps} steps")
    print(f"Grain: focal loss {train_jax(grain_batches(items, plan), options.steps):.4f} after {options.steps} steps")


if __name__ == "__main__":
    main()
