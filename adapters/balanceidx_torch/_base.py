"""What the three plan samplers share: the plan, the ranks, the epochs, and a state for training loops.

Why the state has two doors: torchdata asks the *iterator*, whose position it restores; a training loop that wants to
change the number of workers or processes asks the *sampler*, and says itself how many steps were trained, because
workers are fed ahead. The sampler's doors are `state_dict(step)` and the argument `start`, not `load_state_dict`:
torchdata would take an object with both of its names for one that restores itself, and start with an empty epoch.
"""

from typing import Any

from balanceidx import Plan, adapting
from balanceidx_torch._epochs import Epochs
from balanceidx_torch._ranks import Ranks
from balanceidx_torch._repr import described
from balanceidx_torch._source import PlanSource


class PlanState:
    """Epochs and state of a sampler that plays a plan; each kind of sampler adds its `_source`."""

    plan: Plan
    _seed: int
    _ranks: Ranks
    _epochs: Epochs

    def _set_up(self, plan: Plan, seed: int, rank: int | None, world_size: int | None, start: Any) -> None:
        if not isinstance(plan, Plan):
            raise TypeError(
                f"`plan` must be a balanceidx.Plan, not {type(plan).__name__}. If a trainer tried to make this sampler "
                f"again, tell it to leave samplers alone: see the table of trainers in the documentation."
            )
        self.plan = plan
        self._seed = adapting.seed(seed)
        self._ranks = Ranks(rank, world_size)
        self._epochs = Epochs()
        if self._ranks.known():
            self._source()  # refuses bad ranks here and now
        if start is not None:
            position = adapting.starting(plan, start, self._seed)
            self._epochs.start_at(position.epoch, position.step)

    def __repr__(self) -> str:
        """Plan, seed and the epoch that comes next, with rank and world size where they are known."""
        return described(self, "plan", "_seed")

    def _layout(self) -> tuple[int, int]:
        rank, world_size = self._ranks.now()
        rank, world_size = adapting.ranks(rank, world_size)
        over = self.plan.batch_size % world_size
        if over:
            below = self.plan.batch_size - over
            nearest = " or ".join(str(size) for size in (below, below + world_size) if size)
            raise ValueError(
                f"`batch_size` (={self.plan.batch_size}, all ranks together) must be divisible by `world_size` "
                f"(={world_size}); make the plan with one that is, such as {nearest}."
            )
        return rank, world_size

    def _source(self) -> PlanSource:
        raise NotImplementedError

    @property
    def local_batch_size(self) -> int:
        """Items in one rank's part of a batch: batch_size // world_size. Ask when the process group exists."""
        return self.plan.batch_size // self._layout()[1]

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iterations play; without it, they advance by themselves.

        From the first call on, the epoch is what was chosen, whatever state is loaded.
        """
        self._epochs.choose(adapting.epoch(epoch))

    def state_dict(self, step: int) -> dict[str, Any]:
        """Position after `step` steps of the current epoch: that iterated last, or chosen since.

        It fits any number of workers, any world size and any of the samplers, and `plan.stream`.

        Parameters
        ----------
        step : int
            Steps of the epoch that were trained, from its beginning; steps_per_epoch stands for the next epoch. In the
            epoch of `start` they count on from there: enumerate(loader, start=state["step"]). A step is
            `local_batch_size` items of each rank, whatever the size of the DataLoader's batches.

        Raises
        ------
        TypeError, ValueError
            For a step that the epoch does not have, and for one before `start`.
        """
        steps, epoch, began = self.plan.steps_per_epoch, self._epochs.current, self._epochs.began
        at = adapting.integer("step", step, 0, 2**63)
        if at > steps:
            local = self.plan.batch_size // self._layout()[1]
            raise ValueError(
                f"`step` (={at}) must be at most {steps}, the steps of an epoch (are they counted anew in each epoch, "
                f"and do the DataLoader's batches have `local_batch_size` (={local}) items?)."
            )
        if at < began:
            raise ValueError(
                f"`step` (={at}) lies before step {began}, where epoch {epoch} was started; count with "
                f"enumerate(loader, start={began})."
            )
        return self._source().write(epoch + at // steps, at % steps)
