"""What came out: the comparison table, the picture, and the numbers for further use."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int32] | npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

PICTURE = "resnet_head.png"
COLOURS = ("#8c959f", "#d4a72c", "#1a7f5a", "#0969da")  # of the methods
RAREST, COMMON = "#d9480f", "Blues"


@dataclass(frozen=True)
class Result:
    """One head. Lists over classes run from the most frequent to the rarest."""

    method: str
    seed: int
    classes: list[str]
    train_images: list[int]
    recall: list[float]
    unseen: float  # training images that are not drawn in an epoch
    composition: list[list[int]]  # images of each class, for every batch
    best_step: int
    weights: str  # digest of the final weights

    @property
    def balanced_accuracy(self) -> float:
        """Mean recall."""
        return float(np.mean(self.recall))


def composition(drawn: Ints, labels: Ints) -> Ints:
    """Images of each class in every batch: from items drawn (steps, batch size) to counts (steps, classes)."""
    return (labels[drawn][:, :, None] == np.arange(labels.max() + 1)).sum(1)


def unseen_per_epoch(drawn: Ints, items: int) -> float:
    """How many of the items were not drawn in an epoch of items // batch size steps: the mean over whole epochs."""
    steps = min(items // drawn.shape[1], len(drawn))
    epochs = drawn[: len(drawn) // steps * steps].reshape(-1, steps * drawn.shape[1])
    return float(np.mean([items - len(np.unique(epoch)) for epoch in epochs]))


def table(results: Sequence[Result]) -> str:
    """Markdown: a row per method, mean ± standard deviation over the seeds."""
    by_method = _by_method(results)
    accuracy = {name: np.array([run.balanced_accuracy for run in runs]) for name, runs in by_method.items()}
    first, *others = accuracy
    rows: list[tuple[str, ...]] = [
        ("method", "balanced accuracy", "gain", "recall of rarest", "unseen per epoch", "best step")
    ]
    rows += [
        (
            name,
            _spread(accuracy[name]),
            "" if name == first else _spread(accuracy[name] - accuracy[first], "+.3f"),
            _spread([run.recall[-1] for run in runs]),
            _spread([run.unseen for run in runs], ".1f"),
            _spread([run.best_step for run in runs], ".0f"),
        )
        for name, runs in by_method.items()
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, tuple("-" * width for width in widths))
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows]
    sizes = results[0].train_images
    lines += [
        "",
        f"Mean ± standard deviation over {len(accuracy[first])} seeds, {sum(sizes)} training images "
        f"({' + '.join(map(str, sizes))}). Gain: over {first}, seed by seed.",
    ]
    if {"ratio(balanced)", "weighted draws"} <= set(others):
        gain = accuracy["ratio(balanced)"] - accuracy["weighted draws"]
        lines.append(f"ratio(balanced) over weighted draws, seed by seed: {_spread(gain, '+.3f')}.")
    return "\n".join(lines)


def picture(results: Sequence[Result], path: Path, steps: int = 60) -> None:
    """Left, what the first batches of the first seed hold; right, the recall of each class over the seeds."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    by_method = _by_method(results)
    sizes = results[0].train_images
    shades = [*plt.get_cmap(COMMON)(np.linspace(0.12, 0.45, len(sizes) - 1)), RAREST]
    figure = plt.figure(figsize=(11, 5), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1.1))

    left.suptitle("Images of each class in a batch (orange: the rarest)", fontsize=10)
    axes = left.subplots(len(by_method), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    for axis, (name, runs) in zip(axes, by_method.items(), strict=True):
        counts = np.array(runs[0].composition[:steps])
        below = np.zeros(len(counts))
        for label in reversed(range(len(sizes))):
            axis.bar(np.arange(len(counts)), counts[:, label], 1.0, below, color=shades[label])
            below += counts[:, label]
        axis.set_title(name, fontsize=9, loc="left")
        axis.margins(0)
    axes[-1].set_xlabel("step")

    right.suptitle("Recall of each class on the test images, over the seeds", fontsize=10)
    axis = right.subplots()
    width = 0.8 / len(by_method)
    for place, (name, runs) in enumerate(by_method.items()):
        recall = np.array([run.recall for run in runs])
        at = np.arange(len(sizes)) + (place - (len(by_method) - 1) / 2) * width
        axis.bar(at, recall.mean(0), width, color=COLOURS[place % len(COLOURS)], label=name)
        axis.errorbar(at, recall.mean(0), recall.std(0), fmt="none", ecolor="#1f2328", elinewidth=0.8)
    axis.set_xticks(range(len(sizes)), list(map(str, sizes)))
    axis.set_xlabel("training images of the class")
    axis.set_ylim(0, 1)
    axis.spines[["top", "right"]].set_visible(False)
    figure.legend(*axis.get_legend_handles_labels(), loc="outside lower right", ncols=len(by_method), fontsize=8)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def write(results: Sequence[Result], folder: Path) -> None:
    """Write table.md, the picture and results.json."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "table.md").write_text(table(results) + "\n", encoding="utf-8")
    (folder / "results.json").write_text(json.dumps([asdict(result) for result in results]), encoding="utf-8")
    picture(results, folder / PICTURE)


def _by_method(results: Sequence[Result]) -> dict[str, list[Result]]:
    return {name: [run for run in results if run.method == name] for name in dict.fromkeys(r.method for r in results)}


def _spread(values: Sequence[float] | Floats, form: str = ".3f") -> str:
    return f"{np.mean(values):{form}} ± {np.std(values):{form.lstrip('+')}}"
