"""Index streams for imbalanced data: which items to load, for any (seed, epoch, step, rank).

>>> import balanceidx as bx
>>> plan = bx.ratio([0] * 900 + [1] * 100, batch_size=20)  # balanced: ten of each in every batch
>>> batch = plan.batch_indices(seed=0, step=7, epoch=2)
>>> batch.shape, int((batch >= 900).sum())
((20,), 10)
"""

from balanceidx._fingerprint import STREAM_FORMAT
from balanceidx._make.index import ClassIndex
from balanceidx._make.modes import min_positives, ratio, stratified
from balanceidx._make.stages import stages
from balanceidx._make.targets import EffectiveNumber, Power, Target
from balanceidx._make.tree import Tree
from balanceidx._make.weighted import weighted
from balanceidx._plan import Plan
from balanceidx._position import Position
from balanceidx._stream import Stream

__version__ = "0.1.0"

__all__ = [
    "STREAM_FORMAT",
    "ClassIndex",
    "EffectiveNumber",
    "Plan",
    "Position",
    "Power",
    "Stream",
    "Target",
    "Tree",
    "min_positives",
    "ratio",
    "stages",
    "stratified",
    "weighted",
]
