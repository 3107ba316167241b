"""An int8 .tflite of a network nobody has trained: for what it costs, which its weights do not change."""

from pathlib import Path

import numpy as np

from microfer.contract import CROP_SIZE, PIXEL_MAX
from microfer.files import write_bytes
from microfer.model.backend import load_quietly
from microfer.model.build import build
from microfer.model.convert import quantize
from microfer.model.networks import Network
from microfer.tflite.metadata import ModelMetadata, embed_metadata

IMAGES = 8


def untrained_tflite(config: Network, folder: Path) -> Path:
    """Return the path of the int8 .tflite of `config` with random weights in `folder`, made unless it is there.

    Raises:
        MicroferError: it must be made and TensorFlow is not installed.
    """
    path = folder / f"{config.name}.tflite"
    if not path.exists():
        tf_keras = load_quietly("tf_keras", f"{config.name} has no released model, and making one")
        images = np.random.default_rng(0).integers(0, PIXEL_MAX + 1, (IMAGES, CROP_SIZE, CROP_SIZE)).astype(np.uint8)
        images[0, 0, :2] = 0, PIXEL_MAX
        folder.mkdir(parents=True, exist_ok=True)
        # Embedding lays the weights on multiples of 16 bytes, as in a release.
        tflite = embed_metadata(quantize(build(config, tf_keras), config, images), metadata(config))
        write_bytes(path, tflite)
    return path


def metadata(config: Network) -> ModelMetadata:
    """Return what a network says of itself that was neither trained nor measured."""
    return ModelMetadata("untrained", config.name, None, input_layout=config.input_layout, labels=config.labels)
