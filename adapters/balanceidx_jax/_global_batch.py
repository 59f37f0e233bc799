"""A global batch as one `jax.Array`, of which every process loads the rows that its devices hold.

Requirements, and what they led to:

* the data axis may lie anywhere in the mesh, and processes may hold replicas: rows follow from the sharding alone, and
  never from `jax.process_index()`;
* JAX takes different data for the replicas of a row without an error: replicas get the same rows, loaded alike;
* every device's rows are to be composed like the batch: part p of n equal parts is the batch of rank p of n.
"""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import numpy.typing as npt

from balanceidx import Plan
from balanceidx_jax import _arguments

Int64 = npt.NDArray[np.int64]

# A call of the core costs about as much as this many of its indices.
_INDICES_A_CALL = 1 << 11


def global_batch(
    plan: Plan,
    seed: int,
    step: int,
    sharding: jax.sharding.Sharding,
    *,
    epoch: int = 0,
    load: Callable[[Int64], Any] | None = None,
) -> Any:
    """Global batch of a step, with every device's rows composed like the batch.

    Each process calls this with the same arguments and loads only rows that its own devices hold.

    >>> import balanceidx as bx
    >>> import balanceidx_jax, jax
    >>> from jax.sharding import NamedSharding, PartitionSpec
    >>> plan = bx.ratio([0] * 90 + [1] * 10, batch_size=10)
    >>> sharding = NamedSharding(jax.make_mesh((1,), ("data",)), PartitionSpec("data"))
    >>> pixels = np.arange(100.0)  # stands for a file on disk
    >>> batch = balanceidx_jax.global_batch(plan, 0, 3, sharding, load=lambda indices: {"pixel": pixels[indices]})
    >>> batch["pixel"].shape, int((batch["pixel"] >= 90).sum())
    ((10,), 5)

    Parameters
    ----------
    plan : Plan
    seed, step, epoch : int
        As in `Plan.batch_indices`.
    sharding : jax.sharding.Sharding
        Of the arrays in the batch. What splits axis 0 decides which rows are whose; entries of a `NamedSharding` for
        axes that an array does not have are left out for it, so one sharding serves images and labels.
    load : callable, optional
        Takes this process's item indices, an int64 array, and returns an array with one row per index, or a pytree of
        such arrays. It is called once. Without it, the batch is the indices themselves.

    Returns
    -------
    jax.Array, or a pytree of them as `load` returned it
        Of shape (batch_size, ...). Without `load`, int32; int64 where jax_enable_x64 is on.

    Raises
    ------
    TypeError, ValueError
        For arguments of another type, or that `Plan.batch_indices` refuses; when the sharding's parts do not divide the
        batch; when `load` returns another number of rows; and for integers that would not fit the 32 bits that JAX
        gives them.
    """
    _arguments.plan(plan)
    _check_sharding(sharding)
    if load is None:
        _check_indices_fit(plan.num_items)
    held, parts = _held(_for_axes(sharding, 1), plan.batch_size)
    length = plan.batch_size // parts
    indices = _rows(plan, seed, step, epoch, held, parts)
    loaded = indices if load is None else load(indices)
    start_of = {part * length: place * length for place, part in enumerate(held)}

    def globalize(path: Any, leaf: Any) -> jax.Array:
        rows = _fitting(f"load(...){jax.tree_util.keystr(path)}", np.asarray(leaf), len(indices))

        def part(index: tuple[slice, ...] | None) -> npt.NDArray[Any]:
            assert index is not None
            start = start_of[index[0].start or 0]
            return rows[(slice(start, start + length), *index[1:])]

        return jax.make_array_from_callback((plan.batch_size, *rows.shape[1:]), _for_axes(sharding, rows.ndim), part)

    return jax.tree_util.tree_map_with_path(globalize, loaded)


