"""The library gives the golden vectors, and a vector that is wrong in any place is noticed."""

import pytest

from tests import golden


def test_golden_vectors():
    golden.check()


def altered(value):
    """Every value that differs in one place."""
    match value:
        case int():
            yield value ^ 1
        case float():
            yield value + 1
        case str():
            yield value[:-1] + "?"
        case list():
            for i, entry in enumerate(value):
                for other in altered(entry):
                    yield [*value[:i], other, *value[i + 1 :]]


@pytest.mark.parametrize("name", golden.VECTORS)
def test_an_altered_vector_is_noticed(name):
    wrong = list(altered(golden.VECTORS[name]))
    assert wrong
    for value in [wrong[0], wrong[-1]]:
        with pytest.raises(AssertionError, match="in stream format 1 it is"):
            golden.check({name: value})


def test_a_missing_vector_is_noticed(monkeypatch):
    monkeypatch.setattr(golden, "VECTORS", dict(list(golden.VECTORS.items())[:-1]))
    with pytest.raises(AssertionError, match="out of date"):
        golden.check()
