"""What the three plan samplers share: the plan, the ranks, the epochs, and a state for training loops.

Why the state has two doors: torchdata asks the *iterator*, whose position it restores; a training loop that wants to
change the number of workers or processes asks the *sampler*, and says itself how many steps were trained, because
workers are fed ahead. The sampler's doors are named `state_dict(step)` and `resume(state)`, not `load_state_dict`:
torchdata would take an object with both of its names for one that restores itself, and start with an empty epoch.
"""

from collections.abc import Mapping
from typing import Any

from balanceidx import Plan, _checks
from balanceidx_torch._epochs import Epochs
from balanceidx_torch._ranks import Ranks
from balanceidx_torch._source import PlanSource


class PlanState:
    """Epochs and state of a sampler that plays a plan; each kind of sampler adds its `_source`."""

    plan: Plan
    _seed: int
    _ranks: Ranks
    _epochs: Epochs

    def _set_up(self, plan: Plan, seed: int, rank: int | None, world_size: int | None) -> None:
        if not isinstance(plan, Plan):
            raise TypeError(
                f"`plan` must be a balanceidx.Plan, not {type(plan).__name__}. If a trainer tried to make this sampler "
                f"again, tell it to leave samplers alone: see the table of trainers in the documentation."
            )
        self.plan = plan
        self._seed = _checks.seed(seed)
        self._ranks = Ranks(rank, world_size)
        self._epochs = Epochs()
        if self._ranks.known():
            self._source()  # refuses bad ranks here and now

    def _layout(self) -> tuple[int, int]:
        rank, world_size = self._ranks.now()
        return _checks.layout(self.plan.batch_size, rank, world_size, 1)[:2]

    def _source(self) -> PlanSource:
        raise NotImplementedError

    @property
    def local_batch_size(self) -> int:
        """Items in one rank's part of a batch: batch_size // world_size."""
        return self.plan.batch_size // self._layout()[1]

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iterations play; without it, they advance by themselves.

        From the first call on, the epoch is what was chosen, whatever state is loaded.
        """
        self._epochs.choose(_checks.epoch(epoch))

    def state_dict(self, step: int) -> dict[str, Any]:
        """Position after `step` steps of the current epoch: that iterated last, or chosen since.

        It fits any number of workers, any world size and any of the samplers, and `plan.stream`.

        Parameters
        ----------
        step : int
            Steps of the epoch that were trained, from its beginning; steps_per_epoch stands for the next epoch.
        """
        steps = self.plan.steps_per_epoch
        at = _checks.integer("step", step, 0, steps + 1, f"of {steps} an epoch")
        return self._source().write(self._epochs.current + at // steps, at % steps)

    def resume(self, state: Mapping[str, Any]) -> None:
        """Continue from a position saved by `state_dict(step)`, `plan.stream` or any of the samplers.

        The next iterations start at that step, until its epoch is over; later epochs follow as always. `len` remains
        that of a whole epoch.

        Raises
        ------
        TypeError, ValueError
            For a state of another plan, stream format or seed.
        """
        epoch, step, within = self._source().read(state)
        if within:
            raise ValueError(
                f"`state` was saved inside step {step}; load it through torchdata's StatefulDataLoader, or save "
                f"sampler.state_dict(step) after a whole step."
            )
        steps = self.plan.steps_per_epoch
        self._epochs.resume(epoch + step // steps, step % steps)
