"""balanceidx for PyTorch: a batch sampler for `torch.utils.data.DataLoader`.

>>> import balanceidx as bx
>>> from balanceidx_torch import PlanBatchSampler
>>> plan = bx.ratio([0] * 90 + [1] * 10, batch_size=10)
>>> sampler = PlanBatchSampler(plan, seed=0)
>>> len(sampler), len(next(iter(sampler)))
(10, 10)
"""

from balanceidx_torch._batch_sampler import PlanBatchSampler

__all__ = ["PlanBatchSampler"]
