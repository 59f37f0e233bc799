"""AdamW with warm-up and cosine decay, focal loss, a moving average of the weights, and early stopping."""

import functools
import hashlib
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import optax
from flax import nnx

from resnet_head.pipeline import Devices, normalise

Weights = Any  # a tree of arrays

MOVING_AVERAGE = optax.ema(0.98)


@dataclass(frozen=True)
class Budget:
    """At most `steps` steps, validated `every` so many, and stopped `patience` steps after the best validation."""

    steps: int
    every: int
    patience: int
    learning_rate: float
    focal: bool = False


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class State:
    """What changes on the devices while a model learns."""

    weights: Weights
    optimizer: optax.OptState
    average: optax.OptState
    averaged: Weights
    best: Weights  # the averaged weights of the best validation


@dataclass
class Progress:
    """What changes beside it. `drawn[t]` are the items of step t, as they came out of the pipeline."""

    drawn: npt.NDArray[np.int32]
    step: int = 0
    best_step: int = 0
    best_score: float = -1.0

    def count(self, items: npt.NDArray[np.int32]) -> None:
        """A step was taken, on these items."""
        self.drawn[self.step] = items
        self.step += 1

    def due(self, budget: Budget) -> bool:
        """Whether it is time for a validation."""
        return self.step % budget.every == 0 or self.step == budget.steps

    def improved(self, score: float) -> bool:
        """Whether this validation is the best so far; remembers it."""
        if score <= self.best_score:
            return False
        self.best_step, self.best_score = self.step, score
        return True

    def finished(self, budget: Budget) -> bool:
        """Whether all steps are taken, or too many since the best validation."""
        return self.step >= budget.steps or self.step - self.best_step >= budget.patience


class Learner:
    """A model of which the weights that match `learns` change and the others are frozen."""

    def __init__(self, model: nnx.Module, learns: Any, budget: Budget, devices: Devices) -> None:
        self.graph, weights, frozen = nnx.split(model, learns, ...)
        self.initial, self.frozen = devices.copy((nnx.as_pure(weights), nnx.as_pure(frozen)))
        self.budget = budget
        self.devices = devices

    def start(self, batch_size: int) -> tuple[State, Progress]:
        """State and progress before the first step."""
        state = State(
            weights=self.initial,
            optimizer=_optimizer(self.budget).init(self.initial),
            average=MOVING_AVERAGE.init(self.initial),
            averaged=self.initial,
            best=self.initial,
        )
        return self.devices.copy(state), Progress(np.full((self.budget.steps, batch_size), -1, np.int32))

    def update(self, state: State, batch: dict[str, jax.Array]) -> State:
        """One step. Waits for it: many small programs in flight would starve each other on a few CPU cores."""
        new = _update(self.graph, self.budget, state, self.frozen, batch["image"], batch["label"])
        return jax.block_until_ready(new)

    def keep_best(self, state: State) -> State:
        """Remember the averaged weights as those of the best validation."""
        return replace(state, best=state.averaged)

    def predict(self, weights: Weights, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
        """Predicted labels of images that are not augmented, 64 per device at a time."""
        chunk = 64 * self.devices.count
        parts = []
        for start in range(0, len(pixels), chunk):
            part = normalise(pixels[start : start + chunk])
            padding = np.zeros((chunk - len(part), *part.shape[1:]), np.float32)  # one shape, compiled once
            batch = self.devices.shard({"image": np.concatenate((part, padding))})
            parts.append(np.asarray(_predict(self.graph, weights, self.frozen, batch["image"]))[: len(part)])
        return np.concatenate(parts).astype(np.int64)

    def model(self, weights: Weights) -> Any:
        """The model with these weights."""
        return nnx.merge(self.graph, weights, self.frozen)


@functools.cache  # jit compiles anew for another optimizer, even an equal one
def _optimizer(budget: Budget) -> optax.GradientTransformation:
    schedule = optax.warmup_cosine_decay_schedule(0.0, budget.learning_rate, max(1, budget.steps // 10), budget.steps)
    return optax.adamw(schedule, weight_decay=1e-3)


def _loss(logits: jax.Array, labels: jax.Array, focal: bool) -> jax.Array:
    if not focal:
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
    return optax.sigmoid_focal_loss(logits, jax.nn.one_hot(labels, logits.shape[-1])).sum(-1).mean()


@functools.partial(jax.jit, static_argnums=(0, 1))
def _update(graph: Any, budget: Budget, state: State, frozen: Weights, images: jax.Array, labels: jax.Array) -> State:
    def loss(weights: Weights) -> jax.Array:
        return _loss(nnx.merge(graph, weights, frozen)(images), labels, budget.focal)

    updates, optimizer = _optimizer(budget).update(jax.grad(loss)(state.weights), state.optimizer, state.weights)
    weights = optax.apply_updates(state.weights, updates)
    averaged, average = MOVING_AVERAGE.update(weights, state.average)
    return State(weights, optimizer, average, averaged, state.best)


@functools.partial(jax.jit, static_argnums=0)
def _predict(graph: Any, weights: Weights, frozen: Weights, images: jax.Array) -> jax.Array:
    return jnp.argmax(nnx.merge(graph, weights, frozen)(images), -1)


def recalls(predicted: npt.NDArray[np.int64], labels: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Share of each class that is recognised; their mean is the balanced accuracy."""
    return np.bincount(labels, predicted == labels) / np.bincount(labels)


def digest(state: State) -> str:
    """Short digest of the weights, to compare two runs."""
    leaves = jax.tree.leaves((state.weights, state.averaged, state.best))
    return hashlib.sha256(b"".join(np.asarray(leaf).tobytes() for leaf in leaves)).hexdigest()[:20]
