"""Grouping items by the numbers of their classes: counting, and a stable sort."""

from typing import Any

import numpy as np
import numpy.typing as npt

Int64 = npt.NDArray[np.int64]
Codes = npt.NDArray[Any]
Members = npt.NDArray[np.signedinteger[Any]]

_CHUNK = 1 << 20


def count_codes(codes: Codes, count: int) -> Int64:
    """Items of each class, shape (count,)."""
    total = np.zeros(count, np.int64)
    for start in range(0, len(codes), _CHUNK):
        total += np.bincount(codes[start : start + _CHUNK], minlength=count)
    return total


def sort_by_code(codes: Codes, count: int) -> Members:
    """Items sorted by code, ascending within each, in the smallest of int32 and int64."""
    compact: type[np.signedinteger[Any]] = np.int32 if len(codes) <= 2**31 else np.int64
    members: Members = np.empty(len(codes), compact)
    if count <= 8:
        # Few classes: one scan a class is faster than sorting, and needs no table of 64-bit positions.
        filled = 0
        for c in range(count):
            for start in range(0, len(codes), _CHUNK):
                found = np.flatnonzero(codes[start : start + _CHUNK] == c)
                members[filled : filled + len(found)] = found + start
                filled += len(found)
        return members
    members[:] = np.argsort(codes, kind="stable")
    return members
