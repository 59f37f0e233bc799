"""balanceidx for PyTorch: samplers for `torch.utils.data.DataLoader`, on one process or many.

>>> import balanceidx as bx
>>> from balanceidx_torch import PlanBatchSampler
>>> plan = bx.ratio([0] * 90 + [1] * 10, batch_size=10)
>>> sampler = PlanBatchSampler(plan, seed=0)
>>> len(sampler), len(next(iter(sampler)))
(10, 10)
"""

try:
    import torch as _torch
except ImportError as error:  # pragma: no cover - exercised in an environment without torch
    raise ImportError("balanceidx_torch needs PyTorch: pip install 'balanceidx[torch]'") from error

from balanceidx_torch._batches import InterleavedPlanBatchSampler, PlanBatchSampler
from balanceidx_torch._flat import PlanSampler
from balanceidx_torch._labels import labels_of
from balanceidx_torch._weighted import weighted_sampler
from balanceidx_torch._wrapper import DistributedSamplerWrapper

__all__ = [
    "DistributedSamplerWrapper",
    "InterleavedPlanBatchSampler",
    "PlanBatchSampler",
    "PlanSampler",
    "labels_of",
    "weighted_sampler",
]

del _torch
