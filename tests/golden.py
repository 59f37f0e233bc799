"""Golden vectors of stream format 1: what the library must produce, on every platform and numpy release, for ever.

The literals below were computed by `tests/reference.py`, the second implementation, not by the library; all of them,
the whole epochs of the plans of 2^24 + 1 items included. `python -m tests.regenerate_vectors` writes them anew.

A plain module: it needs numpy and balanceidx only. `check()` raises an AssertionError at the first difference.
"""

import hashlib
from functools import cache

import numpy as np

import balanceidx as bx
from balanceidx._format import chapters, deal, halving, keys, ledger, permutation, weight_line
from balanceidx._make.apportion import apportion

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
    "more classes than draws": ("ratio", {"labels": MANY, "target": "natural", "batch_size": 6, "epoch_size": 12}),
    "tree": (
        "ratio",
        {
            "columns": [[label % 3 for label in MANY], MANY],
            "target": ("square_root", "natural"),
            "batch_size": 12,
            "min_per_batch": {2: 3, (0, 9): 1},
        },
    ),
    "tree of three levels": (
        "ratio",
        {
            "columns": [["ab"[label % 2] for label in MANY], [label % 7 for label in MANY], LABELS],
            "target": "balanced",
            "batch_size": 6,
            "epoch_size": "undersample",
            "max_repeats": 4,
        },
    ),
    "groups": (
        "ratio",
        {"labels": LABELS, "target": "balanced", "batch_size": 12, "groups": [i * 7 % 29 // 3 for i in range(240)]},
    ),
    "groups below a tree, a weight line beside them": (
        "ratio",
        {
            "columns": [["ab"[label % 2] for label in MANY], LABELS],
            "target": "natural",
            "batch_size": 12,
            "groups": [f"group {i % 11}" for i in range(240)],
            "item_weights": [1.5 if LABELS[i] else [0.5, 3.0][i % 2] for i in range(240)],
        },
    ),
    "lengths": (
        "ratio",
        {
            "lengths": {"a": 40, "b": 10**10, "c": 10**6},
            "target": {"a": 1, "b": 5, "c": 3},
            "batch_size": 12,
            "epoch_size": 240,
        },
    ),
    "later": ("ratio", {"labels": LABELS, "target": "balanced", "batch_size": 12}),
    "later, without some items": (
        "ratio",
        {"labels": [*LABELS[:200], *[9] * 40], "target": "natural", "batch_size": 12},
    ),
    "later, with more items": (
        "ratio",
        {"labels": [*LABELS[:200], *[9] * 45, *[3, 4] * 20], "target": "natural", "batch_size": 12, "epoch_size": 240},
    ),
    "stages": (
        "stages",
        {0: "natural", 2: "later", 5: "later, without some items", 6: "later, with more items", 2**31: "later"},
    ),
}


@cache
def plan(name):
    """The library's plan of that name."""
    return made(*PLANS[name], plan)


def made(function, arguments, plan=None):
    """The library's plan of a call in the words above; `plan` makes the stages of one by their names."""
    if function == "stages":
        return bx.stages({first: plan(name) for first, name in arguments.items()})
    if function == "weighted":
        return weighted(**arguments)
    arguments = dict(arguments)
    if "columns" in arguments:
        labels = bx.Tree(*arguments.pop("columns"))
    elif "lengths" in arguments:
        labels = bx.ClassIndex.of_lengths(arguments.pop("lengths"))
    else:
        labels = arguments.pop("labels")
    if isinstance(labels, tuple):
        _, stride, count = labels
        labels = np.arange(count) % stride == 0
    return ratio(labels, **arguments)


def ratio(labels, target="balanced", *, item_weights=None, **options):
    """The library's `ratio`, given a target as the reference wants it."""
    if isinstance(target, tuple) and not isinstance(target[1], float):
        target = tuple(formula(level) for level in target)
    weights = None if item_weights is None else np.array(item_weights, np.float64)
    return bx.ratio(labels, formula(target), item_weights=weights, **options)


def formula(target):
    """A target as the library wants it."""
    match target:
        case ("power", float(exponent)):
            return bx.Power(exponent)
        case ("effective_number", float(beta)):
            return bx.EffectiveNumber(beta)
    return target


def weighted(item_weights, **options):
    """The library's `weighted`."""
    return bx.weighted(np.array(item_weights, np.float64), **options)


def sha256(indices):
    """Digest of indices as little-endian 64-bit integers."""
    return hashlib.sha256(np.asarray(indices, "<i8").tobytes()).hexdigest()


# What is asked of every plan, the library's or the reference's. All batch sizes are multiples of 6.
VIEWS = {
    "draws_per_epoch": lambda plan: plan.draws_per_epoch,
    "draws": lambda plan: sha256([n for epoch in (0, 1, LAST_EPOCH) for n in plain(plan.draws(epoch))]),
    "steps_per_epoch": lambda plan: plan.steps_per_epoch,
    "fingerprint": lambda plan: plan.fingerprint,
    "first batch": lambda plan: plan.batch_indices(SEED, 0)[:24],
    "part of the last batch": lambda plan: plan.batch_indices(
        LAST_SEED, plan.steps_per_epoch - 1, 1, epoch=LAST_EPOCH, world_size=3, blocks=2, order="dealt"
    )[:24],
    "a batch by class": lambda plan: plan.batch_indices(
        LAST_SEED, plan.steps_per_epoch // 2, 1, epoch=7, world_size=2, order="by_class"
    )[:24],
    "epoch": lambda plan: sha256(plan.epoch_indices(SEED, epoch=5)),
    "part of an epoch": lambda plan: sha256(plan.epoch_indices(0, 1, epoch=2**31, world_size=2, blocks=3)),
}

# ---- Primitives: expressions in the page's names -------------------------------------------------------------------

# The library's functions, by the names of docs/stream-format.md; `tests/regenerate_vectors.py` has the reference's.
NAMES = {
    "hash": lambda x: int(keys.hash32(np.array([x], np.uint32))[0]),
    "key": lambda *words: [int(word[0]) for word in keys.key(*words)],
    "below": lambda key, n: int(keys.below(_state(key), n)[0]),
    "radices": lambda n: [int(radix[0]) for radix in permutation.Domain.of([n])[:2]],
    "rounds": permutation.rounds_for,
    "permute": lambda n, key, places: permutation.permute(
        np.array(places, np.uint32), permutation.Domain.of([n]), _state(key)
    ),
    "A": deal.time_multiplier,
    "u": deal.slot_multiplier,
    "draws": apportion,
    "starts": lambda weights: weight_line._starts(np.array(weights, np.float64)),
    "label_key": lambda label: int(keys.label_keys(np.array([label], object if isinstance(label, str) else None))[0]),
    "chain": lambda kind, path: int(keys.chain(kind, path)[0]),
    "cycle_length": ledger.cycle_of,
    "halve": lambda seats, first, length, x: np.diff(
        halving._first_part(np.cumsum([[0, *seats]], axis=1), *(np.array([[n]]) for n in (length, first, x)))[0]
    ),
    "chapters": lambda T, U: chapters.Chapters(T, U.bit_length() - 1).start(np.arange(U + 1)),
    "power": lambda q, sizes: bx.Power(q).shares(sizes),
    "effective_number": lambda beta, sizes: bx.EffectiveNumber(beta).shares(sizes),
    "ratio": ratio,
    "weighted": weighted,
    "stages": lambda plans: bx.stages(plans),
    "Tree": lambda *columns: bx.Tree(*columns),
    "ClassIndex": getattr(bx, "ClassIndex", None),
    "state": lambda plan, seed, epoch, step: bx.Position(seed, epoch, step).state_dict(plan),
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
    "draws(7, [1000, 1, 1], [1, 1, 1], [None] * 3)",
    "starts([1.0, 2.0, 3.0])",
    "starts([5e-324, 1e-323])",
    "starts([1e300, 1e-300, 1e284, 1.0])",
    "power(0.5, [1, 2, 1000])",
    "power(-2.5, [1, 7, 1000])",
    "effective_number(0.999, [1, 7, 1000, 10**9])",
]


def _state(words):
    return keys.State(*(np.array([word], np.uint32) for word in words))


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
    "draws(7, [1000, 1, 1], [1, 1, 1], [None] * 3)": [5, 1, 1],
    "starts([1.0, 2.0, 3.0])": [0, 3074457345618258602, 9223372036854775807],
    "starts([5e-324, 1e-323])": [0, 6148914691236517205],
    "starts([1e300, 1e-300, 1e284, 1.0])": [0, 18446744073709549761, 18446744073709549767, 18446744073709551610],
    "power(0.5, [1, 2, 1000])":
        [2505414483742253708671451136, 3543191142057373585482186752, 79228162514264337593543950336],
    "power(-2.5, [1, 7, 1000])":
        [79228162514264337593543950336, 611131238598729789207478272, 2505414484062501863424],
    "effective_number(0.999, [1, 7, 1000, 10**9])":
        [79228162525338689077248, 79466164078924477235200, 125300631396588646825984, 79228162514264337593543950336],
    "natural: draws_per_epoch": [52.0, 46.0, 56.0, 32.0, 54.0],
    "natural: draws": '15b4cf405d19590e1b55d7ba4b53059b6cc770b43fce996fffb732d82f015c4e',
    "natural: steps_per_epoch": 20,
    "natural: fingerprint": '1bc2b24497f2058572df',
    "natural: first batch": [11, 224, 28, 76, 217, 158, 51, 214, 183, 159, 120, 65],
    "natural: part of the last batch": [22, 224, 206, 200],
    "natural: a batch by class": [52, 97, 116, 45, 95, 125],
    "natural: epoch": '5ff2650aa4c11a2a629cdab1686bc879526c6b31ab4af1b1a6b1cfabfc83350c',
    "natural: part of an epoch": 'e8adba715d03b84aff336a6ea8072e30b95e303c03ef5a357f39b84a87e69bae',
    "balanced: draws_per_epoch":
        [6.31640625, 6.31640625, 6.31640625, 6.31640625, 6.31640625, 6.31640625, 6.31640625, 6.31640625, 6.31640625,
         6.31640625, 6.31640625, 6.31640625, 6.31640625, 6.31640625, 6.3154296875, 6.3154296875, 6.3154296875,
         6.3154296875, 6.3154296875, 6.3154296875, 6.3154296875, 6.3154296875, 6.3154296875, 6.3154296875,
         6.3154296875, 6.3154296875, 6.3154296875, 6.3154296875, 6.3154296875, 6.3154296875, 6.3154296875,
         6.3154296875, 6.3154296875, 6.3154296875, 6.3154296875, 6.3154296875, 6.3154296875, 6.3154296875],
    "balanced: draws": '6ca503acd31481521a9352ba5d6952a1c5df96d465ed7cdecb95a8fcf60cba52',
    "balanced: steps_per_epoch": 20,
    "balanced: fingerprint": '71f1e22b86288a7b6fd3',
    "balanced: first batch": [120, 30, 74, 3, 109, 14, 211, 65, 56, 18, 213, 35],
    "balanced: part of the last batch": [167, 1, 112, 128],
    "balanced: a batch by class": [236, 105, 155, 156, 178, 142],
    "balanced: epoch": '0b0f3d57639a37559657cf82adb1693849ee0611a14356a18d2255873d3d128d',
    "balanced: part of an epoch": '9e00fb426cb9e017ff2a2fa071594541c57d002f55b626ec466968212f0871f1',
    "square root: draws_per_epoch": [60.228515625, 56.6474609375, 62.501953125, 47.2470703125, 61.375],
    "square root: draws": '14b4d8ae069545fc71f60bd1565d246aca04e95bc1987081e133f0718d97cd8c',
    "square root: steps_per_epoch": 8,
    "square root: fingerprint": '09d6ef1bd938b3ee4877',
    "square root: first batch":
        [210, 79, 194, 76, 39, 59, 214, 176, 141, 17, 233, 217, 11, 167, 231, 12, 34, 151, 105, 153, 142, 57, 183,
         27],
    "square root: part of the last batch": [208, 139, 184, 146, 47, 7, 73, 53, 20, 148, 179, 196],
    "square root: a batch by class":
        [61, 25, 209, 219, 38, 126, 184, 205, 77, 12, 159, 47, 149, 34, 112, 180, 101, 79],
    "square root: epoch": '4713307277dd1b5b4cd2e65d427c4fd53102f9c4b079e5c38c3e29041d80de9e',
    "square root: part of an epoch": '1732fdeda9648281a3221d931c858c7d44bec6776e57716cc25a3c99b9b81f44',
    "power: draws_per_epoch": [35.7861328125, 34.494140625, 36.5908203125, 30.935546875, 36.193359375],
    "power: draws": '299a304be47141cef9219de42fdbb3eac56dc7b5cf850dea2bf046b7da6c8173',
    "power: steps_per_epoch": 29,
    "power: fingerprint": '8c6c5224fb14133eb7b1',
    "power: first batch": [105, 159, 57, 223, 189, 88],
    "power: part of the last batch": [2, 48],
    "power: a batch by class": [187, 159, 185],
    "power: epoch": '8f62fd3e8d74335bcd326071e3ac907c2244627b06eb9142a4bb11325ef01403',
    "power: part of an epoch": 'fd80daa04f67fe83064f7dede99eb63c5c92563976d083ef771f74a124923cc4',
    "negative power: draws_per_epoch": [157.248046875, 193.6884765625, 138.634765625, 358.9521484375, 147.4765625],
    "negative power: draws": 'a376bbc5b90e1a2ad142160fbb6f179a6f256c2f09c32a17cc292a086aab835c',
    "negative power: steps_per_epoch": 83,
    "negative power: fingerprint": '70bf7a8df254a42ac6d7',
    "negative power: first batch": [111, 27, 225, 155, 34, 58, 136, 227, 40, 150, 217, 99],
    "negative power: part of the last batch": [41, 136, 78, 187],
    "negative power: a batch by class": [209, 202, 138, 29, 136, 68],
    "negative power: epoch": '6ce4b58ca01d787d914ff0a54b16777c1dff4b24948b221185e07c3acc50d8d8',
    "negative power: part of an epoch": 'c1a3f9fa6f43703206f0edbbeaae9634b3968a7d1cc7ae3de52224e3cf1ddb0d',
    "effective number: draws_per_epoch":
        [12.611328125, 13.0546875, 12.486328125, 12.9912109375, 12.7998046875, 12.673828125, 12.611328125,
         12.486328125, 12.361328125, 12.9267578125, 12.361328125, 12.611328125, 12.486328125, 12.736328125,
         12.673828125, 12.4853515625, 12.9912109375, 12.361328125, 12.4853515625, 12.9267578125, 12.673828125,
         12.4853515625, 12.5478515625, 12.611328125, 12.86328125, 12.7998046875, 12.361328125, 12.423828125,
         12.4853515625, 12.673828125, 12.673828125, 12.5478515625, 12.673828125, 12.7998046875, 12.736328125,
         12.4853515625, 12.423828125, 12.611328125],
    "effective number: draws": '0ba69d63391d3ed11f2596645cb58d7d482774c673d28bdfe731f8451187270f',
    "effective number: steps_per_epoch": 8,
    "effective number: fingerprint": 'ddf4b071dd4ba7402c7b',
    "effective number: first batch":
        [155, 123, 188, 153, 223, 172, 83, 63, 231, 150, 30, 111, 205, 17, 109, 34, 120, 144, 146, 173, 130, 161,
         64, 163],
    "effective number: part of the last batch":
        [188, 175, 120, 64, 197, 71, 16, 38, 15, 102, 53, 128, 126, 194, 223, 198, 77, 149, 179, 202],
    "effective number: a batch by class":
        [49, 74, 121, 185, 97, 45, 70, 29, 214, 35, 148, 91, 226, 78, 128, 173, 75, 10, 134, 22, 96, 223, 234, 71],
    "effective number: epoch": '041e2c791b9536a50f659d91854b15e57acf33e5de28ced8881457457f4f73f1',
    "effective number: part of an epoch": '161fe6c9b18ae314d4eac9d79ff17aa7393319617401818969651c999f7363e4',
    "strings: draws_per_epoch": [0.0, 91.2001953125, 4.7998046875, 144.0],
    "strings: draws": '4ef78e692467adb15fcb31b33641cceb9c37c92638491858f330e3fee3958bcd',
    "strings: steps_per_epoch": 10,
    "strings: fingerprint": '47a88212b6e471dfb522',
    "strings: first batch":
        [191, 238, 225, 69, 136, 119, 103, 206, 6, 121, 217, 93, 213, 27, 108, 90, 62, 75, 42, 60, 189, 30, 67, 202],
    "strings: part of the last batch": [34, 175, 123, 23, 152, 4, 217, 238],
    "strings: a batch by class": [130, 236, 191, 75, 136, 189, 65, 116, 121, 23, 91, 164],
    "strings: epoch": '3dd2e8774ffa6dcd61a115b65c64e67576b2ea6b81bceb6e6576fd3bd3c76575',
    "strings: part of an epoch": 'b67ea628a21d1964350c4d6588ce20c29758f7cbdcaad33b1b03715bd746cc92',
    "shares: draws_per_epoch": [0.0, 0.0009765625, 5.853515625, 163.9013671875, 70.244140625],
    "shares: draws": '70c37a3a64f1c98ada8a95a2f2fe483e5be47d5b47e7129e0aab89b3517e9cc7',
    "shares: steps_per_epoch": 40,
    "shares: fingerprint": '2f5695a8c7828d799be7',
    "shares: first batch": [217, 58, 40, 27, 136, 34],
    "shares: part of the last batch": [237, 14],
    "shares: a batch by class": [130, 8, 21],
    "shares: epoch": 'aedeb50350ae54539cd5325af3c209e022fe401ea92c4cc4cb9f92d60693a5e6',
    "shares: part of an epoch": '02e56b415dc1f5bdb5a2d3664b336542d568437ccdfffaf22f4b625c76790c47',
    "min per batch: draws_per_epoch": [50.869140625, 45.0, 60.0, 31.3046875, 52.826171875],
    "min per batch: draws": '01b3d51d2b74d28c7fa7f8390fb9dd92277e9dbc7265098c15b76907d8f63980',
    "min per batch: steps_per_epoch": 20,
    "min per batch: fingerprint": '8db3dc630c41b094daed',
    "min per batch: first batch": [57, 223, 15, 134, 95, 218, 185, 141, 36, 22, 162, 182],
    "min per batch: part of the last batch": [215, 67, 81, 94],
    "min per batch: a batch by class": [117, 38, 30, 137, 18, 193],
    "min per batch: epoch": '1d90b870e577ae01edbe49ffb85f8793026247cc0526c7866c8a375bfd1baafe',
    "min per batch: part of an epoch": 'ca78987f8ab08e918b70fdea26739a23a305bc6709450c3e6e529e01a048166e',
    "max repeats: draws_per_epoch":
        [7.0, 8.1767578125, 5.0, 8.1767578125, 8.1767578125, 8.1767578125, 7.0, 5.0, 2.0, 8.1767578125, 2.0, 7.0,
         5.0, 8.1767578125, 8.1767578125, 5.0, 8.1767578125, 2.0, 5.0, 8.1767578125, 8.1767578125, 5.0, 6.0, 7.0,
         8.1767578125, 8.1767578125, 2.0, 3.0, 5.0, 8.17578125, 8.17578125, 6.0, 8.17578125, 8.17578125, 8.17578125,
         5.0, 3.0, 7.0],
    "max repeats: draws": '514a5f7972015b202d96273438d35906a4cb80b3079101541d68d8d1a3a016ee',
    "max repeats: steps_per_epoch": 10,
    "max repeats: fingerprint": 'b0c36dbe11d2235c82d1',
    "max repeats: first batch":
        [30, 121, 130, 56, 211, 3, 163, 96, 161, 150, 185, 188, 77, 36, 109, 213, 18, 149, 65, 14, 123, 223, 17, 58],
    "max repeats: part of the last batch": [57, 173, 96, 48, 143, 182, 152, 98],
    "max repeats: a batch by class": [90, 185, 120, 67, 164, 130, 77, 71, 113, 36, 110, 217],
    "max repeats: epoch": '9c9d00a3eb5ebf337e87f908d51b9009059453840660b05db3658527d569e71a',
    "max repeats: part of an epoch": 'b24774be9a73aaac820165092d23b52feb031bfced38e68ec1422e6bedbe1476',
    "item weights: draws_per_epoch":
        [15.0, 32.5, 10.0, 30.0, 22.5, 17.5, 15.0, 10.0, 5.0, 27.5, 5.0, 15.0, 10.0, 20.0, 17.5, 10.0, 30.0, 5.0,
         10.0, 27.5, 17.5, 10.0, 12.5, 15.0, 25.0, 22.5, 5.0, 7.5, 10.0, 17.5, 17.5, 12.5, 17.5, 22.5, 20.0, 10.0,
         7.5, 15.0],
    "item weights: draws": '5d0a44e7e962b5fe8e9f392bd54816e56bcedf57acc4752a0005a604293bad57',
    "item weights: steps_per_epoch": 50,
    "item weights: fingerprint": 'bd4e288fcf18a766c8df',
    "item weights: first batch": [47, 207, 202, 3, 152, 61, 64, 127, 223, 18, 213, 31],
    "item weights: part of the last batch": [166, 4, 77, 43],
    "item weights: a batch by class": [212, 97, 144, 201, 6, 76],
    "item weights: epoch": 'c4ba4d6088a052ee4b6a5d47c9b77c3aa601ed0640e94ad609d9970eb0e7572f',
    "item weights: part of an epoch": 'b3169cdcb4b00e7f3e7f3fd04932fa62b0e1f8ba3970f674497edf9e74efdd64',
    "item weights, some zero: draws_per_epoch": [2.400390625, 2.400390625, 2.400390625, 2.3994140625, 2.3994140625],
    "item weights, some zero: draws": '08114fb35b47a7a6e5cbd47b807a4a2f2365efc207ba8372fe72271e5fd7ae84',
    "item weights, some zero: steps_per_epoch": 1,
    "item weights, some zero: fingerprint": '2265531ccdcac713ed9c',
    "item weights, some zero: first batch": [139, 34, 74, 134, 114, 139, 54, 164, 59, 159, 129, 4],
    "item weights, some zero: part of the last batch": [34, 219, 199, 54],
    "item weights, some zero: a batch by class": [209, 164, 229, 8, 69, 124],
    "item weights, some zero: epoch": '1df50347164a05352cf9ae61d13146427caad76b8d61f7ba0b93843db525dfb9',
    "item weights, some zero: part of an epoch": 'cd5b21f77f20d9a49844d80e6d1c1f6840e9312a9d6bea21adc5c6c803443df7',
    "weighted, dealt as classes: draws_per_epoch": [43.1181640625, 37.423828125, 159.4580078125],
    "weighted, dealt as classes: draws": '5456f1899ad5bc834b6b9ee6cd2405d46065b2d4db1eab3f3dd842c8efdba386',
    "weighted, dealt as classes: steps_per_epoch": 10,
    "weighted, dealt as classes: fingerprint": 'ddabc52c94da0bb919d3',
    "weighted, dealt as classes: first batch":
        [162, 199, 155, 76, 84, 46, 15, 134, 167, 12, 132, 80, 22, 192, 86, 99, 150, 225, 146, 39, 137, 216, 231,
         45],
    "weighted, dealt as classes: part of the last batch": [60, 22, 231, 83, 229, 143, 141, 146],
    "weighted, dealt as classes: a batch by class": [3, 50, 80, 123, 109, 159, 12, 137, 150, 199, 16, 24],
    "weighted, dealt as classes: epoch": '45aef992535547fc23e7a25c795630ca5c391664b1b544f794b0e8ed7f9fffce',
    "weighted, dealt as classes: part of an epoch":
        '7faeba3831d41506cfdc270f896604fb67a514e62c6e73c0d1a8d2c38c18507e',
    "weighted, lined: draws_per_epoch": [1500.0],
    "weighted, lined: draws": '11498fe2b08a39926ddf7267bd326154c3c928f6999c97eedc9c8129353e5f9f',
    "weighted, lined: steps_per_epoch": 25,
    "weighted, lined: fingerprint": 'f262515c47551b2ba658',
    "weighted, lined: first batch":
        [1045, 556, 44, 1424, 556, 626, 73, 653, 657, 119, 899, 463, 228, 274, 987, 604, 926, 1270, 432, 66, 509,
         992, 789, 798],
    "weighted, lined: part of the last batch":
        [1208, 1186, 343, 63, 701, 1008, 723, 754, 1433, 1278, 141, 1111, 244, 410, 1499, 52, 1384, 994, 856, 317],
    "weighted, lined: a batch by class":
        [325, 1433, 1380, 1147, 895, 548, 556, 366, 992, 260, 308, 620, 34, 31, 1424, 754, 1438, 932, 713, 17, 1058,
         1292, 441, 1032],
    "weighted, lined: epoch": '346dbe518a81733756bb952a98b00963ee0e96f589d0ead13fef3436ad2eb6b9',
    "weighted, lined: part of an epoch": '5ebe975ce4342bae766b3d95a19dfd0214fd73898431f01296bbe1325004e6a1',
    "weighted, huge range: draws_per_epoch": [3000.0],
    "weighted, huge range: draws": '72925f37009b4b58d00f2810d17b250f811e74a2744ad2bc876f338a4a25ae77',
    "weighted, huge range: steps_per_epoch": 100,
    "weighted, huge range: fingerprint": '669afdaae31b46bc20f5',
    "weighted, huge range: first batch":
        [54, 54, 54, 54, 54, 108, 54, 54, 108, 54, 54, 54, 54, 54, 54, 54, 54, 54, 54, 54, 54, 54, 54, 54],
    "weighted, huge range: part of the last batch": [54, 108, 108, 54, 54, 162, 108, 54, 108, 108],
    "weighted, huge range: a batch by class": [54, 54, 108, 54, 54, 54, 54, 162, 54, 108, 54, 54, 54, 54, 108],
    "weighted, huge range: epoch": '64f8dfd0d66ab8b0fae4059b52dd2b98cf3ec3ae4143fcde0a3f8ebdd13ccf53',
    "weighted, huge range: part of an epoch": '27b53fe7af81681aba3dfab7e81944e1f0c7234e4731dbe013c5ec359fa3de39',
    "weighted, even: draws_per_epoch": [96.0],
    "weighted, even: draws": '8907bf8daaf419ea0247d7723ce74396698c5aa2d1255cf39546262bbdccba65',
    "weighted, even: steps_per_epoch": 8,
    "weighted, even: fingerprint": 'b23df8ff0c205e367e45',
    "weighted, even: first batch": [26, 99, 21, 56, 70, 17, 90, 60, 29, 28, 75, 48],
    "weighted, even: part of the last batch": [72, 25, 70, 39],
    "weighted, even: a batch by class": [74, 50, 39, 60, 22, 88],
    "weighted, even: epoch": 'd4634e5a043fd29bf7da4dee4da1aebe266642ecc64b545a57980c10d1de726f',
    "weighted, even: part of an epoch": '05bb4eac5beb41843daba4a1cb48177d680b60522d0ce8a175647347cb1ab216',
    "independent: draws_per_epoch": [240.0],
    "independent: draws": '0244ac63b94f36da99de4f58d1041b31530577e0cb0c18c59e659a15a1d28bb9',
    "independent: steps_per_epoch": 20,
    "independent: fingerprint": '4c14f4fd4441e393b481',
    "independent: first batch": [114, 205, 160, 81, 103, 43, 206, 215, 149, 233, 113, 38],
    "independent: part of the last batch": [79, 202, 104, 92],
    "independent: a batch by class": [234, 148, 33, 64, 135, 64],
    "independent: epoch": 'a61faa2eee6747ef745bc5e873089b88e7064e90374244765cf548cb95276c24',
    "independent: part of an epoch": '6f439dcd751cee0dcb21d94515ae7b9c98f3affe8e091343d6079484521c63a2',
    "large, undersampled: draws_per_epoch": [167424.0, 167424.0],
    "large, undersampled: draws": '18bda213c0f5ed94927ead7e3d1a7f6af7c1215de15fd7bc7bad0fa506f60e43',
    "large, undersampled: steps_per_epoch": 218,
    "large, undersampled: fingerprint": 'f2436018d5526c7a3cdb',
    "large, undersampled: first batch":
        [3278147, 9288870, 7289702, 5910155, 15043675, 9229149, 14463700, 6867107, 6717965, 14142952, 14406500,
         15171300, 14735900, 13185132, 15794426, 2523040, 16175441, 7040800, 10646475, 4344967, 10656390, 7957395,
         12599143, 4246500],
    "large, undersampled: part of the last batch":
        [3860550, 14916300, 9076673, 5267987, 6557000, 15828193, 3871200, 1916153, 11105400, 13754284, 14778600,
         6210447, 9022300, 6298336, 78200, 10083000, 12818480, 12496800, 5016642, 12644400, 16635376, 4512000,
         6042778, 9127400],
    "large, undersampled: a batch by class":
        [2958345, 14506362, 14652843, 16015818, 8183532, 4803389, 3865256, 427831, 12808801, 11388819, 14898575,
         11457223, 6371184, 13006753, 14418529, 6470682, 9145844, 8641080, 10460292, 2359617, 13436597, 14284797,
         12523796, 14988228],
    "large, undersampled: epoch": '2da13539ba7ee61b298e6bc90c4af42557a7b2a7d4ebfb6ad52f517e1693470b',
    "large, undersampled: part of an epoch": '14bb70fc5c13986e70256f54221d115d968449c8cd6c8b52e92912193bf1b7f7',
    "large, with a minimum: draws_per_epoch": [11308.0, 1028.0],
    "large, with a minimum: draws": '810aa60e424b65b529245a88f10a4644434261e59963ca7b9865e3f0bbff86c7',
    "large, with a minimum: steps_per_epoch": 1028,
    "large, with a minimum: fingerprint": '09a785c07e0b22a3dbc9',
    "large, with a minimum: first batch":
        [7495251, 12206848, 16280785, 390273, 3209146, 5485695, 1399930, 16560942, 2328288, 12163282, 6083843,
         16267819],
    "large, with a minimum: part of the last batch": [7647476, 5905190, 3164112, 2035021],
    "large, with a minimum: a batch by class": [10701027, 12917760, 15104019, 8905438, 10000688, 15861095],
    "large, with a minimum: epoch": '22725768ebd3797764549a6f1f3857e70d5f09322f7217655752535a899d7cdf',
    "large, with a minimum: part of an epoch": 'ebe191441496c1470173e0dc8526431066d712cae85e3468f8ba88a98f95c5f5',
    "more classes than draws: draws_per_epoch":
        [0.2998046875, 0.650390625, 0.2001953125, 0.6005859375, 0.4501953125, 0.3505859375, 0.2998046875,
         0.2001953125, 0.099609375, 0.5498046875, 0.099609375, 0.2998046875, 0.2001953125, 0.400390625, 0.349609375,
         0.2001953125, 0.599609375, 0.099609375, 0.2001953125, 0.5498046875, 0.349609375, 0.2001953125, 0.25,
         0.2998046875, 0.5, 0.4501953125, 0.099609375, 0.150390625, 0.2001953125, 0.349609375, 0.349609375, 0.25,
         0.349609375, 0.4501953125, 0.400390625, 0.2001953125, 0.150390625, 0.2998046875],
    "more classes than draws: draws": '828e608b7470367f530ded96db098771b390f8f7e447ba2c13e14cdbd6d260c4',
    "more classes than draws: steps_per_epoch": 2,
    "more classes than draws: fingerprint": '93f267b1794bf18e4b2c',
    "more classes than draws: first batch": [163, 3, 121, 149, 96, 30],
    "more classes than draws: part of the last batch": [230, 119],
    "more classes than draws: a batch by class": [208, 143, 122],
    "more classes than draws: epoch": '20d7bec06a7a0997bdde05ed56c638eba7c20ac7f02894b539adf3e92f347840',
    "more classes than draws: part of an epoch": 'a1a99baa82cf65c67fecc536c6780aaa0e9c7017f0bce92dac2ecd88e0d437d8',
    "tree: draws_per_epoch":
        [4.9248046875, 9.8486328125, 4.9248046875, 20.0, 3.283203125, 3.283203125, 3.283203125, 3.283203125,
         8.20703125, 2.4619140625, 5.7451171875, 5.7451171875, 6.5654296875, 4.9248046875, 12.0263671875,
         8.3251953125, 3.7001953125, 1.8505859375, 7.400390625, 11.1005859375, 10.17578125, 4.625, 8.3251953125,
         3.7001953125, 4.625, 8.3251953125, 3.7001953125, 4.9541015625, 8.669921875, 2.4765625, 7.4306640625,
         8.669921875, 2.4765625, 8.669921875, 7.4306640625, 2.4765625, 8.6689453125, 3.7158203125],
    "tree: draws": '211ab296911520e35afe238048972280841203ce30ff3461e2156cdd9c1d12de',
    "tree: steps_per_epoch": 20,
    "tree: fingerprint": 'f01d9b84a2d5c95ba65e',
    "tree: first batch": [154, 159, 61, 85, 118, 181, 45, 1, 123, 114, 142, 32],
    "tree: part of the last batch": [46, 172, 130, 11],
    "tree: a batch by class": [26, 124, 200, 2, 64, 90],
    "tree: epoch": 'a3dd08bb4abf29076c39bff9cf50443b828c6f9cfc5b326554e8232096551f11',
    "tree: part of an epoch": '8a8da3e216ca318d9941d2dc1d125ed9948bb0ab4660ab710566a42eb03e9e86',
    "tree of three levels: draws_per_epoch":
        [0.943359375, 0.943359375, 0.943359375, 0.9423828125, 0.9423828125, 1.1787109375, 1.1787109375,
         1.1787109375, 1.1787109375, 0.943359375, 0.943359375, 0.943359375, 0.9423828125, 0.9423828125, 0.943359375,
         0.943359375, 0.9423828125, 0.9423828125, 0.9423828125, 0.943359375, 0.943359375, 0.9423828125,
         0.9423828125, 0.9423828125, 0.943359375, 0.943359375, 0.9423828125, 0.9423828125, 0.9423828125,
         0.943359375, 0.943359375, 0.9423828125, 0.9423828125, 0.9423828125, 0.943359375, 0.943359375, 0.943359375,
         0.9423828125, 0.9423828125, 0.943359375, 0.943359375, 0.943359375, 0.9423828125, 0.9423828125, 0.943359375,
         0.943359375, 0.943359375, 0.9423828125, 0.9423828125, 0.943359375, 0.943359375, 0.9423828125, 0.9423828125,
         0.9423828125, 0.943359375, 0.943359375, 0.9423828125, 0.9423828125, 0.9423828125, 0.943359375, 0.943359375,
         0.9423828125, 0.9423828125, 0.9423828125, 0.943359375, 0.943359375, 0.9423828125, 0.9423828125,
         0.9423828125],
    "tree of three levels: draws": '930b631c28f897cc1d525f2911a21cc331dbc6ddc88a028b9b6e75ce301029f4',
    "tree of three levels: steps_per_epoch": 11,
    "tree of three levels: fingerprint": '3ceeeb4d2366cc8bfb76',
    "tree of three levels: first batch": [202, 131, 170, 188, 149, 58],
    "tree of three levels: part of the last batch": [12, 69],
    "tree of three levels: a batch by class": [120, 70, 106],
    "tree of three levels: epoch": '4fd1050c3b60f160b76c60d42f7a40a1506436f8c631ed71af6651ea0e034560',
    "tree of three levels: part of an epoch": '25df640dfc72d7fb7e0c2084afc532f8a782acd0db2e5db0aeb1ed827ae2f3ef',
    "groups: draws_per_epoch": [48.0, 48.0, 48.0, 48.0, 48.0],
    "groups: draws": 'ead986b320e3e48abe0f9abfd9289249a123e27992d602df80bb9dc7ba022cc0',
    "groups: steps_per_epoch": 20,
    "groups: fingerprint": 'db1e9b44edab957428c1',
    "groups: first batch": [78, 215, 77, 45, 27, 188, 120, 128, 131, 207, 181, 30],
    "groups: part of the last batch": [161, 7, 80, 88],
    "groups: a batch by class": [72, 141, 73, 29, 236, 129],
    "groups: epoch": '528692cceb3f8e34491fc816f288e4f17b2e46d32383479a58341739727ae782',
    "groups: part of an epoch": '5b25197fe1e3c22323c86c8f24a6d595d40c31a769db77b356e8ecfae272f60b',
    "groups below a tree, a weight line beside them: draws_per_epoch":
        [25.0, 24.0, 24.0, 17.0, 21.0, 27.0, 22.0, 32.0, 15.0, 33.0],
    "groups below a tree, a weight line beside them: draws":
        '64844dc54c502075ac2d27e5dda7d549ae1f7a970a12f9b9af9b611cc1103fe8',
    "groups below a tree, a weight line beside them: steps_per_epoch": 20,
    "groups below a tree, a weight line beside them: fingerprint": 'ba6f10acca8419db62b3',
    "groups below a tree, a weight line beside them: first batch":
        [87, 185, 173, 33, 115, 84, 74, 6, 232, 29, 97, 226],
    "groups below a tree, a weight line beside them: part of the last batch": [29, 157, 48, 229],
    "groups below a tree, a weight line beside them: a batch by class": [19, 150, 44, 118, 93, 143],
    "groups below a tree, a weight line beside them: epoch":
        'f6181c095c771fa37b53891e48b25e3f5f4f2d0dfda1ab2d52f512f0cb0d0acc',
    "groups below a tree, a weight line beside them: part of an epoch":
        'e03116edc2ca33ad71c35c066cf8d0e934e0d2793f2af4972e8f246b8ec096bc',
    "lengths: draws_per_epoch": [26.6669921875, 133.3330078125, 80.0],
    "lengths: draws": 'aa21773e89513a936afd584457f0cedd3eec999842c04739113ac8e9930e3571',
    "lengths: steps_per_epoch": 20,
    "lengths: fingerprint": '81dabc6d43895831ab00',
    "lengths: first batch":
        [2672007009, 10000358113, 53204507, 7, 10000951647, 9526160267, 10000407891, 5590103932, 2541537129,
         8529728719, 10000682567, 6993014146],
    "lengths: part of the last batch": [1206052983, 35, 10000256707, 9615969358],
    "lengths: a batch by class": [2499770997, 193180962, 6118247669, 4858291791, 10000533348, 10000851160],
    "lengths: epoch": 'bdc342510d9df4a3e89cec4ceb5842ba282d3b4c4c345eae2fc7fe5444a18df1',
    "lengths: part of an epoch": '59f8c7640655d6d8c42f7d52b56b6c1e1f61868d5b73bd63b7b284fdf58b412e',
    "later: draws_per_epoch": [48.0, 48.0, 48.0, 48.0, 48.0],
    "later: draws": 'ead986b320e3e48abe0f9abfd9289249a123e27992d602df80bb9dc7ba022cc0',
    "later: steps_per_epoch": 20,
    "later: fingerprint": '24e40fd507c67d5cc7ce',
    "later: first batch": [44, 136, 15, 134, 217, 87, 82, 177, 43, 22, 185, 30],
    "later: part of the last batch": [154, 141, 140, 207],
    "later: a batch by class": [133, 121, 4, 159, 8, 71],
    "later: epoch": '17ecfa54e06fca1fa999a41f1a50f9be8a65668e565f1f382d6ad3167717b241',
    "later: part of an epoch": '3e066e75a02385a25b71950e25423cd7e80c1c828fa015f1dda467d14377829c',
    "later, without some items: draws_per_epoch": [43.0, 39.0, 46.0, 26.0, 46.0, 40.0],
    "later, without some items: draws": 'ece96458b247eadbe803a9d677269c7bd3cf548c732e4ada41774001b3f5ac51',
    "later, without some items: steps_per_epoch": 20,
    "later, without some items: fingerprint": '91ba821c80c4509b4cde',
    "later, without some items: first batch": [99, 7, 94, 209, 114, 25, 9, 37, 50, 223, 132, 45],
    "later, without some items: part of the last batch": [83, 82, 30, 5],
    "later, without some items: a batch by class": [17, 80, 161, 33, 165, 234],
    "later, without some items: epoch": '38482f27394570a13dc44d0fb79cf8515c9f11af0d59276d64acfb3f0b193b0f',
    "later, without some items: part of an epoch":
        'f0801581d63734856d57356a6c8ef83bd8b90868a89399abc78c77e794670677',
    "later, with more items: draws_per_epoch":
        [36.2109375, 32.841796875, 38.7373046875, 38.736328125, 55.5791015625, 37.89453125],
    "later, with more items: draws": '1f1458be3242ef10291e38e2b4406632a4a0a4d56e594fe6d3ad58608ddef091',
    "later, with more items: steps_per_epoch": 20,
    "later, with more items: fingerprint": '6821a3ca3dddc2573908',
    "later, with more items: first batch": [177, 257, 150, 229, 175, 25, 276, 99, 50, 217, 181, 137],
    "later, with more items: part of the last batch": [136, 7, 226, 105],
    "later, with more items: a batch by class": [97, 189, 83, 149, 143, 222],
    "later, with more items: epoch": 'f21b572412e83ddcd3f25bf2a0a9b40bd8f27cb77dee7117dd9b85a4a48d04a5',
    "later, with more items: part of an epoch": '9921cdd6201d984f16c8d3f64f71beac977621d1c548c2ebaa84250dd1a927d6',
    "stages: draws_per_epoch": [52.0, 46.0, 56.0, 32.0, 54.0, 0.0],
    "stages: draws": '8f481af3dd4878cc9ae654ac2c196b1a56ae1be84284284402a199a940258036',
    "stages: steps_per_epoch": 20,
    "stages: fingerprint": 'dcc9d72024519790033d',
    "stages: first batch": [11, 224, 28, 76, 217, 158, 51, 214, 183, 159, 120, 65],
    "stages: part of the last batch": [170, 193, 126, 47],
    "stages: a batch by class": [111, 91, 168, 149, 186, 217],
    "stages: epoch": 'a05a2c449975afe25d81637a2086b36b87fbfa4ffcd1866862e4ff31df4e4593',
    "stages: part of an epoch": '430023f510d53d12a3988581e340244222ad1512991980cc8a7d824d84f33c79',
}
# fmt: on
