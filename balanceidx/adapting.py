"""The door for those who write adapters: what a framework's package may use beside the public names.

Adapters import `balanceidx` and this module, and nothing else of the core; a test holds them to it. The first names are
for whoever translates a protocol: arguments, and positions. The others are for whoever evaluates the stream a second
time, as `balanceidx_jax` does: the tables of a plan, and the 32-bit expressions on which all evaluators agree.
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
    order,
    ranks,
    seed,
)
from balanceidx._format.chapters import Chapters
from balanceidx._format.deal import slot_multiplier, time_multiplier
from balanceidx._format.evaluate import Evaluator
from balanceidx._format.halving import Hierarchy, Level
from balanceidx._format.keys import (
    BLOCK_ORDER,
    CLASS_ORDER,
    CYCLE_NODE,
    EPOCH_NODE,
    GOLDEN,
    INDEPENDENT,
    INITIAL,
    LINE_PHASE,
    MULTIPLY_1,
    MULTIPLY_2,
    POOL,
    SLOT_OFFSET,
    TIME_OFFSET,
    absorb,
    high_low,
    words,
)
from balanceidx._format.layout import Layout
from balanceidx._format.permutation import Domain
from balanceidx._format.pools import Groups, Pools
from balanceidx._format.weight_line import Lines
from balanceidx._plan import Plan
from balanceidx._position import Position, sealed, starting

__all__ = [
    "BLOCK_ORDER",
    "CLASS_ORDER",
    "CYCLE_NODE",
    "EPOCH_NODE",
    "GOLDEN",
    "INDEPENDENT",
    "INITIAL",
    "LINE_PHASE",
    "MAX_BATCH",
    "MAX_DRAWS",
    "MAX_EPOCHS",
    "MAX_STEPS",
    "MULTIPLY_1",
    "MULTIPLY_2",
    "POOL",
    "SLOT_OFFSET",
    "TIME_OFFSET",
    "Chapters",
    "Domain",
    "Evaluator",
    "Groups",
    "Hierarchy",
    "Layout",
    "Level",
    "Lines",
    "Pools",
    "Position",
    "absorb",
    "epoch",
    "evaluators",
    "high_low",
    "integer",
    "layout",
    "one_dimensional",
    "order",
    "ranks",
    "sealed",
    "seed",
    "slot_multiplier",
    "starting",
    "time_multiplier",
    "words",
]


def evaluators(plan: Plan) -> tuple[Evaluator, ...]:
    """Tables of a plan, one evaluator for each stage of the run."""
    later = tuple(stage.evaluator for stage in plan._stages[1:])
    return (plan._evaluator, *later)
