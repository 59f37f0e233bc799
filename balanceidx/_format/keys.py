"""Keys: the only randomness of the stream format, made of fixed-width unsigned arithmetic of our own.

Requirements, and what they led to:

* the same integers on every platform, numpy release and framework: nothing of numpy's generators is used;
* an accelerator has no 64-bit integers by default: everything here is 32-bit, per index and in the key schedule.

`docs/stream-format.md` defines every function of this module for other languages.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

UInt32 = npt.NDArray[np.uint32]
UInt64 = npt.NDArray[np.uint64]

# What a key is for: the third word that every key absorbs, so that no two uses share a key.
CLASS_ORDER, TIME_OFFSET, BLOCK_ORDER, POOL, LINE_PHASE, INDEPENDENT, SLOT_OFFSET, EPOCH_NODE, CYCLE_NODE = range(1, 10)
CHAIN = 11  # 10 is kept for P x K, whose plans leave items out in turn

# What a chain of labels stands for.
OF_TREE, OF_GROUP, OF_GENERATION = 1, 2, 3

_WORD = 0xFFFFFFFF
GOLDEN = np.uint32(0x9E3779B9)
MULTIPLY_1 = np.uint32(0x7FEB352D)
MULTIPLY_2 = np.uint32(0x846CA68B)
SHIFT_15 = np.uint32(15)
SHIFT_16 = np.uint32(16)
SHIFT_32 = np.uint64(32)
LOW = np.uint64(_WORD)


class State(NamedTuple):
    """64 bits of key as two uint32 arrays of equal shape."""

    u: UInt32
    v: UInt32

    def reshape(self, *shape: int) -> "State":
        """The same keys in another shape."""
        return State(self.u.reshape(*shape), self.v.reshape(*shape))

    def take(self, index: Any) -> "State":
        """Keys at the given positions."""
        return State(self.u[index], self.v[index])


# The first 64 fractional bits of pi: nothing up the sleeve.
INITIAL = State(np.array([0x243F6A88], np.uint32), np.array([0x85A308D3], np.uint32))


def words(value: int) -> tuple[int, int]:
    """Split an integer below 2**64 into its (low, high) 32-bit words."""
    return value & _WORD, value >> 32 & _WORD


def high_low(values: UInt64) -> tuple[UInt32, UInt32]:
    """Split 64-bit integers into arrays of their high and low words."""
    return (values >> SHIFT_32).astype(np.uint32), (values & LOW).astype(np.uint32)


def hash32(x: UInt32) -> UInt32:
    """Bijective 32-bit hash: add the golden ratio, then the two-multiply mixer "lowbias32" (C. Wellons, 2018)."""
    h = x + GOLDEN
    h ^= h >> SHIFT_16
    h *= MULTIPLY_1
    h ^= h >> SHIFT_15
    h *= MULTIPLY_2
    h ^= h >> SHIFT_16
    return h


def absorb(state: State, word: "int | UInt32") -> State:
    """Fold one 32-bit word into a key.

    For a fixed word this is a bijection of the state, and any two consecutive words reach 2**64 different states:
    distinct seeds, and distinct (step, block) or (epoch, step) of one seed, can never share a key.
    """
    u = state.u ^ (np.uint32(word) if isinstance(word, int) else word)
    v = state.v + hash32(u)
    return State(u + hash32(v), v)


def key(seed: int, purpose: int, *rest: "int | UInt32") -> State:
    """Key of a seed, a purpose and further words, absorbed one after the other; arrays broadcast."""
    state = INITIAL
    for word in (*words(seed), purpose, *rest):
        state = absorb(state, word)
    return state


def below(state: State, n: "int | UInt64") -> UInt64:
    """Map keys to integers in [0, n), n < 2**32: the high word of the 64-bit fraction u.v times n."""
    # Old numpy would multiply 32-bit words by a small number in 32 bits, so both are widened first.
    size, u, v = np.asarray(n, np.uint64), state.u.astype(np.uint64), state.v.astype(np.uint64)
    # size * u + 2**32 fits: both factors are below 2**32.
    least: UInt64 = (u * size + (v * size >> SHIFT_32)) >> SHIFT_32
    return least


def label_keys(labels: npt.NDArray[Any]) -> UInt64:
    """One 64-bit key per label: what the orders of pools and lines depend on, instead of the label's rank.

    Integers and booleans count by value mod 2**64; strings and bytes by the first eight bytes of a SHA-256.

    >>> label_keys(np.array([False, True])).tolist(), hex(int(label_keys(np.array(["cat"]))[0]))
    ([0, 1], '0x4ee4ce70214ef2e')
    """
    if labels.dtype.kind in "iub":
        keys: UInt64 = labels.astype(np.int64 if labels.dtype.kind == "i" else np.uint64).view(np.uint64)
        return keys
    return np.array([_text_key(label) for label in labels.tolist()], np.uint64)


def _text_key(label: "str | bytes | int") -> int:
    if isinstance(label, int):
        return label & 0xFFFFFFFFFFFFFFFF
    data = b"s" + str.encode(label, "utf-8", "surrogatepass") if isinstance(label, str) else b"b" + bytes(label)
    return int.from_bytes(hashlib.sha256(data).digest()[:8], "big")


def chain(kind: int, path: Sequence["int | UInt64"]) -> UInt64:
    """Key of a node below others: `path` has the keys of the labels from the top; arrays broadcast."""
    state = key(0, CHAIN, kind, len(path))
    for label in path:
        for word in high_low(np.atleast_1d(np.asarray(label, np.uint64))):
            state = absorb(state, word)
    return (state.u.astype(np.uint64) << SHIFT_32) | state.v
