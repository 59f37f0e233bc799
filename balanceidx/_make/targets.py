"""Targets: how the draws of an epoch are shared among the classes, as exact integer weights.

Every target answers `shares(sizes)` with one non-negative Python integer per class; a class's share of the epoch is its
integer over their sum. Integers, because the apportionment that follows must give the same result on every platform,
and a float power or sum may differ in its last digit from one C library to the next.
"""

import decimal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from balanceidx import _checks

# Shares are computed to 50 decimal digits, scaled so that the largest is 2**96, and kept to 32 significant bits.
_CONTEXT = decimal.Context(prec=50, Emin=-decimal.MAX_EMAX, Emax=decimal.MAX_EMAX)
_SHARE_BITS = 96
_SIGNIFICANT_BITS = 32


class Target(Protocol):
    """Anything that can say how large a class's share is.

    >>> import balanceidx as bx
    >>> class Log:
    ...     def shares(self, sizes):
    ...         return [n.bit_length() for n in sizes]
    >>> bx.ratio([0] * 127 + [1] * 7, Log(), batch_size=10, epoch_size=100).draws(0).tolist()
    [70, 30]
    """

    def shares(self, sizes: Sequence[int]) -> list[int]:
        """One integer weight per class, given the classes' sizes."""
        ...


@dataclass(frozen=True)
class Power:
    """Share proportional to n_c ** exponent: 1 is natural, 0 balanced, 0.5 the square root (Mikolov et al. 2013).

    >>> Power(0.5).shares([400, 100])[0] // Power(0.5).shares([400, 100])[1]
    2
    """

    exponent: float

    def __post_init__(self) -> None:
        """Refuse an exponent that is not a finite number."""
        if not _checks.finite(self.exponent):
            raise ValueError(f"`exponent` must be a finite number, not {self.exponent!r}.")

    def shares(self, sizes: Sequence[int]) -> list[int]:
        """Integer weights of classes of the given sizes; an empty class gets none."""
        if self.exponent == 1:
            return list(sizes)
        if self.exponent == 0:
            return [int(n > 0) for n in sizes]
        exponent = decimal.Decimal(float(self.exponent))
        return _quantised(sizes, lambda n: _CONTEXT.power(n, exponent))


@dataclass(frozen=True)
class EffectiveNumber:
    """Share proportional to n_c * (1 - beta) / (1 - beta ** n_c) (Cui et al. 2019, "Class-Balanced Loss", eq. 2).

    From natural (beta = 0) to balanced (beta -> 1). The paper's choices are 0.9, 0.99, 0.999 and 0.9999.

    >>> few, many = EffectiveNumber(0.999).shares([100, 10_000])
    >>> round(many / few, 2)  # the class is a hundred times as large
    9.52
    """

    beta: float

    def __post_init__(self) -> None:
        """Refuse a beta outside [0, 1)."""
        if not _checks.finite(self.beta) or not 0 <= self.beta < 1:
            raise ValueError(f"`beta` must be in [0, 1), not {self.beta!r}.")

    def shares(self, sizes: Sequence[int]) -> list[int]:
        """Integer weights of classes of the given sizes; an empty class gets none."""
        beta = decimal.Decimal(float(self.beta))
        one = decimal.Decimal(1)

        def share(n: decimal.Decimal) -> decimal.Decimal:
            return _CONTEXT.divide(n, _CONTEXT.subtract(one, _CONTEXT.power(beta, n)))

        return _quantised(sizes, share)


@dataclass(frozen=True)
class Explicit:
    """The given shares, in the order of the classes, taken as the exact values of the given floats."""

    values: tuple[float, ...]

    def shares(self, sizes: Sequence[int]) -> list[int]:
        """Integer weights: the shares over their common power-of-two denominator."""
        return exact_integers(self.values)


NAMED: dict[str, Target] = {
    "natural": Power(1),
    "balanced": Power(0),
    "square_root": Power(0.5),
    "sqrt": Power(0.5),
    "effective_number": EffectiveNumber(0.999),
}


