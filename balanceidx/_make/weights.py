"""Weights: what the user wrote, as float64."""

from typing import Any

import numpy as np
import numpy.typing as npt

from balanceidx._checks import one_dimensional


def weights(name: str, values: Any) -> npt.NDArray[np.float64]:
    """Check weights: finite, not negative, not all zero, and not labels."""
    array = one_dimensional(name, values)
    if array.dtype.kind in "iub":
        raise TypeError(
            f"`{name}` has dtype {array.dtype} and looks like labels; labels go to balanceidx.ratio(labels, ...). "
            f"If these are weights, pass them as floats: weights.astype(float)."
        )
    if array.dtype.kind != "f":
        raise TypeError(f"`{name}` must be floats, one weight per item, not {array.dtype}.")
    if array.dtype.itemsize > 8:
        raise TypeError(f"`{name}` must be float64 or smaller, not {array.dtype}: the extra digits are not portable.")
    # Chunks keep the temporaries small: a dataset may have a billion weights.
    for start in range(0, len(array), 1 << 20):
        part = array[start : start + (1 << 20)]
        bad = ~((part >= 0) & (part < np.inf))
        if bad.any():
            at = start + int(np.argmax(bad))
            raise ValueError(f"`{name}` must be finite and not negative, but entry {at} is {float(array[at])!r}.")
    if not array.any():
        raise ValueError(f"`{name}` are all zero: no item could ever be drawn.")
    return array.astype(np.float64, copy=False)
