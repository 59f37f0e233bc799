"""The position: where a run stands, as the small dict that every adapter saves and loads."""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from balanceidx import _checks
from balanceidx._fingerprint import STREAM_FORMAT

if TYPE_CHECKING:
    from balanceidx._plan import Plan


_FIELDS = ("format", "fingerprint", "seed", "epoch", "step", "within", "check")
# What the check word covers; `layout` says how a position inside a step counts, and is there in such a state only.
_SEALED = {"format", "fingerprint", "seed", "epoch", "step", "within", "layout"}


@dataclass(frozen=True)
class Position:
    """The batch that comes next: a seed, an epoch and a step of it.

    A position belongs to the *global* stream, so it fits every rank, world size and number of blocks.

    >>> import balanceidx as bx
    >>> plan = bx.ratio([0] * 90 + [1] * 10, batch_size=10)
    >>> state = bx.Position(seed=7, epoch=2, step=5).state_dict(plan)
    >>> plan.position(state)
    Position(seed=7, epoch=2, step=5, within=0)

    Parameters
    ----------
    seed : int in [0, 2**64)
    epoch : int in [0, 2**32)
    step : int in [0, 2**32)
        Steps of the epoch that are done; all steps of an epoch stand for its very end.
    within : int in [0, 2**31)
        Indices of the next step that one rank has taken already. Only the flat torch sampler, which may be asked inside
        a step, gives and takes anything but 0.

    Raises
    ------
    TypeError, ValueError
        For an argument that is no integer of its range.
    """

    seed: int
    epoch: int
    step: int
    within: int = 0

    def __post_init__(self) -> None:
        """Refuse what no stream can have, and keep plain integers."""
        object.__setattr__(self, "seed", _checks.seed(self.seed))
        object.__setattr__(self, "epoch", _checks.epoch(self.epoch))
        object.__setattr__(self, "step", _checks.integer("step", self.step, 0, _checks.MAX_STEPS))
        object.__setattr__(self, "within", _checks.integer("within", self.within, 0, _checks.MAX_BATCH))

    def state_dict(self, plan: "Plan") -> dict[str, Any]:
        """Write the position down, as a small new dict that JSON can hold.

        >>> import balanceidx as bx
        >>> plan = bx.ratio([0] * 90 + [1] * 10, batch_size=10)
        >>> state = bx.Position(seed=7, epoch=0, step=1).state_dict(plan)
        >>> {name: value for name, value in state.items() if name not in ("fingerprint", "check")}
        {'format': 1, 'seed': 7, 'epoch': 0, 'step': 1, 'within': 0}

        Raises
        ------
        ValueError
            For a step that the plan's epochs do not have.
        """
        steps = plan.steps_per_epoch
        _checks.integer("step", self.step, 0, steps + 1, f"of {steps} an epoch")
        _checks.integer("within", self.within, 0, plan.batch_size, f"of {plan.batch_size} in a batch")
        return sealed(
            {
                "format": STREAM_FORMAT,
                "fingerprint": plan._fingerprints(self.epoch, self.step)[0],
                "seed": self.seed,
                "epoch": self.epoch,
                "step": self.step,
                "within": self.within,
            }
        )


def sealed(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Add the check word over the fields: CRC-32 of their JSON, with sorted names and no spaces, in hexadecimal."""
    return {**fields, "check": _check_word(fields)}


def _check_word(fields: Mapping[str, Any]) -> str:
    covered = {name: _plain(value) for name, value in fields.items() if name in _SEALED}
    return f"{zlib.crc32(json.dumps(covered, sort_keys=True, separators=(',', ':'), default=repr).encode()):08x}"


def read(plan: "Plan", state: Any) -> Position:
    """Check a saved state against a plan; `Plan.position` documents it."""
    missing = [name for name in _FIELDS if not isinstance(state, Mapping) or name not in state]
    if missing:
        raise ValueError(f"`state` is not a balanceidx stream state: it lacks {', '.join(missing)}.")
    steps = plan.steps_per_epoch
    saved = _checks.integer("state['format']", state["format"], 0, 2**63)
    if saved != STREAM_FORMAT:
        raise ValueError(
            f"`state` was saved with stream format {saved}, but this release speaks format {STREAM_FORMAT}; continue "
            f"with the release that saved it, or start a new epoch with a new stream."
        )
    if not isinstance(state["fingerprint"], str):
        raise TypeError(f"`state['fingerprint']` must be a string, not {type(state['fingerprint']).__name__}.")
    seed = _checks.integer("state['seed']", state["seed"], 0, 2**64)
    epoch = _checks.integer("state['epoch']", state["epoch"], 0, _checks.MAX_EPOCHS)
    step = _checks.integer("state['step']", state["step"], 0, _checks.MAX_STEPS)
    within = _checks.integer("state['within']", state["within"], 0, _checks.MAX_BATCH)
    accepted = plan._fingerprints(epoch, step)
    if state["fingerprint"] not in accepted:
        raise ValueError(
            f"`state` belongs to another plan: its fingerprint is {state['fingerprint']!r}, this plan's is "
            f"{accepted[0]!r}. Labels, weights, target and batch size must be those of the saved run."
        )
    _checks.integer("state['step']", step, 0, steps + 1, f"of {steps} an epoch")
    _checks.integer("state['within']", within, 0, plan.batch_size, f"of {plan.batch_size} in a batch")
    if state["check"] != _check_word(state):
        raise ValueError(
            f"`state` is damaged: its check word {state['check']!r} does not fit its other entries; load it as it was "
            f"saved. To start at a position of your choice, pass balanceidx.Position(seed, epoch, step)."
        )
    return Position(seed, epoch, step, within)


def starting(plan: "Plan", start: Any, seed: int | None = None, name: str = "start") -> Position:
    """Read what a user passes as `start`, a state or a Position, as the position of a whole step.

    The very end of an epoch is the beginning of the next. `seed` is that of whoever starts, if it has one.

    Raises
    ------
    TypeError, ValueError
        For a state that `Plan.position` refuses, another seed, and a position inside a step.
    """
    position = start if isinstance(start, Position) else read(plan, start)
    steps = plan.steps_per_epoch
    _checks.integer(f"{name}.step", position.step, 0, steps + 1, f"of {steps} an epoch")
    if seed is not None and position.seed != seed:
        raise ValueError(
            f"`{name}` was saved with seed {position.seed}, but `seed` is {seed}; pass seed={position.seed} to "
            f"continue."
        )
    if position.within:
        raise ValueError(
            f"`{name}` lies inside step {position.step}, `within` (={position.within}) indices of one rank into it; "
            f"only the torch sampler that saved it, through torchdata, can continue there. Save after whole steps."
        )
    if position.step < steps:
        return position
    return Position(position.seed, position.epoch + 1, 0)


def _plain(value: Any) -> Any:
    """A value as it was saved: checkpointers hand integers back as numpy's or as arrays of one."""
    if isinstance(value, (bool, str)) or not hasattr(value, "__index__"):
        return value
    return value.__index__()
