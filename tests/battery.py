"""Tests of randomness with null distributions that hold, for any generator of permutations or words.

Statistics pooled over the places of a permutation are dependent, and a chi-square of them has not the distribution
it seems to have. So there are two laws only:

* `Counts`: cells whose covariance under the null is known (a multinomial, or the counts of a random permutation
  matrix): Pearson's X**2, rescaled where that covariance says so.
* `Means`: every permutation is one independent observation of a vector whose mean is known exactly. Hotelling's T**2
  estimates the covariance from the permutations themselves, whatever the dependence inside one.

`test_statistics.py` repeats the battery on a control to see that the p-values are uniform.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

from generators import Permuter, radices

Array = np.ndarray


# ---- laws ----------------------------------------------------------------------------------------------------------


@dataclass
class Counts:
    """Pearson's X**2 of equally likely cells: factor * X**2 ~ chi2(df).

    A multinomial has factor 1 and df = cells - 1.
    """

    measure: Callable[[Array], Array]
    df: int
    factor: float = 1.0
    counts: Array | float = 0.0

    def add(self, sample: Array) -> None:
        self.counts = self.counts + self.measure(sample)

    def p_value(self) -> float:
        expected = np.mean(self.counts)
        return float(stats.chi2.sf(((self.counts - expected) ** 2).sum() / expected * self.factor, self.df))


@dataclass
class Means:
    """Hotelling's T**2 of a vector per permutation with a known mean: F(k, m - k) for m permutations.

    Components that never vary, or repeat others, must agree with the mean exactly.
    """

    measure: Callable[[Array], Array]
    mean: Array
    size: int = 0
    total: Array | float = 0.0
    products: Array | float = 0.0

    def add(self, sample: Array) -> None:
        deviations = self.measure(sample) - self.mean
        self.size += len(deviations)
        self.total = self.total + deviations.sum(0)
        self.products = self.products + deviations.T @ deviations

    def p_value(self) -> float:
        centre = self.total / self.size
        covariance = (self.products - self.size * np.outer(centre, centre)) / (self.size - 1)
        spread = np.sqrt(np.maximum(np.diag(covariance), 0))
        scale = np.maximum(np.abs(self.mean), 1)
        varies = spread > 1e-6 * scale
        if (np.abs(centre[~varies]) > 1e-6 * scale[~varies]).any():
            return 0.0
        centre, covariance = (
            (centre / np.where(varies, spread, 1))[varies],
            (covariance / np.outer(spread + ~varies, spread + ~varies))[np.ix_(varies, varies)],
        )
        values, vectors = np.linalg.eigh(covariance)
        along = vectors.T @ centre
        kept = values > 1e-8 * len(values)
        if (np.abs(along[~kept]) > 1e-4).any():
            return 0.0
        rank = int(kept.sum())
        if rank == 0:
            return 1.0
        t2 = self.size * (along[kept] ** 2 / values[kept]).sum()
        return float(stats.f.sf(t2 * (self.size - rank) / (rank * (self.size - 1)), rank, self.size - rank))


Law = Counts | Means


def worst(p_values: dict[str, float]) -> float:
    """Smallest p-value, times the number of them (Bonferroni)."""
    return min(1.0, min(p_values.values()) * len(p_values))


def chance(values: Array, modulus: int, coefficients: tuple[int, ...], target: int = 0) -> float:
    """Probability that sum_i c_i values[x_i] = target (mod modulus) for distinct random places x_i.

    Characters count the solutions with places that may coincide; Möbius inversion over the set partitions of the
    places leaves those with distinct ones.
    """
    k = np.arange(modulus)
    character = np.exp(2j * np.pi * np.outer(k, k) / modulus) @ np.bincount(values, minlength=modulus)
    solutions = 0.0
    for blocks in _partitions(list(coefficients)):
        sums = np.prod([character[sum(block) * k % modulus] for block in blocks], axis=0)
        sign = math.prod((-1) ** (len(block) - 1) * math.factorial(len(block) - 1) for block in blocks)
        solutions += sign * (sums * np.exp(-2j * np.pi * target * k / modulus)).mean().real
    return solutions / math.perm(len(values), len(coefficients))


def _partitions(items: list[int]):
    if not items:
        yield []
        return
    for rest in _partitions(items[1:]):
        yield [[items[0]], *rest]
        for i, block in enumerate(rest):
            yield [*rest[:i], [items[0], *block], *rest[i + 1 :]]


# ---- permutations --------------------------------------------------------------------------------------------------


def battery(n: int) -> dict[str, Law]:
    """Every test that makes sense for permutations of n places."""
    tests: dict[str, Law] = {}
    if 2 <= n <= 7:
        tests["orders"] = orders(n)
    if n <= 64:
        tests["positions"] = positions(n)
    if n <= 256:
        tests["inversions"] = inversions(n)
    if 3 <= n <= 33:
        for i, j in sorted({(0, 1), (0, n - 1), (0, n // 2), (n - 2, n - 1)}):
            tests[f"pair {i} {j}"] = pair(n, i, j)
        tests["Mallows MMD"] = mallows(n)
    tests["fixed points"] = fixed_points(n)
    if n >= 3:
        tests["digits"] = digits(n)
    if n >= 8:
        a, b = radices(n)
        tests["serial correlation"] = serial_correlation(n)
        for lag in sorted({1, a, b, n // 2}):
            tests[f"differences {lag}"] = differences(n, lag)
    if n >= 12:
        tests["dispersion"] = dispersion(n)
    if n % 4 == 0 and n <= 1024:
        tests |= {f"slots: {name}": law for name, law in slots(n, n // 4, by_class).items()}
    return tests


def examine(permuter: Permuter, n: int, places: float, first: int = 0) -> dict[str, float]:
    """p-value of every test on as many permutations as have this many places, but 64 (128 if they are small) at least."""
    tests = battery(n)
    total = -(-max(int(places / n), 128 if n < 5000 else 64) // 64) * 64
    piece = max(64, (1 << 18) // n // 64 * 64)
    for start in range(first, first + total, piece):
        sample = permuter(n, start, min(piece, first + total - start))
        for test in tests.values():
            test.add(sample)
    return {name: test.p_value() for name, test in tests.items()}


def orders(n: int) -> Counts:
    """Each of the n! orders is equally likely. Multinomial."""
    weights = n ** np.arange(n)
    codes = np.array([np.dot(order, weights) for order in itertools.permutations(range(n))])
    return Counts(lambda rows: np.bincount(rows @ weights, minlength=n**n)[codes], math.factorial(n) - 1)


def positions(n: int) -> Counts:
    """Each place goes everywhere equally often.

    The n * n counts are sums of random permutation matrices: (n - 1) / n * X**2 ~ chi2((n - 1)**2).
    """
    corner = n * np.arange(n)
    return Counts(
        lambda rows: np.bincount((rows + corner).ravel(), minlength=n * n).astype(float),
        max((n - 1) ** 2, 1),
        (n - 1) / n,
    )


def pair(n: int, i: int, j: int) -> Counts:
    """The images of two places are any of the n (n - 1) ordered pairs. Multinomial."""
    off_diagonal = ~np.eye(n, dtype=bool).ravel()
    return Counts(
        lambda rows: np.bincount(rows[:, i].astype(np.int64) * n + rows[:, j], minlength=n * n)[off_diagonal],
        n * (n - 1) - 1,
    )


def inversions(n: int) -> Means:
    """Parity, number of inversions and its square: means 1/2, n(n-1)/4, and that squared plus n(n-1)(2n+5)/72."""
    expected, variance = n * (n - 1) / 4, n * (n - 1) * (2 * n + 5) / 72

    def measure(rows: Array) -> Array:
        count = np.zeros(len(rows))
        columns = np.ascontiguousarray(rows.T)
        for i in range(n - 1):
            count += (columns[i] > columns[i + 1 :]).sum(0)
        return np.stack([count % 2, count, count**2], axis=1)

    return Means(measure, np.array([0.5, expected, expected**2 + variance]))


def fixed_points(n: int) -> Means:
    """Number of fixed points f, and f (f - 1): both have mean 1."""

    def measure(rows: Array) -> Array:
        fixed = (rows == np.arange(n)).sum(1).astype(float)
        return np.stack([fixed, fixed * (fixed - 1)], axis=1)

    return Means(measure, np.array([1.0, 1.0]))


def mallows(n: int, block: int = 32) -> Means:
    """Maximum mean discrepancy from the uniform distribution with the Mallows kernel exp(-inversions(s / t) / n).

    The kernel's mean over all t is prod_j (1 - q**j) / (j (1 - q)) with q = exp(-1/n), whatever s is. The usual
    estimate has a degenerate null distribution; here every block of 32 permutations gives one estimate, unbiased and
    independent of the others.
    """
    q = math.exp(-1 / n)
    j = np.arange(1, n + 1)
    kernel_mean = np.prod((1 - q**j) / (j * (1 - q)))
    first, second = np.triu_indices(n, 1)

    def measure(rows: Array) -> Array:
        signs = np.where(rows[:, first] < rows[:, second], np.float32(1), np.float32(-1))
        signs = signs.reshape(-1, block, len(first))
        discordant = (len(first) - signs @ signs.transpose(0, 2, 1)) / 2
        kernel = np.exp(-discordant / n, dtype=np.float64)
        return ((kernel.sum((1, 2)) - block) / (block * (block - 1)))[:, None]

    return Means(measure, np.array([kernel_mean]))


def serial_correlation(n: int) -> Means:
    """Correlation of the images of places a lag apart (circular), for lags 1, 2, 3 and the radices: mean -1/(n-1)."""
    lags = sorted({1, 2, 3, *radices(n)})

    def measure(rows: Array) -> Array:
        z = (rows - (n - 1) / 2) / math.sqrt((n * n - 1) / 12)
        return np.stack([np.einsum("ij,ij->i", z, np.roll(z, -lag, axis=1)) / n for lag in lags], axis=1)

    return Means(measure, np.full(len(lags), -1 / (n - 1)))


def differences(n: int, lag: int) -> Means:
    """Histogram of the difference mod n of the images of places a lag apart (circular): uniform on 1 .. n - 1.

    A lag of n / 2 would count every pair of places twice, so it takes half of the places.
    """
    bins = min(n - 1, 24)
    places = np.arange(n // 2 if 2 * lag == n else n)
    bin_of = np.arange(n - 1) * bins // (n - 1)
    share = np.bincount(bin_of, minlength=bins) / (n - 1)
    table = np.concatenate([[0], bin_of]).astype(np.int64)

    def measure(rows: Array) -> Array:
        difference = rows[:, (places + lag) % n].astype(np.int64)
        difference -= rows[:, places]
        difference += n * (difference < 0)
        cells = table[difference] + bins * np.arange(len(rows))[:, None]
        return np.bincount(cells.ravel(), minlength=bins * len(rows)).reshape(-1, bins).astype(float)

    return Means(measure, share * len(places))


def digits(n: int) -> Means:
    """How often pairs of places keep the difference of one digit, of both, or none of it; and rectangles of places.

    Aimed at Feistel networks over the two radices of n, see `generators.kept_difference`: of all pairs with the same
    low (high) digit, how many keep the difference of the other digit, have none left, or agree in the first one
    still. Of the rectangles (x, x + 1, x + b, x + b + 1), how many have alternating digit sums of zero.
    """
    a, b = radices(n)
    places = np.arange(n)
    digit = {"high": (places // b, a), "low": (places % b, b)}
    columns = [(d * b, "high", "low", d, places[: max(n - d * b, 0)]) for d in range(1, a)]
    rows_ = [(d, "low", "high", d, places[: n - d][places[: n - d] % b + d < b]) for d in range(1, b)]
    pairs = [p for p in (columns if a <= 64 else columns[:8]) if len(p[4])]
    pairs += [p for p in (rows_ if b <= 64 else rows_[:8]) if len(p[4])]
    corners = places[: max(n - b - 1, 0)]
    corners = corners[corners % b + 1 < b]

    mean = np.zeros(8)
    for _, moved, kept, d, from_ in pairs:
        at = 3 * (moved == "low")
        mean[at] += len(from_) * chance(*digit[moved], (1, -1), d)
        mean[at + 1] += len(from_) * chance(*digit[moved], (1, -1))
        mean[at + 2] += len(from_) * chance(*digit[kept], (1, -1))
    for at, name in ((6, "high"), (7, "low")):
        mean[at] = len(corners) * chance(*digit[name], (1, -1, -1, 1)) if len(corners) else 0

    def measure(rows: Array) -> Array:
        out = np.zeros((len(rows), 8))
        high, low = np.divmod(rows.astype(np.int32), np.int32(b))
        image = {"high": (high, a), "low": (low, b)}
        for shift, moved, kept, d, from_ in pairs:
            at = 3 * (moved == "low")
            digit, radix = image[moved]
            change = digit[:, from_ + shift] - digit[:, from_]
            out[:, at] += ((change == d) | (change == d - radix)).sum(1)
            out[:, at + 1] += (change == 0).sum(1)
            out[:, at + 2] += (image[kept][0][:, from_ + shift] == image[kept][0][:, from_]).sum(1)
        if len(corners):
            for at, (digit, radix) in ((6, image["high"]), (7, image["low"])):
                alternating = digit[:, corners] - digit[:, corners + 1]
                alternating += digit[:, corners + b + 1] - digit[:, corners + b]
                out[:, at] = (alternating % radix == 0).sum(1)
        return out

    return Means(measure, mean)


def dispersion(n: int) -> Means:
    """Positives per batch when labels are sorted, blocked or periodic: their variance is hypergeometric."""
    width = max(2, min(n // 4, 32))
    batches = n // width
    place = np.arange(n)
    b = radices(n)[1]
    labels = [place < n // 4, place % 2 == 0, place % 4 == 0, place // max(1, n // 16) % 2 == 0, place % b < b // 2]

    def measure(rows: Array) -> Array:
        drawn = rows[:, : batches * width]
        out = []
        for label in labels:
            positives = label[drawn].reshape(-1, batches, width).sum(2)
            out.append(((positives - width * label.mean()) ** 2).mean(1))
        return np.stack(out, axis=1)

    share = np.array([label.mean() for label in labels])
    return Means(measure, width * share * (1 - share) * (n - width) / (n - 1))


def by_class(rows: Array) -> Array:
    """Batches whose first quarter of slots are of one class, shuffled: True where an item of that class ended up."""
    return np.argsort(rows, axis=1) < rows.shape[1] // 4


def slots(size: int, positives: int, labels: Callable[[Array], Array]) -> dict[str, Law]:
    """Tests of batches (of `size`, with so many positives each) that position and partner are independent of class.

    * position: positives at each position. Covariance k (m - k) / (m (m - 1)) * (I - J/m), for k positives of m:
      (m - 1) / (m - k) * X**2 ~ chi2(m - 1).
    * partner: the item at position i of the batch and the one at m - 1 - i are of the same class as often as any two
      items; so are those at i and i + 1.
    """
    k, m = positives, size
    alike = (k * (k - 1) + (m - k) * (m - k - 1)) / (m * (m - 1))

    def partners(sample: Array) -> Array:
        batch = labels(sample)
        reverse = (batch[:, : m // 2] == batch[:, ::-1][:, : m // 2]).sum(1)
        return np.stack([reverse, (batch[:, 1:] == batch[:, :-1]).sum(1)], axis=1).astype(float)

    return {
        "position": Counts(lambda sample: labels(sample).sum(0).astype(float), m - 1, (m - 1) / (m - k)),
        "partner": Means(partners, alike * np.array([m // 2, m - 1])),
    }


# ---- words ---------------------------------------------------------------------------------------------------------


def examine_words(words: Array) -> dict[str, float]:
    """p-values of 64-bit words: their bytes, their bits, and their neighbours."""
    count = len(words) // 2 * 2
    words = words[:count]
    p_values = {}
    for byte in range(8):
        seen = np.bincount((words >> np.uint64(8 * byte) & np.uint64(255)).astype(np.int64), minlength=256)
        p_values[f"byte {byte}"] = float(stats.chisquare(seen).pvalue)
    # Every entry of these sums of signs has mean 0 and a known variance, and any two entries are uncorrelated.
    total, across, within = np.zeros(64), np.zeros((64, 64)), np.zeros((64, 64))
    for start in range(0, count, 1 << 16):
        signs = bits(words[start : start + (1 << 16)]).astype(np.float32) * 2 - 1
        total += signs.sum(0)
        across += signs[::2].T @ signs[1::2]  # words 2i and 2i + 1
        within += signs.T @ signs
    p_values["bits"] = float(stats.chi2.sf((total**2).sum() / count, 64))
    p_values["bits of neighbours"] = float(stats.chi2.sf((across**2).sum() / (count / 2), 64**2))
    p_values["bits of a word"] = float(stats.chi2.sf((within[np.triu_indices(64, 1)] ** 2).sum() / count, 64 * 63 / 2))
    for name, shift in (("top", 60), ("low", 0), ("middle", 32)):
        nibble = (words >> np.uint64(shift) & np.uint64(15)).astype(np.int64)
        seen = np.bincount(16 * nibble[::2] + nibble[1::2], minlength=256)
        p_values[f"{name} bits of neighbours"] = float(stats.chisquare(seen).pvalue)
    unit = words.astype(np.float64) / 2**64 - 0.5
    for lag in (1, 2, 8):
        # Products of independent uniforms on (-1/2, 1/2) are uncorrelated, with variance 1/144.
        z = (unit[lag:] * unit[:-lag]).sum() * 12 / math.sqrt(count - lag)
        p_values[f"serial correlation {lag}"] = float(2 * stats.norm.sf(abs(z)))
    return p_values


def bits(words: Array) -> Array:
    """The 64 bits of each word, as rows of 0 and 1."""
    return (words[:, None] >> np.arange(64, dtype=np.uint64) & np.uint64(1)).astype(np.uint8)


def repetitions(words: Array) -> float:
    """p-value of how many pairs of words agree in their upper, and in their lower, 32 bits: nearly Poisson."""
    count = len(words)
    p_values = {}
    for name, half in (("upper", words >> np.uint64(32)), ("lower", words & np.uint64(0xFFFFFFFF))):
        times = np.unique(half, return_counts=True)[1]
        seen, expected = int((times * (times - 1) // 2).sum()), count * (count - 1) / 2**33
        tails = stats.poisson.cdf(seen, expected), stats.poisson.sf(seen - 1, expected)
        p_values[name] = float(min(1.0, 2 * min(tails)))
    return worst(p_values)


def both_tails(seen: Array, expected: Array) -> float:
    """Pearson's X**2 of a multinomial, two-sided: counts that are too even are no multinomial either."""
    x2, df = ((seen - expected) ** 2 / expected).sum(), len(seen) - 1
    return float(min(1.0, 2 * min(stats.chi2.sf(x2, df), stats.chi2.cdf(x2, df))))


def avalanche(derive: Callable[[Array], Array], words: int, bases: int = 1500) -> float:
    """p-value that flipping one input bit flips every output bit with probability one half, independently.

    `derive` maps rows of 32-bit words to 64-bit words. Of the 32 * words * 64 counts of flips each is
    binomial(bases, 1/2), and any two are uncorrelated: the sum of their squared standard scores is chi-square.
    """
    generator = np.random.default_rng(5)
    inputs = generator.integers(0, 2**32, (bases, words), np.uint64)
    before = derive(inputs)
    total = 0.0
    for word, bit in itertools.product(range(words), range(32)):
        flipped = inputs.copy()
        flipped[:, word] ^= np.uint64(1 << bit)
        flips = bits(before ^ derive(flipped)).sum(0, dtype=np.float64)
        total += ((flips - bases / 2) ** 2).sum() / (bases / 4)
    df = words * 32 * 64
    return float(min(1.0, 2 * min(stats.chi2.sf(total, df), stats.chi2.cdf(total, df))))
