"""The stream: an endless iterator over one rank's batches whose position is four numbers."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from balanceidx import _checks
from balanceidx._plan import STREAM_FORMAT, Plan

# Batches are computed ahead in blocks of about this many indices: one call on 4,096 costs little more than one on 64.
_AHEAD = 1 << 12


class Stream(Iterator[npt.NDArray[np.int64]]):
    """Endless iterator over one rank's batches, epoch after epoch.

    The state says where the *global* stream stands, so it loads into another rank, world size or number of blocks.

    >>> import balanceidx as bx
    >>> plan = bx.ratio([0] * 90 + [1] * 10, batch_size=10)
    >>> stream = plan.stream(seed=0)
    >>> first, second = next(stream), next(stream)
    >>> state = stream.state_dict()
    >>> state["epoch"], state["step"]
    (0, 2)
    >>> resumed = plan.stream(seed=0)
    >>> resumed.load_state_dict(state)
    >>> bool((next(resumed) == next(stream)).all())
    True

    The attributes are for reading; `load_state_dict` moves the stream. After epoch 2**32 - 1, the last of the stream
    format, there is no next batch (a ValueError), and the state of that position is refused.

    Parameters
    ----------
    plan : Plan
        What is drawn; `plan.stream(...)` is the short form.
    seed, rank, world_size, blocks : int
        As in `Plan.batch_indices`.

    Attributes
    ----------
    plan : Plan
        The plan it iterates over.
    seed, rank, world_size, blocks : int
        As given; a loaded state brings its own seed.
    epoch, step : int
        Position of the batch that comes next.

    Raises
    ------
    TypeError, ValueError
        For an argument outside its range, and when world_size * blocks does not divide the batch size.
    """

    def __init__(self, plan: Plan, seed: int, rank: int = 0, *, world_size: int = 1, blocks: int = 1) -> None:
        self._plan = plan
        self._seed = _checks.seed(seed)
        self._rank, self._world_size, self._blocks = _checks.layout(plan.batch_size, rank, world_size, blocks)
        self._epoch = 0
        self._step = 0
        self._ahead: npt.NDArray[np.int64] | None = None
        self._ahead_from = 0

    # Properties, because a position set from outside would disagree with the batches computed ahead.

    @property
    def plan(self) -> Plan:
        """The plan it iterates over."""
        return self._plan

    @property
    def seed(self) -> int:
        """Seed of the batches."""
        return self._seed

    @property
    def rank(self) -> int:
        """Number of the process, below `world_size`."""
        return self._rank

    @property
    def world_size(self) -> int:
        """Number of processes that share a global batch."""
        return self._world_size

    @property
    def blocks(self) -> int:
        """Equal parts of a batch, each composed like the whole."""
        return self._blocks

    @property
    def epoch(self) -> int:
        """Epoch of the batch that comes next."""
        return self._epoch

    @property
    def step(self) -> int:
        """Step, within its epoch, of the batch that comes next."""
        return self._step

    def __next__(self) -> npt.NDArray[np.int64]:
        """Indices of the next batch: int64 array, shape (batch_size // world_size,)."""
        if self._ahead is None:
            self._compute_ahead()
        assert self._ahead is not None
        batch: npt.NDArray[np.int64] = self._ahead[self._step - self._ahead_from].copy()
        self._step += 1
        if self._step - self._ahead_from == len(self._ahead):
            self._ahead = None
        if self._step == self._plan.steps_per_epoch:
            self._epoch, self._step = self._epoch + 1, 0
        return batch

    def _compute_ahead(self) -> None:
        width = self._plan.batch_size // self._world_size
        stop = min(self._plan.steps_per_epoch, self._step + max(1, _AHEAD // width))
        indices = self._plan.range_indices(
            self._seed,
            self._step,
            stop,
            self._rank,
            epoch=self._epoch,
            world_size=self._world_size,
            blocks=self._blocks,
        )
        self._ahead, self._ahead_from = indices.reshape(-1, width), self._step

    def state_dict(self) -> dict[str, Any]:
        """Position of the batch that comes next, as a small new dict that JSON can hold.

        >>> import balanceidx as bx
        >>> stream = bx.ratio([0] * 90 + [1] * 10, batch_size=10).stream(seed=7)
        >>> _ = next(stream)
        >>> {name: value for name, value in stream.state_dict().items() if name != "fingerprint"}
        {'format': 1, 'seed': 7, 'epoch': 0, 'step': 1}
        """
        return {
            "format": STREAM_FORMAT,
            "fingerprint": self._plan.fingerprint,
            "seed": self._seed,
            "epoch": self._epoch,
            "step": self._step,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a saved position, with its seed.

        >>> import balanceidx as bx
        >>> plan = bx.ratio([0] * 90 + [1] * 10, batch_size=10)
        >>> stream = plan.stream(seed=0)
        >>> stream.load_state_dict(plan.stream(seed=7).state_dict() | {"epoch": 2, "step": 5})
        >>> bool((next(stream) == plan.batch_indices(seed=7, step=5, epoch=2)).all())
        True

        Raises
        ------
        TypeError
            When an entry of the state is not of its type: integers, and a string for the fingerprint.
        ValueError
            When the state is of another stream format or another plan, is incomplete, or out of range.
            After either error the stream is where it was.
        """
        self._seed, self._epoch, self._step = read_state(self._plan, state)
        self._ahead = None


def read_state(plan: Plan, state: Mapping[str, Any]) -> tuple[int, int, int]:
    """Check a saved state against a plan and return its (seed, epoch, step)."""
    wanted = ("format", "fingerprint", "seed", "epoch", "step")
    missing = [name for name in wanted if not isinstance(state, Mapping) or name not in state]
    if missing:
        raise ValueError(f"`state` is not a balanceidx stream state: it lacks {', '.join(missing)}.")
    saved = _checks.integer("state['format']", state["format"], 0, 2**63)
    if saved != STREAM_FORMAT:
        raise ValueError(
            f"`state` was saved with stream format {saved}, but this release speaks format "
            f"{STREAM_FORMAT}; continue with the release that saved it, or start a new epoch with a new stream."
        )
    if not isinstance(state["fingerprint"], str):
        raise TypeError(f"`state['fingerprint']` must be a string, not {type(state['fingerprint']).__name__}.")
    if state["fingerprint"] != plan.fingerprint:
        raise ValueError(
            f"`state` belongs to another plan: its fingerprint is {state['fingerprint']!r}, this plan's is "
            f"{plan.fingerprint!r}. Labels, weights, target and batch size must be those of the saved run."
        )
    step = _checks.integer("state['step']", state["step"], 0, plan.steps_per_epoch)
    return _checks.seed(state["seed"]), _checks.epoch(state["epoch"]), step
