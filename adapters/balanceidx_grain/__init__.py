"""balanceidx for Grain: batches of indices as a `grain.MapDataset`.

>>> import balanceidx as bx
>>> import balanceidx_grain
>>> plan = bx.ratio([0] * 90 + [1] * 10, batch_size=10)
>>> batches = balanceidx_grain.batches(plan, seed=0, num_epochs=2)
>>> len(batches), batches[3].shape
(20, (10,))
"""

from balanceidx_grain._batches import batches

__all__ = ["batches"]
