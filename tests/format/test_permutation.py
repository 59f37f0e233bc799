"""The keyed permutation in every shape it is called in, against one place at a time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balanceidx._format import keys as key_functions
from balanceidx._format import permutation
from balanceidx._format.keys import State, key
from balanceidx._format.permutation import Domain, permute, unpermute
from strategies import seeds

sizes = st.one_of(st.integers(1, 40), st.integers(1, 5000), st.sampled_from([2**16, 2**16 + 1, 2**32 - 1, 2**32]))
chunks = st.sampled_from([1, 3, 1 << 15])


def one(place: int, size: int, words: State, at: int) -> int:
    """Image of one place under the key at one position."""
    single = State(words.u[at : at + 1], words.v[at : at + 1])
    return int(permute(np.array([place], np.uint32), Domain.of([size]), single)[0])


@settings(max_examples=100)
@given(st.data(), seeds, st.lists(sizes, min_size=1, max_size=8), chunks)
def test_a_pool_and_a_key_for_every_place(data, seed, pools, chunk):
    places = [data.draw(st.integers(0, size - 1)) for size in pools]
    keys = key(seed, 9, np.arange(len(pools), dtype=np.uint32))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(permutation, "CHUNK", chunk)
        found = permute(np.array(places, np.uint32), Domain.of(pools), keys)
    assert found.tolist() == [one(p, n, keys, at) for at, (p, n) in enumerate(zip(places, pools, strict=True))]


@settings(max_examples=40)
@given(seeds, st.integers(1, 40), st.integers(1, 9), chunks)
def test_one_pool_with_keys_along_either_side(seed, size, rows, chunk):
    keys = key(seed, 9, np.arange(rows, dtype=np.uint32))
    places = np.arange(size, dtype=np.uint32)
    wanted = [[one(p, size, keys, row) for p in range(size)] for row in range(rows)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(permutation, "CHUNK", chunk)
        by_row = permute(np.tile(places, (rows, 1)), Domain.of([size]), State(keys.u[:, None], keys.v[:, None]))
        by_column = permute(np.tile(places[:, None], rows), Domain.of([size]), State(keys.u[None], keys.v[None]))
    assert by_row.tolist() == wanted
    assert by_column.T.tolist() == wanted
    assert all(sorted(row) == list(range(size)) for row in wanted)


@given(seeds, st.lists(sizes, min_size=1, max_size=20))
def test_radices_cover_the_pool_and_one_is_even(seed, pools):
    domain = Domain.of(pools)
    tables = (np.broadcast_to(part, len(pools)).tolist() for part in domain[:3])  # one entry where all are alike
    for high, low, last, size in zip(*tables, pools, strict=True):
        assert last == size - 1 <= high * low - 1
        assert size == 1 or high % 2 == 0 or low % 2 == 0
        assert high <= 2**16 and low <= 2**16 + 1, "a product would not fit 32 bits"


def test_places_are_left_as_they_were():
    places = np.arange(100, dtype=np.uint32)
    permute(places, Domain.of([100]), key(0, 1))
    assert places.tolist() == list(range(100))


@given(seeds, st.integers(1, 2**32 - 1))
def test_below_is_the_high_word_of_a_64_bit_product(seed, n):
    state = key(seed, 2, 3)
    assert int(key_functions.below(state, n)[0]) == (int(state.u[0]) * 2**32 + int(state.v[0])) * n // 2**64 < n


@settings(max_examples=100)
@given(st.data(), seeds, st.lists(sizes, min_size=1, max_size=8), chunks)
def test_unpermute_is_the_inverse(data, seed, pools, chunk):
    places = np.array([data.draw(st.integers(0, size - 1)) for size in pools], np.uint32)
    keys = key(seed, 9, np.arange(len(pools), dtype=np.uint32))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(permutation, "CHUNK", chunk)
        images = permute(places, Domain.of(pools), keys)
        assert (unpermute(images, Domain.of(pools), keys) == places).all()
        assert (permute(unpermute(places, Domain.of(pools), keys), Domain.of(pools), keys) == places).all()


def test_unpermute_of_whole_pools():
    for size in [*range(1, 70), 127, 128, 1000, 2048, 65536, 100_003]:
        places, domain, one_key = np.arange(size, dtype=np.uint32), Domain.of([size]), key(size, 4)
        assert (unpermute(permute(places, domain, one_key), domain, one_key) == places).all()
