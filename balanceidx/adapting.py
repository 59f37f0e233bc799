"""The door for those who write adapters: what a framework's package may use beside the public names.

Adapters import `balanceidx` and this module, and nothing else of the core; a test holds them to it.
"""

from balanceidx._checks import (
    MAX_BATCH,
    MAX_DRAWS,
    MAX_EPOCHS,
    MAX_STEPS,
    epoch,
    integer,
    layout,
    one_dimensional,
    ranks,
    seed,
)
from balanceidx._position import Position, sealed, starting

__all__ = [
    "MAX_BATCH",
    "MAX_DRAWS",
    "MAX_EPOCHS",
    "MAX_STEPS",
    "Position",
    "epoch",
    "integer",
    "layout",
    "one_dimensional",
    "ranks",
    "sealed",
    "seed",
    "starting",
]
