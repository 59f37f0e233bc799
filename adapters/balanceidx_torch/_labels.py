"""Labels from the usual places of a dataset, without loading a single item."""

from collections.abc import Mapping
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
        A dataset with `targets` or `labels`, as torchvision's have, of which `targets` wins; a TensorDataset of two
        tensors, the second being the labels; a Hugging Face dataset with a column "label" or "labels"; or Subsets and
        ConcatDatasets of these. Labels are taken as they are stored: what `target_transform`, or `with_transform` of a
        Hugging Face dataset, does to an item's label is not done here.
    column : str, optional
        Column of a Hugging Face dataset, or attribute of another, when it has another name.

    Returns
    -------
    array, shape (N,)

    Raises
    ------
    TypeError
        When the labels cannot be found, as in a TensorDataset of more than two tensors, and for a dataset without a
        length.
    ValueError
        When what was found is not one label per item.
    """
    if column is not None and not isinstance(column, str):
        raise TypeError(f"`column` must be the name of a column or an attribute, not {column!r}.")
    if isinstance(dataset, Subset):
        return labels_of(dataset.dataset, column=column)[np.asarray(dataset.indices, dtype=np.int64)]
    if isinstance(dataset, ConcatDataset):
        return _joined([labels_of(part, column=column) for part in dataset.datasets])
    if isinstance(dataset, Mapping):
        splits = [repr(name) for name in dataset]
        raise TypeError(
            f"`dataset` is {_a(dataset)} of {', '.join(splits) or 'nothing'}, not one dataset; choose a split, such as "
            f"dataset[{splits[0] if splits else 'name'}]."
        )
    if not hasattr(dataset, "__len__"):
        raise TypeError(
            f"`dataset` is {_a(dataset)}, which has no length: batches are chosen by the numbers of items, so it must "
            f"be one that has __len__ and __getitem__."
        )
    where, found = _find(dataset, column)
    labels = _array(found)
    if labels is None:
        raise ValueError(
            f"{where} is not one label per item: its entries are lists. Give balanceidx one label per item, or one "
            f"weight per item with balanceidx.weighted."
        )
    if labels.ndim != 1 or len(labels) != len(dataset):
        raise ValueError(
            f"{where} is not one label per item: its shape is {labels.shape}, and the dataset has {len(dataset)} "
            f"items. Name another place with `column`, or give balanceidx an array of {len(dataset)} labels, such as "
            f"labels.argmax(1) for one-hot ones."
        )
    return labels


def _array(found: Any) -> npt.NDArray[Any] | None:
    """What was found as an array; None for lists of different lengths."""
    if isinstance(found, Tensor):
        return found.detach().cpu().numpy()
    try:
        array = np.asarray(found)
    except ValueError:
        return None
    lists = array.dtype == object and any(isinstance(entry, list | tuple | np.ndarray) for entry in array.flat)
    return None if lists else array


def _joined(parts: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Labels of the parts of a ConcatDataset; numpy would turn numbers beside strings into strings."""
    if len({part.dtype.kind in "US" for part in parts}) > 1:
        raise TypeError(
            f"`dataset` joins parts with labels of dtypes {', '.join(str(part.dtype) for part in parts)}: some are "
            f"numbers and some are strings. Give balanceidx one array of labels of one kind."
        )
    return np.concatenate(parts)


def _a(thing: object) -> str:
    kind = type(thing).__name__
    return f"an {kind}" if kind[0] in "AEIOUaeiou" else f"a {kind}"


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
        if len(dataset.tensors) > 2:
            raise TypeError(
                f"`dataset` is a TensorDataset of {len(dataset.tensors)} tensors, any of which may be the labels; give "
                f"balanceidx the tensor itself, such as dataset.tensors[1] (of a Subset, "
                f"subset.dataset.tensors[1][subset.indices])."
            )
        return f"The last tensor of the {kind}", dataset.tensors[1]
    looked = ", ".join(repr(name) for name in names)
    beside = f"; its columns are {columns}" if isinstance(columns, list) else ""
    raise TypeError(
        f"No labels found in `dataset`, {_a(dataset)}: it has none of {looked}{beside}. Name the place with `column`, "
        f"or read them once yourself, such as [int(y) for _, y in dataset], and give them to balanceidx."
    )
