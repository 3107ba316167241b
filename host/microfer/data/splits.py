"""Which images are trained on and which validate, as the data set has them or as its description says."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from microfer.data.dataset import Dataset
from microfer.errors import MicroferError

_SEED = 0


def as_described(dataset: Dataset) -> Dataset:
    """Return the data set with validation images where its description says that some images serve as such.

    Those images' usage becomes PublicTest. A share of Training is drawn evenly from each class, always the same; where
    there is no Training, as in a CSV without splits, all images of unknown usage become Training first.

    Raises:
        MicroferError: there are none to take, or PublicTest has images already.
    """
    share = dataset.description.validation
    if not share:
        return _own_splits(dataset) if dataset.description.is_own else dataset
    if (dataset.usage == "PublicTest").any():
        raise MicroferError(
            f"{dataset.description.source}: validation images are asked for, but PublicTest has images already; "
            "remove that line"
        )
    usage = dataset.usage.astype(object)
    if share == 1:
        chosen = np.isin(dataset.usage, ("unknown", "PrivateTest"))
    else:
        if not (usage == "Training").any():
            usage[usage == "unknown"] = "Training"
        chosen = _evenly(dataset.labels, usage == "Training", share)
    if not chosen.any():
        raise MicroferError(f"{dataset.source} has no images that could serve for validation")
    usage[chosen] = "PublicTest"
    return replace(dataset, usage=usage.astype(str))


def _own_splits(dataset: Dataset) -> Dataset:
    """Return a data set of its own classes, whose test images are PrivateTest, or validate where nothing else does.

    FER-2013's two test sets do not exist there, so `test` is one thing.
    """
    has_validation = (dataset.usage == "PublicTest").any()
    usage = np.where(dataset.usage == "unknown", "PrivateTest" if has_validation else "PublicTest", dataset.usage)
    return replace(dataset, usage=usage)


def require_classes(dataset: Dataset, labels: tuple[str, ...], model: str) -> None:
    """Raise MicroferError unless the data set has the classes that `model` tells apart, in the same order."""
    if dataset.classes != labels:
        raise MicroferError(
            f"{model} tells {', '.join(labels)} apart, and {dataset.source} has {', '.join(dataset.classes)}: take the "
            f"data that it was trained for, or say in {dataset.description.source or 'dataset.toml'} what is what"
        )


def training_splits(dataset: Dataset) -> tuple[Dataset, Dataset]:
    """Return the Training and PublicTest splits.

    Raises:
        MicroferError: one of them is empty, or Training lacks a class that the description does not allow it to lack.
    """
    training, validation = dataset.split("Training"), dataset.split("PublicTest")
    empty = set(np.flatnonzero(training.counts() == 0).tolist()) - set(dataset.description.absent)
    lacking = [dataset.classes[label] for label in sorted(empty)]
    if lacking:
        listed = ", ".join(f'"{name}"' for name in lacking)
        raise MicroferError(
            f"{dataset.source}: Training has no image of {', '.join(lacking)}, so no network could learn it; "
            f"is a folder missing or called otherwise? If that is meant, write absent = [{listed}] into "
            f"{dataset.description.source}"
        )
    return training, validation


def _evenly(labels: npt.NDArray[np.uint8], among: npt.NDArray[np.bool_], share: float) -> npt.NDArray[np.bool_]:
    """Return a mask of `share` of the images in `among`, at least one of each class that has two, shape (n,)."""
    rng = np.random.default_rng(_SEED)
    chosen = np.zeros(len(labels), np.bool_)
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(among & (labels == label)))
        if len(members) > 1:
            chosen[members[: max(1, round(share * len(members)))]] = True
    return chosen
