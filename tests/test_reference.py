"""The library against `tests/reference.py`, which was written from docs/stream-format.md alone: equal integers."""

import math
import random

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from balanceidx import _line, _mixing
from tests import golden, reference, regenerate_vectors

SEARCHED = ("undersample", "oversample")

seeds = st.one_of(st.integers(0, 3), st.integers(0, 2**64 - 1))
epochs = st.one_of(st.integers(0, 3), st.integers(0, 2**32 - 1), st.sampled_from([2**31, 2**32 - 1]))
finite = st.floats(min_value=0, allow_nan=False, allow_infinity=False)

# ---- Plans ---------------------------------------------------------------------------------------------------------


@st.composite
def labels(draw):
    """Labels of up to forty classes, many of them tiny, in random order."""
    size = st.one_of(st.integers(1, 3), st.integers(1, 25))
    sizes = draw(
        st.one_of(st.lists(st.integers(1, 150), min_size=1, max_size=4), st.lists(size, min_size=1, max_size=40))
    )
    names = draw(st.sampled_from([lambda c: 3 * c - 7, lambda c: f"{c % 3}é{c}", lambda c: chr(0x10FFFF - 999 * c)]))
    items = [names(c) for c, count in enumerate(sizes) for _ in range(count)]
    random.Random(draw(st.integers(0, 99))).shuffle(items)
    return items


@st.composite
def some_weights(draw, count, zeros=True):
    """Weights of items: equal, of few values, and over the whole range of floats."""
    rng = random.Random(draw(st.integers(0, 9999)))
    weight = {
        "equal": lambda: 0.1,
        "few": lambda: rng.choice([0.1, 0.2, 0.7]),
        "moderate": lambda: rng.uniform(0.1, 1),
        "whole": lambda: math.ldexp(rng.uniform(0.5, 1), rng.randint(-1073, 900)),
        "some zero": lambda: rng.choice([0.0, 0.5, 1.0, 3.0]) if zeros else rng.uniform(0, 1),
    }[draw(st.sampled_from(["equal", "few", "moderate", "whole", "some zero"]))]
    weights = [weight() for _ in range(count)]
    return weights if any(weights) else [1.0] * count


@st.composite
def targets(draw, classes):
    """Targets of every kind. Shares of very different size make the search for an epoch size long; `steep` has them."""
    share = st.one_of(st.integers(1, 9).map(float), st.floats(0.01, 1), st.just(0.0))
    shares = draw(st.lists(share, min_size=len(classes), max_size=len(classes)))
    if not any(shares):
        shares[0] = 0.3
    return draw(
        st.one_of(
            st.sampled_from(["natural", "balanced", "square_root"]),
            st.tuples(st.just("power"), st.floats(-1.5, 1.5)),
            st.tuples(st.just("effective_number"), st.one_of(st.floats(0, 1, exclude_max=True), st.just(1 - 2**-53))),
            st.just(dict(zip(classes, shares, strict=True))),
            st.just(shares),
        )
    )


@st.composite
def epoch_sizes(draw, batch_size, num_items):
    """A name or a number."""
    sized = st.integers(batch_size, 3 * (num_items + batch_size))
    return draw(st.one_of(st.sampled_from(["dataset", *SEARCHED]), sized))


@st.composite
def ratios(draw, bounds=False, item_weights=False):
    items = draw(labels())
    classes = sorted(set(items))
    batch_size = draw(st.integers(1, min(64, len(items))))
    arguments = {"labels": items, "target": draw(targets(classes)), "batch_size": batch_size}
    arguments["epoch_size"] = draw(epoch_sizes(batch_size, len(items)))
    if bounds:
        arguments["min_per_batch"] = draw(st.dictionaries(st.sampled_from(classes), st.integers(0, 3), max_size=3))
        arguments["max_repeats"] = draw(st.one_of(st.none(), st.sampled_from([1, 1.5]), st.floats(0.5, 20)))
    if item_weights:
        arguments["item_weights"] = draw(some_weights(len(items), zeros=isinstance(arguments["target"], (dict, list))))
    return "ratio", arguments


