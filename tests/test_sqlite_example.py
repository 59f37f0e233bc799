"""The SQLite example: the same rows in every kind of process and framework, by key, and much faster than by OFFSET."""

import importlib.util
import multiprocessing
import os
import pickle
import re
import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor

import jax.numpy as jnp
import numpy as np
import optax
import pytest
import torch
from kornia.losses import binary_focal_loss_with_logits

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


def test_threads_have_connections_of_their_own(items, table):
    def read(index):
        return items.open(), items[index]["features"]

    with ThreadPoolExecutor(1) as other:
        connection, features = other.submit(read, 7).result()
    assert connection is not items.open() is items.open()
    assert (features == table[1][7]).all()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_process_leaves_inherited_connections_alone(items, table):
    """SQLite forbids to use them there, and to close them."""
    inherited = items.open()

    def child(answers):
        features = items[7]["features"]
        answers.send((features, items.open() is inherited, inherited in items.open.opened.values()))

    answers, other_end = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=child, args=(other_end,))
    process.start()
    features, same, kept = answers.recv()
    process.join()
    assert (features == table[1][7]).all()
    assert not same and kept
    assert items.open() is inherited and (items[7]["features"] == features).all()


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_both_focal_losses_are_the_same(label):
    logits, labels = np.linspace(-9, 9, 50, dtype=np.float32), np.full(50, label, np.float32)
    of_kornia = binary_focal_loss_with_logits(
        torch.from_numpy(logits)[:, None], torch.from_numpy(labels)[:, None], alpha=None
    )
    of_optax = optax.losses.sigmoid_focal_loss(jnp.asarray(logits), jnp.asarray(labels))
    np.testing.assert_allclose(of_kornia[:, 0].numpy(), of_optax, rtol=2e-3, atol=1e-7)


@pytest.mark.slow
@pytest.mark.benchmark
def test_by_key_is_twenty_times_as_fast_as_by_offset(tmp_path):
    out = python(ROOT / "examples" / "sqlite_dataset.py", "--folder", tmp_path, "--steps", 100, "--workers", 1)
    rates = {
        way.strip(): float(rate.replace(",", ""))
        for way, rate in re.findall(r"^(by .*?) {2,}([\d,]+) rows a second", out, re.MULTILINE)
    }
    assert rates["by key, a batch in one query"] >= 20 * rates["by LIMIT 1 OFFSET i"], out
    losses = [float(line.split("focal loss ")[1].split()[0]) for line in out.splitlines() if "focal loss" in line]
    assert len(losses) == 2 and max(losses) < 0.1, out
