"""The door: every argument is checked here, once, with an error that names it, its value and the way out."""

import math
import numbers
import operator
from typing import Any

import numpy as np
import numpy.typing as npt

from balanceidx._format.layout import ORDERS

MAX_EPOCHS = 2**32
MAX_STEPS = 2**32
MAX_BATCH = 2**31
MAX_DRAWS = 2**40
MAX_POOL = 2**32


def integer(name: str, value: Any, low: int, high: int, meaning: str = "") -> int:
    """Return `value` as a Python int in [low, high), or say what is wrong with it."""
    about = f" ({meaning})" if meaning else ""
    # A boolean tensor has __index__ and uses it, which neither Python's bool nor numpy's array may here.
    boolean = isinstance(value, bool) or str(getattr(value, "dtype", "")).endswith("bool")
    if boolean or not hasattr(value, "__index__"):
        raise TypeError(f"`{name}`{about} must be an integer, not {type(value).__name__} {value!r}.")
    try:
        number = operator.index(value)
    except TypeError as error:  # arrays of floats or of several elements have __index__ and refuse to use it
        if getattr(value, "ndim", None) == 0:
            raise TypeError(f"`{name}`{about} must be an integer, not {type(value).__name__} {value!r}.") from error
        raise TypeError(f"`{name}`{about} must be one integer, not {type(value).__name__}.") from error
    if number < low:
        raise ValueError(f"`{name}`{about} must be at least {low}, not {number}.")
    if number >= high:
        raise ValueError(f"`{name}`{about} must be below {_power(high)}, not {number}.")
    return number


def _power(number: int) -> str:
    return f"2**{number.bit_length() - 1}" if number > 1 << 16 and number & (number - 1) == 0 else str(number)


def finite(value: object) -> bool:
    """Whether a value is a real number that a float can hold."""
    try:
        return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return False


def seed(value: object) -> int:
    """Check a seed: an integer in [0, 2**64)."""
    return integer("seed", value, 0, 2**64)


def epoch(value: object) -> int:
    """Check an epoch number."""
    return integer("epoch", value, 0, MAX_EPOCHS)


def batch_size(value: object) -> int:
    """Check the size of a global batch."""
    return integer("batch_size", value, 1, MAX_BATCH, "all ranks together")


def ranks(rank: object, world_size: object) -> tuple[int, int]:
    """Check the number of a process and how many there are."""
    world = integer("world_size", world_size, 1, MAX_BATCH)
    number = integer("rank", rank, 0, 2**63)
    if number >= world:
        raise ValueError(f"`rank` (={number}) must be below `world_size` (={world}).")
    return number, world


def layout(batch_size: int, rank: object, world_size: object, blocks: object) -> tuple[int, int, int]:
    """Check how one global batch is split: ranks, and equal contiguous blocks within a rank's part."""
    world = integer("world_size", world_size, 1, MAX_BATCH)
    parts = integer("blocks", blocks, 1, MAX_BATCH)
    if batch_size % (world * parts):
        raise ValueError(
            f"`batch_size` (={batch_size}, all ranks together) must be divisible by "
            f"`world_size` * `blocks` (={world} * {parts})."
        )
    return *ranks(rank, world), parts


def order(value: object) -> str:
    """Check the order of a block."""
    if not isinstance(value, str) or value not in ORDERS:
        raise ValueError(f"`order` must be {', '.join(map(repr, ORDERS[:-1]))} or {ORDERS[-1]!r}, not {value!r}.")
    return value


def one_dimensional(name: str, values: Any) -> npt.NDArray[Any]:
    """Turn `values` into a one-dimensional, non-empty array."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise ValueError(f"`{name}` has masked entries; fill them or leave their items out.")
    try:
        array = np.asarray(values)
    except ValueError as error:  # rows of unequal lengths
        raise ValueError(f"`{name}` must be one-dimensional, one entry per item: {error}") from error
    except (TypeError, RuntimeError) as error:  # a tensor with a gradient, of bfloat16, or on another device
        raise TypeError(
            f"`{name}` cannot be read as a numpy array ({error}); pass a tensor as {name}.detach().cpu(), and bfloat16 "
            f"as {name}.detach().cpu().float()."
        ) from error
    if array.ndim == 0:
        raise TypeError(f"`{name}` must be a list or array with one entry per item, not {type(values).__name__}.")
    if array.ndim != 1:
        raise ValueError(f"`{name}` must be one-dimensional, one entry per item, not of shape {array.shape}.")
    if not len(array):
        raise ValueError(f"`{name}` is empty: there is nothing to draw from.")
    return array


def items(value: Any, num_items: int) -> npt.NDArray[np.int64]:
    """Check item numbers: one, or a one-dimensional array-like of them."""
    array = np.atleast_1d(np.asarray(value))
    if array.dtype.kind not in "iu" or array.ndim != 1:
        shape = f"{array.dtype} of shape {array.shape}"
        raise TypeError(f"`items` must be integers, one or a one-dimensional array of them, not {shape}.")
    outside = np.flatnonzero((array < 0) | (array >= num_items))
    if len(outside):
        at = int(outside[0])
        raise ValueError(f"`items` must be in [0, {num_items}), but entry {at} is {int(array[at])}.")
    return array.astype(np.int64)
