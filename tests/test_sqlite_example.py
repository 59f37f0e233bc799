"""The SQLite example: the same rows in every kind of process and framework, by key, and much faster than by OFFSET."""

import importlib.util
import pickle
import sqlite3
import sys

import numpy as np
import pytest

import balanceidx as bx
from launch import ROOT, python

ROWS = 6000


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("sqlite_dataset", ROOT / "examples" / "sqlite_dataset.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["sqlite_dataset"] = module  # what is pickled is looked up there
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def path(example, tmp_path_factory):
    path = tmp_path_factory.mktemp("sqlite") / "items.sqlite"
    example.write(path, ROWS, positive=0.02)
    return path


@pytest.fixture(scope="module")
def items(example, path):
    return example.Items(path)


@pytest.fixture(scope="module")
def plan(items):
    return bx.ratio(items.labels, {0: 0.75, 1: 0.25}, batch_size=256)


@pytest.fixture(scope="module")
def table(path):
    rows = sqlite3.connect(path).execute("SELECT label, features FROM items ORDER BY id").fetchall()
    return np.array([label for label, _ in rows]), np.array([np.frombuffer(blob, np.float32) for _, blob in rows])


def check(batches, plan, table):
    """Every batch is the planned one, with the labels and features of the table."""
    labels, features = table
    for step in range(plan.steps_per_epoch):
        batch = {name: np.asarray(values) for name, values in next(batches).items()}
        assert (batch["index"] == plan.batch_indices(0, step)).all()
        assert (batch["label"] == labels[batch["index"]]).all() and batch["label"].sum() == 64
        assert (batch["features"] == features[batch["index"]]).all()
    with pytest.raises(StopIteration):
        next(batches)


def test_labels_are_read_in_one_pass(items, table):
    assert (items.labels == table[0]).all() and len(items) == ROWS


def test_rows_come_in_the_order_asked_for_and_as_often(items, table):
    batch = items.__getitems__([5, 3, 5, 5999])
    assert (batch["features"] == table[1][[5, 3, 5, 5999]]).all()
    assert (items[4]["features"] == table[1][4]).all()


def test_torch(example, items, plan, table):
    check(example.torch_batches(items, plan), plan, table)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_torch_workers(example, items, plan, table, method, monkeypatch):
    # Spawned workers import the example by its name; the connection of this process is open already.
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    items[0]
    check(example.torch_batches(items, plan, 2, method), plan, table)


def test_grain(example, items, plan, table):
    check(example.grain_batches(items, plan), plan, table)


@pytest.mark.slow
def test_grain_workers(example, items, plan, table, monkeypatch):
    import balanceidx_grain

    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    balanceidx_grain.enable_workers()
    check(example.grain_batches(items, plan, 2), plan, table)


def test_a_copy_opens_its_own_connection(items):
    copy = pickle.loads(pickle.dumps(items))
    assert copy.open() is not items.open()
    assert (copy[7]["features"] == items[7]["features"]).all()


def test_the_focal_losses_are_the_same(example):
    import jax.numpy as jnp
    import optax
    import torch

    logits = np.linspace(-9, 9, 50, dtype=np.float32)
    for label in (0.0, 1.0):
        labels = np.full(50, label, np.float32)
        ours = example.focal_loss(torch.from_numpy(logits), torch.from_numpy(labels)).numpy()
        theirs = optax.losses.sigmoid_focal_loss(jnp.asarray(logits), jnp.asarray(labels))
        np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=1e-7)


@pytest.mark.slow
@pytest.mark.benchmark
def test_by_key_is_twenty_times_as_fast_as_by_offset(tmp_path):
    out = python(ROOT / "examples" / "sqlite_dataset.py", "--folder", tmp_path, "--steps", 100, "--workers", 1)
    times = float(out.split("times as many")[0].split()[-1].replace(",", ""))
    assert times >= 20, out
    losses = [float(line.split("focal loss ")[1].split()[0]) for line in out.splitlines() if "focal loss" in line]
    assert len(losses) == 2 and max(losses) < 0.1, out
