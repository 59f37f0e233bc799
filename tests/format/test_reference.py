"""The library against `tests/reference.py`, which was written from docs/stream-format.md alone: equal integers."""

import math
import random

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from balanceidx._format import keys, permutation, weight_line
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
def columns(draw):
    """Labels of two or three levels, the top level first; parents have one child or several."""
    count = draw(st.integers(1, 150))
    rng = random.Random(draw(st.integers(0, 9999)))
    names = draw(st.sampled_from([lambda x: x - 1, lambda x: f"é{x}"]))
    return [[names(int(rng.expovariate(1) * width)) for _ in range(count)] for width in draw(widths)]


widths = st.lists(st.integers(1, 6), min_size=2, max_size=3)


@st.composite
def tree_targets(draw, tuples):
    """One for every level, one a level, or shares of the leaves."""
    level = st.one_of(
        st.sampled_from(["natural", "balanced", "square_root", "effective_number"]),
        st.tuples(st.just("power"), st.floats(-1.5, 1.5)),
    )
    depth = len(tuples[0])
    kind = draw(st.sampled_from(["one", "levels", "leaves"]))
    if kind == "one":
        return draw(level)
    if kind == "levels":
        return tuple(draw(level) for _ in range(depth))
    shares = {}
    for labels_of_leaf in tuples:
        inner = shares
        for label in labels_of_leaf[:-1]:
            inner = inner.setdefault(label, {})
        inner[labels_of_leaf[-1]] = draw(st.sampled_from([0.0, 0.1, 1.0, 3.0, 40.0]))
    return shares


@st.composite
def ratios(draw, bounds=False, item_weights=False, groups=False, tree=False):
    if tree:
        levels = draw(columns())
        tuples = sorted(set(zip(*levels, strict=True)))
        count, classes = len(levels[0]), sorted({part[:k] for part in tuples for k in range(1, len(part) + 1)})
        arguments = {"columns": levels, "target": draw(tree_targets(tuples))}
        classes += sorted(set(levels[0]))  # a bare label is a node of level 1
    else:
        items = draw(labels())
        count, classes = len(items), sorted(set(items))
        arguments = {"labels": items, "target": draw(targets(classes))}
    batch_size = arguments["batch_size"] = draw(st.integers(1, min(64, count)))
    arguments["epoch_size"] = draw(epoch_sizes(batch_size, count))
    if bounds:
        arguments["min_per_batch"] = draw(st.dictionaries(st.sampled_from(classes), st.integers(0, 3), max_size=3))
        named = [label if isinstance(label, tuple) else (label,) for label in arguments["min_per_batch"]]
        if len(set(named)) < len(named):  # one node by two names
            arguments["min_per_batch"] = {}
        arguments["max_repeats"] = draw(st.one_of(st.none(), st.sampled_from([1, 1.5]), st.floats(0.5, 20)))
    if item_weights:
        zeros = isinstance(arguments["target"], (dict, list))
        arguments["item_weights"] = draw(some_weights(count, zeros=zeros))
    if groups:
        rng = random.Random(draw(st.integers(0, 9999)))
        names, several = draw(st.sampled_from([int, str])), draw(st.integers(1, 30))
        arguments["groups"] = [names(rng.randint(0, several)) for _ in range(count)]
    return "ratio", arguments


@st.composite
def rare(draw):
    """Epochs of fewer draws than there are classes."""
    count = draw(st.integers(2, 80))
    items = [c for c in range(count) for _ in range(draw(st.sampled_from([1, 1, 3])))]
    batch_size = draw(st.integers(1, min(6, len(items))))
    steps = draw(st.integers(1, 5))
    target = draw(st.sampled_from(["natural", "balanced", ("power", 3.0)]))
    return "ratio", {"labels": items, "target": target, "batch_size": batch_size, "epoch_size": steps * batch_size}


