"""The training that `multihost.py` and `on_device.py` share: handwritten digits with a long tail, and a small network.

The same plan, seed and number of epochs end with the same parameters in both, however many processes and devices there
are, to within rounding.

Needs the packages of the examples, from a checkout: pip install -c constraints.txt '.[examples]'
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from sklearn.datasets import load_digits

import balanceidx as bx

HIDDEN = 64
IMBALANCE = 10  # images of the digit 0 for each image of the digit 9
HELD_OUT = 20  # test images of each digit
OPTIMIZER = optax.sgd(0.1, momentum=0.9)


class Data(NamedTuple):
    images: Any  # float32, (N, 64)
    labels: Any  # int32, (N,)


class State(NamedTuple):
    parameters: Any
    optimizer: Any


def digits() -> tuple[Data, Data]:
    """Training images with ever fewer of each digit from 0 to 9, and as many test images of each."""
    images, labels = load_digits(return_X_y=True)
    training, test = [], []
    for digit in range(10):
        items = np.flatnonzero(labels == digit)
        keep = round((len(items) - HELD_OUT) * IMBALANCE ** (-digit / 9))
        test.append(items[:HELD_OUT])
        training.append(items[HELD_OUT : HELD_OUT + keep])
    parts = (np.concatenate(items) for items in (training, test))
    first, second = (Data((images[p] / 16).astype(np.float32), labels[p].astype(np.int32)) for p in parts)
    return first, second


def balanced(labels: np.ndarray) -> bx.Plan:
    """Eight of each digit in every batch; one on each of eight devices."""
    return bx.ratio(labels, "balanced", batch_size=80)


def initial() -> State:
    first, second = jax.random.split(jax.random.key(0))
    parameters = {
        "hidden": jax.random.normal(first, (64, HIDDEN)) / 8,
        "bias": jnp.zeros(HIDDEN),
        "out": jax.random.normal(second, (HIDDEN, 10)) / HIDDEN**0.5,
    }
    return State(parameters, OPTIMIZER.init(parameters))


def logits(parameters: Any, images: Any) -> Any:
    return jax.nn.relu(images @ parameters["hidden"] + parameters["bias"]) @ parameters["out"]


def update(state: State, batch: Data) -> State:
    """One step; if the batch is spread over devices and processes, its mean is where JAX adds up over them."""

    def loss(parameters: Any) -> Any:
        return optax.softmax_cross_entropy_with_integer_labels(logits(parameters, batch.images), batch.labels).mean()

    updates, optimizer = OPTIMIZER.update(jax.grad(loss)(state.parameters), state.optimizer)
    return State(optax.apply_updates(state.parameters, updates), optimizer)


def summary(parameters: Any, test: Data) -> str:
    """Size of the parameters, to compare runs by, and how well the test images are recognised."""
    size = sum(float(np.abs(leaf).sum()) for leaf in jax.tree.leaves(parameters))
    right = np.asarray(logits(parameters, test.images)).argmax(1) == test.labels
    recalls = right.reshape(10, HELD_OUT).mean(1)
    return f"parameters: {size:.3f} in sum; recall: mean {recalls.mean():.3f}, worst digit {recalls.min():.2f}"
