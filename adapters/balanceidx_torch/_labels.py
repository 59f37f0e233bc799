"""Labels from the usual places of a dataset, without loading a single item."""

from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor
from torch.utils.data import ConcatDataset, Subset, TensorDataset

_NAMES = ("targets", "labels", "label", "target")


def labels_of(dataset: Any, *, column: str | None = None) -> npt.NDArray[Any]:
    """One label per item of a dataset, for `balanceidx.ratio` and its kin.

    >>> import torch
    >>> from torch.utils.data import Subset, TensorDataset
    >>> dataset = TensorDataset(torch.zeros(4, 2), torch.tensor([5, 7, 7, 5]))
    >>> labels_of(Subset(dataset, [0, 1, 3]))
    array([5, 7, 5])

    Parameters
    ----------
    dataset : object
        A dataset with `targets` or `labels`, as torchvision's have; a TensorDataset, whose last tensor are the labels;
        a Hugging Face dataset with a column "label" or "labels"; or Subsets and ConcatDatasets of these.
    column : str, optional
        Column of a Hugging Face dataset, or attribute of another, when it has another name.

    Returns
    -------
    array, shape (N,)

    Raises
    ------
    TypeError
        When the labels cannot be found.
    ValueError
        When what was found is not one label per item.
    """
    if isinstance(dataset, Subset):
        return labels_of(dataset.dataset, column=column)[np.asarray(dataset.indices, dtype=np.int64)]
    if isinstance(dataset, ConcatDataset):
        return np.concatenate([labels_of(part, column=column) for part in dataset.datasets])
    where, found = _find(dataset, column)
    labels = found.detach().cpu().numpy() if isinstance(found, Tensor) else np.asarray(found)
    if labels.ndim != 1 or len(labels) != len(dataset):
        raise ValueError(
            f"{where} is not one label per item: its shape is {labels.shape}, and the dataset has {len(dataset)} "
            f"items. Give balanceidx an array of {len(dataset)} labels, such as found.argmax(1) for one-hot ones."
        )
    return labels


def _find(dataset: Any, column: str | None) -> tuple[str, Any]:
    """Name of the place, and what is there."""
    kind = type(dataset).__name__
    names = _NAMES if column is None else (column,)
    columns = getattr(dataset, "column_names", None)
    if isinstance(columns, list):
        for name in names:
            if name in columns:
                return f"Column {name!r} of the {kind}", dataset.with_format("numpy")[name][:]
    for name in names:
        if getattr(dataset, name, None) is not None:
            return f"`{kind}.{name}`", getattr(dataset, name)
    if isinstance(dataset, TensorDataset) and column is None and len(dataset.tensors) > 1:
        return f"The last tensor of the {kind}", dataset.tensors[-1]
    looked = ", ".join(repr(name) for name in names)
    beside = f"; its columns are {columns}" if isinstance(columns, list) else ""
    raise TypeError(
        f"No labels found in `dataset`, a {kind}: it has none of {looked}{beside}. Name the place with `column`, or "
        f"read them once yourself, such as [int(y) for _, y in dataset], and give them to balanceidx."
    )
