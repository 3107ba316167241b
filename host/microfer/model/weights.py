"""Weights in HDF5, looked at before Keras reads them: a small file may declare far more than it holds."""

from collections.abc import Collection
from pathlib import Path
from typing import Any, BinaryIO

from microfer.archives import ArchiveError

_DEEPEST_GROUP = 16

Shape = tuple[int, ...]


def check_hdf5(source: Path | BinaryIO, shapes: Collection[Shape]) -> None:
    """Look at everything that an HDF5 file says it holds. shapes: those of the network's variables.

    Raises:
        OSError: it cannot be read, or is none.
        ArchiveError: an array has a shape that no variable has, is no plain array of numbers, or lies elsewhere.
    """
    import h5py

    allowed = {(), *shapes}
    with h5py.File(source, "r") as file:
        groups = [file["/"]]
        while groups:
            group = groups.pop()
            for name in group:
                if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                    raise ArchiveError(f"{group.name}/{name} is a link to elsewhere")
                found = group[name]
                if isinstance(found, h5py.Dataset):
                    _check_array(found, allowed)
                elif isinstance(found, h5py.Group) and found.name.count("/") < _DEEPEST_GROUP:
                    groups.append(found)
                else:
                    raise ArchiveError(f"{found.name} is neither weights nor a group of them")


def _check_array(found: Any, allowed: Collection[Shape]) -> None:
    if found.shape not in allowed:
        raise ArchiveError(f"{found.name} has the shape {found.shape}, which no variable of the network has")
    if found.dtype.kind not in "biufV" or found.dtype.itemsize > 8:  # V: bfloat16, which HDF5 knows as raw bytes
        raise ArchiveError(f"{found.name} holds {found.dtype}, expected numbers")
    if found.external or found.is_virtual or found.id.get_storage_size() != found.nbytes:
        raise ArchiveError(f"{found.name} does not hold its numbers, as Keras writes them")