def _check_sharding(sharding: Any) -> None:
    """Ask for a sharding; a mesh or a `PartitionSpec` alone does not say which rows are whose."""
    if not isinstance(sharding, jax.sharding.Sharding):
        raise TypeError(
            f"`sharding` must be a jax.sharding.Sharding, such as NamedSharding(mesh, PartitionSpec('data')), "
            f"not {type(sharding).__name__}."
        )


def _check_indices_fit(num_items: int) -> None:
    """Ask about the whole plan: what one batch holds would stop some processes and let others hang."""
    dtype = jax.dtypes.canonicalize_dtype(np.int64)
    if num_items - 1 > np.iinfo(dtype).max:
        raise ValueError(
            f"`plan` has {num_items} items, whose indices do not all fit the {dtype} that JAX makes of them; pass a "
            f"`load`, which is given int64 indices on the host, or turn on jax_enable_x64."
        )


def _for_axes(sharding: jax.sharding.Sharding, axes: int) -> jax.sharding.Sharding:
    """The sharding without entries for axes that an array does not have."""
    if not isinstance(sharding, jax.sharding.NamedSharding) or len(sharding.spec) <= axes:
        return sharding
    spec = jax.sharding.PartitionSpec(*sharding.spec[:axes])  # type: ignore[no-untyped-call]
    return jax.sharding.NamedSharding(sharding.mesh, spec, memory_kind=sharding.memory_kind)


def _held(sharding: jax.sharding.Sharding, batch_size: int) -> tuple[list[int], int]:
    """Which parts of the rows this process's devices hold, and into how many equal parts the sharding cuts them."""
    # Asked about one row a device, because a batch that cannot be cut has no shard shape.
    devices = len(sharding.device_set)
    parts = devices // sharding.shard_shape((devices,))[0]
    if batch_size % parts:
        raise ValueError(
            f"`batch_size` (={batch_size}, all ranks together) must be divisible by the {parts} parts into which "
            f"`sharding` (={sharding}) cuts the rows."
        )
    slices = sharding.addressable_devices_indices_map((batch_size,)).values()
    held = sorted({(index[0].start or 0) * parts // batch_size for index in slices if index is not None})
    if not held:
        raise ValueError(
            f"`sharding` (={sharding}) has no device of this process (={jax.process_index()}); "
            f"call global_batch where its devices are."
        )
    return held, parts


def _rows(plan: Plan, seed: int, step: int, epoch: int, held: list[int], parts: int) -> Int64:
    """Indices of some parts of the batch, one part after the other."""
    length = plan.batch_size // parts
    if plan.batch_size <= len(held) * (length + _INDICES_A_CALL):
        # Cheaper than a call for each part. As blocks of one rank the parts are the same as those of many ranks.
        return plan.batch_indices(seed, step, epoch=epoch, blocks=parts).reshape(parts, length)[held].reshape(-1)
    return np.concatenate([plan.batch_indices(seed, step, part, epoch=epoch, world_size=parts) for part in held])


def _fitting(name: str, rows: npt.NDArray[Any], count: int) -> npt.NDArray[Any]:
    """Check what was loaded, and give integers the type that they will have as a `jax.Array`."""
    if not rows.ndim or len(rows) != count:
        raise ValueError(f"{name} has shape {rows.shape}; it must have {count} rows, one for each index it was given.")
    if rows.dtype.kind not in "iu":
        return rows
    dtype = jax.dtypes.canonicalize_dtype(rows.dtype)
    if dtype.itemsize < rows.dtype.itemsize and count:
        limits = np.iinfo(dtype)
        if int(rows.min()) < limits.min or int(rows.max()) > limits.max:
            raise ValueError(
                f"{name} holds {rows.dtype} values from {int(rows.min())} to {int(rows.max())}, which do not fit the "
                f"{dtype} that JAX makes of them; pass a `load` that returns smaller values, or turn on jax_enable_x64."
            )
    return rows.astype(dtype, copy=False)
