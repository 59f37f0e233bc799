"""Labels: what the user wrote becomes the distinct labels and the number of each item's label among them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from balanceidx import _checks

_CHUNK = 1 << 20


def encode(labels: Any, name: str = "labels") -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Distinct labels and codes."""
    return _encode(_checked(labels))


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
