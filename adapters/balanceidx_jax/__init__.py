"""balanceidx for JAX: global batches on many hosts, and the index stream inside a compiled program.

The latter is a second evaluator of the stream: the same integers as the numpy core's, from 32-bit arithmetic alone.

>>> import balanceidx as bx
>>> import balanceidx_jax
>>> plan = bx.ratio([0] * 90 + [1] * 10, batch_size=10)
>>> batch = balanceidx_jax.batch_indices(balanceidx_jax.device_plan(plan), seed=0, step=3)
>>> int((batch >= 90).sum())
5
"""

try:
    import jax as _jax  # noqa: F401
except ImportError as error:  # pragma: no cover - exercised in an environment without JAX
    raise ImportError("balanceidx_jax needs JAX: pip install 'balanceidx[jax]'") from error

from balanceidx_jax._arguments import seed_words
from balanceidx_jax._device_plan import DevicePlan, EpochTables, batch_indices, device_plan, epoch_tables
from balanceidx_jax._global_batch import global_batch

__all__ = ["DevicePlan", "EpochTables", "batch_indices", "device_plan", "epoch_tables", "global_batch", "seed_words"]
