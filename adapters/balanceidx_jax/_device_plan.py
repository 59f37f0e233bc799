"""The plan on the device: a pytree of tables, and batches computed from it inside a compiled program.

This is a second evaluator of the stream, written anew because the core's works in place and with 64 bits; tests hold it
to the core's integers. Requirements, and what they led to:

* the same integers as the numpy core, with JAX's 64-bit integers off: words, and pairs of words where one is too small;
* traced seed, epoch, step and rank: nothing here looks at a value, and shapes come from the batch size and the layout;
* no loss where the host can no longer look: what does not fit is refused when the plan is put on the device.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from balanceidx import Plan, adapting
from balanceidx_jax import _arguments, _wide
from balanceidx_jax._deal import DeviceChapters, DeviceDeal, all_chapters, one_chapter
from balanceidx_jax._halving import DeviceHierarchy
from balanceidx_jax._ledger import DeviceLedger
from balanceidx_jax._permute import Domain, Key, absorb, key, permute
from balanceidx_jax._pools import DevicePools, EpochPools, Standing
from balanceidx_jax._wide import Wide

P = ParamSpec("P")
R = TypeVar("R")

# Classes times chapters up to which the lines of a whole epoch are kept: 28 bytes each.
_MOST_ENTRIES = 1 << 24


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class DevicePlan:
    """A plan as a pytree of int32 and uint32 tables, made by `device_plan`; pass it to compiled functions.

    Attributes
    ----------
    batch_size, steps_per_epoch : int
        As in `Plan`; known when tracing, so a plan in which they differ compiles anew.
    """

    batch_size: int = field(metadata={"static": True})
    steps_per_epoch: int = field(metadata={"static": True})
    _hierarchy: DeviceHierarchy
    _ledger: DeviceLedger
    _chapters: DeviceChapters
    _pools: DevicePools


def device_plan(plan: Plan) -> DevicePlan:
    """Put the tables of a plan on the device.

    >>> import balanceidx as bx
    >>> import balanceidx_jax
    >>> plan = bx.ratio([0] * 90 + [1] * 10, batch_size=10)
    >>> on_device = balanceidx_jax.device_plan(plan)
    >>> batch = balanceidx_jax.batch_indices(on_device, seed=0, step=3)
    >>> batch.dtype.name, bool((batch == plan.batch_indices(seed=0, step=3)).all())
    ('int32', True)

    Parameters
    ----------
    plan : Plan

    Returns
    -------
    DevicePlan
        On the default device: 4 bytes an item, 16 with item weights. `jax.device_put` moves it, as any pytree.

    Raises
    ------
    TypeError
        For anything but a `Plan`.
    ValueError
        When the plan has 2**31 items or more, or 2**32 draws an epoch: they would wrap in 32-bit integers.
    """
    evaluator, *later = adapting.evaluators(_arguments.plan(plan))
    if later:
        raise ValueError(
            f"`plan` is a run of {1 + len(later)} stages, and the device holds one; put a plan of one stage there, or "
            f"compute indices on the host, with plan.batch_indices."
        )
    lines = evaluator.pools.lines
    if plan.num_items >= 2**31 or (lines is not None and len(lines.guide) >= 2**31):
        guide = "" if lines is None else f" and {len(plan.classes)} classes with item weights"
        raise ValueError(
            f"`plan` has {plan.num_items} items{guide}, but indices on the device are int32 and must be below 2**31; "
            f"compute them on the host, with plan.batch_indices, or split the dataset."
        )
    draws = plan.steps_per_epoch * plan.batch_size
    if draws >= 2**32:
        raise ValueError(
            f"`plan` has {draws} draws an epoch, but the device counts them in uint32 and they must be below 2**32; "
            f"make the plan with a smaller `epoch_size`, or compute indices on the host, with plan.batch_indices."
        )
    return DevicePlan(
        plan.batch_size,
        plan.steps_per_epoch,
        DeviceHierarchy.of(evaluator.ledger.hierarchy),
        DeviceLedger.of(evaluator),
        DeviceChapters.of(evaluator),
        DevicePools.of(evaluator.pools),
    )


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class EpochTables:
    """What the batches of one epoch have in common; made by `epoch_tables`."""

    _plan: DevicePlan
    _seed: Wide
    _epoch: jax.Array
    _draws: jax.Array  # of every class in the epoch
    _before: Wide  # and before it
    _pools: EpochPools
    _order: Key  # key of the order inside blocks, before step and block are absorbed
    _lines: "tuple[DeviceDeal, Standing] | None"  # of all chapters, unless they are too many

    def batch_indices(
        self, step: Any, rank: Any = 0, *, world_size: int = 1, blocks: int = 1, order: str = "shuffled"
    ) -> jax.Array:
        """Indices of one rank's part of one batch: as the function `batch_indices`, for the seed and epoch of these."""
        indices: jax.Array = _batch(self, *_layout(self._plan, step, rank, world_size, blocks, order))
        return indices


