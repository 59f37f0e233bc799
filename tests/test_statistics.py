"""Is the randomness random? Every test runs on ours, on a control that must pass, and on known-bad ones that must fail.

Seeds are fixed, so the outcomes are too. A p-value is the smallest of its battery times their number (Bonferroni).
Ours and the control pass above 1e-4; whatever is known to be bad fails below 1e-9. The environment variable
BALANCEIDX_STATISTICS multiplies every sample: 1 is for every commit, 100 for a campaign.
"""

import os

import numpy as np
import pytest
from scipy import stats

import balanceidx as bx
from balanceidx._format import keys, permutation
from battery import avalanche, both_tails, by_class, examine, examine_words, repetitions, slots, worst
from generators import (
    BAD_PERMUTERS,
    BAD_WORDS,
    SCHEDULES,
    as_words,
    between_neighbours,
    control_words,
    fisher_yates,
    fold,
    kept_difference,
    lines,
    network,
    places_to_see,
    radices,
    same_for_neighbours,
    words_of,
)

pytestmark = pytest.mark.statistics

SCALE = float(os.environ.get("BALANCEIDX_STATISTICS", "1"))
PLACES = 150_000 * SCALE
SIZES = (2, 3, 4, 5, 6, 7, 8, 12, 16, 33, 64, 100, 256, 1000)
LARGE = (4_097, 65_600)

PASS, FAIL = 1e-4, 1e-9


def battery_of(permuter, sizes=SIZES, places=PLACES):
    """p-values of the whole battery at every size, by size and test."""
    return {f"n = {n}, {test}": p for n in sizes for test, p in examine(permuter, n, places).items()}


def assert_random(p_values):
    assert worst(p_values) > PASS, sorted(p_values.items(), key=lambda item: item[1])[:5]


# ---- permutations --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_permutations_keyed_one_after_the_other_are_random(schedule):
    assert_random(battery_of(network(SCHEDULES[schedule])))


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_permutations_of_neighbouring_keys_are_independent(schedule):
    assert_random(battery_of(between_neighbours(network(SCHEDULES[schedule])), places=PLACES / 2))


def test_large_permutations_are_random():
    assert_random(battery_of(network(SCHEDULES["passes"]), LARGE, PLACES))


def plan_passes(n, first, count):
    """The passes through a pool of n items, as users see them."""
    plan = bx.stratified(np.zeros(n, int), batch_size=n, epoch_size=n * count)
    return plan.epoch_indices(first, order="dealt").reshape(count, n)


def plan_epochs(n, first, count):
    """The same, where every epoch is one pass."""
    plan = bx.stratified(np.zeros(n, int), batch_size=n)
    return np.stack([plan.epoch_indices(11, epoch=first + i, order="dealt") for i in range(count)])


def plan_groups(n, first, count):
    """The passes through n groups of one item."""
    plan = bx.stratified(np.zeros(n, int), batch_size=n, epoch_size=n * count, groups=np.arange(n))
    return plan.epoch_indices(first, order="dealt").reshape(count, n)


def plan_seeds(n, first, count):
    """The first pass of consecutive seeds."""
    plan = bx.stratified(np.zeros(n, int), batch_size=n)
    return np.stack([plan.epoch_indices(first + i, order="dealt") for i in range(count)])


@pytest.mark.parametrize(
    ("passes", "places"),
    [(plan_passes, PLACES), (plan_groups, PLACES), (plan_epochs, PLACES / 25), (plan_seeds, PLACES / 25)],
)
def test_passes_of_a_plan_are_random_and_independent(passes, places):
    assert_random(battery_of(passes, (4, 6, 16, 100), places))
    assert_random(battery_of(between_neighbours(passes), (6, 16, 100), places / 2))