@st.composite
def weighteds(draw, iid=False):
    weights = draw(some_weights(draw(st.integers(1, 400))))
    batch_size = draw(st.integers(1, min(64, len(weights))))
    size = draw(epoch_sizes(batch_size, len(weights)))
    if iid and size in SEARCHED:
        size = "dataset"
    return "weighted", {"item_weights": weights, "batch_size": batch_size, "epoch_size": size, "iid": iid}


@st.composite
def steep(draw):
    """Given shares over the whole range of floats, and powers and effective numbers of large exponents."""
    sizes = draw(st.lists(st.integers(1, 60), min_size=2, max_size=8))
    target = draw(
        st.one_of(
            st.lists(finite, min_size=len(sizes), max_size=len(sizes)).map(
                lambda shares: shares if any(shares) else [1.0] * len(shares)
            ),
            st.tuples(st.just("power"), st.floats(-300, 300)),
        )
    )
    items = [c for c, count in enumerate(sizes) for _ in range(count)]
    batch_size = draw(st.integers(1, len(items)))
    return "ratio", {"labels": items, "target": target, "batch_size": batch_size}


def made(implementation, case):
    """The plan, or None where it is refused because it cannot be met."""
    function, arguments = case
    try:
        return getattr(implementation, function)(**arguments)
    except ValueError:
        return None


def refused_by_page(function, arguments):
    """What the page says is refused, but the reference, which is no validator, would go on with."""
    if function == "weighted":
        return False
    target, weights, minima = (arguments.get(name) for name in ("target", "item_weights", "min_per_batch"))
    classes = sorted(set(arguments["labels"]))
    shares = dict(zip(classes, target, strict=True)) if isinstance(target, list) else target
    shares = shares if isinstance(shares, dict) else dict.fromkeys(classes, 1)
    weights = weights or [1.0] * len(arguments["labels"])
    drawable = {label for label, weight in zip(arguments["labels"], weights, strict=True) if weight}
    without_items = any(share and label not in drawable for label, share in shares.items())
    without_share = any(m and not shares[label] for label, m in (minima or {}).items())
    return without_items or without_share or sum((minima or {}).values()) > arguments["batch_size"]


def divisors(number):
    return [d for d in range(1, number + 1) if number % d == 0]


def compare(data, case):
    """Everything public about a plan, at a few random seeds, epochs, steps and layouts."""
    if refused_by_page(*case):
        event("refused")
        return
    library, second = made(golden, case), made(reference, case)
    assert (library is None) == (second is None)
    if library is None:
        event("cannot be met")
        return
    event("compared")
    assert library.steps_per_epoch == second.steps_per_epoch
    assert library.draws_per_epoch.tolist() == second.draws_per_epoch
    assert library.fingerprint == second.fingerprint
    B, T = second.batch_size, second.steps_per_epoch
    parts = data.draw(st.sampled_from(divisors(B)), "parts")
    world_size = data.draw(st.sampled_from(divisors(parts)), "world_size")
    options = {
        "epoch": data.draw(epochs, "epoch"),
        "world_size": world_size,
        "blocks": parts // world_size,
        "order": data.draw(st.sampled_from(["shuffled", "dealt"]), "order"),
    }
    seed, rank = data.draw(seeds, "seed"), data.draw(st.integers(0, world_size - 1), "rank")
    for step in {0, T - 1, data.draw(st.integers(0, T - 1), "step")}:
        found = library.batch_indices(seed, step, rank, **options)
        assert found.tolist() == second.batch_indices(seed, step, rank, **options)
    if B * T // world_size <= 600:
        assert library.epoch_indices(seed, rank, **options).tolist() == second.epoch_indices(seed, rank, **options)


MODES = {
    "ratio": ratios(),
    "bounds": ratios(bounds=True),
    "item weights": ratios(item_weights=True),
    "bounds and item weights": ratios(bounds=True, item_weights=True),
    "weighted": weighteds(),
    "independent": weighteds(iid=True),
    "steep": steep(),
}