@st.composite
def lengths(draw):
    """Classes given by their lengths alone, some beyond 2^32 items."""
    length = st.one_of(st.integers(1, 50), st.integers(1, 2**34), st.sampled_from([2**32, 2**32 + 1, 2**31 * 3]))
    sizes = draw(st.lists(length, min_size=1, max_size=6))
    batch_size = draw(st.integers(1, 24))
    arguments = {"lengths": {f"source {i}": n for i, n in enumerate(sizes)}, "batch_size": batch_size}
    arguments["target"] = draw(targets([f"source {i}" for i in range(len(sizes))]))
    arguments["epoch_size"] = batch_size * draw(st.integers(1, 60))
    return "ratio", arguments


@st.composite
def staged(draw, tree=False):
    """Plans that follow one another: other shares, bounds and weights, items added, left out and moved."""
    rng = random.Random(draw(st.integers(0, 99999)))
    count, depth = rng.randint(2, 60), 2 if tree else 1
    levels = [[rng.randint(0, 3) for _ in range(count)] for _ in range(depth)]
    weights = [1.0] * count if rng.random() < 0.4 else None
    groups = [rng.randint(0, 4) for _ in range(count)] if rng.random() < 0.3 else None
    batch_size = rng.choice([1, 2, 4, 6])
    size = batch_size * rng.randint(1, 20)
    plans, first = {}, 0
    for _ in range(draw(st.integers(2, 5))):
        columns = {"columns": [list(column) for column in levels]} if tree else {"labels": list(levels[0])}
        arguments = {**columns, "target": rng.choice(["balanced", "natural", "square_root"])}
        arguments |= {"batch_size": batch_size, "epoch_size": size}
        if weights:
            arguments["item_weights"] = list(weights)
        if groups:
            arguments["groups"] = list(groups)
        if rng.random() < 0.2:
            arguments["min_per_batch"] = {levels[0][0]: 1}
        if rng.random() < 0.2:
            arguments["max_repeats"] = 20.0
        plans[first] = "ratio", arguments
        first += rng.choice([1, 1, 2, 5, 1500])
        match rng.choice(["nothing", "add", "add", "weights", "move"]):
            case "add":
                for _ in range(rng.randint(1, 8)):
                    for column in levels:
                        column.append(rng.randint(0, 4))
                    if weights:
                        weights.append(1.0)
                    if groups:
                        groups.append(rng.randint(0, 6))
            case "weights" if weights:
                for _ in range(3):
                    weights[rng.randrange(1, len(weights))] = rng.choice([0.0, 1.0, 2.0])
            case "move":
                levels[-1][rng.randrange(1, len(levels[-1]))] = rng.randint(0, 3)
    return "stages", plans


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
    """The plan, or None where it is refused."""
    function, arguments = case
    try:
        if function == "stages":
            return implementation.made("stages", arguments, lambda stage: implementation.made(*stage))
        return implementation.made(function, arguments)
    except ValueError:
        return None


def divisors(number):
    return [d for d in range(1, number + 1) if number % d == 0]


def firsts(case):
    """Epochs near which a run of stages changes."""
    function, arguments = case
    return sorted({max(first + d, 0) for first in arguments for d in (-1, 0, 1)}) if function == "stages" else [0]


def compare_draws(case, library, second, epoch):
    assert library.draws(epoch).tolist() == second.draws(epoch)
    for step in (0, library.steps_per_epoch):
        state = golden.NAMES["state"](library, 5, epoch, step)
        assert state == second.state(5, epoch, step)


