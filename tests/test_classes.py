"""From labels to classes: every dtype and container against numpy's own sorting, and labels that are refused."""

import decimal
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import balanceidx as bx
from balanceidx import ClassIndex
from balanceidx._make import grouping
from balanceidx._make import labels as label_room

INTEGERS = [np.dtype(order + kind + size) for order in "<>" for kind in "iu" for size in "1248"]


def classes_of(labels) -> ClassIndex:
    return ClassIndex(labels)


def assert_grouped(labels: np.ndarray, classes: ClassIndex) -> None:
    """The classes are what numpy's unique and stable argsort say."""
    distinct, counts = np.unique(labels, return_counts=True)
    assert classes.classes.tolist() == distinct.tolist()
    assert classes.sizes.tolist() == counts.tolist()
    assert classes._members.tolist() == np.argsort(labels, kind="stable").tolist()
    assert classes._offsets.tolist() == [0, *np.cumsum(counts).tolist()]
    assert classes.num_items == len(labels)


# ---- every dtype ---------------------------------------------------------------------------------------------------


@settings(max_examples=200)
@given(st.data(), st.sampled_from(INTEGERS))
def test_integers_of_every_dtype(data, dtype):
    info = np.iinfo(dtype)
    span = data.draw(st.sampled_from([1, 4, 300, 10**6]), "span")
    low = data.draw(st.one_of(st.just(info.min), st.just(max(info.min, info.max - span)),
                              st.integers(info.min, info.max)), "low")  # fmt: skip
    near = st.integers(low, min(info.max, low + span))
    values = data.draw(st.lists(near | st.integers(info.min, info.max), min_size=1, max_size=60), "labels")
    if data.draw(st.booleans(), "near"):
        values = [low + (value - low) % (min(info.max, low + span) - low + 1) for value in values]
    labels = np.array(values, dtype)
    assert_grouped(labels, classes_of(labels))


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
@pytest.mark.parametrize("end", ["lowest", "highest"])
def test_labels_at_the_ends_of_every_dtype(dtype, end):
    info = np.iinfo(dtype)
    values = [info.min, info.min + 1, info.min + 3] if end == "lowest" else [info.max - 3, info.max - 1, info.max]
    labels = np.array(values * 3, dtype)
    assert_grouped(labels, classes_of(labels))
    assert bx.ratio(labels, {value: 1 for value in values}, batch_size=3).classes.tolist() == values


def test_all_values_of_eight_bits():
    for dtype in (np.int8, np.uint8):
        labels = np.random.default_rng(0).permutation(np.arange(1024).astype(dtype))
        assert_grouped(labels, classes_of(labels))
    assert classes_of(np.arange(-128, 128).astype(np.int8)).classes.tolist() == list(range(-128, 128))


@settings(max_examples=60)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=4), min_size=1, max_size=40))
def test_strings(values):
    labels = np.array(values)
    for given_as in (values, tuple(values), labels, labels.astype(object)):
        assert_grouped(labels, classes_of(given_as))


@given(npst.arrays(np.bool_, st.integers(1, 50)))
def test_booleans(labels):
    assert_grouped(labels, classes_of(labels))
    assert_grouped(labels, classes_of(labels.tolist()))
    assert classes_of(labels).classes.dtype == np.bool_


def test_bytes():
    labels = np.array([b"b", b"a", b"b", b"c"])
    assert_grouped(labels, classes_of(labels))
    assert_grouped(labels, classes_of(labels.tolist()))


variable_width = pytest.mark.skipif(not hasattr(np.dtypes, "StringDType"), reason="new in numpy 2")


@variable_width
@pytest.mark.parametrize("options", [{}, {"na_object": np.nan}, {"na_object": None}], ids=str)
def test_strings_of_variable_width(options):
    labels = np.array(["b", "a", "a longer one", "b"], np.dtypes.StringDType(**options))
    assert_grouped(labels, classes_of(labels))
    assert bx.ratio(labels, batch_size=2).fingerprint == bx.ratio(labels.tolist(), batch_size=2).fingerprint


@variable_width
@pytest.mark.parametrize("missing", [math.nan, None], ids=str)
def test_missing_strings_of_variable_width_are_no_class(missing):
    labels = np.array(["a", "b", missing, "a", missing], np.dtypes.StringDType(na_object=missing))
    with pytest.raises(ValueError) as caught:
        classes_of(labels)
    assert str(caught.value) == f"`labels` has a missing value ({missing}) at position 2; give every item a label."


@pytest.mark.parametrize("count", [1, 2, 8, 9, 255, 256, 257, 1000, 65_536, 65_537])
@pytest.mark.parametrize("gap", [1, 1000])
def test_few_and_many_classes_near_and_far_apart(count, gap):
    labels = np.random.default_rng(count).permutation(np.arange(2 * count + 5) % count * gap - 7)
    assert_grouped(labels, classes_of(labels))


