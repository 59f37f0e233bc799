"""A run: which steps of a plan are played, from where and for how many ranks.

Requirements, and what they led to:

* Grain counts elements and has no notion of an epoch: step number n is step n mod T of epoch n div T;
* the number of hosts and of workers may change between two runs: what is saved is a `balanceidx.Position`, which knows
  neither.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from balanceidx import Plan, Position, adapting

# What `start` takes: a saved position, or one that was made by hand.
Start: TypeAlias = Mapping[str, Any] | Position


def state_dict(plan: Plan, seed: int, steps: int) -> dict[str, Any]:
    """Position after so many steps of a run, as `Position.state_dict` writes it: a small dict that JSON can hold.

    Save it beside the model. Pass it as `start` to continue there, with any number of ranks, workers and blocks.
    `steps_done` reads it.

    >>> import balanceidx as bx
    >>> import balanceidx_grain
    >>> plan = bx.ratio([0] * 90 + [1] * 10, batch_size=10)
    >>> state = balanceidx_grain.state_dict(plan, seed=0, steps=13)
    >>> state["epoch"], state["step"]
    (1, 3)

    Parameters
    ----------
    plan, seed
        As in `Plan.batch_indices`.
    steps : int
        Steps done since the beginning of epoch 0.

    Returns
    -------
    dict with the keys format, fingerprint, seed, epoch, step, within (always 0) and check

    Raises
    ------
    TypeError, ValueError
        For a seed or a number of steps outside its range.
    """
    done = adapting.integer("steps", steps, 0, adapting.MAX_EPOCHS * plan.steps_per_epoch)
    return Position(seed, *divmod(done, plan.steps_per_epoch)).state_dict(plan)


def steps_done(plan: Plan, seed: int, state: Start) -> int:
    """Steps before a position, counted from the beginning of epoch 0: what `state_dict` was given.

    Slice a finished pipeline by it to continue the run with its random transformations. Grain draws their random
    numbers by element number, and a slice keeps the numbers that the elements had.

    >>> import balanceidx as bx
    >>> import balanceidx_grain
    >>> plan = bx.ratio([0] * 90 + [1] * 10, batch_size=10)
    >>> state = balanceidx_grain.state_dict(plan, seed=0, steps=13)
    >>> done = balanceidx_grain.steps_done(plan, 0, state)
    >>> done
    13
    >>> pipeline = balanceidx_grain.batches(plan, seed=0, num_epochs=2).seed(1).random_map(lambda x, rng: rng.random())
    >>> pipeline[done:][0] == pipeline[13]
    True

    Parameters
    ----------
    plan, seed
        Those of the saved run.
    state : state or Position
        From `state_dict`, from a `Stream` or from another adapter, or a `balanceidx.Position`.

    Returns
    -------
    int

    Raises
    ------
    TypeError, ValueError
        For a seed outside its range, for a state that is damaged or of another plan, seed or stream format, and for a
        position inside a step.
    """
    return _steps_before(plan, adapting.seed(seed), state, "state")


def _steps_before(plan: Plan, seed: int, state: Start, name: str) -> int:
    position = adapting.starting(plan, state, seed, name)
    return position.epoch * plan.steps_per_epoch + position.step


@dataclass(frozen=True)
class Run:
    """Steps first .. first + steps - 1 of a plan.

    Attributes
    ----------
    plan, seed, world_size, blocks
        As in `Plan.batch_indices`.
    first : int
        Number of the first step; numbers run on across epochs.
    steps : int or None
        Number of steps, None for no end.
    """

    plan: Plan
    seed: int
    world_size: int
    blocks: int
    first: int
    steps: int | None

    @classmethod
    def of(
        cls,
        plan: Plan,
        seed: int,
        world_size: int,
        blocks: int,
        num_epochs: int | None,
        start: Start | None,
        name: str = "world_size",
    ) -> "Run":
        """Check the arguments; `name` is what the caller calls the number of ranks."""
        seed = adapting.seed(seed)
        ranks = adapting.integer(name, world_size, 1, adapting.MAX_BATCH)
        blocks = adapting.integer("blocks", blocks, 1, adapting.MAX_BATCH)
        if plan.batch_size % (ranks * blocks):
            raise ValueError(
                f"`batch_size` (={plan.batch_size}, all ranks together) must be divisible by "
                f"`{name}` * `blocks` (={ranks} * {blocks})."
            )
        first = 0 if start is None else _steps_before(plan, seed, start, "start")
        if num_epochs is None:
            return cls(plan, seed, ranks, blocks, first, None)
        epochs = adapting.integer("num_epochs", num_epochs, 1, adapting.MAX_EPOCHS)
        steps = epochs * plan.steps_per_epoch - first
        if steps < 0:
            raise ValueError(
                f"`start` is at step number {first}, after the end of `num_epochs` (={epochs}) epochs of "
                f"{plan.steps_per_epoch} steps; `num_epochs` counts from epoch 0."
            )
        return cls(plan, seed, ranks, blocks, first, steps)

    @property
    def local_batch_size(self) -> int:
        """Items in one rank's part of a batch."""
        return self.plan.batch_size // self.world_size