def compare(data, case):
    """Everything public about a plan, at a few random seeds, epochs, steps and layouts."""
    library, second = made(golden, case), made(regenerate_vectors, case)
    assert (library is None) == (second is None)
    if library is None:
        event("refused")
        return
    event("compared")
    assert library.steps_per_epoch == second.steps_per_epoch
    assert library.draws_per_epoch.tolist() == second.draws_per_epoch
    assert library.fingerprint == second.fingerprint
    B, T = second.batch_size, second.steps_per_epoch
    epoch = data.draw(st.one_of(epochs, st.integers(0, 12), st.sampled_from([*firsts(case)])), "epoch")
    compare_draws(case, library, second, epoch)
    parts = data.draw(st.sampled_from(divisors(B)), "parts")
    world_size = data.draw(st.sampled_from(divisors(parts)), "world_size")
    options = {
        "epoch": epoch,
        "world_size": world_size,
        "blocks": parts // world_size,
        "order": data.draw(st.sampled_from(["shuffled", "dealt", "by_class"]), "order"),
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
    "rare": rare(),
    "tree": ratios(tree=True),
    "tree with bounds": ratios(tree=True, bounds=True),
    "groups": ratios(groups=True),
    "groups and item weights below a tree": ratios(tree=True, groups=True, item_weights=True),
    "lengths": lengths(),
    "weighted": weighteds(),
    "independent": weighteds(iid=True),
    "steep": steep(),
    "stages": staged(),
    "stages of trees": staged(tree=True),
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
    library, second = made(golden, case), made(regenerate_vectors, case)
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
    """Draw numbers and passes of more than a word; Q is 1."""
    arguments = {
        "labels": [0, 0, 0, 1, 1, 2],
        "target": {0: 1, 1: 100, 2: 1e-9},
        "batch_size": 768,
        "epoch_size": 2**40,
    }
    library, second = golden.ratio(**arguments), reference.ratio(**arguments)
    assert library.draws_per_epoch.tolist() == second.draws_per_epoch
    for step in 0, 2**30, library.steps_per_epoch - 1:
        for epoch in 0, 1, 2**22 + 7, 2**23 - 1:
            options = {"epoch": epoch, "world_size": 16, "blocks": 3}
            found = library.batch_indices(77, step, 5, **options)
            assert found.tolist() == second.batch_indices(77, step, 5, **options)


def test_draws_are_numbered_below_2_to_the_63():
    plan = golden.ratio([0, 0], batch_size=512, epoch_size=2**40)
    with pytest.raises(ValueError, match="epoch"):
        plan.batch_indices(0, 0, epoch=2**23)


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
        key = keys.key(n, 4, 0, 0, n)
        image = permutation.permute(np.arange(n, dtype=np.uint32), permutation.Domain.of([n]), key)
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
    lines = weight_line.Lines.of(np.array(weights), np.array([0, len(weights)]))
    starts = reference.line_starts(weights)
    assert lines.starts.tolist() == starts
    near = st.builds(lambda start, d: min(max(start + d, 0), 2**64 - 1), st.sampled_from(starts), st.integers(-1, 1))
    positions = data.draw(st.lists(st.one_of(near, st.integers(0, 2**64 - 1)), min_size=1, max_size=20))
    pool = reference.Pool(0, list(range(len(weights))), weights=weights)
    found = lines.find(np.array([0]), np.array(positions, np.uint64))
    assert found.tolist() == [pool.at(position) for position in positions]


# ---- The page's test vectors ---------------------------------------------------------------------------------------

PAGE = regenerate_vectors.PAGE.read_text()


@pytest.mark.parametrize("names", [golden.NAMES, regenerate_vectors.NAMES], ids=["library", "reference"])
def test_vectors_of_the_page(names):
    checked = 0
    for *_, expression, value, shown in regenerate_vectors.page_vectors(PAGE, names):
        assert value == shown, expression
        checked += 1
    assert checked > 90


def test_every_altered_vector_of_the_page_is_found():
    """No line of the section escapes the test above."""
    names = regenerate_vectors.NAMES
    for start, end, expression, _, shown in regenerate_vectors.page_vectors(PAGE, names):
        wrong = "wrong" if isinstance(shown, str) else shown + 1 if isinstance(shown, int) else [*shown, 0]
        page = f"{PAGE[:start]}{expression} == {wrong!r}{PAGE[end:]}"
        found = [value == shown for *_, value, shown in regenerate_vectors.page_vectors(page, names)]
        assert found.count(False) == 1, expression