def epoch_tables(device_plan: DevicePlan, seed: Any, epoch: Any = 0) -> EpochTables:
    """Compute what the batches of an epoch have in common, once, outside a loop over its steps.

    `batch_indices` computes it anew for every batch, which costs O(C log U) for C classes and U chapters. The tables
    hold the lines of all chapters, 28 bytes for each class and chapter; beyond 2**24 of these they hold what is the
    epoch's own, and every batch computes the line of its chapter.

    >>> import balanceidx as bx
    >>> import balanceidx_jax
    >>> plan = bx.ratio([0] * 90 + [1] * 10, batch_size=10)
    >>> tables = balanceidx_jax.epoch_tables(balanceidx_jax.device_plan(plan), seed=0, epoch=5)
    >>> bool((tables.batch_indices(3) == plan.batch_indices(seed=0, step=3, epoch=5)).all())
    True

    Parameters
    ----------
    device_plan, seed, epoch
        As in `batch_indices`.

    Returns
    -------
    EpochTables
        A pytree with a method `batch_indices(step, rank=0, *, world_size=1, blocks=1, order="shuffled")`.
    """
    tables: EpochTables = _tables(_on_device(device_plan), _arguments.seed_pair(seed), _epoch(device_plan, epoch))
    return tables


def batch_indices(
    device_plan: DevicePlan,
    seed: Any,
    step: Any,
    rank: Any = 0,
    *,
    epoch: Any = 0,
    world_size: int = 1,
    blocks: int = 1,
    order: str = "shuffled",
) -> jax.Array:
    """Indices of one rank's part of one batch, the same integers as `Plan.batch_indices`, computed on the device.

    Runs under `jax.jit`, `vmap`, `lax.scan` and `shard_map`, where seed, step, rank and epoch may be traced.

    >>> import balanceidx as bx
    >>> import balanceidx_jax, jax, jax.numpy as jnp
    >>> plan = bx.ratio([0] * 90 + [1] * 10, batch_size=10)
    >>> on_device = balanceidx_jax.device_plan(plan)
    >>> epoch = jax.vmap(lambda step: balanceidx_jax.batch_indices(on_device, 0, step))(jnp.arange(10))
    >>> bool((epoch.reshape(-1) == plan.epoch_indices(seed=0)).all())
    True

    Parameters
    ----------
    device_plan : DevicePlan
    seed : int in [0, 2**64), uint32 scalar, or the pair `seed_words(seed)`
        A traced seed of more than 32 bits travels as the pair.
    step : integer scalar in [0, steps_per_epoch)
    rank : integer scalar in [0, world_size)
    epoch : integer scalar in [0, 2**32)
    world_size, blocks, order
        As in `Plan.batch_indices`; they decide shapes and are never traced.

    Returns
    -------
    int32 array, shape (batch_size // world_size,)

    Raises
    ------
    TypeError, ValueError
        For an argument outside its range, as `Plan.batch_indices`. A traced step, rank or epoch has no value yet, so
        only its type is checked: out of range, it gives indices of no meaning.

    Notes
    -----
    A step that runs on over epochs is out of range after the first. Traced, it gives batches whose counts look right
    while items repeat and others are never seen. Split it, in a scan or on the host:

    >>> running_step = 4 * on_device.steps_per_epoch + 3
    >>> epoch, step = jnp.divmod(running_step, on_device.steps_per_epoch)
    >>> batch = balanceidx_jax.batch_indices(on_device, 0, step, epoch=epoch)
    >>> bool((batch == plan.batch_indices(seed=0, step=3, epoch=4)).all())
    True
    """
    layout = _layout(_on_device(device_plan), step, rank, world_size, blocks, order)
    indices: jax.Array = _batch_of(device_plan, _arguments.seed_pair(seed), _epoch(device_plan, epoch), *layout)
    return indices


def _on_device(device_plan: Any) -> DevicePlan:
    """Check a plan on the device; inside a compiled function it is a pytree put together again, of the same type."""
    if not isinstance(device_plan, DevicePlan):
        raise TypeError(
            f"`device_plan` must be a DevicePlan, not {type(device_plan).__name__}; make it once, outside compiled "
            f"functions, with balanceidx_jax.device_plan(plan)."
        )
    return device_plan


def _epoch(device_plan: DevicePlan, epoch: Any) -> _arguments.Word:
    draws = device_plan.steps_per_epoch * device_plan.batch_size
    number = _arguments.word("epoch", epoch, adapting.MAX_EPOCHS)
    if not isinstance(number, Tracer) and (int(number) + 1) * draws >= 2**63:
        raise ValueError(
            f"`epoch` (={int(number)}) is too late for epochs of {draws} draws: a run has fewer than 2**63 draws."
        )
    return number


