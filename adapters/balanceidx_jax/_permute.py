"""The keyed permutation of stream format 1, traced: the core's `permute` without in-place arrays.

Keys need nothing of their own here: the core's `hash32` and `absorb` are plain 32-bit expressions and take traced
arrays as they are. The permutation is written anew, because the core's works in place and picks out what must walk.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np

from balanceidx import adapting
from balanceidx_jax import _wide


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Domain:
    """Sizes of permutations, as arrays that broadcast against the places.

    Attributes
    ----------
    high, low, last, rounds : uint32 arrays
        As in the core's `Domain`: one entry where all are alike.
    counts : tuple of int
        The distinct numbers of rounds, ascending: known when tracing, so that rounds can be unrolled.
    walks : bool
        Whether some place may need to be sent through again: not if every high * low is the size itself.
    """

    high: jax.Array
    low: jax.Array
    last: jax.Array
    rounds: jax.Array
    counts: tuple[int, ...] = field(metadata={"static": True})
    walks: bool = field(metadata={"static": True})

    @classmethod
    def of(cls, domain: adapting.Domain) -> "Domain":
        """Take over the core's domains."""
        high, low, last, rounds = (np.asarray(values, np.uint32) for values in domain)
        walks = bool((high.astype(np.uint64) * low != last.astype(np.uint64) + np.uint64(1)).any())
        counts = tuple(np.unique(rounds).tolist())
        return cls(jnp.asarray(high), jnp.asarray(low), jnp.asarray(last), jnp.asarray(rounds), counts, walks)

    def take(self, index: jax.Array) -> "Domain":
        """Entries at the given positions; those that are alike for all serve every position."""
        high, low, last, rounds = (
            field if len(field) == 1 else field[index] for field in (self.high, self.low, self.last, self.rounds)
        )
        return Domain(high, low, last, rounds, self.counts, self.walks)


class Key(NamedTuple):
    """64 bits of key as two uint32 arrays."""

    u: jax.Array
    v: jax.Array


def absorb(state: Key, word: "int | jax.Array") -> Key:
    """Fold one 32-bit word into a key: the core's function, on traced arrays."""
    u, v = adapting.absorb(cast(Any, state), cast(Any, word))
    return Key(cast(jax.Array, u), cast(jax.Array, v))


def key(seed: _wide.Wide, *words: "int | jax.Array") -> Key:
    """Key of a seed and further words; arrays of words broadcast."""
    state = Key(jnp.asarray(adapting.INITIAL.u[0]), jnp.asarray(adapting.INITIAL.v[0]))
    for word in (seed.low, seed.high, *words):
        state = absorb(state, word)
    return state


def below(state: Key, n: "int | jax.Array") -> jax.Array:
    """Map keys to integers in [0, n): the high word of the 64-bit fraction u.v times n."""
    return _wide.multiply_shift(jnp.asarray(n, np.uint32), _wide.Wide(state.u, state.v)).high


def permute(places: jax.Array, domain: Domain, state: Key) -> jax.Array:
    """Image of each place under the keyed permutation of its pool; everything broadcasts."""
    u, stride = state.u, state.v | np.uint32(1)

    def again(places: jax.Array) -> jax.Array:
        return jnp.where(places > domain.last, _rounds(places, domain, u, stride), places)

    image = _rounds(places, domain, u, stride)
    if not domain.walks:
        return image
    return jax.lax.while_loop(lambda places: (places > domain.last).any(), again, image)


def _rounds(places: jax.Array, domain: Domain, round_key: jax.Array, stride: jax.Array) -> jax.Array:
    left = places // domain.low
    right = places - left * domain.low
    done = 0
    for count in domain.counts:
        new_left, new_right = left, right
        for _ in range(done, count, 2):
            new_left = _round(new_left, new_right, domain.high, round_key)
            new_right = _round(new_right, new_left, domain.low, round_key + stride)
            round_key = round_key + stride + stride
        if done < count and count > domain.counts[0]:  # pools with fewer rounds have all of theirs
            more = domain.rounds >= count
            new_left, new_right = jnp.where(more, new_left, left), jnp.where(more, new_right, right)
        left, right, done = new_left, new_right, count
    return left * domain.low + right


def _round(target: jax.Array, source: jax.Array, radix: jax.Array, round_key: jax.Array) -> jax.Array:
    h = (source ^ round_key) * adapting.MULTIPLY_1
    h = (h ^ h >> np.uint32(15)) * adapting.MULTIPLY_2
    total = target + ((h >> np.uint32(16)) * radix >> np.uint32(16))
    return jnp.minimum(total, total - radix)  # mod radix: both terms are below it
