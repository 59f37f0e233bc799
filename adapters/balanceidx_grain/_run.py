"""A run: which steps of a plan are played, from where and for how many ranks.

Requirements, and what they led to:

* Grain counts elements and has no notion of an epoch: step number n is step n mod T of epoch n div T;
* the number of hosts and of workers may change between two runs: the position that is kept is balanceidx's own, which
  knows neither.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from balanceidx import Plan, _checks
from balanceidx._stream import read_state


def state_dict(plan: Plan, seed: int, steps: int) -> dict[str, Any]:
    """Position after so many steps of a run, as `Stream.state_dict` writes it: a small dict that JSON can hold.

    Pass it as `start` to continue there, with any number of ranks, workers and blocks; save it beside the model.
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
    dict with the keys format, fingerprint, seed, epoch and step

    Raises
    ------
    TypeError, ValueError
        For a seed or a number of steps outside its range.
    """
    stream = plan.stream(seed)
    done = _checks.integer("steps", steps, 0, _checks.MAX_EPOCHS * plan.steps_per_epoch)
    epoch, step = divmod(done, plan.steps_per_epoch)
    return stream.state_dict() | {"epoch": epoch, "step": step}


def steps_done(plan: Plan, seed: int, state: Mapping[str, Any]) -> int:
    """Steps before a saved position, counted from the beginning of epoch 0: what `state_dict` was given.

    Slicing a finished pipeline by it continues the run with its random transformations: Grain draws their random
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
    state : mapping
        From `state_dict`, or from a `Stream`.

    Returns
    -------
    int

    Raises
    ------
    TypeError, ValueError
        For a seed outside its range, and for a state of another plan, seed or stream format.
    """
    seed = _checks.seed(seed)
    saved, epoch, step = read_state(plan, state)
    if saved != seed:
        raise ValueError(f"`state` was saved with seed {saved}, but `seed` is {seed}; pass seed={saved} to continue.")
    return epoch * plan.steps_per_epoch + step


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
        start: Mapping[str, Any] | None,
        name: str = "world_size",
    ) -> "Run":
        """Check the arguments; `name` is what the caller calls the number of ranks."""
        seed = _checks.seed(seed)
        ranks = _checks.integer(name, world_size, 1, _checks.MAX_BATCH)
        blocks = _checks.integer("blocks", blocks, 1, _checks.MAX_BATCH)
        if plan.batch_size % (ranks * blocks):
            raise ValueError(
                f"`batch_size` (={plan.batch_size}, all ranks together) must be divisible by "
                f"`{name}` * `blocks` (={ranks} * {blocks})."
            )
        first = 0 if start is None else steps_done(plan, seed, start)
        if num_epochs is None:
            return cls(plan, seed, ranks, blocks, first, None)
        epochs = _checks.integer("num_epochs", num_epochs, 1, _checks.MAX_EPOCHS)
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
