"""From labels to classes: which items belong to each class, as one compact table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from balanceidx import _checks

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Classes:
    """Items grouped by class.

    Attributes
    ----------
    labels : array, shape (C,)
        The distinct labels in sorted order; class c is `labels[c]`.
    members : int32 or int64 array, shape (number of members,)
        Items of class 0 ascending, then of class 1, and so on.
    offsets : int64 array, shape (C + 1,)
        The members of class c are `members[offsets[c] : offsets[c + 1]]`.
    num_items : int
        Items in the dataset; larger than `len(members)` when some items can never be drawn.
    """

    labels: npt.NDArray[Any]
    members: npt.NDArray[np.signedinteger[Any]]
    offsets: npt.NDArray[np.int64]
    num_items: int

    @property
    def sizes(self) -> npt.NDArray[np.int64]:
        """Number of members of each class, shape (C,)."""
        return np.diff(self.offsets)

    def keep(self, positions: npt.NDArray[np.bool_]) -> "Classes":
        """The same classes with only the members at the chosen positions of the table."""
        before = np.concatenate(([0], np.cumsum(positions, dtype=np.int64)))
        return Classes(self.labels, self.members[positions], before[self.offsets], self.num_items)

    def without_first(self) -> "Classes":
        """The same items without the first class."""
        begin = self.offsets[1]
        return Classes(self.labels[1:], self.members[begin:], self.offsets[1:] - begin, self.num_items)


def classes_of(labels: Any) -> Classes:
    """Group items by label.

    Parameters
    ----------
    labels : array-like, shape (N,)
        Integers, strings or booleans.

    Raises
    ------
    TypeError, ValueError
        For labels that are empty, missing (None or NaN), floats, of mixed types, beyond 64 bits, or not
        one-dimensional.
    """
    array = _checked(labels)
    classes = group(*_encode(array))
    if int(classes.sizes.max()) > _checks.MAX_POOL:
        raise ValueError(f"a class has {int(classes.sizes.max())} items; the stream format allows 2**32 a class.")
    return classes


def group(labels: npt.NDArray[Any], codes: npt.NDArray[Any]) -> Classes:
    """Group items whose class numbers are known."""
    offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(_count(codes, len(labels)))))
    return Classes(labels, _sorted_by_code(codes, len(labels)), offsets, len(codes))


def _checked(labels: Any) -> npt.NDArray[Any]:
    array = _checks.one_dimensional("labels", labels)
    if array.dtype.kind == "T" and hasattr(array.dtype, "na_object"):
        _refuse_missing(array.astype(object))  # numpy's own comparisons take a missing string for one like any other
    if array.dtype.kind == "O":
        _refuse_missing(array)
        labels = array.tolist()
        kinds = {str if isinstance(label, str) else type(label) for label in labels}
        array = _checks.one_dimensional("labels", labels)
        several = len(kinds) > 1 and not _whole(kinds)
        if several and (array.dtype.kind not in "iub" or kinds & {bool, np.bool_} not in (set(), kinds)):
            names = ", ".join(sorted(kind.__name__ for kind in kinds))
            raise TypeError(f"`labels` mix the types {names}; they must all be of one type.")
    elif isinstance(labels, (list, tuple)) and array.dtype.kind in "US":
        text = str if array.dtype.kind == "U" else bytes
        other = next((type(label).__name__ for label in labels if not isinstance(label, text)), None)
        if other is not None:
            raise TypeError(f"`labels` mix the types {text.__name__} and {other}; they must all be of one type.")
    if isinstance(labels, (list, tuple)) and array.dtype.kind in "fO" and _whole(set(map(type, labels))):
        array = _wide_integers(labels)
    if array.dtype.kind == "f":
        _refuse_missing(array)
        raise TypeError(
            f"`labels` has dtype {array.dtype} and looks like weights; one weight per item goes to "
            f"balanceidx.weighted(weights, ...). If these are labels, pass labels.astype(int)."
        )
    if array.dtype.kind not in "iubUST":
        raise TypeError(f"`labels` must be integers below 2**64, strings or booleans, not {array.dtype}.")
    return array


def _whole(kinds: set[type]) -> bool:
    """Whether all types are of integers."""
    no = (bool, np.timedelta64)  # Python and numpy count these among their integers
    return all(issubclass(kind, (int, np.integer)) and not issubclass(kind, no) for kind in kinds)


def _wide_integers(labels: Sequence[Any]) -> npt.NDArray[Any]:
    """Integers of which numpy makes floats or objects, because some are beyond int64 or of dtype uint64."""
    integers = [int(label) for label in labels]
    low, high = min(integers), max(integers)
    for dtype in (np.int64, np.uint64):
        if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max:
            return np.array(integers, dtype)
    raise ValueError(f"`labels` run from {low} to {high}; they must all lie in int64 or all in uint64.")


def _refuse_missing(array: npt.NDArray[Any]) -> None:
    objects = array.dtype.kind == "O"
    missing = np.fromiter(map(_is_missing, array), np.bool_, len(array)) if objects else np.isnan(array)
    if missing.any():
        at = int(np.argmax(missing))
        raise ValueError(f"`labels` has a missing value ({array[at]!r}) at position {at}; give every item a label.")


def _is_missing(label: object) -> bool:
    """None, and NaN in all its kinds: unequal to itself, or not to be compared at all."""
    if isinstance(label, np.ndarray):
        raise ValueError(f"`labels` holds an array of shape {label.shape} as a label; give every item one label.")
    try:
        return label is None or bool(label != label)
    except (TypeError, ArithmeticError):  # pandas' NA; a signalling NaN of Decimal
        return True


def _encode(array: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Distinct labels in sorted order, and each item's position among them in the smallest unsigned dtype."""
    if array.dtype.kind in "iub":
        raw = array.view(np.uint8) if array.dtype.kind == "b" else array
        low, high = int(raw.min()), int(raw.max())
        span = high - low + 1
        if span <= max(1 << 16, min(len(raw), 1 << 24)):
            return _encode_small_integers(array, raw, low, span)
    distinct, inverse = np.unique(array, return_inverse=True)
    return distinct, inverse.reshape(-1).astype(_code_dtype(len(distinct)))


