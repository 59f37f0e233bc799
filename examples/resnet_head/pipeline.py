"""From index batches to arrays on the devices: load, augment, shard."""

from collections.abc import Mapping
from typing import Any

import grain
import jax
import numpy as np
import numpy.typing as npt
from jax.sharding import Mesh, NamedSharding, PartitionSpec

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]

# Batches are small and cheap here: Grain's default of 16 threads costs more than it saves.
READ_OPTIONS = grain.ReadOptions(num_threads=1, prefetch_buffer_size=4)


def feed(
    selection: "grain.MapDataset", pixels: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64], seed: int
) -> "grain.DatasetIterator":
    """Iterator over batches {"item", "label", "image"}: `selection` counts the rows of `pixels` and `labels`.

    The augmentation comes after the selection: an item drawn twice looks different each time.
    """

    def load(items: npt.NDArray[np.int64]) -> dict[str, Array]:
        return {"item": items.astype(np.int32), "label": labels[items].astype(np.int32), "image": pixels[items]}

    return iter(selection.map(load).seed(seed).random_map(augment).to_iter_dataset(READ_OPTIONS))


def augment(batch: dict[str, Array], rng: np.random.Generator) -> dict[str, Array]:
    """Shift every image by up to an eighth of its size, and vary its contrast and brightness."""
    pixels = batch["image"]
    count, height, width, _ = pixels.shape
    reach = max(1, height // 8)
    padded = np.pad(pixels, ((0, 0), (reach, reach), (reach, reach), (0, 0)))
    down, right = rng.integers(0, 2 * reach + 1, (2, count))
    rows = (down[:, None] + np.arange(height))[:, :, None]
    columns = (right[:, None] + np.arange(width))[:, None, :]
    shifted = padded[np.arange(count)[:, None, None], rows, columns]
    contrast = rng.uniform(0.7, 1.3, (count, 1, 1, 1))
    brightness = rng.uniform(-0.2, 0.2, (count, 1, 1, 1))
    return {**batch, "image": (normalise(shifted) * contrast + brightness).astype(np.float32)}


def normalise(pixels: npt.NDArray[np.uint8]) -> Floats:
    """From 0 .. 255 to -1 .. 1."""
    return pixels.astype(np.float32) / 127.5 - 1


class Devices:
    """All devices in a row: batches are cut along it, weights are copied to each."""

    def __init__(self) -> None:
        mesh = Mesh(np.array(jax.devices()), ("data",))
        self.count = len(jax.devices())
        self.rows = NamedSharding(mesh, PartitionSpec("data"))
        self.everywhere = NamedSharding(mesh, PartitionSpec())

    def shard(self, batch: Mapping[str, Array]) -> dict[str, jax.Array]:
        """Cut a batch into equal contiguous parts, one per device: the plan's blocks."""
        return {name: jax.make_array_from_process_local_data(self.rows, rows) for name, rows in batch.items()}

    def copy(self, tree: Any) -> Any:
        """Put a copy of every array on every device."""
        return jax.device_put(tree, self.everywhere)
