"""How long an epoch is: integers, the dataset, and under- and oversampling against a search over every length."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import balanceidx as bx
from balanceidx._make.epoch_size import steps_per_epoch
from strategies import cases, exact_shares


def exact(steps: int, arguments: dict, sizes: list[int]) -> list[Fraction] | None:
    """Draws of every class in an epoch of that many steps before they are rounded, or None if it cannot be."""
    shares = exact_shares(arguments["target"], sizes)
    low = [steps * arguments.get("min_per_batch", {}).get(c, 0) for c in range(len(sizes))]
    cap = Fraction(str(arguments["max_repeats"])) if "max_repeats" in arguments else None
    high = [None if cap is None else int(cap * n) for n in sizes]
    drawn = [c for c, share in enumerate(shares) if share]
    total = Fraction(steps * arguments["batch_size"])
    if any((low[c] and not shares[c]) or (cap is not None and high[c] < low[c]) for c in range(len(sizes))):
        return None
    if sum(low[c] for c in drawn) > total or (cap is not None and sum(high[c] for c in drawn) < total):
        return None
    free, fixed = set(drawn), dict.fromkeys(range(len(sizes)), Fraction(0))
    while True:
        rest = total - sum(fixed[c] for c in drawn if c not in free)
        whole = sum(shares[c] for c in free)
        part = {c: rest * shares[c] / whole for c in free}
        under = {c: Fraction(low[c]) for c in free if part[c] < low[c]}
        over = {c: Fraction(high[c]) for c in free if high[c] is not None and part[c] > high[c]}
        if not under and not over:
            return [part.get(c, fixed[c]) for c in range(len(sizes))]
        missing = sum(bound - part[c] for c, bound in under.items())
        surplus = sum(part[c] - bound for c, bound in over.items())
        now = under if missing >= surplus else over
        fixed |= now
        free -= set(now)


def exact_targets(count: int) -> st.SearchStrategy:
    """Targets whose shares are whole numbers; others are rounded to 32 bits, which may move an end by a step."""
    given_shares = st.lists(st.integers(0, 9), min_size=count, max_size=count).filter(any)
    return st.one_of(st.sampled_from(["natural", "balanced"]), given_shares.map(lambda shares: dict(enumerate(shares))))


@st.composite
def small_problems(draw):
    """Arguments of `ratio` but for the epoch size, and the limits of each class: no item twice, every item once."""
    sizes = draw(st.lists(st.integers(1, 25), min_size=1, max_size=5))
    group = np.repeat(np.arange(len(sizes)), sizes)
    arguments = {
        "labels": group,
        "target": draw(exact_targets(len(sizes))),
        "batch_size": draw(st.sampled_from([1, 2, 3, 5, 8])),
    }
    most, fewest = sizes, sizes
    extra = draw(st.sampled_from(["none", "minimum", "cap", "weights"]))
    if extra == "minimum":
        arguments["min_per_batch"] = {draw(st.integers(0, len(sizes) - 1)): 1}
    if extra == "cap":
        arguments["max_repeats"] = draw(st.sampled_from([1, 1.5, 4]))
    if extra == "weights":
        # Small integers, so that these sums and quotients are exact.
        weights = np.random.default_rng(draw(st.integers(0, 99))).integers(1, 4, len(group))
        arguments["item_weights"] = weights.astype(float)
        by_class = [weights[group == c] for c in range(len(sizes))]
        most = [int(w.sum() // w.max()) for w in by_class]
        fewest = [int(-(-w.sum() // w.min())) for w in by_class]
    return arguments, sizes, most, fewest


@settings(max_examples=120)
@given(small_problems())
def test_undersample_is_the_longest_epoch_in_which_no_item_repeats(problem):
    arguments, sizes, most, _ = problem
    fits = []
    for steps in range(1, sum(most) // arguments["batch_size"] + 60):
        parts = exact(steps, arguments, sizes)
        if parts is not None and all(part <= limit for part, limit in zip(parts, most, strict=True)):
            fits.append(steps)
    if not fits:
        with pytest.raises(ValueError):
            bx.ratio(**arguments, epoch_size="undersample")
        return
    try:
        plan = bx.ratio(**arguments, epoch_size="undersample")
    except ValueError as error:  # a class gets a draw a cycle at least
        assert "need at least" in str(error) or "below its minimum of 1" in str(error)
        return
    assert plan.steps_per_epoch == max(fits)
    if "item_weights" not in arguments:
        assert np.bincount(plan.epoch_indices(0)).max() == 1


@settings(max_examples=120)
@given(small_problems())
def test_oversample_is_the_shortest_epoch_in_which_every_item_appears(problem):
    arguments, sizes, _, fewest = problem
    drawn = [share > 0 for share in exact_shares(arguments["target"], sizes)]

    def fits(steps):
        parts = exact(steps, arguments, sizes)
        return parts is not None and all(
            part >= need for part, need, wanted in zip(parts, fewest, drawn, strict=True) if wanted
        )

    try:
        plan = bx.ratio(**arguments, epoch_size="oversample")
    except ValueError as error:
        assert {"min_per_batch", "max_repeats"} & set(arguments), f"nothing binds, but: {error}"
        assert not any(fits(steps) for steps in range(1, 200))
        return
    assert fits(plan.steps_per_epoch)
    assert not any(fits(steps) for steps in range(1, min(plan.steps_per_epoch, 200)))
    if plan.steps_per_epoch < 10**5 and "item_weights" not in arguments:
        used = np.bincount(plan.epoch_indices(0), minlength=plan.num_items)
        assert ((used >= 1) == np.array(drawn)[arguments["labels"]]).all()


def test_names_on_a_plain_example():
    labels = [0] * 900 + [1] * 100
    assert bx.ratio(labels, batch_size=30).steps_per_epoch == 33
    assert bx.ratio(labels, batch_size=30, epoch_size="dataset").steps_per_epoch == 33
    assert bx.ratio(labels, batch_size=30, epoch_size=65).steps_per_epoch == 2
    assert bx.ratio(labels, batch_size=30, epoch_size="undersample").steps_per_epoch == 200 // 30
    assert bx.ratio(labels, batch_size=30, epoch_size="oversample").steps_per_epoch == 1800 // 30


@pytest.mark.parametrize(("sizes", "name"), [((200, 150), "undersample"), ((120, 100), "oversample")])
def test_later_epochs_may_straddle_two_passes_but_uses_stay_within_one(sizes, name):
    # Passes do not end with the epoch: the end of one and the start of the next may share one, as the docstring says.
    plan = bx.ratio(np.repeat([0, 1], sizes), batch_size=10, epoch_size=name)
    uses = np.zeros(sum(sizes), np.int64)
    for epoch in range(7):
        uses += np.bincount(plan.epoch_indices(0, epoch=epoch), minlength=sum(sizes))
        for part in (uses[: sizes[0]], uses[sizes[0] :]):
            assert part.max() - part.min() <= 1


@settings(max_examples=30)
@given(cases("ratio", "bounded", "item_weights", "weighted"))
def test_batches_are_always_full_and_as_many_as_fit(case):
    plan, size = case.plan, case.arguments.get("epoch_size", len(case.group))
    assert plan.steps_per_epoch == size // plan.batch_size
    assert plan.draws_per_epoch.sum() == plan.steps_per_epoch * plan.batch_size


def test_item_weights_decide_the_length():
    labels, weights = [0] * 4, [1.0, 1.0, 2.0, 4.0]
    under = bx.ratio(labels, batch_size=1, epoch_size="undersample", item_weights=weights)
    over = bx.ratio(labels, batch_size=1, epoch_size="oversample", item_weights=weights)
    assert (under.steps_per_epoch, over.steps_per_epoch) == (2, 8)
    # A weight line has sixteen seats at least, which eight epochs of two and two of eight go through.
    assert np.bincount(np.concatenate([under.epoch_indices(0, epoch=e) for e in range(8)])).tolist() == [2, 2, 4, 8]
    assert np.bincount(np.concatenate([over.epoch_indices(0, epoch=e) for e in range(2)])).tolist() == [2, 2, 4, 8]


@pytest.mark.parametrize("name", ["undersample", "oversample"])
@pytest.mark.parametrize("weight", [0.1, 1.7e308])
def test_equal_item_weights_are_none(name, weight):
    # Three of 0.1 sum to more than 0.3, and two of 1.7e308 to more than a float can hold.
    plan = bx.ratio([0] * 3, batch_size=1, epoch_size=name, item_weights=[weight] * 3)
    assert plan.steps_per_epoch == 3


def test_oversample_with_a_cap_that_allows_it():
    labels = [0] * 10 + [1] * 5
    free = bx.ratio(labels, batch_size=3, epoch_size="oversample")
    capped = bx.ratio(labels, batch_size=3, epoch_size="oversample", max_repeats=100)
    assert capped.steps_per_epoch == free.steps_per_epoch == 7


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    ("name", "sizes", "share", "steps"),
    [
        ("undersample", (3_999_998, 2), 1e-6, 2_000_002),  # the last that is due two draws for two items
        ("oversample", (2, 2), 1e-9, 2_000_000_002),  # the first that is due two draws for two items
    ],
)
def test_an_epoch_for_a_tiny_share_is_found_quickly(name, sizes, share, steps):
    plan = bx.ratio(np.repeat([0, 1], sizes), {0: 1, 1: share}, batch_size=1, epoch_size=name)
    assert plan.steps_per_epoch == steps and abs(plan.draws_per_epoch[1] - 2) < 1e-2


# ---- the door ------------------------------------------------------------------------------------------------------

LABELS = [0] * 10 + [1] * 10


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"batch_size": 4, "epoch_size": 3}, ValueError, "`epoch_size` (=3) is smaller than one batch of `batch_size` (=4)"),
        ({"batch_size": 21}, ValueError, "`epoch_size` 'dataset' (=20 items) is smaller than one batch of `batch_size` "
         "(=21); lower `batch_size`."),
        ({"batch_size": 4, "epoch_size": 0}, ValueError, "`epoch_size` must be at least 1, not 0."),
        ({"batch_size": 4, "epoch_size": -8}, ValueError, "`epoch_size` must be at least 1, not -8."),
        ({"batch_size": 4, "epoch_size": 8.0}, TypeError, "`epoch_size` must be an integer, not float 8.0."),
        ({"batch_size": 4, "epoch_size": None}, TypeError, "`epoch_size` must be an integer, not NoneType None."),
        ({"batch_size": 4, "epoch_size": True}, TypeError, "`epoch_size` must be an integer, not bool True."),
        ({"batch_size": 4, "epoch_size": "all"}, ValueError, "`epoch_size` must be an integer or one of 'dataset', "
         "'undersample', 'oversample', not 'all'."),
        ({"batch_size": 4, "epoch_size": 2**41}, ValueError, "`epoch_size` (=2199023255552) is more than the 2**40 draws "
         "that an epoch can have; give a smaller `epoch_size`."),
        ({"batch_size": 2**30, "epoch_size": 2**40 + 1}, ValueError, "`epoch_size` (=1099511627777) is more than the 2**40"),
        ({"batch_size": 4, "epoch_size": 2**40}, ValueError, "`epoch_size` (=1099511627776) makes 274877906944 steps an "
         "epoch; the stream format allows fewer than 2**32."),
        ({"batch_size": 21, "epoch_size": "undersample"}, ValueError, "`epoch_size` 'undersample' leaves less than one "
         "batch: no epoch of full batches of 21 is free of repeated items"),
        ({"batch_size": 4, "epoch_size": "oversample", "max_repeats": 0.5}, ValueError, "`epoch_size` 'oversample' cannot "
         "be met: no epoch in which every item appears fits the caps"),
    ],
)  # fmt: skip
def test_bad_epoch_sizes(options, error, text):
    for make in (bx.ratio, bx.stratified):
        with pytest.raises(error) as caught:
            make(LABELS, **options)
        assert text in str(caught.value)


def test_a_dataset_beyond_the_format_is_refused_as_the_integer_is():
    # No machine holds such labels, so the rule itself is asked.
    def steps(num_items):
        return steps_per_epoch("dataset", 2**20, num_items, [], None)

    assert steps(2**40) == 2**20
    with pytest.raises(ValueError) as caught:
        steps(2**40 + 1)
    assert str(caught.value) == (
        "`epoch_size` 'dataset' (=1099511627777 items) is more than the 2**40 draws that an epoch can have; give a smaller "
        "`epoch_size`."
    )


@pytest.mark.parametrize("name", ["undersample", "oversample"])
@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"min_per_batch": {0: 4}}, "`min_per_batch`"),  # leaves no seat for the other class
        ({"target": {0: 1, 1: 0}, "min_per_batch": {1: 1}}, "`min_per_batch` asks for label 1"),
        ({"max_repeats": 0.01}, "`max_repeats`"),
    ],
)
def test_what_no_epoch_can_meet_is_named_as_it_is_for_an_integer(name, options, text):
    with pytest.raises(ValueError) as with_integer:
        bx.ratio(LABELS, batch_size=4, epoch_size=20, **options)
    with pytest.raises(ValueError) as with_name:
        bx.ratio(LABELS, batch_size=4, epoch_size=name, **options)
    assert text in str(with_integer.value)
    assert text in str(with_name.value)


def test_numpy_integers_are_epoch_sizes():
    assert bx.ratio(LABELS, batch_size=np.int32(4), epoch_size=np.uint8(9)).steps_per_epoch == 2