@settings(max_examples=60)
@given(st.lists(st.integers(-20, 20), min_size=1, max_size=60), st.integers(1, 7))
def test_chunks_change_nothing(values, chunk):
    labels = np.array(values)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(label_room, "_CHUNK", chunk)
        patch.setattr(grouping, "_CHUNK", chunk)
        assert_grouped(labels, classes_of(labels))


# ---- every container -----------------------------------------------------------------------------------------------


class Series:
    """What pandas' Series is to us: something with `__array__`."""

    def __init__(self, values):
        self.values = np.asarray(values)

    def __array__(self, dtype=None, copy=None):
        return self.values if dtype is None else self.values.astype(dtype)

    def __len__(self):
        return len(self.values)


VALUES = [5, 7, 5, 5, 7, 9]
GOOD_LABELS = {
    "list": VALUES,
    "tuple": tuple(VALUES),
    "array": np.array(VALUES),
    "objects": np.array(VALUES, object),
    "numpy objects": np.array([np.int64(v) for v in VALUES], object),
    "mixed integer objects": np.array([5, np.int8(7), np.int64(5), True + 4, 7, 9], object),
    "list of numpy scalars": [np.int16(v) for v in VALUES],
    "series": Series(VALUES),
    "strided": np.array([v for value in VALUES for v in (value, 0)])[::2],
    "reversed": np.array(VALUES[::-1])[::-1],
    "column": np.array(VALUES * 2).reshape(2, 6).T[:, 0],
    "read-only": np.frombuffer(np.array(VALUES, np.int32).tobytes(), np.int32),
    "masked, nothing masked": np.ma.array(VALUES),
    "list of 0-d arrays": [np.array(v) for v in VALUES],
    "range": range(5, 11),
}


@pytest.mark.parametrize("name", GOOD_LABELS)
def test_containers(name):
    labels = GOOD_LABELS[name]
    wanted = np.array([int(v) for v in (labels.values if isinstance(labels, Series) else labels)])
    assert_grouped(wanted, classes_of(labels))
    plan = bx.ratio(labels, batch_size=3)
    assert plan.fingerprint == bx.ratio(wanted, batch_size=3).fingerprint


def test_a_memory_map_is_read_where_it_lies(tmp_path):
    np.array(VALUES, np.int16).tofile(tmp_path / "labels")
    labels = np.memmap(tmp_path / "labels", np.int16, "r")
    assert_grouped(np.array(VALUES), classes_of(labels))


def test_strings_of_python_and_numpy_are_one_type():
    labels = np.array(["a", np.str_("b"), "a"], object)
    assert_grouped(np.array(["a", "b", "a"]), classes_of(labels))
    assert_grouped(np.array(["a", "b", "a"]), classes_of(["a", np.str_("b"), "a"]))


@pytest.mark.parametrize(
    "kind", [list, tuple, lambda values: np.array(values, object)], ids=["list", "tuple", "objects"]
)
@pytest.mark.parametrize(
    "values",
    [
        [2**63 + 1, 2**63, 2**64 - 1, 2**63],
        [0, 2**63, 1, 2**63 + 1],  # of which numpy makes floats, and one of the two large ones
        [np.int64(-1), np.uint64(2**62 + 1), np.uint64(2**62)],
        [np.uint64(2**64 - 1), 5, np.int8(5)],
    ],
    ids=str,
)
def test_integers_that_numpy_takes_for_floats(kind, values):
    classes = classes_of(kind(values))
    whole = [int(value) for value in values]
    assert classes.classes.tolist() == sorted(set(whole))
    assert classes.classes.dtype.kind in "iu"
    assert classes._members.tolist() == sorted(range(len(whole)), key=whole.__getitem__)


# ---- the door ------------------------------------------------------------------------------------------------------


def objects(*values):
    """An object array that holds just these."""
    array = np.empty(len(values), object)
    array[:] = values
    return array


