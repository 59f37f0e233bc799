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

    Attributes
    ----------
    seed, rank, world_size, blocks : int
        As in `Plan.batch_indices`.
    epoch, step : int
        Position of the batch that comes next.
    """

    def __init__(self, plan: Plan, seed: int, rank: int = 0, *, world_size: int = 1, blocks: int = 1) -> None:
        self.plan = plan
        self.seed = _checks.seed(seed)
        self.rank, self.world_size, self.blocks = _checks.layout(plan.batch_size, rank, world_size, blocks)
        self.epoch = 0
        self.step = 0
        self._ahead: npt.NDArray[np.int64] | None = None
        self._ahead_from = 0

    def __next__(self) -> npt.NDArray[np.int64]:
        """Indices of the next batch: int64 array, shape (batch_size // world_size,)."""
        if self._ahead is None:
            self._compute_ahead()
        assert self._ahead is not None
        batch: npt.NDArray[np.int64] = self._ahead[self.step - self._ahead_from].copy()
        self.step += 1
        if self.step - self._ahead_from == len(self._ahead):
            self._ahead = None
        if self.step == self.plan.steps_per_epoch:
            self.epoch, self.step = self.epoch + 1, 0
        return batch

    def _compute_ahead(self) -> None:
        width = self.plan.batch_size // self.world_size
        stop = min(self.plan.steps_per_epoch, self.step + max(1, _AHEAD // width))
        indices = self.plan.range_indices(
            self.seed,
            self.step,
            stop,
            self.rank,
            epoch=self.epoch,
            world_size=self.world_size,
            blocks=self.blocks,
        )
        self._ahead, self._ahead_from = indices.reshape(-1, width), self.step

    def state_dict(self) -> dict[str, Any]:
        """Position of the batch that comes next, as a small new dict that JSON can hold."""
        return {
            "format": STREAM_FORMAT,
            "fingerprint": self.plan.fingerprint,
            "seed": self.seed,
            "epoch": self.epoch,
            "step": self.step,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a saved position, with its seed.

        Raises
        ------
        ValueError
            When the state is of another stream format or another plan, or is incomplete. The stream is then unchanged.
        """
        self.seed, self.epoch, self.step = read_state(self.plan, state)
        self._ahead = None


def read_state(plan: Plan, state: Mapping[str, Any]) -> tuple[int, int, int]:
    """Check a saved state against a plan and return its (seed, epoch, step)."""
    wanted = ("format", "fingerprint", "seed", "epoch", "step")
    missing = [name for name in wanted if not isinstance(state, Mapping) or name not in state]
    if missing:
        raise ValueError(f"`state` is not a balanceidx stream state: it lacks {', '.join(missing)}.")
    if state["format"] != STREAM_FORMAT:
        raise ValueError(
            f"`state` was saved with stream format {state['format']!r}, but this release speaks format "
            f"{STREAM_FORMAT}; continue with the release that saved it, or start a new epoch with a new stream."
        )
    if state["fingerprint"] != plan.fingerprint:
        raise ValueError(
            f"`state` belongs to another plan: its fingerprint is {state['fingerprint']!r}, this plan's is "
            f"{plan.fingerprint!r}. Labels, weights, target and batch size must be those of the saved run."
        )
    step = _checks.integer("state['step']", state["step"], 0, plan.steps_per_epoch)
    return _checks.seed(state["seed"]), _checks.epoch(state["epoch"]), step
