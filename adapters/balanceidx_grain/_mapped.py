"""A plan whose tables stay on disk: workers receive their path and map them, instead of a copy each.

Requirements, and what they led to:

* a plan holds four bytes an item, twelve more with item weights, and every worker gets a pickle of it;
* the core's layout of a plan is its own affair: pickle protocol 5 hands out the large arrays, whatever they are;
* files may come from anywhere: they hold plain arrays and are never unpickled.
"""

import hashlib
import os
import pickle
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from balanceidx import Plan

# Arrays below this many bytes travel with the pickle.
_SMALL = 1 << 16


class _MappedPlan(Plan):
    """A plan that pickles as the paths of its tables."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _open, self.__dict__["_source"]

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name != "_source"}


def memory_mapped(plan: Plan, folder: "str | os.PathLike[str]") -> Plan:
    """Write a plan's tables into a folder and return the same plan, memory-mapped from there.

    The returned plan gives the same indices and pickles in a few kilobytes, however many items it has: the worker
    processes of a machine share the tables through the page cache. Files are named after what they hold and written
    only when they are not there; the folder is yours to remove when no process uses it any more.

    >>> import pickle, tempfile
    >>> import numpy as np
    >>> import balanceidx as bx
    >>> import balanceidx_grain
    >>> plan = bx.ratio(np.arange(1_000_000) % 10 == 0, batch_size=100)
    >>> mapped = balanceidx_grain.memory_mapped(plan, tempfile.mkdtemp())
    >>> len(pickle.dumps(plan)) > 4_000_000, len(pickle.dumps(mapped)) < 10_000
    (True, True)

    Parameters
    ----------
    plan : balanceidx.Plan
    folder : path
        A folder on a local disk; made when it does not exist.

    Returns
    -------
    Plan
    """
    place = Path(folder).resolve()
    place.mkdir(parents=True, exist_ok=True)
    _ = plan.fingerprint  # computed here, so that it travels with the plan
    paths: list[str] = []
    lengths: list[int] = []

    def keep(buffer: pickle.PickleBuffer) -> bool:
        table = np.frombuffer(buffer.raw(), np.uint8)
        if len(table) < _SMALL:
            return True  # stays in the pickle
        paths.append(_written(table, place))
        lengths.append(len(table))
        return False

    rest = pickle.dumps(plan.__getstate__(), protocol=5, buffer_callback=keep)
    return _open(rest, paths, lengths)


def _written(table: npt.NDArray[np.uint8], folder: Path) -> str:
    """Path of the file that holds the table, written in one move: other processes may read or write the same."""
    path = folder / f"balanceidx-{hashlib.sha256(table.data).hexdigest()[:20]}.npy"
    if path.exists() and np.array_equal(np.load(path, mmap_mode="r", allow_pickle=False), table):
        return str(path)
    handle, unfinished = tempfile.mkstemp(dir=folder, suffix=".unfinished")
    try:
        with os.fdopen(handle, "wb") as file:
            np.save(file, table, allow_pickle=False)
        os.replace(unfinished, path)
    except BaseException:
        os.unlink(unfinished)
        raise
    return str(path)


def _open(rest: bytes, paths: list[str], lengths: list[int]) -> Plan:
    """Make the plan of its small part, which came with the pickle, and the mapped tables."""
    tables = []
    for path, length in zip(paths, lengths, strict=True):
        if not os.path.exists(path):
            raise FileNotFoundError(
                f"{path!r} is gone: a memory-mapped plan needs its folder for as long as it is used."
            )
        table = np.load(path, mmap_mode="r", allow_pickle=False)
        if table.dtype != np.uint8 or table.shape != (length,):
            raise ValueError(f"{path!r} does not hold a table of {length} bytes; remove it and map the plan again.")
        tables.append(table)
    plan = object.__new__(_MappedPlan)
    plan.__setstate__(pickle.loads(rest, buffers=tables))
    plan.__dict__["_source"] = rest, paths, lengths
    return plan
