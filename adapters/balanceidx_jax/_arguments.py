"""Arguments on their way to the device: checked where they are known, typed where they are not."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from balanceidx import Plan, adapting
from balanceidx_jax._wide import Wide

Word = Any  # a uint32 scalar: a traced jax.Array, or numpy's on its way to a compiled function


def plan(value: Any) -> Plan:
    """Check a plan; labels and a `DevicePlan` are easily taken for one."""
    if not isinstance(value, Plan):
        raise TypeError(
            f"`plan` must be a balanceidx.Plan, not {type(value).__name__}; pass the Plan itself, as balanceidx.ratio "
            f"and the other modes return it."
        )
    return value


def seed_words(seed: int) -> tuple[np.uint32, np.uint32]:
    """Split a seed into the (low, high) words that travel to the device.

    >>> import balanceidx_jax
    >>> [int(word) for word in balanceidx_jax.seed_words(2**32 + 7)]
    [7, 1]

    Parameters
    ----------
    seed : int in [0, 2**64)

    Returns
    -------
    low, high : numpy.uint32

    Raises
    ------
    TypeError, ValueError
        For anything but an integer in this range.
    """
    low, high = adapting.words(adapting.seed(seed))
    return np.uint32(low), np.uint32(high)


def seed_pair(seed: Any) -> Wide:
    """Two words of a seed: an integer, a traced uint32, or a pair of either from `seed_words`."""
    low: Word
    high: Word
    if isinstance(seed, (tuple, list)):
        if len(seed) != 2:
            raise TypeError(f"`seed` as a pair must be seed_words(seed), (low, high), not {len(seed)} values.")
        low, high = (_seed_word(f"seed[{i}]", word) for i, word in enumerate(seed))
    elif isinstance(seed, Tracer):
        low, high = _seed_word("seed", seed), np.uint32(0)
    else:
        low, high = seed_words(seed)
    return Wide(high, low)


def _seed_word(name: str, word: Any) -> Word:
    if not isinstance(word, Tracer):
        return np.uint32(adapting.integer(name, word, 0, 2**32))
    # A signed or wider type could wrap without a word where the host can no longer look.
    if word.dtype != np.uint32 or word.ndim:
        raise TypeError(
            f"`{name}` is traced and must be a uint32 scalar, not {word.dtype}{list(word.shape)}; "
            f"pass seed_words(seed), made on the host."
        )
    return word


def word(name: str, value: Any, high: int, meaning: str = "") -> Word:
    """Integer in [0, high) as a uint32 scalar; a traced one is taken at its word."""
    if not isinstance(value, Tracer):
        return np.uint32(adapting.integer(name, value, 0, high, meaning))
    if not jnp.issubdtype(value.dtype, jnp.integer) or value.ndim:
        raise TypeError(
            f"`{name}` is traced and must be an integer scalar, not {value.dtype}{list(value.shape)}; "
            f"use jax.vmap for several."
        )
    return value.astype(np.uint32)
