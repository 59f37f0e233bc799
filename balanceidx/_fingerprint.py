"""The fingerprint: a short digest of everything that decides the indices of a run."""

import hashlib
import json
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from balanceidx._format.evaluate import Evaluator
from balanceidx._format.halving import Level
from balanceidx._format.keys import SHIFT_32, UInt64
from balanceidx._format.ledger import Ledger

STREAM_FORMAT = 1


def fingerprint_of(evaluator: Evaluator, num_items: int) -> str:
    """First 20 hexadecimal digits of the SHA-256 that `docs/stream-format.md` defines."""
    digest = hashlib.sha256()
    pools, ledger = evaluator.pools, evaluator.ledger
    header = {
        "batch_size": evaluator.batch_size,
        "format": STREAM_FORMAT,
        "independent": pools.independent,
        "num_items": num_items,
        "steps_per_epoch": evaluator.chapters.steps,
    }
    digest.update(json.dumps(header, sort_keys=True).encode())
    levels = ledger.hierarchy.levels
    _update(digest, ledger.cycle_draws, "<i8")
    _update(digest, _keys(levels[-1]), "<u8")
    for level, below in pairwise(levels):
        _update(digest, _keys(level), "<u8")
        _update(digest, np.bincount(below.parent, minlength=len(level.high)), "<i8")
    _update(digest, pools.offsets, "<i8")
    if pools.members is not None:
        _update(digest, pools.members, "<u4" if num_items <= 2**32 else "<u8")
        if pools.groups is not None:
            _update(digest, np.diff(pools.groups.begin), "<i8")
            _update(digest, pools.groups.passes.size, "<i8")
            _update(digest, pools.groups.passes.keys, "<u8")
    _update(digest, pools.lined, "u1")
    if pools.lines is not None:
        _update(digest, pools.lines.starts, "<u8")
    return digest.hexdigest()[:20]


def chained(after: str, epoch: int, stage: str, ledger: Ledger) -> str:
    """Fingerprint of a run up to a later stage, from that before it and that of the stage's plan alone."""
    assert ledger.settlement is not None
    digest = hashlib.sha256(json.dumps({"after": after, "epoch": epoch, "stage": stage}).encode())
    for draws in (ledger.cycle_draws, ledger.settlement.draws, ledger.settlement.cycle_draws):
        _update(digest, draws, "<i8")
    return digest.hexdigest()[:20]


def _keys(level: Level) -> UInt64:
    return (level.high.astype(np.uint64) << SHIFT_32) | level.low


def _update(digest: Any, array: npt.NDArray[Any], dtype: str) -> None:
    digest.update(f"|{dtype}:{len(array)}|".encode())
    for start in range(0, len(array), 1 << 20):
        digest.update(np.ascontiguousarray(array[start : start + (1 << 20)].astype(dtype, copy=False)).data)