@pytest.mark.parametrize("schedule", ["epochs", "chapters", "nodes of an epoch", "nodes of cycles", "seeds"])
def test_orders_of_lines_are_random_and_independent(schedule):
    assert_random(battery_of(lines(SCHEDULES[schedule]), places=PLACES / 2))
    assert_random(battery_of(between_neighbours(lines(SCHEDULES[schedule])), (6, 16, 100), PLACES / 2))


def test_control_passes():
    assert_random(battery_of(fisher_yates))
    assert_random(battery_of(between_neighbours(fisher_yates), places=PLACES / 2))
    assert_random(battery_of(fisher_yates, LARGE, PLACES))


@pytest.mark.parametrize("name", BAD_PERMUTERS)
@pytest.mark.parametrize("n", [5, 6, 7, 8, 12, 16, 33, 64, 100, 256])
def test_known_bad_permutations_fail_at_every_size(name, n):
    assert worst(examine(BAD_PERMUTERS[name], n, PLACES)) < FAIL


@pytest.mark.parametrize("n", [5, 6, 8, 16, 64, 100])
def test_dependent_neighbours_fail(n):
    assert worst(examine(between_neighbours(same_for_neighbours(fisher_yates)), n, PLACES)) < FAIL


@pytest.mark.parametrize(
    ("test", "name", "n"),
    [
        ("orders", "affine", 6),
        ("positions", "four Feistel rounds", 7),
        ("pair 0 1", "affine", 12),
        ("inversions", "XOR Feistel", 16),  # parity
        ("Mallows MMD", "affine", 16),
        ("fixed points", "affine", 16),
        ("digits", "four Feistel rounds", 1000),
        ("serial correlation", "four Feistel rounds", 100),
        ("differences 8", "four Feistel rounds", 64),
        ("dispersion", "affine", 100),
        ("slots: position", "four Feistel rounds", 8),
        ("slots: partner", "affine", 16),
    ],
)
def test_every_test_fails_something(test, name, n):
    p_values = examine(BAD_PERMUTERS[name], n, 400_000)
    assert p_values[test] * len(p_values) < FAIL


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("n", SIZES)
def test_p_values_of_the_control_are_uniform(n):
    # Calibration: two hundred repetitions of the battery; Kolmogorov and Smirnov judge the p-values of each test.
    runs = [examine(fisher_yates, n, 50_000, first=10_000_000 * i) for i in range(1, 201)]
    assert_random({test: stats.kstest([run[test] for run in runs], "uniform").pvalue for test in runs[0]})


# ---- rounds --------------------------------------------------------------------------------------------------------


def test_number_of_rounds_hides_the_network_for_billions_of_places():
    sizes = {*range(4, 3000), *(2**k for k in range(12, 33)), 65_535, 65_600, 10**5, 10**6, 10**7, 10**9}
    margins = {n: places_to_see(n, permutation.rounds_for(n)) for n in sizes}
    worst_size = min(margins, key=margins.get)
    assert margins[worst_size] > 5e9, (worst_size, margins[worst_size])


