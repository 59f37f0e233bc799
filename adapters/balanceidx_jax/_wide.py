"""64-bit arithmetic on pairs of 32-bit words, because JAX has no 64-bit integers unless a flag is set.

Pass numbers, positions on a weight line and products of two words need it; everything else fits one word.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

_HALF = np.uint32(16)
_LOW = np.uint32(0xFFFF)


class Wide(NamedTuple):
    """The integer high * 2**32 + low, as two uint32 arrays that broadcast against each other."""

    high: jax.Array
    low: jax.Array


def multiply(x: jax.Array, y: jax.Array) -> Wide:
    """Product of two words, by the school method on 16-bit digits."""
    x0, x1, y0, y1 = x & _LOW, x >> _HALF, y & _LOW, y >> _HALF
    middle = x1 * y0 + (x0 * y0 >> _HALF)  # at most (2**16 - 1) * 2**16: no overflow, here and below
    carried = x0 * y1 + (middle & _LOW)
    return Wide(x1 * y1 + (middle >> _HALF) + (carried >> _HALF), x * y)


def multiply_low(x: jax.Array, y: Wide) -> Wide:
    """Word times pair, mod 2**64."""
    high, low = multiply(x, y.low)
    return Wide(high + x * y.high, low)


def multiply_shift(x: jax.Array, y: Wide) -> Wide:
    """Word times pair, without the lowest word of the product: (x * y) >> 32, below 2**64."""
    return add(multiply(x, y.high), multiply(x, y.low).high)


def add(x: Wide, word: jax.Array) -> Wide:
    """Pair plus word, mod 2**64."""
    low = x.low + word
    return Wide(x.high + (low < word).astype(np.uint32), low)


def add_wide(x: Wide, y: Wide) -> Wide:
    """Pair plus pair, mod 2**64."""
    high, low = add(x, y.low)
    return Wide(high + y.high, low)


def less_or_equal(x: Wide, y: Wide) -> jax.Array:
    """x <= y."""
    return (x.high < y.high) | ((x.high == y.high) & (x.low <= y.low))


def divide(x: Wide, divisor: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Quotient and remainder by a word that is greater than x.high, so that the quotient is a word too.

    Knuth's algorithm D (The Art of Computer Programming 2, 4.3.1) with two digits of 16 bits, as in Warren,
    "Hacker's Delight", 9-4.
    """
    shift = jax.lax.clz(divisor)
    divisor = divisor << shift
    spilled = jnp.where(shift == 0, np.uint32(0), x.low >> (np.uint32(32) - shift))
    high, low = x.high << shift | spilled, x.low << shift
    first, rest = _digit(high, low >> _HALF, divisor)
    second, rest = _digit(rest, low & _LOW, divisor)
    return first << _HALF | second, rest >> shift


def divide_wide(x: Wide, divisor: jax.Array) -> tuple[Wide, jax.Array]:
    """Quotient, a pair, and remainder of any pair by a word."""
    high = x.high // divisor
    low, rest = divide(Wide(x.high - high * divisor, x.low), divisor)
    return Wide(high, low), rest


def _digit(high: jax.Array, digit: jax.Array, divisor: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Quotient digit and remainder of (high * 2**16 + digit) / divisor, where high < divisor and divisor >= 2**31."""
    top, bottom = divisor >> _HALF, divisor & _LOW
    guess = high // top
    rest = high - guess * top
    for _ in range(2):  # the guess is at most two too large
        too_large = (rest <= _LOW) & ((guess > _LOW) | (guess * bottom > (rest << _HALF | digit)))
        guess = guess - too_large.astype(np.uint32)
        rest = jnp.where(too_large, rest + top, rest)
    return guess, (high << _HALF | digit) - guess * divisor