def _layout(
    device_plan: DevicePlan, step: Any, rank: Any, world_size: Any, blocks: Any, order: Any
) -> tuple[_arguments.Word, _arguments.Word, int, int, str]:
    """Step and rank, and what is static: world size, blocks, and the order of blocks."""
    steps = device_plan.steps_per_epoch
    _, world, parts = adapting.layout(device_plan.batch_size, 0, world_size, blocks)
    at = _arguments.word("step", step, steps, f"of {steps} an epoch")
    if not isinstance(rank, Tracer):
        adapting.layout(device_plan.batch_size, rank, world, parts)
    return at, _arguments.word("rank", rank, adapting.MAX_BATCH), world, parts, adapting.order(order)


def _broadcasting(function: Callable[P, R]) -> Callable[P, R]:
    """Allow operands of different rank, which users may forbid in their own code; here they are meant."""

    @wraps(function)
    def traced(*args: P.args, **kwargs: P.kwargs) -> R:
        with jax.numpy_rank_promotion("allow"):
            return function(*args, **kwargs)

    return traced


@partial(jax.jit, static_argnums=3)
@_broadcasting
def _tables(plan: DevicePlan, seed: Wide, epoch: jax.Array, whole: bool = True) -> EpochTables:
    """Tables of an epoch, with the lines of all its chapters where they are wanted and not too many."""
    chapters, hierarchy = plan._chapters, plan._hierarchy
    draws, before = plan._ledger.epoch(hierarchy, epoch)
    if plan._pools.independent:
        before = jax.tree.map(jnp.zeros_like, before)  # its draws are numbered epoch by epoch
    pools = EpochPools.of(plan._pools, seed, epoch, before)
    lines = None
    if whole and len(draws) << chapters.levels <= _MOST_ENTRIES:
        seats, within = all_chapters(chapters, hierarchy, draws, key(seed, adapting.EPOCH_NODE, epoch))
        numbers = jnp.arange(1 << chapters.levels, dtype=np.uint32)
        lines = _lines(plan, seats, within, numbers, seed, epoch, before)
    order = key(seed, adapting.BLOCK_ORDER, epoch)
    return EpochTables(plan, seed, epoch, draws, before, pools, order, lines)


def _lines(
    plan: DevicePlan,
    seats: jax.Array,
    within: jax.Array,
    numbers: jax.Array,
    seed: Wide,
    epoch: jax.Array,
    before: Wide,
) -> tuple[DeviceDeal, Standing]:
    """Lines of some chapters, and where every class stands when each begins."""
    deal = DeviceDeal.of(plan._chapters, plan._hierarchy, seats, numbers, seed, epoch)
    return deal, Standing.of(plan._pools, _wide.add(before, within))


def _chapter(tables: EpochTables, step: jax.Array) -> tuple[DeviceDeal, Standing]:
    """The line of the chapter of a step: read, or computed on the way down to it."""
    plan = tables._plan
    number = plan._chapters.of_step(step)
    if tables._lines is not None:
        chosen: tuple[DeviceDeal, Standing] = jax.tree.map(lambda table: table[number], tables._lines)
        return chosen
    prefix = key(tables._seed, adapting.EPOCH_NODE, tables._epoch)
    seats, within = one_chapter(plan._chapters, plan._hierarchy, tables._draws, prefix, number)
    lines = _lines(plan, seats, within, number[None], tables._seed, tables._epoch, tables._before)
    only: tuple[DeviceDeal, Standing] = jax.tree.map(lambda table: table[0], lines)
    return only


@partial(jax.jit, static_argnums=(5, 6, 7))
def _batch_of(
    plan: DevicePlan,
    seed: Wide,
    epoch: jax.Array,
    step: jax.Array,
    rank: jax.Array,
    world_size: int,
    blocks: int,
    order: str,
) -> jax.Array:
    return _batch(_tables(plan, seed, epoch, False), step, rank, world_size, blocks, order)  # type: ignore[no-any-return]


@partial(jax.jit, static_argnums=(3, 4, 5))
@_broadcasting
def _batch(
    tables: EpochTables, step: jax.Array, rank: jax.Array, world_size: int, blocks: int, order: str
) -> jax.Array:
    stride = world_size * blocks
    length = tables._plan.batch_size // stride
    block = rank + np.uint32(world_size) * jnp.arange(blocks, dtype=np.uint32)
    deal, standing = _chapter(tables, step)
    b = deal.batch(step)
    classes, draws = deal.draws(b, deal.places(b, block, stride, by_slot=order == "dealt"))
    items = tables._pools.items(standing, classes, draws)
    if order == "dealt":
        return items.reshape(-1)
    if order == "by_class":
        return jnp.take_along_axis(items, jnp.argsort(classes, axis=1, stable=True), 1).reshape(-1)
    shuffle = absorb(absorb(tables._order, step), block[:, None])
    targets = permute(jnp.arange(length, dtype=np.uint32), Domain.of(adapting.Domain.single(length)), shuffle)
    targets += np.uint32(length) * jnp.arange(blocks, dtype=np.uint32)[:, None]
    return jnp.zeros_like(items).reshape(-1).at[targets.reshape(-1)].set(items.reshape(-1), unique_indices=True)
