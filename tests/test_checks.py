"""The door itself: integers, arrays and weights, whatever they come as, and the words of every refusal."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import balanceidx as bx
from balanceidx import _checks
from balanceidx._make.weights import weights as read_weights


@given(st.integers(0, 2**64 - 1))
def test_integers_come_back_as_python_integers(value):
    kinds = [int, np.uint64, np.array] + [np.int64] * (value < 2**63) + [np.uint8] * (value < 2**8)
    for kind in kinds:
        found = _checks.seed(kind(value))
        assert type(found) is int and found == value


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        np.float64(1),
        "1",
        None,
        True,
        np.bool_(False),
        [1],
        1j,
        b"1",
        np.array(True),
        np.array(1.5),
        np.array([True]),
    ],
    ids=repr,
)
def test_what_is_no_integer_is_named_with_its_type_and_value(value):
    with pytest.raises(TypeError) as caught:
        _checks.integer("name", value, 0, 10)
    assert str(caught.value) == f"`name` must be an integer, not {type(value).__name__} {value!r}."


@pytest.mark.parametrize("value", [True, 1.5, [True]], ids=str)
def test_tensors_that_are_no_integers_are_named_with_their_value(value):
    torch = pytest.importorskip("torch")
    tensor = torch.tensor(value)
    with pytest.raises(TypeError) as caught:
        _checks.seed(tensor)
    assert str(caught.value) == f"`seed` must be an integer, not Tensor {tensor!r}."
    assert _checks.seed(torch.tensor(7)) == 7


@pytest.mark.parametrize("value", [np.array([1, 2]), np.array([0.5, 1.5]), np.zeros(0, int)], ids=repr)
def test_arrays_of_several_are_not_one_integer(value):
    with pytest.raises(TypeError) as caught:
        _checks.seed(value)
    assert str(caught.value) == "`seed` must be one integer, not ndarray."


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        *[(number, True) for number in (0, -1.5, 10**300, Fraction(1, 3), np.float32(2), np.int8(3))],
        *[
            (other, False)
            for other in (math.nan, -math.inf, 10**400, Fraction(10**400), True, np.bool_(True), "1", None, 1j)
        ],
    ],
    ids=lambda value: repr(value)[:20],
)
def test_finite_numbers(value, wanted):
    assert _checks.finite(value) is wanted


@pytest.mark.parametrize(
    ("low", "high", "value", "text"),
    [
        (0, 10, -1, "`name` (what it is) must be at least 0, not -1."),
        (0, 10, 10, "`name` (what it is) must be below 10, not 10."),
        (3, 2**32, 2, "`name` (what it is) must be at least 3, not 2."),
        (0, 2**32, 2**32, "`name` (what it is) must be below 2**32, not 4294967296."),
        (0, 2**64, 10**30, "`name` (what it is) must be below 2**64, not 1000000000000000000000000000000."),
    ],
)
def test_integers_out_of_range(low, high, value, text):
    with pytest.raises(ValueError) as caught:
        _checks.integer("name", value, low, high, "what it is")
    assert str(caught.value) == text


def test_every_seed_and_epoch_has_its_limits():
    assert _checks.seed(2**64 - 1) == 2**64 - 1
    assert _checks.epoch(2**32 - 1) == 2**32 - 1
    for check, value in ((_checks.seed, 2**64), (_checks.epoch, 2**32), (_checks.seed, -1), (_checks.epoch, -1)):
        with pytest.raises(ValueError, match=f"`{check.__name__}` must be"):
            check(value)


# ---- weights -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "weights",
    [
        [0.5, 1.0, 0.0],
        (0.5, 1.0, 0.0),
        np.array([0.5, 1, 0], np.float16),
        np.array([0.5, 1, 0], np.float32),
        np.array([0.5, 1, 0], ">f8"),
        np.array([0.5, 9, 1, 9, 0])[::2],
        np.ma.array([0.5, 1.0, 0.0]),
    ],
    ids=repr,
)
def test_weights_come_back_as_float64(weights):
    found = read_weights("weights", weights)
    assert found.tolist() == [0.5, 1, 0] and found.dtype == np.float64
    assert found.dtype.isnative, "the exact arithmetic reads the floats in the machine's own order"


@pytest.mark.parametrize(
    ("weights", "error", "text"),
    [
        ([], ValueError, "`name` is empty: there is nothing to draw from."),
        ([[1.0, 2.0]], ValueError, "`name` must be one-dimensional, one entry per item, not of shape (1, 2)."),
        (np.array(1.0), TypeError, "`name` must be a list or array with one entry per item, not ndarray."),
        (1.0, TypeError, "`name` must be a list or array with one entry per item, not float."),
        ([1.0, -0.5], ValueError, "`name` must be finite and not negative, but entry 1 is -0.5."),
        ([1.0, float("nan")], ValueError, "`name` must be finite and not negative, but entry 1 is nan."),
        ([float("inf"), 1.0], ValueError, "`name` must be finite and not negative, but entry 0 is inf."),
        ([1.0, -float("inf")], ValueError, "`name` must be finite and not negative, but entry 1 is -inf."),
        ([0.0, 0.0], ValueError, "`name` are all zero: no item could ever be drawn."),
        ([0, 1, 1], TypeError, "`name` has dtype int64 and looks like labels; labels go to balanceidx.ratio(labels, ...). "
         "If these are weights, pass them as floats: weights.astype(float)."),
        (np.array([0, 1], np.uint8), TypeError, "`name` has dtype uint8 and looks like labels"),
        ([True, False], TypeError, "`name` has dtype bool and looks like labels"),
        (["a", "b"], TypeError, "`name` must be floats, one weight per item, not <U1."),
        ([1.0, None], TypeError, "`name` must be floats, one weight per item, not object."),
        ([1j], TypeError, "`name` must be floats, one weight per item, not complex128."),
        (np.ma.array([1.0, 2.0], mask=[0, 1]), ValueError, "`name` has masked entries; fill them or leave their items out."),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_bad_weights(weights, error, text):
    with pytest.raises(error) as caught:
        read_weights("name", weights)
    assert text in str(caught.value)


@pytest.mark.parametrize("options", [{"requires_grad": True}, {"dtype": "bfloat16"}], ids=str)
def test_tensors_that_numpy_cannot_read(options):
    torch = pytest.importorskip("torch")
    options = {name: getattr(torch, value) if name == "dtype" else value for name, value in options.items()}
    tensor = torch.tensor([0.5, 1.0], **options)
    for name, make in (("weights", bx.weighted), ("labels", bx.ratio)):
        with pytest.raises(TypeError) as caught:
            make(tensor, batch_size=1)
        assert str(caught.value).startswith(f"`{name}` cannot be read as a numpy array (")
        assert str(caught.value).endswith(
            f"); pass a tensor as {name}.detach().cpu(), and bfloat16 as {name}.detach().cpu().float()."
        )
    assert read_weights("weights", tensor.detach().cpu().float()).tolist() == [0.5, 1.0]


def test_a_bad_weight_is_found_far_down():
    weights = np.ones(3 << 20)
    weights[(2 << 20) + 7] = -1
    with pytest.raises(ValueError, match=r"entry 2097159 is -1\.0\."):
        read_weights("weights", weights)


@pytest.mark.skipif(np.dtype(np.longdouble).itemsize == 8, reason="long double is double here")
def test_long_doubles_are_refused():
    with pytest.raises(TypeError, match=r"`weights` must be float64 or smaller"):
        read_weights("weights", np.ones(3, np.longdouble))