def exact_integers(values: Sequence[float]) -> list[int]:
    """Scale finite floats by one power of two so that all become integers; nothing is rounded."""
    ratios = [float(value).as_integer_ratio() for value in values]
    common = max(denominator for _, denominator in ratios)
    return [numerator * (common // denominator) for numerator, denominator in ratios]


def resolve(target: Any, labels: Sequence[Any]) -> Target:
    """Turn what the user wrote into a target for the classes with the given labels.

    Raises
    ------
    TypeError, ValueError
        For an unknown name, an unknown or missing label, and shares that are negative, not finite or all zero.
    """
    if isinstance(target, str):
        if target not in NAMED:
            raise ValueError(f"`target` {target!r} is unknown; the names are {', '.join(map(repr, NAMED))}.")
        return NAMED[target]
    if isinstance(target, Mapping) or (has_labels(target) and not _is_target(target)):
        shares = per_label("target", target, labels)
        missing = [label for label, share in zip(labels, shares, strict=True) if share is None]
        if missing:
            raise ValueError(
                f"`target` gives no share to label {missing[0]!r} ({len(missing)} such labels in all); "
                f"every label needs one, and 0 leaves it out."
            )
        return Explicit(_checked(shares, labels))
    if _is_target(target):
        resolved: Target = target
        return resolved
    array = _array(target)
    if array is None or array.dtype.kind not in "iuf" or array.ndim != 1:
        raise TypeError(f"`target` must be a name, a {{label: share}} mapping, shares or a target, not {target!r}.")
    if len(array) != len(labels):
        raise ValueError(
            f"`target` has {len(array)} shares for {len(labels)} classes; give one share per class, in sorted order."
        )
    return Explicit(_checked(array.tolist(), labels))


def _is_target(target: Any) -> bool:
    return callable(getattr(target, "shares", None)) and not isinstance(target, type)


def has_labels(values: Any) -> bool:
    """Whether values that are no mapping carry their labels, as a pandas Series does: its index, never the position."""
    return not isinstance(values, type) and all(hasattr(values, name) for name in ("items", "keys", "__getitem__"))


def _array(values: Any) -> npt.NDArray[Any] | None:
    try:
        return np.asarray(values)
    except (TypeError, ValueError, RuntimeError):  # rows of unequal lengths; a tensor with a gradient
        return None


def shares_of(target: Target, sizes: Sequence[int]) -> list[int]:
    """Ask a target for its shares, and check what it answers: users may write targets of their own."""
    answer = target.shares(sizes)
    fits = isinstance(answer, Sequence) and len(answer) == len(sizes)
    if not fits or not all(_is_share(w) for w in answer) or not any(answer):
        raise ValueError(
            f"`target` {target!r} must answer one non-negative int for each of {len(sizes)} classes, not all 0; "
            f"it answers {str(answer)[:100]}."
        )
    return list(answer)


def _is_share(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def per_label(argument: str, values: Mapping[Any, Any], labels: Sequence[Any], unnamed: Any = None) -> list[Any]:
    """Arrange {label: value} by class, with `unnamed` where a label is not named; unknown labels are errors."""
    position = {label: c for c, label in enumerate(labels)}
    arranged: list[Any] = [unnamed] * len(labels)
    seen: set[int] = set()
    for label, value in values.items():
        plain = label.item() if isinstance(label, np.generic) else label
        if plain not in position:
            known = ", ".join(map(repr, labels[:10])) + (", ..." if len(labels) > 10 else "")
            raise ValueError(f"`{argument}` names label {plain!r}, which no item has; the labels are {known}.")
        if position[plain] in seen:  # a Series may name one twice
            raise ValueError(f"`{argument}` names label {plain!r} more than once; give one value per label.")
        seen.add(position[plain])
        arranged[position[plain]] = value
    return arranged


def _checked(shares: Sequence[Any], labels: Sequence[Any]) -> tuple[float, ...]:
    for label, share in zip(labels, shares, strict=True):
        if not _checks.finite(share) or share < 0:
            raise ValueError(f"`target` gives label {label!r} the share {share!r}; shares are finite and not negative.")
    if not any(shares):
        raise ValueError("`target` has only zero shares: no item could ever be drawn.")
    return tuple(float(share) for share in shares)


def _quantised(sizes: Sequence[int], share: Callable[[decimal.Decimal], decimal.Decimal]) -> list[int]:
    try:
        exact = {n: share(decimal.Decimal(n)) for n in set(sizes) if n > 0}
    except decimal.DecimalException as error:
        raise ValueError("`target` gives shares beyond 10**(10**18); choose a smaller exponent.") from error
    largest = max(exact.values())
    if not largest:
        raise ValueError("`target` gives shares below 10**-(10**18); choose a larger exponent.")
    scale = _CONTEXT.divide(decimal.Decimal(2**_SHARE_BITS), largest)
    whole = {n: _rounded(int(_CONTEXT.multiply(value, scale))) for n, value in exact.items()}
    return [whole[n] if n > 0 else 0 for n in sizes]


def _rounded(value: int) -> int:
    """Round to 32 significant bits, at least 1: no stream depends on the last digits of a function."""
    spare = max(0, value.bit_length() - _SIGNIFICANT_BITS)
    return max(1, ((value + (1 << spare >> 1)) >> spare) << spare)
