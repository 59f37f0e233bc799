"""balanceidx for Grain: batches, a sampler and a selection map that give every rank its promised batch.

>>> import balanceidx as bx
>>> import balanceidx_grain
>>> plan = bx.ratio([0] * 90 + [1] * 10, batch_size=10)
>>> batches = balanceidx_grain.batches(plan, seed=0, num_epochs=2)
>>> len(batches), batches[3].shape
(20, (10,))
"""

from balanceidx_grain._batches import batches
from balanceidx_grain._mapped import memory_mapped
from balanceidx_grain._run import state_dict, steps_done
from balanceidx_grain._sampler import PlanSampler
from balanceidx_grain._selection import SelectionMap
from balanceidx_grain._workers import enable_workers

__all__ = [
    "PlanSampler",
    "SelectionMap",
    "batches",
    "enable_workers",
    "memory_mapped",
    "state_dict",
    "steps_done",
]
