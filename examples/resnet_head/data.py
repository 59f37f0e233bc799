"""Images, their split into training, validation and test items, and a long tail of classes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from resnet_head.options import Refusal

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"}


@dataclass(frozen=True)
class Images:
    """Decoded images: `pixels` uint8 (N, H, W, channels), `labels` (N,), and the name of each label."""

    pixels: npt.NDArray[np.uint8]
    labels: Ints
    names: tuple[str, ...]


@dataclass(frozen=True)
class Split:
    """Item numbers and labels of three parts; labels count from 0, the most frequent class, to the rarest."""

    names: tuple[str, ...]
    train: Ints
    train_labels: Ints
    validation: Ints
    validation_labels: Ints
    test: Ints
    test_labels: Ints


def digits() -> Images:
    """scikit-learn's 1,797 handwritten digits, 8×8 pixels; they come with the package."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    pixels = np.round(bunch.images * (255 / 16)).astype(np.uint8)[..., None]
    return Images(pixels, bunch.target.astype(np.int64), tuple(str(name) for name in bunch.target_names))


def folder(path: Path, size: int) -> Images:
    """A folder per class of image files, scaled to `size`×`size` pixels in RGB and kept in memory."""
    from PIL import Image

    if not path.is_dir():
        raise Refusal(f"`--images` {path} is not a folder.")
    classes = sorted(entry for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    pixels: list[npt.NDArray[np.uint8]] = []
    labels: list[int] = []
    for label, entry in enumerate(classes):
        for file in sorted(entry.iterdir()):
            if file.suffix.lower() not in SUFFIXES:
                continue
            try:
                with Image.open(file) as image:
                    pixels.append(np.asarray(image.convert("RGB").resize((size, size)), np.uint8))
            except OSError as error:
                raise Refusal(f"`--images`: cannot decode {file}: {error}") from error
            labels.append(label)
    if not pixels:
        raise Refusal(f"`--images` {path} holds no image files in sub-folders; expected {path}/CLASS/IMAGE.png.")
    return Images(np.stack(pixels), np.array(labels, np.int64), tuple(entry.name for entry in classes))


def halves(images: Images) -> tuple[list[int], list[int]]:
    """Classes that train the backbone, and classes that it never sees and the heads are trained on."""
    count = len(images.names)
    if count < 4:
        raise Refusal(
            f"`--images` has {count} classes ({', '.join(images.names)}), but 4 are the least: "
            f"half of them train the backbone, the others the heads."
        )
    return list(range(count // 2)), list(range(count // 2, count))


def split(images: Images, classes: Sequence[int], seed: int) -> Split:
    """Part the classes at random: a quarter of each for the test, an eighth for validation, the rest for training."""
    rng = np.random.default_rng(seed)
    parts: dict[str, list[Ints]] = {"train": [], "validation": [], "test": []}
    for number in classes:
        items = rng.permutation(np.flatnonzero(images.labels == number))
        test, validation = len(items) // 4, len(items) // 8
        if not validation:
            raise Refusal(f"class {images.names[number]!r} has {len(items)} images, but 8 are the least.")
        for part, chosen in zip(parts.values(), np.split(items[::-1], [-test - validation, -test]), strict=True):
            part.append(chosen)
    arrays: dict[str, Ints] = {}
    for name, chosen in parts.items():
        arrays[name] = np.concatenate(chosen)
        arrays[f"{name}_labels"] = np.repeat(np.arange(len(classes)), [len(part) for part in chosen])
    return Split(tuple(images.names[number] for number in classes), **arrays)


def long_tailed(whole: Split, imbalance: float, batch_size: int) -> Split:
    """Keep fewer training items of each class than of the one before, down to 1 / `imbalance` of the first.

    As long as the smallest class allows, and filling whole batches: an epoch is then the same for every method.
    """
    available = np.bincount(whole.train_labels, minlength=len(whole.names))
    relative = imbalance ** -np.linspace(0, 1, len(whole.names))
    total = int(available.min() * relative.sum()) // batch_size * batch_size
    exact = total * relative / relative.sum()
    sizes = np.floor(exact).astype(np.int64)
    sizes[np.argsort(sizes - exact, kind="stable")[: total - sizes.sum()]] += 1
    if not sizes.min():
        raise Refusal(
            f"too few images for a tail of 1:{imbalance:g} in batches of {batch_size}: the smallest of the classes "
            f"{', '.join(whole.names)} has {available.min()} for training."
        )
    kept = np.concatenate([np.flatnonzero(whole.train_labels == label)[:n] for label, n in enumerate(sizes)])
    return replace(whole, train=whole.train[kept], train_labels=whole.train_labels[kept])