BAD_LABELS = {
    "empty list": ([], ValueError, "`labels` is empty: there is nothing to draw from."),
    "empty array": (np.zeros(0, int), ValueError, "`labels` is empty"),
    "arrays": (np.array([np.array([1, 2]), np.array([3])], object), ValueError, "`labels` holds an array of shape (2,) as a label"),
    "scalar": (3, TypeError, "`labels` must be a list or array with one entry per item, not int."),
    "0-d": (np.array(3), TypeError, "`labels` must be a list or array with one entry per item, not ndarray."),
    "string": ("abab", TypeError, "`labels` must be a list or array with one entry per item, not str."),
    "None": (None, TypeError, "`labels` must be a list or array with one entry per item, not NoneType."),
    "set": ({1, 2}, TypeError, "`labels` must be a list or array with one entry per item, not set."),
    "dict": ({1: 2}, TypeError, "`labels` must be a list or array with one entry per item, not dict."),
    "generator": ((i for i in range(3)), TypeError, "with one entry per item, not generator."),
    "2-d": (np.zeros((3, 2), int), ValueError, "`labels` must be one-dimensional, one entry per item, not of shape (3, 2)."),
    "column": (np.zeros((3, 1), int), ValueError, "not of shape (3, 1)."),
    "list of lists": ([[0], [1]], ValueError, "not of shape (2, 1)."),
    "ragged": ([[0], [1, 2]], ValueError, "`labels` must be one-dimensional, one entry per item"),
    "None among them": (["a", None, "b"], ValueError, "`labels` has a missing value (None) at position 1; give every item "
                        "a label."),
    "None among integers": ([1, 2, None], ValueError, "`labels` has a missing value (None) at position 2"),
    "NaN": (np.array([1.0, np.nan, 0.0]), ValueError, "`labels` has a missing value ("),
    "NaN among objects": (objects("a", "b", math.nan), ValueError, "`labels` has a missing value (nan) at position 2"),
    "NaT": (objects(1, np.datetime64("NaT")), ValueError, "at position 1"),
    "masked": (np.ma.array([0, 1, 1], mask=[0, 0, 1]), ValueError, "`labels` has masked entries; fill them or leave their "
               "items out."),
    "floats": ([0.0, 1.0], TypeError, "`labels` has dtype float64 and looks like weights; one weight per item goes to "
               "balanceidx.weighted(weights, ...). If these are labels, pass labels.astype(int)."),
    "float objects": (objects(0.5, 1.5), TypeError, "looks like weights"),
    "half floats": (np.array([0, 1], np.float16), TypeError, "`labels` has dtype float16 and looks like weights"),
    "complex": (np.array([1j]), TypeError, "`labels` must be integers below 2**64, strings or booleans, not complex128."),
    "dates": (np.array(["2020-01-01"], "M8[D]"), TypeError, "not datetime64[D]."),
    "records": (np.zeros(3, [("a", int)]), TypeError, "not [('a', '<i8')]."),
    "too large": ([2**64, 1], ValueError, "`labels` run from 1 to 18446744073709551616; they must all lie in int64 or all in "
                  "uint64."),
    "too small": ([-(2**63) - 1, 1], ValueError, "`labels` run from -9223372036854775809 to 1; they must all lie in int64"),
    "large of both signs": ([2**63, -1], ValueError, "`labels` run from -1 to 9223372036854775808; they must all lie in int64 "
                            "or all in uint64."),
    "large objects of both signs": (objects(np.uint64(2**63), -1), ValueError, "`labels` run from -1 to 9223372036854775808;"),
    "signalling NaN": (objects("a", decimal.Decimal("sNaN")), ValueError, "`labels` has a missing value (Decimal('sNaN')) at "
                       "position 1"),
    "booleans and integers": (objects(1, True, 0), TypeError, "`labels` mix the types bool, int; they must all be of one type."),
    "large integers and booleans": ([2**63, 0, True], TypeError, "`labels`"),
    "large integers and floats": ([2**63, 0.5], TypeError, "`labels` has dtype float64 and looks like weights"),
    "durations": (objects(np.timedelta64(1, "s"), np.timedelta64(2, "s")), TypeError, "not timedelta64[s]."),
    "integers and strings": ([1, "a"], TypeError, "`labels` mix the types str and int; they must all be of one type."),
    "booleans and strings": (["a", True], TypeError, "`labels` mix the types str and bool"),
    "bytes and strings": (["a", b"b"], TypeError, "`labels` mix the types str and bytes"),
    "integers and bytes": ([1, b"a"], TypeError, "`labels` mix the types"),
    "NaN and strings": (["a", math.nan], (TypeError, ValueError), "`labels`"),
    "objects of two types": (objects(1, "a"), TypeError, "`labels` mix the types int, str; they must all be of one type."),
    "tuples": (objects((0, 1), (1, 0), (0, 1)), (TypeError, ValueError), "`labels` must be"),
    "ragged tuples": (objects((0, 1), (1,)), (TypeError, ValueError), "`labels` must be"),
    "dicts": (objects({}, {}), TypeError, "`labels` must be"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_LABELS)
def test_bad_labels(name):
    labels, error, text = BAD_LABELS[name]
    with pytest.raises(error) as caught:
        bx.ratio(labels, batch_size=1)
    assert text in str(caught.value)


# ---- choosing among members ----------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 4), min_size=1, max_size=30), st.data())
def test_keep_leaves_the_chosen_members(values, data):
    labels = np.array(values)
    chosen = data.draw(npst.arrays(np.bool_, len(labels)))
    classes = classes_of(labels)
    kept = classes._keep(chosen[classes._members])
    assert kept.classes.tolist() == classes.classes.tolist() and kept.num_items == len(labels)
    for c, label in enumerate(kept.classes):
        members = kept._members[kept._offsets[c] : kept._offsets[c + 1]]
        assert members.tolist() == np.flatnonzero((labels == label) & chosen).tolist()
