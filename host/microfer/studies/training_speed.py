"""How fast training runs here, in images a second, beside the usual way of doing it.

The peer is what the thesis and most FER-2013 projects do: `ImageDataGenerator`, which changes one image at a time with
SciPy, feeding `fit` of the same network in tf_keras. Each way runs in a process of its own, one after the other, on
the same random crops, so that libraries and thread pools do not meet.
"""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

from microfer.contract import CROP_SIZE, NUM_CLASSES
from microfer.errors import TRAIN_LOCK_HINT, MicroferError
from microfer.markdown import table
from microfer.model.networks import Network
from microfer.training.recipe import Recipe

WARM_UP_STEPS = 3
"""Steps before the clock starts: graphs are traced and kernels chosen in them."""

PEER = "tf_keras fit + ImageDataGenerator"


@dataclass(frozen=True)
class Way:
    """One way of training: a Keras backend and a precision, or the peer (backend "peer")."""

    name: str
    backend: str
    precision: str = "float32"
    package: str = "tensorflow"


WAYS = (
    Way(PEER, "peer", package="tf_keras"),
    Way("microfer, TensorFlow float32", "tensorflow"),
    Way("microfer, JAX float32", "jax", package="jax"),
    Way("microfer, PyTorch float32", "torch", package="torch"),
    Way("microfer, PyTorch bfloat16", "torch", "bfloat16", package="torch"),
)


@dataclass(frozen=True)
class Throughput:
    """Images a second of one way, and that divided by the peer's in the same run."""

    way: str
    images_per_second: float
    ratio: float


def measure(
    config: Network, recipe: Recipe, steps: int, on_way: Callable[[str], None] = lambda _: None
) -> tuple[list[Throughput], list[str]]:
    """Return the throughput of every way whose package is here, the peer first, and the names of those left out.

    steps: timed steps of `recipe.batch_size` images each, augmentation included.
    on_way: called with the name of each way before it runs.

    Raises:
        MicroferError: tf_keras, which the peer needs, is not installed.
    """
    present = [way for way in WAYS if find_spec(way.package)]
    if WAYS[0] not in present:
        raise MicroferError(f"the peer needs tf_keras: {TRAIN_LOCK_HINT}")
    results: list[Throughput] = []
    for way in present:
        on_way(way.name)
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
            rate = process.submit(_images_per_second, way, config, recipe, steps).result()
        results.append(Throughput(way.name, rate, rate / (results[0].images_per_second if results else rate)))
    return results, [way.name for way in WAYS if way not in present]


def table_lines(document: dict[str, Any]) -> list[str]:
    """Return what `microfer benchmark-training --json` printed as the lines of a Markdown table."""
    rows = ((row["way"], f"{row['images_per_second']:,.0f}", f"{row['ratio']:.2f}") for row in document["results"])
    machine = f"{document['processor']}, {document['cores']} cores"
    return table((f"{document['preset']}, on {machine}", "images/s", "ratio"), rows)


def _images_per_second(way: Way, config: Network, recipe: Recipe, steps: int) -> float:
    rng = np.random.default_rng(0)
    count = (WARM_UP_STEPS + steps) * recipe.batch_size
    images = rng.integers(0, 256, (count, CROP_SIZE, CROP_SIZE), dtype=np.uint8)
    labels = (np.arange(count) % NUM_CLASSES).astype(np.uint8)
    if way.backend == "peer":
        seconds = _peer(config, recipe, images, labels)
    else:
        os.environ["KERAS_BACKEND"] = way.backend
        seconds = _ours(config, recipe, way.precision, images, labels)
    return steps * recipe.batch_size / seconds


def _peer(config: Network, recipe: Recipe, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.uint8]) -> float:
    """Return the seconds that `fit` takes for all batches after the warm-up."""
    from microfer.model.backend import load_quietly
    from microfer.model.build import build

    tf_keras = load_quietly("tf_keras", "the peer")

    settings = recipe.augmentation
    generator = tf_keras.preprocessing.image.ImageDataGenerator(
        rescale=1 / 255,
        rotation_range=settings.rotation_deg,
        width_shift_range=settings.shift,
        height_shift_range=settings.shift,
        shear_range=settings.shear_deg,
        zoom_range=settings.zoom,
        horizontal_flip=settings.flip,
    )
    model = build(config, tf_keras)
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    clock = _clock(tf_keras)
    batches = generator.flow(images[..., np.newaxis], np.eye(NUM_CLASSES)[labels], batch_size=recipe.batch_size)
    model.fit(batches, epochs=1, verbose=0, callbacks=[clock])
    return float(clock.seconds())


def _clock(tf_keras: Any) -> Any:
    class Clock(tf_keras.callbacks.Callback):  # type: ignore[misc]
        """Starts when the warm-up ends; `fit` calls it after each batch."""

        def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
            del logs
            if batch == WARM_UP_STEPS - 1:
                self.started = time.perf_counter()
            self.ended = time.perf_counter()

        def seconds(self) -> float:
            return self.ended - self.started

    return Clock()


def _ours(
    config: Network, recipe: Recipe, precision: str, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.uint8]
) -> float:
    """Return the seconds of `microfer train`'s own steps for all batches after the warm-up."""
    from microfer.model.build import build
    from microfer.training.augment import augment
    from microfer.training.engine import use_threads
    from microfer.training.engines import make_engine

    use_threads(None)
    engine = make_engine(build(config), config, recipe, precision=precision)
    targets, weights = recipe.targets(labels), recipe.image_weights(labels)
    rng = np.random.default_rng(0)
    started = 0.0
    for step, part in enumerate(_parts(len(images), recipe.batch_size)):
        if step == WARM_UP_STEPS:
            started = time.perf_counter()
        engine.train_step(augment(images[part], recipe.augmentation, rng), targets[part], weights[part], 1e-3)
    return time.perf_counter() - started


def _parts(count: int, size: int) -> Iterator[slice]:
    yield from (slice(start, start + size) for start in range(0, count, size))
