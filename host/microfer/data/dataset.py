"""The one data-set type that every tool takes."""

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from microfer.contract import CROP_SIZE
from microfer.data.description import Description
from microfer.errors import MicroferError

USAGES = ("Training", "PublicTest", "PrivateTest", "unknown")
"""FER-2013's splits; `unknown` is a test image whose file name does not tell the public from the private set."""


SYNTHETIC = "synthetic"
"""The source of drawn faces."""


_NEEDS = {"Training": "learns from", "PublicTest": "is judged by after each epoch"}


@dataclass(frozen=True)
class Dataset:
    """Labelled face crops.

    images: uint8, shape (n, 48, 48), gray, 0..255.
    labels: uint8, shape (n,), indices into `classes`.
    usage:  str, shape (n,), one of USAGES each.
    names:  str, shape (n,), where each image came from (`row 17`, `test/angry/PublicTest_1.jpg`), for messages.
    source: what was read, or SYNTHETIC.
    description: what is said of the data set beside itself, see `microfer.data.description`.
    """

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint8]
    usage: npt.NDArray[np.str_]
    names: npt.NDArray[np.str_]
    source: str
    description: Description = field(default_factory=lambda: Description(""))

    def __post_init__(self) -> None:
        n = len(self.images)
        if self.images.shape != (n, CROP_SIZE, CROP_SIZE) or self.images.dtype != np.uint8:
            raise ValueError(
                f"images must be uint8 (n, {CROP_SIZE}, {CROP_SIZE}), got {self.images.dtype} {self.images.shape}"
            )
        if not len(self.labels) == len(self.usage) == len(self.names) == n:
            raise ValueError(
                f"{n} images, {len(self.labels)} labels, {len(self.usage)} usages, {len(self.names)} names"
            )
        if n and self.labels.max() >= len(self.classes):
            raise ValueError(f"label {self.labels.max()} is not below {len(self.classes)}")
        for array in (self.images, self.labels, self.usage, self.names):
            array.flags.writeable = False

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes' names: `contract.LABELS`, or the data set's own."""
        return self.description.classes

    def __len__(self) -> int:
        return len(self.images)

    @property
    def is_synthetic(self) -> bool:
        """Whether the faces are drawn."""
        return self.source == SYNTHETIC

    def take(self, chosen: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> "Dataset":
        """Return the images that `chosen` (a mask or indices) selects."""
        return replace(
            self,
            images=self.images[chosen],
            labels=self.labels[chosen],
            usage=self.usage[chosen],
            names=self.names[chosen],
        )

    def split(self, usage: str) -> "Dataset":
        """Return the images of one split.

        Raises:
            MicroferError: the data has none, with the splits that it does have.
        """
        found = self.take(self.usage == usage)
        if len(found) == 0:
            present = {
                str(name): int(count) for name, count in zip(*np.unique(self.usage, return_counts=True), strict=True)
            }
            raise MicroferError(
                f"{self.source} has no {usage} images (it has {present or 'no images at all'}){self._instead(usage)}"
            )
        return found

    def _instead(self, usage: str) -> str:
        """Return what helps where a split is missing that training needs, as the end of an error."""
        if usage not in USAGES[:2] or not self.description.source:
            return ""
        others = int(np.isin(self.usage, USAGES[2:]).sum())
        ways = 'validation = "10%" (a tenth of Training is set aside)'
        if others and (self.usage == "Training").any():
            ways += f' or validation = "test" (the {others:,} test images are used, and are then no independent test)'
        return f"; {usage} is what training {_NEEDS[usage]}. Write into {self.description.source}: {ways}"

    def counts(self) -> npt.NDArray[np.intp]:
        """Return the number of images per class, shape (len(classes),)."""
        return np.bincount(self.labels, minlength=len(self.classes))
