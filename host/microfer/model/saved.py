"""Trained networks on disk: a .keras file that also says which configuration it holds.

A .keras file is a zip; microfer adds the member `microfer.json` to it, which Keras passes over. So one file tells
everything that is needed to rebuild the network in another framework.
"""

import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from microfer.errors import MicroferError
from microfer.files import atomic_path
from microfer.model import networks
from microfer.model.build import build
from microfer.model.networks import Network

MEMBER = "microfer.json"


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
        with zipfile.ZipFile(path) as archive:
            return MEMBER in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return False


def read_config(path: Path | str) -> tuple[Network, dict[str, Any]]:
    """Return the configuration and the notes that `save` put into `path`.

    Raises:
        MicroferError: the file is missing, is no .keras file, or was not saved by microfer.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            content = json.loads(archive.read(MEMBER))
        return networks.from_json(content["network"]), content["notes"]
    except OSError as error:
        raise MicroferError(f"cannot read {path}: {error.strerror or error}") from error
    except zipfile.BadZipFile as error:
        raise MicroferError(f"{path} is no .keras file, or it is damaged: {error}") from error
    except (KeyError, ValueError) as error:
        raise MicroferError(f"{path} was not saved by microfer: it holds no readable {MEMBER}") from error


def load(path: Path | str, expected: Network | None = None) -> tuple[Any, Network]:
    """Return the uncompiled Keras 3 model in `path` and its configuration.

    expected: the configuration it must have, if any.

    Raises:
        MicroferError: as `read_config`; or the weights do not fit; or it is another network than `expected`.
    """
    config, _ = read_config(path)
    if expected is not None and config != expected:
        raise MicroferError(f"{path} holds the network {config.name!r}, not {expected.name!r} as asked for")
    model = build(config)
    try:
        model.load_weights(path)
    except (ValueError, KeyError, OSError) as error:
        raise MicroferError(f"the weights in {path} cannot be read: {error}") from error
    return model, config