@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=60)
@given(data=st.data())
def test_random_plans_agree(mode, data):
    compare(data, data.draw(MODES[mode]))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=1000)
@given(data=st.data())
def test_many_random_plans_agree(mode, data):
    compare(data, data.draw(MODES[mode]))


def test_comparison_can_fail(monkeypatch):
    """A reference that is wrong in one bit of one constant is found out."""
    monkeypatch.setattr(reference, "POOL", reference.POOL ^ 8)
    case = "ratio", {"labels": [0] * 40, "batch_size": 4}
    library, second = made(golden, case), made(reference, case)
    assert library.fingerprint == second.fingerprint
    assert library.epoch_indices(0).tolist() != second.epoch_indices(0)


@pytest.mark.parametrize("distinct", [500, 1024, 1025, 100_000])
def test_weighted_of_100_000_items(distinct):
    """Dealt as classes up to 1,024 distinct weights, else on one line."""
    rng = random.Random(distinct)
    values = [rng.uniform(0.5, 1) for _ in range(distinct)]
    weights = [values[i % distinct] for i in range(100_000)]
    arguments = {"item_weights": weights, "batch_size": 250}
    library, second = golden.weighted(**arguments), reference.weighted(**arguments)
    assert len(library.draws_per_epoch) == (distinct if distinct <= 1024 else 1)
    assert library.fingerprint == second.fingerprint
    for step, epoch in (0, 0), (rng.randrange(400), 1), (399, 2**32 - 1):
        options = {"epoch": epoch, "world_size": 5, "blocks": 2}
        found = library.batch_indices(2**63 + distinct, step, 3, **options)
        assert found.tolist() == second.batch_indices(2**63 + distinct, step, 3, **options)


def test_epochs_of_more_than_2_to_the_32_draws():
    """Draw numbers and passes of more than a word."""
    arguments = {
        "labels": [0, 0, 0, 1, 1, 2],
        "target": {0: 1, 1: 100, 2: 1e-9},
        "batch_size": 768,
        "epoch_size": 2**40,
    }
    library, second = golden.ratio(**arguments), reference.ratio(**arguments)
    assert library.draws_per_epoch.tolist() == second.draws_per_epoch
    for step in 0, 2**30, library.steps_per_epoch - 1:
        for epoch in 0, 1, 2**31 + 7, 2**32 - 1:
            options = {"epoch": epoch, "world_size": 16, "blocks": 3}
            found = library.batch_indices(77, step, 5, **options)
            assert found.tolist() == second.batch_indices(77, step, 5, **options)


def test_passes_are_numbered_mod_2_to_the_64():
    """Two items share 2^40 draws an epoch, so pass 2^64, which is pass 0 again, begins epoch 2^25."""
    arguments = {"labels": [0, 0], "batch_size": 512, "epoch_size": 2**40}
    library, second = golden.ratio(**arguments), reference.ratio(**arguments)
    T = second.steps_per_epoch
    for epoch, batch in (2**25 - 1, T - 1), (2**25, 0), (2**32 - 1, T - 1):
        offset = second.batch_played(5, 0, epoch)
        step = (batch - offset) * pow(reference.time_multiplier(T, 512), -1, T) % T
        assert second.batch_played(5, step, epoch) == batch
        assert library.batch_indices(5, step, epoch=epoch).tolist() == second.batch_indices(5, step, epoch=epoch)


# ---- Primitives ----------------------------------------------------------------------------------------------------


def pages(name):
    """The library's and the reference's function of the page's name."""
    return golden.NAMES[name], regenerate_vectors.NAMES[name]


@given(seeds, st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=5), st.integers(1, 2**32 - 1))
def test_keys_agree(seed, words, n):
    key, second = (function(seed, *words) for function in pages("key"))
    assert key == list(second)
    below, second_below = pages("below")
    assert below(key, n) == second_below(second, n)


