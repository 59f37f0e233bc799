"""Golden vectors of stream format 1: what the library must produce, on every platform and numpy release, for ever.

The literals below were computed by `tests/reference.py`, the second implementation, not by the library; all of them,
the whole epochs of the plans of 2^24 + 1 items included. `python -m tests.regenerate_vectors` writes them anew.

A plain module: it needs numpy and balanceidx only. `check()` raises an AssertionError at the first difference.
"""

import hashlib
from functools import cache

import numpy as np

import balanceidx as bx
from balanceidx import _apportion, _deal, _line, _mixing

SEED = 0x0123456789ABCDEF
LAST_SEED = 2**64 - 1
LAST_EPOCH = 2**32 - 1

# ---- Plans: the arguments of a public function, in words that the reference reads too ------------------------------

LABELS = [i * i % 61 % 5 for i in range(240)]
MANY = [i * i % 211 % 40 for i in range(240)]
WEIGHTS = [(1 + i * 7 % 11) / 8 if MANY[i] % 3 else 0.75 for i in range(240)]
LARGE = 2**24 + 1

PLANS = {
    "natural": ("ratio", {"labels": LABELS, "target": "natural", "batch_size": 12}),
    "balanced": ("ratio", {"labels": MANY, "target": "balanced", "batch_size": 12}),
    "square root": ("ratio", {"labels": LABELS, "target": "square_root", "batch_size": 36, "epoch_size": "oversample"}),
    "power": ("ratio", {"labels": LABELS, "target": ("power", 0.3), "batch_size": 6, "epoch_size": "undersample"}),
    "negative power": ("ratio", {"labels": LABELS, "target": ("power", -1.7), "batch_size": 12, "epoch_size": 1000}),
    "effective number": (
        "ratio",
        {"labels": MANY, "target": ("effective_number", 0.99), "batch_size": 60, "epoch_size": "oversample"},
    ),
    "strings": (
        "ratio",
        {
            "labels": [["cat", "dog", "Zebra", "ant"][label % 4] for label in LABELS],
            "target": {"dog": 3, "cat": 0.1, "Zebra": 0, "ant": 1.9},
            "batch_size": 24,
        },
    ),
    "shares": ("ratio", {"labels": LABELS, "target": [0.0, 1e-9, 0.25, 7.0, 3.0], "batch_size": 6}),
    "min per batch": (
        "ratio",
        {"labels": LABELS, "target": "natural", "batch_size": 12, "min_per_batch": {2: 3, 4: 2}},
    ),
    "max repeats": ("ratio", {"labels": MANY, "target": "balanced", "batch_size": 24, "max_repeats": 1.3}),
    "item weights": (
        "ratio",
        {"labels": MANY, "target": "natural", "batch_size": 12, "item_weights": WEIGHTS, "epoch_size": 600},
    ),
    "item weights, some zero": (
        "ratio",
        {
            "labels": LABELS,
            "target": "balanced",
            "batch_size": 12,
            "item_weights": [i % 7 * [0.01, 0.1, 1.0, 10.0, 100.0][i % 5] for i in range(240)],
            "epoch_size": "undersample",
        },
    ),
    "weighted, dealt as classes": (
        "weighted",
        {"item_weights": [[0.1, 0.2, 0.7, 0.0][label % 4] for label in LABELS], "batch_size": 24},
    ),
    "weighted, lined": (
        "weighted",
        {"item_weights": [2.0 ** (i * i % 97 / 4 // 1) + i for i in range(1500)], "batch_size": 60},
    ),
    "weighted, huge range": (
        "weighted",
        {"item_weights": [2.0 ** (i * 37 % 2000 - 1074) for i in range(300)], "batch_size": 30, "epoch_size": 3000},
    ),
    "weighted, even": ("weighted", {"item_weights": [0.3] * 100, "batch_size": 12}),
    "independent": ("weighted", {"item_weights": WEIGHTS, "batch_size": 12, "iid": True}),
    "large, undersampled": (
        "ratio",
        {
            "labels": ("every", 100, LARGE),
            "target": "balanced",
            "batch_size": 1536,
            "epoch_size": "undersample",
        },
    ),
    "large, with a minimum": (
        "ratio",
        {
            "labels": ("every", 10007, LARGE),
            "target": "natural",
            "batch_size": 12,
            "min_per_batch": {True: 1},
            "epoch_size": 12345,
        },
    ),
}


@cache
def plan(name):
    """The library's plan of that name."""
    function, arguments = PLANS[name]
    if function == "weighted":
        return weighted(**arguments)
    labels = arguments["labels"]
    if isinstance(labels, tuple):
        _, stride, count = labels
        labels = np.arange(count) % stride == 0
    return ratio(**{**arguments, "labels": labels})


def ratio(labels, target="balanced", *, item_weights=None, **options):
    """The library's `ratio`, given a target as the reference wants it."""
    match target:
        case ("power", exponent):
            target = bx.Power(exponent)
        case ("effective_number", beta):
            target = bx.EffectiveNumber(beta)
    weights = None if item_weights is None else np.array(item_weights, np.float64)
    return bx.ratio(labels, target, item_weights=weights, **options)


def weighted(item_weights, **options):
    """The library's `weighted`."""
    return bx.weighted(np.array(item_weights, np.float64), **options)


def sha256(indices):
    """Digest of indices as little-endian 64-bit integers."""
    return hashlib.sha256(np.asarray(indices, "<i8").tobytes()).hexdigest()


# What is asked of every plan, the library's or the reference's. All batch sizes are multiples of 6.
VIEWS = {
    "draws_per_epoch": lambda plan: plan.draws_per_epoch,
    "steps_per_epoch": lambda plan: plan.steps_per_epoch,
    "fingerprint": lambda plan: plan.fingerprint,
    "first batch": lambda plan: plan.batch_indices(SEED, 0)[:24],
    "part of the last batch": lambda plan: plan.batch_indices(
        LAST_SEED, plan.steps_per_epoch - 1, 1, epoch=LAST_EPOCH, world_size=3, blocks=2, order="dealt"
    )[:24],
    "epoch": lambda plan: sha256(plan.epoch_indices(SEED, epoch=5)),
    "part of an epoch": lambda plan: sha256(plan.epoch_indices(0, 1, epoch=2**31, world_size=2, blocks=3)),
}

# ---- Primitives: expressions in the page's names -------------------------------------------------------------------

# The library's functions, by the names of docs/stream-format.md; `tests/regenerate_vectors.py` has the reference's.
NAMES = {
    "hash": lambda x: int(_mixing.hash32(np.array([x], np.uint32))[0]),
    "key": lambda *words: [int(word[0]) for word in _mixing.key(*words)],
    "below": lambda key, n: _mixing.below(_state(key), n),
    "radices": lambda n: [int(radix[0]) for radix in _mixing.Domain.of([n])[:2]],
    "rounds": _mixing.rounds_for,
    "permute": lambda n, key, places: _mixing.permute(np.array(places, np.uint32), _mixing.Domain.of([n]), _state(key)),
    "A": _deal.time_multiplier,
    "u": _deal.slot_multiplier,
    "draws": _apportion.apportion,
    "starts": lambda weights: _line._starts(np.array(weights, np.float64)),
    "power": lambda q, sizes: bx.Power(q).shares(sizes),
    "effective_number": lambda beta, sizes: bx.EffectiveNumber(beta).shares(sizes),
    "ratio": ratio,
    "weighted": weighted,
    "sha256": sha256,
}

EXPRESSIONS = [
    *(f"hash({x})" for x in (0, 1, 2**31, 2**32 - 1)),
    "key(0, 1, 0)",
    "key(2**64 - 1, 4, 39, 1, 2**32 - 1)",
    f"key({SEED}, 6, 2**32 - 1, 255, 2**31, 0)",
    *(f"below(key(3, 2, {n}), {n})" for n in (1, 10, 2**32 - 1)),
    *(f"[{what}(n) for n in (2, 3, 7, 8, 9, 31, 32, 120, 127)]" for what in ("radices", "rounds")),
    *(f"[{what}(n) for n in (128, 255, 256, 1000, 2047, 2048, 65535)]" for what in ("radices", "rounds")),
    *(f"[{what}(n) for n in (2**16, 2**24 + 1, 2**32 - 1, 2**32)]" for what in ("radices", "rounds")),
    *(f"permute({n}, key(7, 4, {n}, 0, 1), range({n}))" for n in (1, 2, 3, 4, 5, 7, 8, 10, 25)),
    *(f"sha256(permute({n}, key(7, 4, {n}, 0, 1), range({n})))" for n in (31, 32, 49, 127, 128, 255, 1000, 2048, 5041)),
    *(f"permute({n}, key(1, 4, 0, 0, 0), [0, 1, {n} // 2, {n} - 1])" for n in ("65536", "(2**24 + 1)", "2**32")),
    "[A(T, 48) for T in (1, 2, 3, 4, 5, 6, 10, 30, 64, 65, 100, 210, 1000, 1009, 30030)]",
    "[A(T, 7) for T in (2**16, 2**24 + 1, 223092870, 2**31, 2**32 - 5, 2**32 - 1)]",
    "draws(100, [1, 1, 2], [0, 40, 0], [None, None, 45])",
    "draws(10, [1, 1, 1, 1], [0, 0, 0, 0], [None] * 4)",
    "draws(7, [1000, 1, 1], [0, 0, 0], [None] * 3)",
    "starts([1.0, 2.0, 3.0])",
    "starts([5e-324, 1e-323])",
    "starts([1e300, 1e-300, 1e284, 1.0])",
    "power(0.5, [1, 2, 1000])",
    "power(-2.5, [1, 7, 1000])",
    "effective_number(0.999, [1, 7, 1000, 10**9])",
]


def _state(words):
    return _mixing.State(*(np.array([word], np.uint32) for word in words))


def plain(value):
    """Value in lists, integers and strings, to compare and to write down."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [plain(x) for x in value]
    return value


def answer(name, names=NAMES, plan=plan):
    """Value of a vector: an expression, or "plan: view"."""
    if ": " in name:
        made_by, _, view = name.partition(": ")
        return plain(VIEWS[view](plan(made_by)))
    return plain(eval(name, dict(names)))


def wanted():
    """Names of all vectors."""
    return [*EXPRESSIONS, *(f"{name}: {view}" for name in PLANS for view in VIEWS)]


def check(vectors=None):
    """Raise an AssertionError unless the library gives the literals below."""
    if vectors is None:
        vectors = VECTORS
        if list(vectors) != wanted():
            raise AssertionError("golden.VECTORS is out of date: python -m tests.regenerate_vectors")
    for name, expected in vectors.items():
        found = answer(name)
        if found != expected:
            raise AssertionError(f"{name} is {found}, but in stream format 1 it is {expected}")


# ---- Written by tests/regenerate_vectors.py ------------------------------------------------------------------------

# fmt: off
VECTORS = {
    "hash(0)": 33350994,
    "hash(1)": 2672842292,
    "hash(2147483648)": 2189224271,
    "hash(4294967295)": 2767685996,
    "key(0, 1, 0)": [2001963621, 1830490231],
    "key(2**64 - 1, 4, 39, 1, 2**32 - 1)": [1584393009, 4128892976],
    "key(81985529216486895, 6, 2**32 - 1, 255, 2**31, 0)": [3083191387, 2795490909],
    "below(key(3, 2, 1), 1)": 0,
    "below(key(3, 2, 10), 10)": 5,
    "below(key(3, 2, 4294967295), 4294967295)": 2842930432,
    "[radices(n) for n in (2, 3, 7, 8, 9, 31, 32, 120, 127)]":
        [[2, 1], [2, 2], [3, 4], [3, 4], [3, 4], [6, 6], [6, 6], [11, 12], [12, 11]],
    "[rounds(n) for n in (2, 3, 7, 8, 9, 31, 32, 120, 127)]": [32, 32, 32, 24, 24, 20, 16, 16, 16],
    "[radices(n) for n in (128, 255, 256, 1000, 2047, 2048, 65535)]":
        [[16, 8], [16, 16], [16, 16], [40, 25], [64, 32], [64, 32], [256, 256]],
    "[rounds(n) for n in (128, 255, 256, 1000, 2047, 2048, 65535)]": [16, 16, 12, 12, 12, 10, 10],
    "[radices(n) for n in (2**16, 2**24 + 1, 2**32 - 1, 2**32)]":
        [[256, 256], [4160, 4033], [65536, 65536], [65536, 65536]],
    "[rounds(n) for n in (2**16, 2**24 + 1, 2**32 - 1, 2**32)]": [8, 8, 8, 8],
    "permute(1, key(7, 4, 1, 0, 1), range(1))": [0],
    "permute(2, key(7, 4, 2, 0, 1), range(2))": [1, 0],
    "permute(3, key(7, 4, 3, 0, 1), range(3))": [0, 2, 1],
    "permute(4, key(7, 4, 4, 0, 1), range(4))": [1, 0, 3, 2],
    "permute(5, key(7, 4, 5, 0, 1), range(5))": [1, 3, 4, 0, 2],
    "permute(7, key(7, 4, 7, 0, 1), range(7))": [4, 3, 6, 2, 1, 5, 0],
    "permute(8, key(7, 4, 8, 0, 1), range(8))": [4, 5, 2, 0, 1, 7, 6, 3],
    "permute(10, key(7, 4, 10, 0, 1), range(10))": [4, 5, 9, 6, 3, 8, 7, 2, 1, 0],
    "permute(25, key(7, 4, 25, 0, 1), range(25))":
        [18, 20, 9, 1, 0, 10, 8, 13, 23, 24, 2, 11, 21, 12, 22, 3, 16, 14, 15, 6, 7, 19, 4, 5, 17],
    "sha256(permute(31, key(7, 4, 31, 0, 1), range(31)))":
        'c81d48dbdb21d8766d4e4a35d8d3908f5fc97ec28e5add0cdf6de30ecd1898f1',
    "sha256(permute(32, key(7, 4, 32, 0, 1), range(32)))":
        'fa30b2ece3f3b254e21548b2a65025a8f4f194922cdf6a2fbc15daa9b4642f46',
    "sha256(permute(49, key(7, 4, 49, 0, 1), range(49)))":
        '6b51e9742248db27005dee4348f466597d6faa6193562172c74070aa15acb2c8',
    "sha256(permute(127, key(7, 4, 127, 0, 1), range(127)))":
        '0e2a8dfc9a9b28cd95c1f5a037616d2bce142b5b50a5995db5e8a3feadbda837',
    "sha256(permute(128, key(7, 4, 128, 0, 1), range(128)))":
        '3143b2a60e37c1405c867d28de46a43f0ba6e049f19ef8f4edba7acc9b2d12a9',
    "sha256(permute(255, key(7, 4, 255, 0, 1), range(255)))":
        'b959ae45b3d993e439da1b523a66483bd67f11540904258dcee2df2ee6ae449c',
    "sha256(permute(1000, key(7, 4, 1000, 0, 1), range(1000)))":
        '7eb612f2b872e0a21e51df3ed3cac49bfbae4dd131ad1cf156e4ce91afa1b2bc',
    "sha256(permute(2048, key(7, 4, 2048, 0, 1), range(2048)))":
        'a930c5a4764d250a988df86e06e401b1f7dfdce844164e68b3f50f7b70237ce2',
    "sha256(permute(5041, key(7, 4, 5041, 0, 1), range(5041)))":
        '4edd4d91d44fcce404123218c7a75bf2b5af23bba980e8231a103cd973018675',
    "permute(65536, key(1, 4, 0, 0, 0), [0, 1, 65536 // 2, 65536 - 1])": [53301, 62149, 28012, 44682],
    "permute((2**24 + 1), key(1, 4, 0, 0, 0), [0, 1, (2**24 + 1) // 2, (2**24 + 1) - 1])":
        [12670874, 13297140, 8769094, 8511824],
    "permute(2**32, key(1, 4, 0, 0, 0), [0, 1, 2**32 // 2, 2**32 - 1])":
        [1215548615, 4164615413, 935479142, 1304807651],
    "[A(T, 48) for T in (1, 2, 3, 4, 5, 6, 10, 30, 64, 65, 100, 210, 1000, 1009, 30030)]":
        [1, 1, 1, 1, 2, 1, 3, 11, 17, 18, 39, 59, 447, 439, 18673],
    "[A(T, 7) for T in (2**16, 2**24 + 1, 223092870, 2**31, 2**32 - 5, 2**32 - 1)]":
        [40705, 10368916, 137878883, 1327218325, 2654435579, 2654435341],
    "draws(100, [1, 1, 2], [0, 40, 0], [None, None, 45])": [20, 40, 40],
    "draws(10, [1, 1, 1, 1], [0, 0, 0, 0], [None] * 4)": [3, 3, 2, 2],
    "draws(7, [1000, 1, 1], [0, 0, 0], [None] * 3)": [5, 1, 1],
    "starts([1.0, 2.0, 3.0])": [0, 3074457345618258602, 9223372036854775807],
    "starts([5e-324, 1e-323])": [0, 6148914691236517205],
    "starts([1e300, 1e-300, 1e284, 1.0])": [0, 18446744073709549761, 18446744073709549767, 18446744073709551610],
    "power(0.5, [1, 2, 1000])": [583337266871351588, 824963474247118971, 18446744073709551616],
    "power(-2.5, [1, 7, 1000])": [18446744073709551616, 142290079643994206, 583337266871],
    "effective_number(0.999, [1, 7, 1000, 10**9])":
        [18446744073709, 18502158129763, 29173826659450, 18446744073709551616],
    "natural: draws_per_epoch": [52, 46, 56, 32, 54],
    "natural: steps_per_epoch": 20,
    "natural: fingerprint": '9d0cb3329343b9389533',
    "natural: first batch": [188, 130, 203, 92, 53, 227, 85, 7, 100, 221, 195, 132],
    "natural: part of the last batch": [180, 35, 154, 153],
    "natural: epoch": 'b73f84d1cc7f67b0e07d6030850ac2781598ed4d7295a58ebb37ddf7515d0751',
    "natural: part of an epoch": 'c3e969258284dadb90e72b49c85eaa3e1e7bd3660f9baa6e657178424e6fb580',
    "balanced: draws_per_epoch":
        [7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6,
         6, 6],
    "balanced: steps_per_epoch": 20,
    "balanced: fingerprint": 'f1e5839507598ae52a3d',
    "balanced: first batch": [27, 92, 110, 159, 170, 99, 129, 23, 158, 85, 198, 38],
    "balanced: part of the last batch": [174, 169, 148, 9],
    "balanced: epoch": '605a6031febe37bcb19745793932d7f2d947c479798ce6488e92b778e5200ef8',
    "balanced: part of an epoch": 'b1d543abd10cc58a05f2e1e7663f2a48fab9ce1e3bb2328a567a1b193860bcfb',
    "square root: draws_per_epoch": [60, 57, 63, 47, 61],
    "square root: steps_per_epoch": 8,
    "square root: fingerprint": '489d756ee9ce5f15ed2c',
    "square root: first batch":
        [53, 13, 188, 119, 238, 28, 186, 15, 204, 227, 218, 156, 157, 179, 182, 99, 212, 215, 127, 63, 22, 193, 205,
         32],
    "square root: part of the last batch": [94, 168, 174, 60, 63, 175, 39, 105, 160, 125, 181, 75],
    "square root: epoch": '22e46a533c939ddfab5bca9dcd95f0026afe7cb1c18e3c6b443151e390374b09',
    "square root: part of an epoch": '1bc8a20916040b7086716f044ef740eecaeb1b440af74468445cc113eaa525f8',
    "power: draws_per_epoch": [37, 36, 38, 32, 37],
    "power: steps_per_epoch": 30,
    "power: fingerprint": '93bd4f61a13f52a59b13',
    "power: first batch": [170, 206, 81, 49, 200, 90],
    "power: part of the last batch": [217, 87],
    "power: epoch": '6de65fba1f71217b4a128b8710bd83448689f67a387d1d21948d28998444869f',
    "power: part of an epoch": '279763ef18b49fb102a7716438a7559bb5ec004b929f13b3e36f2650964d7360',
    "negative power: draws_per_epoch": [157, 194, 139, 359, 147],
    "negative power: steps_per_epoch": 83,
    "negative power: fingerprint": '957a6edb8bcc017fd61c',
    "negative power: first batch": [26, 215, 10, 57, 130, 220, 75, 131, 98, 206, 108, 185],
    "negative power: part of the last batch": [217, 67, 98, 124],
    "negative power: epoch": '479995f95b0c008ce72121428afec65641a4e7aae9a982b627f39c74b4b93111',
    "negative power: part of an epoch": '5e789fb7a88785f0be45276bce20c47ae7db3d6456ccf099c881eeb7f6cf2d44',
    "effective number: draws_per_epoch":
        [13, 13, 12, 13, 13, 13, 13, 12, 12, 13, 12, 13, 12, 13, 13, 12, 13, 12, 12, 13, 13, 12, 13, 13, 13, 13, 12,
         12, 12, 13, 13, 13, 13, 13, 13, 12, 12, 13],
    "effective number: steps_per_epoch": 8,
    "effective number: fingerprint": '08a921f0400e2a562026',
    "effective number: first batch":
        [53, 187, 176, 128, 211, 59, 149, 126, 76, 30, 130, 119, 104, 227, 194, 150, 145, 182, 239, 44, 48, 190, 56,
         54],
    "effective number: part of the last batch":
        [99, 5, 173, 29, 194, 198, 89, 83, 62, 154, 139, 85, 158, 147, 195, 196, 9, 76, 22, 71],
    "effective number: epoch": '437b83d15f1f7d330f0134bdb04148e4dfb0180364f8d02183b35b63832d632b',
    "effective number: part of an epoch": '0ef6ade9b48db4f2db9a8747a50c86770817cacce8e674b543b20a21aa0f5559',
    "strings: draws_per_epoch": [0, 91, 5, 144],
    "strings: steps_per_epoch": 10,
    "strings: fingerprint": '0f1b358aa66d57404440',
    "strings: first batch":
        [4, 212, 27, 99, 6, 191, 149, 88, 1, 123, 184, 128, 169, 160, 60, 80, 136, 238, 152, 67, 53, 92, 164, 210],
    "strings: part of the last batch": [213, 191, 136, 123, 182, 57, 121, 114],
    "strings: epoch": 'aabf39d37f1d3b93ccf311a2aab41a83b9dd8b93c4488da3684572afae607ea7',
    "strings: part of an epoch": '191fd052bb893df42184d73a5a1827d426b667281ea780be5168f075efb6de9d',
    "shares: draws_per_epoch": [0, 1, 6, 163, 70],
    "shares: steps_per_epoch": 40,
    "shares: fingerprint": '0dbf9268abab569d49c3',
    "shares: first batch": [149, 162, 20, 27, 93, 169],
    "shares: part of the last batch": [90, 210],
    "shares: epoch": '24528b6befc08b786709c23ad55157b5e662ab91182704f4fac41cd51f19f3e8',
    "shares: part of an epoch": '3b65cdb70baa2533151901d635ee6136e6d063ada527473029045d43acb57409',
    "min per batch: draws_per_epoch": [51, 45, 60, 31, 53],
    "min per batch: steps_per_epoch": 20,
    "min per batch: fingerprint": '283681a8086e46ca55d4',
    "min per batch: first batch": [219, 197, 132, 184, 130, 72, 33, 82, 205, 92, 22, 7],
    "min per batch: part of the last batch": [224, 159, 53, 221],
    "min per batch: epoch": '5382a61aa48bff442d8193b3f86c680ac2302871ae58c7e24a0b06ac9008a716',
    "min per batch: part of an epoch": 'b6578ddc3d422dab9a6765f900a15ec552820c63aa2121924106c53c7cadbd12',
    "max repeats: draws_per_epoch":
        [7, 9, 5, 9, 9, 8, 7, 5, 2, 8, 2, 7, 5, 8, 8, 5, 8, 2, 5, 8, 8, 5, 6, 7, 8, 8, 2, 3, 5, 8, 8, 6, 8, 8, 8, 5,
         3, 7],
    "max repeats: steps_per_epoch": 10,
    "max repeats: fingerprint": '2adce43d6ad908534db1',
    "max repeats: first batch":
        [194, 143, 64, 22, 115, 235, 84, 169, 4, 180, 2, 206, 138, 223, 76, 81, 171, 198, 156, 139, 52, 202, 65, 80],
    "max repeats: part of the last batch": [219, 94, 129, 122, 35, 71, 237, 184],
    "max repeats: epoch": '311164f9dac788cd823c7a34347ee35a28bddd1e0d7a504bb65f59804bb44208',
    "max repeats: part of an epoch": 'd5323004be77b9553b5e61eb828d3f84877e12b6b6c3f8a6fe50414a815c7812',
    "item weights: draws_per_epoch":
        [15, 33, 10, 30, 23, 18, 15, 10, 5, 28, 5, 15, 10, 20, 18, 10, 30, 5, 10, 28, 18, 10, 13, 15, 25, 22, 5, 7,
         10, 17, 17, 12, 17, 22, 20, 10, 7, 15],
    "item weights: steps_per_epoch": 50,
    "item weights: fingerprint": '2d3b6778adaa2a2a3823',
    "item weights: first batch": [215, 223, 80, 159, 170, 104, 59, 146, 53, 95, 201, 73],
    "item weights: part of the last batch": [20, 46, 214, 196],
    "item weights: epoch": 'aab643545038dadc3ede89c247818084ab050420a8b868607635a4e1c380e936',
    "item weights: part of an epoch": 'b96ed230d0ec653058d8c3aeb6a988adfde687d9c993a6c129459515c6090ed6',
    "item weights, some zero: draws_per_epoch": [3, 3, 2, 2, 2],
    "item weights, some zero: steps_per_epoch": 1,
    "item weights, some zero: fingerprint": '470cc511b99927851dcb',
    "item weights, some zero: first batch": [194, 69, 179, 19, 29, 139, 89, 54, 239, 214, 228, 104],
    "item weights, some zero: part of the last batch": [24, 179, 104, 239],
    "item weights, some zero: epoch": '51b8eec5df8bc6f22b068087cc837bafeb64603ba6311ed8a19a34c84c95f48d',
    "item weights, some zero: part of an epoch": '8d445ef75ab1ff946625f760307501ce3afb10a3fcdfe12d2b86205c8d025aa2',
    "weighted, dealt as classes: draws_per_epoch": [43, 37, 160],
    "weighted, dealt as classes: steps_per_epoch": 10,
    "weighted, dealt as classes: fingerprint": '5d426f1e3b6530f9fadf',
    "weighted, dealt as classes: first batch":
        [62, 228, 239, 100, 167, 185, 146, 76, 85, 74, 31, 155, 159, 91, 153, 98, 180, 220, 46, 48, 143, 150, 12,
         168],
    "weighted, dealt as classes: part of the last batch": [138, 107, 180, 12, 144, 228, 16, 30],
    "weighted, dealt as classes: epoch": '3a1ba120cda5465149488bc32d731aac8210f4785b44451941e9b269b3a6101c',
    "weighted, dealt as classes: part of an epoch":
        '9cf142f17805c4713875b810abe018fce1dabc90f502a88a138de8d553002da3',
    "weighted, lined: draws_per_epoch": [1500],
    "weighted, lined: steps_per_epoch": 25,
    "weighted, lined: fingerprint": 'e946326dc7001ade7add',
    "weighted, lined: first batch":
        [315, 523, 1181, 1433, 560, 895, 52, 759, 451, 1190, 1239, 613, 1283, 1305, 80, 895, 953, 362, 1091, 538,
         992, 829, 1396, 1050],
    "weighted, lined: part of the last batch":
        [1093, 810, 1380, 946, 560, 842, 1429, 1499, 657, 17, 948, 696, 798, 26, 364, 705, 170, 752, 150, 523],
    "weighted, lined: epoch": '6e33f1b81910419b6c4ffff74de529914a1482c4ebd7afb8fdd1e89b6feb8b56',
    "weighted, lined: part of an epoch": '37e4c4b6423d2fe8630d1b138e18f67178b952f4dffa7c0667fcec857e4426ab',
    "weighted, huge range: draws_per_epoch": [3000],
    "weighted, huge range: steps_per_epoch": 100,
    "weighted, huge range: fingerprint": 'aa2af177c48f21b75326',
    "weighted, huge range: first batch":
        [54, 108, 54, 108, 54, 54, 54, 54, 54, 108, 54, 54, 54, 54, 54, 54, 54, 54, 270, 216, 108, 108, 54, 54],
    "weighted, huge range: part of the last batch": [54, 54, 54, 54, 54, 54, 54, 54, 54, 54],
    "weighted, huge range: epoch": 'e2b91446c7945d7cbc2624d00c7ad96868618519146373888a04eef3bee23663',
    "weighted, huge range: part of an epoch": '0992f03a14d2c3569e779cc5b5a7b7f97a2f81d175c01b18f5d464e17f32dcfc',
    "weighted, even: draws_per_epoch": [96],
    "weighted, even: steps_per_epoch": 8,
    "weighted, even: fingerprint": '02c9dc9226b9216d06e5',
    "weighted, even: first batch": [48, 8, 16, 29, 43, 10, 87, 96, 77, 83, 76, 12],
    "weighted, even: part of the last batch": [33, 43, 90, 58],
    "weighted, even: epoch": '15bd2207aadf9b87c2635dc523ec57323516cbf41ba8b6a4232d0eaa4567820a',
    "weighted, even: part of an epoch": 'c95005f6f70f0f5e91966b5c78e72b0aac1c4cf0ca43b9a612bdfb3d9c827b19',
    "independent: draws_per_epoch": [240],
    "independent: steps_per_epoch": 20,
    "independent: fingerprint": '5240845f287ff75c55b8',
    "independent: first batch": [37, 197, 89, 221, 193, 205, 126, 152, 116, 122, 183, 81],
    "independent: part of the last batch": [83, 164, 113, 127],
    "independent: epoch": '47771aeba9935cabcb59dee33517e2d9f59ab945131493de747e72c41f5ecd3b',
    "independent: part of an epoch": 'b0eebbb96fa913e0eef06b58da55738b91ced5c074b6a72480576e37b10e9517',
    "large, undersampled: draws_per_epoch": [167424, 167424],
    "large, undersampled: steps_per_epoch": 218,
    "large, undersampled: fingerprint": 'bec3ab4d8e3e8a047514',
    "large, undersampled: first batch":
        [580300, 15162400, 13024200, 13737100, 6051000, 2728800, 14845260, 10245000, 1254000, 3224500, 3867467,
         2356579, 6549403, 9211100, 11355400, 6105900, 6030600, 16760573, 12274500, 14976800, 15763000, 12670100,
         10957900, 6825482],
    "large, undersampled: part of the last batch":
        [9088992, 2263700, 499124, 12452400, 3038118, 2432100, 15361683, 2583381, 16417900, 7813047, 16675600,
         9806454, 9370400, 1765584, 4684400, 15642957, 3159900, 5342821, 4941800, 777500, 9390594, 821500, 3364472,
         746400],
    "large, undersampled: epoch": '818e3d81d984a64651361bf83ddfd7ebbf5be3c5d60caf78e37ea2e8418af598',
    "large, undersampled: part of an epoch": '194ee82ba252374033331e03b4d3945b3e8631bccd7bb133b68409476d6efb11',
    "large, with a minimum: draws_per_epoch": [11308, 1028],
    "large, with a minimum: steps_per_epoch": 1028,
    "large, with a minimum: fingerprint": '9595c836dba7f5925080',
    "large, with a minimum: first batch":
        [832696, 1156592, 3237676, 6518471, 2521764, 11601796, 11642605, 2175004, 4516455, 4612684, 2654444, 715019],
    "large, with a minimum: part of the last batch": [11866435, 4131436, 6883161, 1605435],
    "large, with a minimum: epoch": 'b6338605cc05837359d87964ce275dabc1f735051eb38c73b4754e4ef1581f17',
    "large, with a minimum: part of an epoch": '395f76f3a7cd0409df45731e566338a20da9a20a587ddcdc15b3073385097876',
}
# fmt: on
