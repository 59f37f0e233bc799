"""The stream: an endless iterator over one rank's batches whose position is four numbers."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from balanceidx import _checks
from balanceidx._position import Position, starting

if TYPE_CHECKING:
    from balanceidx._plan import Plan

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
    start : state or Position, optional
        Where to begin, instead of the first step of epoch 0; its seed must be `seed`.

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

    def __init__(
        self, plan: "Plan", seed: int, rank: int = 0, *, world_size: int = 1, blocks: int = 1, start: Any = None
    ) -> None:
        self._plan = plan
        self._seed = _checks.seed(seed)
        self._rank, self._world_size, self._blocks = _checks.layout(plan.batch_size, rank, world_size, blocks)
        first = Position(self._seed, 0, 0) if start is None else starting(plan, start, self._seed)
        self._epoch, self._step = first.epoch, first.step
        self._ahead: npt.NDArray[np.int64] | None = None
        self._ahead_from = 0

    # Properties, because a position set from outside would disagree with the batches computed ahead.

    @property
    def plan(self) -> "Plan":
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

    @property
    def position(self) -> Position:
        """Where the stream stands: the batch that comes next."""
        return Position(self._seed, self._epoch, self._step)

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
        >>> plan = bx.ratio([0] * 90 + [1] * 10, batch_size=10)
        >>> stream = plan.stream(seed=7)
        >>> _ = next(stream)
        >>> plan.position(stream.state_dict())
        Position(seed=7, epoch=0, step=1, within=0)
        """
        return self.position.state_dict(self._plan)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a saved position, with its seed.

        >>> import balanceidx as bx
        >>> plan = bx.ratio([0] * 90 + [1] * 10, batch_size=10)
        >>> stream = plan.stream(seed=0)
        >>> stream.load_state_dict(bx.Position(seed=7, epoch=2, step=5).state_dict(plan))
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
        at = starting(self._plan, state, name="state")
        self._seed, self._epoch, self._step = at.seed, at.epoch, at.step
        self._ahead = None