# Around powers of two, squares, products of neighbours, the thresholds of the radices and of the rounds.
SIZES = sorted(
    {
        *range(1, 301),
        *(2**k + d for k in range(3, 13) for d in (-1, 0, 1)),
        *(m * m + d for m in range(2, 65) for d in (-1, 0, 1)),
        *(m * (m + 1) + d for m in range(2, 65) for d in (-1, 0, 1)),
    }
)


def test_permutation_is_a_bijection_of_every_size():
    for n in SIZES:
        key = _mixing.key(n, 4, 0, 0, n)
        image = _mixing.permute(np.arange(n, dtype=np.uint32), _mixing.Domain.of([n]), key)
        assert np.array_equal(np.sort(image), np.arange(n)), n
        places = range(n) if n <= 40 else random.Random(n).sample(range(n), 3)
        words = reference.key(n, 4, 0, 0, n)
        assert [int(image[x]) for x in places] == [reference.permute(n, words, x) for x in places], n


sizes = st.one_of(
    st.integers(1, 300),
    st.integers(1, 2**32),
    st.builds(lambda k, d: min(max(2**k + d, 1), 2**32), st.integers(0, 32), st.integers(-2, 2)),
    st.builds(lambda m, d: min(max(m * m + d, 1), 2**32), st.integers(1, 2**16), st.integers(-2, 2)),
)


@settings(max_examples=300)
@given(sizes, seeds, st.data())
def test_permutation_agrees(n, seed, data):
    places = data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=5))
    library, second = pages("permute")
    assert library(n, list(reference.key(seed, 4)), places).tolist() == second(n, reference.key(seed, 4), places)


@settings(max_examples=60)
@given(
    st.one_of(st.integers(1, 2000), st.integers(1, 2**32 - 1)),
    st.one_of(st.integers(1, 200), st.integers(1, 2**31 - 1)),
)
def test_multipliers_agree(steps, batch_size):
    for name in "A", "u":
        library, second = pages(name)
        assert library(steps, batch_size) == second(steps, batch_size)


weights_of_any_size = st.lists(
    st.one_of(
        st.floats(1e-300, 1e300),
        st.floats(0, 1e-307, exclude_min=True),  # subnormal
        st.floats(0.5, 2),
        st.sampled_from([5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 1.0]),
    ),
    min_size=1,
    max_size=60,
)


@settings(max_examples=300)
@given(weights_of_any_size, st.data())
def test_weight_lines_agree(weights, data):
    lines = _line.Lines.of(np.array(weights), np.array([0, len(weights)]))
    starts = reference.line_starts(weights)
    assert lines.starts.tolist() == starts
    near = st.builds(lambda start, d: min(max(start + d, 0), 2**64 - 1), st.sampled_from(starts), st.integers(-1, 1))
    positions = data.draw(st.lists(st.one_of(near, st.integers(0, 2**64 - 1)), min_size=1, max_size=20))
    plan = reference.Plan(len(weights), 1, 1, [list(range(len(weights)))], [weights], [1])
    found = lines.find(np.array([0]), np.array(positions, np.uint64))
    assert found.tolist() == [plan.item_at(0, position) for position in positions]


# ---- The page's test vectors ---------------------------------------------------------------------------------------

PAGE = regenerate_vectors.PAGE.read_text()


@pytest.mark.parametrize("names", [golden.NAMES, regenerate_vectors.NAMES], ids=["library", "reference"])
def test_vectors_of_the_page(names):
    checked = 0
    for _, _, expression, value, shown in regenerate_vectors.page_vectors(PAGE, names):
        assert value == shown, expression
        checked += 1
    assert checked > 40


def test_every_altered_vector_of_the_page_is_found():
    """No line of the section escapes the test above."""
    for start, end, expression, _, shown in regenerate_vectors.page_vectors(PAGE, golden.NAMES):
        wrong = "wrong" if isinstance(shown, str) else shown + 1 if isinstance(shown, int) else [*shown, 0]
        page = f"{PAGE[:start]}{expression} == {wrong!r}{PAGE[end:]}"
        found = [value == shown for *_, value, shown in regenerate_vectors.page_vectors(page, golden.NAMES)]
        assert found.count(False) == 1, expression