@pytest.mark.parametrize(("n", "rounds"), [(16, 8), (64, 6), (1024, 4)])
def test_round_functions_are_as_good_as_ideal_ones(n, rounds):
    # The margin above assumes ideal round functions. Far fewer rounds show that ours keep differences just as often.
    a, b = radices(n)
    keys = 2_000_000 // n
    images = network(SCHEDULES["passes"], rounds)(n, 0, keys)
    high = (images // b).astype(int).reshape(keys, a, b)
    kept = np.zeros(keys)
    for d in range(1, a):
        kept += ((high[:, d:] - high[:, :-d] - d) % a == 0).sum((1, 2))
    pairs = b * a * (a - 1) / 2
    excess = kept / pairs - b / (a * b - 1)
    ideal = kept_difference(a, b, rounds)
    error = excess.std(ddof=1) / np.sqrt(keys)
    assert ideal > 20 * error
    assert abs(excess.mean() - ideal) < 4 * error + 0.05 * ideal


@pytest.mark.parametrize(("n", "rounds"), [(6, 14), (12, 10), (64, 8)])
def test_the_battery_sees_a_network_with_too_few_rounds(n, rounds):
    assert worst(examine(network(SCHEDULES["passes"], rounds), n, 4e6)) < FAIL


# ---- batches -------------------------------------------------------------------------------------------------------

BATCH = 16


def plan_batches(plan, rare_from, **arguments):
    """Rows of True and False: which items of every batch of the plan are of the rare class."""
    return plan.epoch_indices(3, **arguments).reshape(-1, BATCH) >= rare_from


def slot_tests(batches, positives):
    tests = slots(BATCH, positives, lambda rows: rows)
    for test in tests.values():
        test.add(batches)
    return {name: test.p_value() for name, test in tests.items()}


def test_position_and_partner_are_independent_of_class():
    steps = int(20_000 * SCALE)
    plan = bx.ratio([0] * 900 + [1] * 100, {0: 0.75, 1: 0.25}, batch_size=BATCH, epoch_size=BATCH * steps)
    p_values = {f"batch {k}": p for k, p in slot_tests(plan_batches(plan, 900), 4).items()}
    # Blocks of one rank and of several, each of the composition of a whole batch.
    plan = bx.ratio([0] * 900 + [1] * 100, {0: 0.75, 1: 0.25}, batch_size=4 * BATCH, epoch_size=BATCH * steps)
    p_values |= {f"block {k}": p for k, p in slot_tests(plan_batches(plan, 900, blocks=4), 4).items()}
    p_values |= {f"rank {k}": p for k, p in slot_tests(plan_batches(plan, 900, world_size=4, rank=2), 4).items()}
    assert_random(p_values)


def test_position_and_partner_of_the_control():
    assert_random(slot_tests(by_class(fisher_yates(BATCH, 0, int(20_000 * SCALE))), BATCH // 4))


def test_dealt_batches_fail():
    plan = bx.ratio([0] * 900 + [1] * 100, {0: 0.75, 1: 0.25}, batch_size=BATCH, epoch_size=BATCH * 2000)
    assert worst(slot_tests(plan_batches(plan, 900, order="dealt"), 4)) < FAIL


def test_shuffles_of_consecutive_steps_are_independent():
    # Positives at position i of step t and at position j of step t + 1: 256 counts, all pairs uncorrelated.
    steps = int(40_000 * SCALE)
    plan = bx.ratio([0] * 900 + [1] * 100, {0: 0.75, 1: 0.25}, batch_size=BATCH, epoch_size=BATCH * steps)
    control = by_class(fisher_yates(BATCH, 0, steps))
    assert_random({"ours": steps_across(plan_batches(plan, 900)), "control": steps_across(control)})
    assert steps_across(np.repeat(control[: steps // 2], 2, axis=0)) < FAIL


def steps_across(batches):
    """Chi-square of the cross-products of batches 2t and 2t + 1, each with k of m positives: df = (m - 1)**2."""
    m, k = BATCH, BATCH // 4
    signs = batches - k / m
    variance = (k * (m - k) / (m * (m - 1))) ** 2
    across = signs[::2].T @ signs[1::2]
    return float(stats.chi2.sf((across**2).sum() / (len(signs) // 2) / variance, (m - 1) ** 2))


# ---- keys ----------------------------------------------------------------------------------------------------------

WORDS = int(120_000 * SCALE)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_consecutive_keys_are_random_words(schedule):
    if schedule == "one bit apart":
        assert_random(examine_words(words_of(SCHEDULES[schedule])(0, WORDS)))
    else:
        assert_random(
            {
                f"from {first}, {test}": p
                for first in (0, 2**31 - 1000)
                for test, p in examine_words(words_of(SCHEDULES[schedule])(first, WORDS // 2)).items()
            }
        )


def test_purposes_share_nothing():
    # Keys 6i .. 6i + 5 differ in their purpose only.
    assert_random(examine_words(as_words(fold(np.arange(WORDS) // 6, 0, 1 + np.arange(WORDS) % 6, 0))))


def test_words_of_the_control_pass_and_bad_ones_fail():
    assert_random(examine_words(control_words(0, WORDS)))
    for name, source in BAD_WORDS.items():
        assert worst(examine_words(source(0, 100_000))) < FAIL, name


AVALANCHES = {
    "seed": lambda w: fold(w[:, 0], w[:, 1], keys.BLOCK_ORDER, 0, 0, 0),
    "epoch, step, block": lambda w: fold(7, 0, keys.BLOCK_ORDER, w[:, 0], w[:, 1], w[:, 2]),
    "class, pass": lambda w: fold(7, 0, keys.POOL, w[:, 0], w[:, 1], 0, w[:, 2]),
    "epoch, level, node": lambda w: fold(7, 0, keys.EPOCH_NODE, w[:, 0], w[:, 1], w[:, 2]),
    "epoch, chapter, label": lambda w: fold(7, 0, keys.CLASS_ORDER, w[:, 0], w[:, 1], 0, w[:, 2]),
    "epoch, draw": lambda w: fold(7, 0, keys.INDEPENDENT, w[:, 0], w[:, 1], w[:, 2], 0),
}


@pytest.mark.parametrize("name", ["seed", "epoch, draw"])
def test_one_bit_of_a_word_flips_half_of_the_key(name):
    # The words that two more words or at least a zero follow: every input bit reaches every output bit.
    assert avalanche(lambda w: as_words(AVALANCHES[name](w)), 2 if name == "seed" else 3) > PASS


@pytest.mark.parametrize("name", ["epoch, step, block", "class, pass"])
def test_one_bit_of_the_last_word_flips_half_of_the_key(name):
    assert avalanche(lambda w: as_words(AVALANCHES[name](w)), 3) > PASS


def test_avalanche_of_the_control_and_of_a_bad_key():
    generator = np.random.default_rng(6)
    assert avalanche(lambda w: generator.integers(0, 2**64, len(w), np.uint64), 3) > PASS
    golden = np.uint64(0x9E3779B97F4A7C15)
    assert avalanche(lambda w: (w[:, 0] * golden + w[:, 1]) * golden + w[:, 2], 3) < FAIL


GRIDS = {
    "seeds and epochs": lambda i, j: fold(i, 0, keys.CLASS_ORDER, j),
    "seeds and steps": lambda i, j: fold(i, 0, keys.BLOCK_ORDER, 0, j, 0),
    "low and high words of seeds": lambda i, j: fold(i, j, keys.CLASS_ORDER, 0),
    "epochs and steps": lambda i, j: fold(7, 0, keys.BLOCK_ORDER, i, j, 0),
    "steps and blocks": lambda i, j: fold(7, 0, keys.BLOCK_ORDER, 1, i, j),
    "classes and passes": lambda i, j: fold(7, 0, keys.POOL, 0, i, 0, j),
    "chapters and labels": lambda i, j: fold(7, 0, keys.CLASS_ORDER, 5, i, 0, j),
    "epochs and draws": lambda i, j: fold(7, 0, keys.INDEPENDENT, i, 0, j, 0),
}


def grid(key):
    rows, columns = np.divmod(np.arange(2**20), 2**10)
    return as_words(key(rows, columns))


@pytest.mark.parametrize("name", GRIDS)
def test_no_two_keys_of_a_grid_are_equal(name):
    # A million random 64-bit keys hold an equal pair with probability 3e-8. Their halves do, 128 times on average.
    keys = grid(GRIDS[name])
    assert len(np.unique(keys)) == 2**20
    assert repetitions(keys) > PASS


def test_repetitions_of_the_control_and_of_bad_keys():
    assert repetitions(control_words(0, 2**20)) > PASS
    assert repetitions(BAD_WORDS["counter times golden ratio"](0, 2**20)) < FAIL  # its halves repeat too rarely
    assert len(np.unique(grid(lambda seed, epoch: fold(seed + epoch, 0)))) == 2**11 - 1


@pytest.mark.parametrize("n", [2, 3, 10, 1000, 4096, 2**32 - 1])
def test_below_is_uniform(n):
    count = int(20_000 * SCALE)
    u, v = fold(7, 0, keys.TIME_OFFSET, np.arange(count))
    cells = min(n, 256)

    def spread(numbers):
        assert min(numbers) >= 0 and max(numbers) < n
        seen = np.bincount(np.array(numbers) * cells // n, minlength=cells)
        share = np.array([-(-(i + 1) * n // cells) - -(-i * n // cells) for i in range(cells)]) / n
        return both_tails(seen, share * count)

    ours = keys.below(keys.State(u, v), n).tolist()
    assert spread(ours) > PASS
    generator = np.random.default_rng(7)
    assert spread(generator.integers(0, n, count).tolist()) > PASS
    assert spread((generator.random(count) ** 1.3 * n).astype(np.int64).tolist()) < FAIL


# ---- independent draws ---------------------------------------------------------------------------------------------

POSITIONS = {
    "draws": lambda i: fold(7, 0, keys.INDEPENDENT, 2, 0, i, 0),
    "epochs": lambda i: fold(7, 0, keys.INDEPENDENT, i, 0, 5, 0),
    "seeds": lambda i: fold(i, 0, keys.INDEPENDENT, 2, 0, 5, 0),
    "epochs and draws": lambda i: fold(7, 0, keys.INDEPENDENT, i // 16, 0, i % 16, 0),
}


@pytest.mark.parametrize("schedule", POSITIONS)
def test_hashed_positions_are_random_words(schedule):
    assert_random(examine_words(words_of(POSITIONS[schedule])(0, WORDS)))


def counts_of(indices, n):
    return np.bincount(indices, minlength=n)


def test_multinomial_counts_agree_with_expectations():
    # Two-sided: the evenly spaced seats of `weighted` without `iid` are too even for independent draws.
    weights = np.r_[np.arange(1, 200), np.full(50, 0.25), 1000.0]
    batch, steps = 100, int(5000 * SCALE)
    expected = weights / weights.sum() * batch * steps
    plan = bx.weighted(weights, batch_size=batch, epoch_size=batch * steps, iid=True)
    p_values = {
        f"seed {seed}, epoch {epoch}": both_tails(
            counts_of(plan.epoch_indices(seed, epoch=epoch), len(weights)), expected
        )
        for seed in range(4)
        for epoch in range(4)
    }
    assert_random(p_values)
    control = np.random.default_rng(8).choice(len(weights), batch * steps, p=weights / weights.sum())
    assert both_tails(counts_of(control, len(weights)), expected) > PASS
    even = bx.weighted(weights, batch_size=batch, epoch_size=batch * steps)
    assert both_tails(counts_of(even.epoch_indices(0), len(weights)), expected) < FAIL


def test_independent_draws_follow_each_other_at_random():
    # 24 equal items: the pair of draws 2i and 2i + 1 is any of the 576 pairs, whereas a pass holds no item twice.
    n, draws = 24, int(200_000 * SCALE)
    for plan, verdict in (
        (bx.weighted(np.ones(n), batch_size=n, epoch_size=draws, iid=True), lambda p: p > PASS),
        (bx.weighted(np.ones(n), batch_size=n, epoch_size=draws), lambda p: p < FAIL),
    ):
        stream = plan.epoch_indices(5, order="dealt")
        seen = counts_of(stream[::2] * n + stream[1::2], n * n)
        assert verdict(both_tails(seen, np.full(n * n, len(stream) / 2 / n**2)))