def _encode_small_integers(
    array: npt.NDArray[Any], raw: npt.NDArray[Any], low: int, span: int
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    present = np.zeros(span, np.bool_)
    for start in range(0, len(raw), _CHUNK):
        # Subtracting in the labels' own dtype wraps when their range exceeds it; the unsigned view undoes that.
        present[_shifted(raw[start : start + _CHUNK], low)] = True
    values = np.flatnonzero(present)
    distinct = (values.astype(raw.dtype) + raw.dtype.type(low)).astype(array.dtype)  # wraps back where it wrapped
    if low == 0 and raw.dtype.kind == "u" and len(values) == span and raw.dtype.itemsize <= 4:
        return distinct, raw  # the labels are the codes already
    table = np.zeros(span, _code_dtype(len(values)))
    table[values] = np.arange(len(values))
    codes = np.empty(len(raw), table.dtype)
    for start in range(0, len(raw), _CHUNK):
        np.take(table, _shifted(raw[start : start + _CHUNK], low), out=codes[start : start + _CHUNK])
    return distinct, codes


def _shifted(part: npt.NDArray[Any], low: int) -> npt.NDArray[np.intp]:
    if part.dtype.itemsize < 8:
        return part.astype(np.intp) - np.intp(low)
    shifted: npt.NDArray[np.intp] = (part - part.dtype.type(low)).astype(np.intp)
    return shifted


def _code_dtype(count: int) -> npt.DTypeLike:
    return np.min_scalar_type(count - 1)


def _count(codes: npt.NDArray[Any], count: int) -> npt.NDArray[np.int64]:
    total = np.zeros(count, np.int64)
    for start in range(0, len(codes), _CHUNK):
        total += np.bincount(codes[start : start + _CHUNK], minlength=count)
    return total


def _sorted_by_code(codes: npt.NDArray[Any], count: int) -> npt.NDArray[np.signedinteger[Any]]:
    """Items sorted by code, ascending within each, in the smallest of int32 and int64."""
    compact: type[np.signedinteger[Any]] = np.int32 if len(codes) <= 2**31 else np.int64
    members: npt.NDArray[np.signedinteger[Any]] = np.empty(len(codes), compact)
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
