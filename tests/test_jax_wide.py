"""64-bit arithmetic in words, against Python's integers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from balanceidx_jax import _wide

# Words where carries and borrows live, and random ones.
EDGES = [0, 1, 2, 3, 0xFFFF, 0x10000, 0x10001, 0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFF0000, 0xFFFFFFFE, 0xFFFFFFFF]
WORDS = EDGES + np.random.default_rng(0).integers(0, 2**32, 20).tolist()
COUNT = len(WORDS)


def words(values):
    return jnp.asarray(np.array(values, np.uint64).astype(np.uint32))


def grid(*axes: list[int]) -> list[list[int]]:
    return [values.reshape(-1).tolist() for values in np.meshgrid(*(np.array(a, np.uint64) for a in axes))]


def wide(values):
    return _wide.Wide(words([v >> 32 for v in values]), words([v & 0xFFFFFFFF for v in values]))


def integers(pair: _wide.Wide) -> list[int]:
    return [h << 32 | low for h, low in zip(pair.high.tolist(), pair.low.tolist(), strict=True)]


def test_multiply():
    x, y = grid(WORDS, WORDS)
    assert integers(jax.jit(_wide.multiply)(words(x), words(y))) == [a * b for a, b in zip(x, y, strict=True)]


@pytest.mark.parametrize(
    ("function", "exact"),
    [
        (_wide.multiply_low, lambda x, y: x * y % 2**64),
        (_wide.multiply_shift, lambda x, y: x * y >> 32),
    ],
)
def test_multiply_word_and_pair(function, exact):
    x, high, low = grid(WORDS, WORDS, WORDS)
    pairs = [h << 32 | w for h, w in zip(high, low, strict=True)]
    assert integers(jax.jit(function)(words(x), wide(pairs))) == [exact(a, b) for a, b in zip(x, pairs, strict=True)]


def test_add_and_compare():
    pairs = [h << 32 | low for h, low in zip(*grid(WORDS, EDGES), strict=True)]
    x, y = grid(pairs, pairs)
    expected = [(a + b) % 2**64 for a, b in zip(x, y, strict=True)]
    assert integers(jax.jit(_wide.add_wide)(wide(x), wide(y))) == expected
    assert jax.jit(_wide.less_or_equal)(wide(x), wide(y)).tolist() == [a <= b for a, b in zip(x, y, strict=True)]
    x, y = grid(pairs, WORDS)
    expected = [(a + b) % 2**64 for a, b in zip(x, y, strict=True)]
    assert integers(jax.jit(_wide.add)(wide(x), words(y))) == expected


def test_divide():
    high, low, divisor = grid(WORDS, WORDS, WORDS)
    fits = [(h << 32 | w, d) for h, w, d in zip(high, low, divisor, strict=True) if h < d]
    x, divisors = (list(values) for values in zip(*fits, strict=True))
    quotient, rest = jax.jit(_wide.divide)(wide(x), words(divisors))
    assert quotient.tolist() == [a // d for a, d in fits]
    assert rest.tolist() == [a % d for a, d in fits]


def test_divide_where_the_guessed_digit_is_too_large():
    # Divisors just above a power of two and dividends of all ones make Knuth's first guess wrong by one and by two.
    rng = np.random.default_rng(1)
    divisors = ((1 << rng.integers(16, 32, 4000)) + rng.integers(0, 9, 4000)).tolist()
    x = [(d << 32) - 1 - int(extra) for d, extra in zip(divisors, rng.integers(0, 2**16, 4000), strict=True)]
    quotient, rest = jax.jit(_wide.divide)(wide(x), words(divisors))
    assert quotient.tolist() == [a // d for a, d in zip(x, divisors, strict=True)]
    assert rest.tolist() == [a % d for a, d in zip(x, divisors, strict=True)]
