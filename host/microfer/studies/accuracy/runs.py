"""The runs of a comparison: each trained once by `microfer train`, quantized, scored, and kept in its folder."""

import hashlib
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from microfer.archives import ArchiveError, read_arrays
from microfer.console import console
from microfer.data.dataset import Dataset
from microfer.errors import MicroferError
from microfer.files import atomic_path, read_bytes
from microfer.model import networks, saved
from microfer.model.baselines import Application
from microfer.model.networks import Network
from microfer.release import PACKAGE
from microfer.runtimes.parallel import run_parallel
from microfer.runtimes.runners import KerasRunner, LiteRTRunner
from microfer.training import loop

CALIBRATION_IMAGES = 700
SCORES_FILE = "scores.npz"

Scores = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Budget:
    """What every network of a comparison gets alike. data: FER-2013, or None for drawn faces."""

    recipe: str
    epochs: int
    data: Path | None
    limit: int | None = None
    precision: str = "auto"
    threads: int | None = None


@dataclass(frozen=True)
class Scored:
    """One trained network. floats, ints: probabilities, (n, classes), on validation; None where not quantized.

    macs: multiply-accumulates of one inference. int8_bytes: of the .tflite. seconds: of training, 0 where unknown.
    """

    name: str
    seed: int | None
    parameters: int
    macs: int
    floats: Scores
    ints: Scores | None
    int8_bytes: int | None
    seconds: float


def train(name: str, seed: int, budget: Budget, out: Path) -> Path:
    """Return the folder of a finished run of preset `name`, trained now, resumed, or found finished.

    Raises:
        MicroferError: a run in the folder had other settings, or training failed.
    """
    folder = out / f"{name}-{seed}"
    command = [sys.executable, str(PACKAGE), "train", "--preset", name, "--recipe", budget.recipe]
    command += ["--epochs", str(budget.epochs), "--seed", str(seed), "--out", str(folder)]
    command += ["--precision", budget.precision]
    command += ["--data", str(budget.data)] if budget.data else ["--synthetic"]
    command += ["--limit", str(budget.limit)] if budget.limit else []
    command += ["--threads", str(budget.threads)] if budget.threads else []
    if _is_finished(folder, name, seed, budget):
        return folder
    if (folder / "last.npz").exists():
        command.append("--resume")
    console.print(f"[bold]{name}[/], seed {seed}", highlight=False)
    # A process of its own gives all memory back, and this very command repeats the run alone.
    status = subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode
    if status == 130:
        raise KeyboardInterrupt
    if status:
        raise MicroferError(
            f"{name}, seed {seed}, was not trained (status {status}, see above); leave it out or fix it"
        )
    return folder


def score(folder: Path, seed: int | None, training: Dataset, validation: Dataset, *, quantized: bool) -> Scored:
    """Return a finished run's scores on `validation`; they are kept beside it and computed once.

    quantized: also as int8, calibrated on `training`; networks of keras.applications are not.
    """
    record = loop.finished(folder)
    return _score(folder / "best.keras", folder / SCORES_FILE, seed, record, training, validation, quantized)


def score_file(path: Path, training: Dataset, validation: Dataset, *, quantized: bool) -> Scored:
    """Return the scores of a trained .keras that microfer saved, trained anyhow: nothing is kept beside it."""
    return _score(path, None, None, {"seconds": 0.0}, training, validation, quantized)


def _score(
    model_path: Path,
    kept: Path | None,
    seed: int | None,
    record: dict[str, Any],
    training: Dataset,
    validation: Dataset,
    quantized: bool,
) -> Scored:
    config, _ = saved.read_config(model_path)
    quantized = quantized and not isinstance(config, Application)
    key = _key(model_path, validation, quantized)
    found = _kept(kept, key)
    if found is None:
        found = _compute(model_path, config, training, validation, quantized)
        if kept is not None:
            with atomic_path(kept) as temporary, temporary.open("wb") as file:
                np.savez(file, allow_pickle=False, key=np.array(key), **found)
    name = config.name if seed is not None else f"{config.name} ({model_path.parent.name}/{model_path.name})"
    ints = found["ints"] if quantized else None
    size = int(found["int8_bytes"]) if quantized else None
    return Scored(
        name, seed, int(found["parameters"]), int(found["macs"]), found["floats"], ints, size, record["seconds"]
    )


def _compute(
    model_path: Path, config: Network, training: Dataset, validation: Dataset, quantized: bool
) -> dict[str, npt.NDArray[Any]]:
    from microfer.model.backend import choose_backend
    from microfer.model.convert import quantize

    choose_backend()
    model, _ = saved.load(model_path)
    found = {
        "floats": KerasRunner(model).scores(validation.images),
        "parameters": np.array(model.count_params()),
        "macs": np.array(keras_macs(model)),
    }
    if quantized:
        tflite = quantize(model, config, calibration_images(training))
        runner = LiteRTRunner(tflite, optimized=True)
        found["ints"] = run_parallel(runner, validation.images, "scores", title=f"{config.name} int8")
        found["int8_bytes"] = np.array(len(tflite))
    return found


def calibration_images(training: Dataset) -> npt.NDArray[np.uint8]:
    """Return the images that compared networks are quantized with, uint8 (n, 48, 48), always the same."""
    from microfer.compress.quantize import representative_images

    count = min(CALIBRATION_IMAGES, len(training.classes) * int(training.counts().min()))
    return representative_images(training, count, 0)


def keras_macs(model: Any) -> int:
    """Return the multiply-accumulates of one inference of a Keras model: of its convolutions and dense layers."""
    total = 0
    for layer in model.layers:
        if hasattr(layer, "layers"):
            total += keras_macs(layer)
        elif hasattr(layer, "kernel"):
            places = layer.output.shape[1:3] if len(layer.output.shape) == 4 else ()
            total += int(np.prod(layer.kernel.shape)) * int(np.prod(places))
    return total


def _is_finished(folder: Path, name: str, seed: int, budget: Budget) -> bool:
    if not (folder / "run.json").exists():
        return False
    record = loop.record(folder)
    settings, recipe = record["settings"], record["settings"]["recipe"]
    asked = (networks.to_json(networks.network(name)), seed, budget.recipe, budget.epochs)
    found = (settings["network"], settings.get("seed"), recipe.get("name"), recipe.get("epochs"))
    if found != asked:
        raise MicroferError(
            f"{folder} holds another run (recipe {found[2]}, {found[3]} epochs, seed {found[1]}); choose another --out"
        )
    return "epochs" in record


def _key(model_path: Path, validation: Dataset, quantized: bool) -> str:
    """Return what kept scores depend on: the weights, the images, and whether there are int8 ones."""
    digest = hashlib.sha256(read_bytes(model_path))
    digest.update(validation.images.tobytes())
    return f"{digest.hexdigest()} {quantized}"


def _kept(path: Path | None, key: str) -> dict[str, npt.NDArray[Any]] | None:
    if path is None or not path.exists():
        return None
    try:
        found = read_arrays(path)
    except (OSError, ArchiveError) as error:
        raise MicroferError(f"{path} is damaged ({error}); delete it, and it is computed again") from error
    return found if str(found.pop("key")) == key else None
