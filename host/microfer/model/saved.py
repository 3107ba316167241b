"""Trained networks on disk: a .keras file that also says which configuration it holds.

A .keras file is a zip; microfer adds the member `microfer.json` to it, which Keras passes over. So one file tells
everything that is needed to rebuild the network in another framework.
"""

import io
import json
import math
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from microfer.archives import ArchiveError, members, read_member
from microfer.errors import MicroferError
from microfer.files import atomic_path
from microfer.json_reader import JsonError, parse, typed
from microfer.model import networks
from microfer.model.baselines import Application
from microfer.model.build import build
from microfer.model.limits import MOST_PARAMETERS
from microfer.model.networks import Network
from microfer.model.table import layers
from microfer.model.weights import Shape, check_hdf5

MEMBER = "microfer.json"
LONGEST_MEMBER_BYTES = 1 << 20

WEIGHTS = "model.weights.h5"
LONGEST_WEIGHTS_BYTES = 512 << 20
"""Those of a network of MOST_PARAMETERS, in float32 and with room to spare."""

CONFIG = "config.json"


def save(model: Any, config: Network, path: Path | str, notes: dict[str, Any] | None = None) -> None:
    """Write an uncompiled Keras 3 `model` of `config` to `path` (.keras), as a whole or not at all.

    notes: JSON values to keep with it, such as the recipe.
    """
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "model.keras"
        model.save(whole)
        with zipfile.ZipFile(whole) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
    members[MEMBER] = json.dumps({"network": networks.to_json(config), "notes": notes or {}}).encode()
    # Keras stores its members as they are; deflated, a pruned network takes half the room.
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def is_ours(path: Path | str) -> bool:
    """Return whether `save` wrote the file, which may also be another Keras model, no model, or missing."""
    try:
        with members(path) as archive:
            return MEMBER in archive.namelist()
    except (OSError, ArchiveError):
        return False


def read_config(path: Path | str) -> tuple[Network, dict[str, Any]]:
    """Return the configuration and the notes that `save` put into `path`.

    Raises:
        MicroferError: the file is missing, is no .keras file, was not saved by microfer, or describes a network that
            cannot be.
    """
    try:
        with members(path) as archive:
            content = typed(parse(read_member(archive, MEMBER, LONGEST_MEMBER_BYTES)), dict[str, dict[str, Any]])
        config, notes = networks.from_json(content["network"]), content["notes"]
        _check_size(config)
    except OSError as error:
        raise MicroferError(f"cannot read {path}: {error.strerror or error}") from error
    except ArchiveError as error:
        raise MicroferError(f"{path} is not a .keras file, or it is damaged: {error}") from error
    except (KeyError, JsonError) as error:
        raise MicroferError(f"{path} was not saved by microfer: it holds no readable {MEMBER} ({error})") from error
    except MicroferError as error:
        raise MicroferError(f"{path}: {error}") from error
    return config, notes


def _check_size(config: Network) -> None:
    """Raise MicroferError for a configuration whose maps vanish, or whose weights are beyond every network here."""
    if isinstance(config, Application):
        return
    table = layers(config)
    if small := next((layer for layer in table if min(layer.shape) < 1), None):
        raise MicroferError(f"the network {config.name} leaves nothing of the crop at its layer {small.name}")
    if (count := sum(layer.parameters for layer in table)) > MOST_PARAMETERS:
        raise MicroferError(f"the network {config.name} has {count:,} parameters, more than {MOST_PARAMETERS:,}")


def check_any(path: Path) -> None:
    """Look at any .keras file before Keras loads it: whether what it describes is what it holds.

    Raises:
        OSError: it cannot be read.
        ArchiveError: as `check_weights`, or it has no description of a network.
    """
    import keras

    with members(path) as archive:
        described = read_member(archive, CONFIG, LONGEST_MEMBER_BYTES * 16).decode()
    with keras.StatelessScope(initialize_variables=False):  # no variable gets its memory: their shapes are enough
        shapes = [tuple(variable.shape) for variable in keras.models.model_from_json(described).variables]
    check_weights(path, shapes)


def check_weights(path: Path | str, shapes: Sequence[Shape]) -> None:
    """Look at the weights in a .keras file before they are read: HDF5 may declare far more than a small file holds.

    shapes: those of the network's variables.

    Raises:
        OSError: it cannot be read.
        ArchiveError: it holds less than the network, or as `check_hdf5`.
    """
    with members(path) as archive:
        content = read_member(archive, WEIGHTS, LONGEST_WEIGHTS_BYTES)
    if (count := sum(map(math.prod, shapes))) > len(content):
        raise ArchiveError(f"{WEIGHTS} has {len(content):,} bytes, and the network {count:,} numbers")
    check_hdf5(io.BytesIO(content), shapes)


def load(path: Path | str, expected: Network | None = None) -> tuple[Any, Network]:
    """Return the uncompiled Keras 3 model in `path` and its configuration.

    expected: the configuration it must have, if any.

    Raises:
        MicroferError: as `read_config`; or the weights do not fit; or it is another network than `expected`.
    """
    config, _ = read_config(path)
    if expected is not None and config.labels != expected.labels:
        raise MicroferError(
            f"{path} tells {', '.join(config.labels)} apart, and the data has {', '.join(expected.labels)}; "
            "begin with a network of these classes, or without one"
        )
    if expected is not None and config != expected:
        raise MicroferError(f"{path} holds the network {config.name!r}, not {expected.name!r} as asked for")
    try:
        model = build(config)
    except (ValueError, TypeError) as error:  # such as maps of two sizes that are to be added
        raise MicroferError(f"{path} describes a network that cannot be built: {error}") from error
    try:
        check_weights(path, [tuple(variable.shape) for variable in model.variables])
        model.load_weights(path)
    except Exception as error:  # neither HDF5 nor Keras says what a damaged file makes them raise
        raise MicroferError(f"the weights in {path} cannot be read: {error}") from error
    return model, config
