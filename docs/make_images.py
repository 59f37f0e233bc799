"""Draw docs/images/batches.png and its dark twin: python docs/make_images.py

Each panel shows 60 consecutive batches of 32 items on 4 ranks, 3 % of the dataset being positive. Torch's samplers are
called as their users call them.
"""

from pathlib import Path

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import torch
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from torch.utils.data import RandomSampler, WeightedRandomSampler

import balanceidx as bx

mpl.use("Agg")
import matplotlib.pyplot as plt

IMAGES = Path(__file__).parent / "images"

STEPS, RANKS, PER_RANK = 60, 4, 8
BATCH = RANKS * PER_RANK
LABELS = np.repeat([0, 1], [9_700, 300])

# In cells: the gap between two cells, between two ranks, and the height of a panel. In pixels: a cell, the margin.
GAP = 1 / 6
BETWEEN_RANKS = 1.5
HEIGHT = RANKS * (PER_RANK + BETWEEN_RANKS) - BETWEEN_RANKS - GAP
CELL = 12
LEFT = 88
WIDTH_PX = LEFT + 2 * CELL * STEPS + 64 + 16
HEIGHT_PX = 44 + 2 * int(CELL * HEIGHT) + 84 + 48

# Ink, quiet ink, negative and positive: for GitHub's light and dark page.
THEMES = {
    "batches.png": ("#1f2328", "#59636e", "#dfe4ea", "#d9480f"),
    "batches-dark.png": ("#e6edf3", "#9198a1", "#2b323b", "#ff8f4a"),
}


def panels() -> dict[str, npt.NDArray[np.int64]]:
    """Labels of the first batches of four samplers, shape (steps, ranks, items a rank)."""
    shuffle = RandomSampler(range(len(LABELS)), generator=torch.Generator().manual_seed(0))
    weights = (1 / np.bincount(LABELS))[LABELS].tolist()
    draws = WeightedRandomSampler(weights, len(LABELS), generator=torch.Generator().manual_seed(0))
    at_least = bx.min_positives(LABELS, {1: 4}, batch_size=BATCH)
    balanced = bx.ratio(LABELS, batch_size=BATCH)
    indices = {
        "shuffle=True": by_rank(list(shuffle)),
        "WeightedRandomSampler": by_rank(list(draws)),
        "min_positives(labels, {1: 4})": ranks_of(at_least),
        "ratio(labels)": ranks_of(balanced),
    }
    return {name: LABELS[drawn] for name, drawn in indices.items()}


def by_rank(epoch: list[int]) -> npt.NDArray[np.int64]:
    """Split a flat epoch into consecutive batches, and these into consecutive parts of one rank each."""
    return np.array(epoch[: STEPS * BATCH]).reshape(STEPS, RANKS, PER_RANK)


def ranks_of(plan: bx.Plan) -> npt.NDArray[np.int64]:
    """What each rank asks its plan for."""
    parts = [plan.range_indices(0, 0, STEPS, rank, world_size=RANKS) for rank in range(RANKS)]
    return np.stack([part.reshape(STEPS, PER_RANK) for part in parts], axis=1)


def draw(axes: Axes, batches: npt.NDArray[np.int64], colours: ListedColormap) -> None:
    """One column a batch, one band a rank; within a band the positives lie at the bottom."""
    for rank in range(RANKS):
        cells = np.sort(batches[:, rank], axis=1)[:, ::-1].T
        spaced = np.ma.masked_all((2 * PER_RANK - 1, 2 * STEPS - 1), int)  # every second row and column is a gap
        spaced[::2, ::2] = cells
        bottom = (RANKS - 1 - rank) * (PER_RANK + BETWEEN_RANKS)
        axes.pcolormesh(edges(STEPS), bottom + edges(PER_RANK), spaced, cmap=colours, vmin=0, vmax=1, rasterized=True)
    axes.set(xlim=(0, STEPS - GAP), ylim=(0, HEIGHT), aspect="equal")
    axes.set_axis_off()


def edges(count: int) -> npt.NDArray[np.float64]:
    """Where cells and the gaps between them begin and end."""
    return np.add.outer(np.arange(count), [0, 1 - GAP]).reshape(-1)


def main() -> None:
    """Draw both files."""
    shown = panels()
    for file, (ink, quiet, negative, positive) in THEMES.items():
        # Positions in pixels of a canvas on which a cell and its gap take CELL pixels, so that all are alike.
        figure = plt.figure(figsize=(WIDTH_PX / 100, HEIGHT_PX / 100), dpi=100)
        for number, (call, batches) in enumerate(shown.items()):
            row, column = divmod(number, 2)
            left = LEFT + column * (CELL * STEPS + 64)
            bottom = 44 + (1 - row) * (CELL * HEIGHT + 84)
            size = CELL * (STEPS - GAP), CELL * HEIGHT
            axes = figure.add_axes((left / WIDTH_PX, bottom / HEIGHT_PX, size[0] / WIDTH_PX, size[1] / HEIGHT_PX))
            draw(axes, batches, ListedColormap([negative, positive]))
            counts = batches.sum(axis=(1, 2))
            spread = f"{counts.min()} to {counts.max()}" if counts.min() < counts.max() else f"{counts.min()}"
            axes.set_title(f"{spread} positives in a batch", loc="right", color=quiet, fontsize=16, pad=12)
            axes.set_title(call, loc="left", color=ink, fontsize=18, family="monospace", pad=12)
            for rank in range(RANKS if column == 0 else 0):
                middle = (RANKS - 1 - rank) * (PER_RANK + BETWEEN_RANKS) + PER_RANK / 2
                axes.text(-1.2, middle, f"rank {rank}", color=quiet, fontsize=15, ha="right", va="center")
            if (row, column) == (1, 0):
                about = f"{STEPS} batches of {BATCH} items, one batch a column; 3 % of the dataset is positive (orange)"
                axes.text(0, -1.2, about, color=quiet, fontsize=15, va="top")
        figure.savefig(IMAGES / file, transparent=True)
        plt.close(figure)


if __name__ == "__main__":
    main()
