"""The training run: epochs, validation, checkpoints, logs."""

import csv
import gc
import io
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from microfer.data.dataset import Dataset
from microfer.data.splits import require_classes
from microfer.errors import MicroferError
from microfer.files import exclusive, write_json, write_text
from microfer.json_reader import read_json
from microfer.metrics.metrics import classification_metrics
from microfer.model import networks, saved
from microfer.model.networks import Network
from microfer.tensor import encode_float
from microfer.training import checkpoint
from microfer.training.augment import augment
from microfer.training.distill import Teachers
from microfer.training.engine import Array, Engine
from microfer.training.moving_average import MovingAverage, split_state
from microfer.training.recipe import Recipe

HISTORY_COLUMNS = (
    "epoch",
    "loss",
    "accuracy",
    "val_loss",
    "val_accuracy",
    "val_macro_f1",
    "learning_rate",
    "seconds",
)
"""Loss and accuracy of training are means over the epoch's augmented batches; seconds include validation."""

VALIDATION_BATCH = 256

Selection = Literal["accuracy", "macro_f1"]


class Validated(NamedTuple):
    """Means over the validation split: cross-entropy, and rates in 0..1."""

    loss: float
    accuracy: float
    macro_f1: float


@dataclass(frozen=True)
class Result:
    """What a finished run left in its folder. best_accuracy, best_macro_f1: of `best_epoch`, 0..1."""

    best_epoch: int
    best_accuracy: float
    best_macro_f1: float
    epochs: int
    seconds: float
    best_model: Path

    def describe(self) -> str:
        """Return the result in one sentence, for people."""
        return (
            f"best epoch {self.best_epoch} of {self.epochs}: {self.best_accuracy:.2%} on the validation split, "
            f"macro-F1 {self.best_macro_f1:.3f}, {self.seconds / 60:.1f} minutes; wrote {self.best_model}"
        )


@dataclass(frozen=True)
class Run:
    """A training run and the folder that it writes.

    first_kept_epoch: the first epoch, counted from 1, that may become the best one; pruning keeps none that is not
        yet at full sparsity.
    teachers: what the network learns from beside the labels; the engine must have been made for it.
    select: what chooses the best epoch, on the validation split.
    start: file and SHA-256 of the trained network whose weights the engine began with, if any.

    Files: `best.keras` (the best epoch), `last.npz` (checkpoint after each epoch), `history.csv`, `run.json` (settings,
    result, and where the data was, null for drawn faces). Each is written as a whole or not at all.
    """

    config: Network
    recipe: Recipe
    training: Dataset
    validation: Dataset
    seed: int
    out: Path
    first_kept_epoch: int = 1
    teachers: Teachers | None = None
    select: Selection = "accuracy"
    start: dict[str, str] | None = None

    def __post_init__(self) -> None:
        for split in (self.training, self.validation):
            require_classes(split, self.config.labels, f"the network {self.config.name}")

    @property
    def checkpoint(self) -> Path:
        """The file that `resume` reads."""
        return self.out / "last.npz"

    def settings(self, engine: Engine) -> dict[str, object]:
        """Return what must be the same for a run to be resumed, as JSON values."""
        return {
            "network": networks.to_json(self.config),
            "recipe": self.recipe.to_json(),
            "seed": self.seed,
            "engine": engine.name,
            "training_images": len(self.training),
            "validation_images": len(self.validation),
            "distillation": self.teachers.to_json() if self.teachers else None,
            "select": self.select,
            "start": self.start,
        }

    def execute(
        self,
        engine: Engine,
        *,
        resume: bool = False,
        on_step: Callable[[int, int, float, float], None] = lambda *_: None,
        on_epoch: Callable[[dict[str, float]], None] = lambda _: None,
    ) -> Result:
        """Train to the recipe's last epoch, or go on from the checkpoint if `resume`.

        Each epoch draws its random numbers from (seed, epoch) alone, so a resumed run equals an unbroken one. Where the
        teachers ask for views that come again, so do whole batches: their order, and how their images are changed.
        A run at a constant rate may be resumed to end earlier or later than it was begun to.

        on_step: called with epoch, step, mean loss and accuracy of the epoch so far.
        on_epoch: called with the epoch's row of the history.

        Raises:
            MicroferError: nothing to resume, a checkpoint of another run, a folder that cannot be written, or in which
                another process is training.
        """
        with exclusive(self.out):
            gc.freeze()  # looking through the libraries' many objects again and again costs a few percent of a step
            try:
                return self._execute(engine, resume, on_step, on_epoch)
            finally:
                gc.unfreeze()  # a process may train another network, and let this one go

    def _execute(
        self,
        engine: Engine,
        resume: bool,
        on_step: Callable[[int, int, float, float], None],
        on_epoch: Callable[[dict[str, float]], None],
    ) -> Result:
        settings = self.settings(engine)
        if resume:
            progress, variables = checkpoint.read(self.checkpoint)
            checkpoint.require_same(self.checkpoint, _so_far(progress.settings), _so_far(settings))
            if progress.epoch > self.recipe.epochs:
                raise MicroferError(
                    f"{self.checkpoint} has {progress.epoch} epochs, more than the {self.recipe.epochs} asked for"
                )
            progress.settings = settings
            checkpoint.write(self.checkpoint, progress, variables)  # also where no epoch is left to do it
            variables, averaged = split_state(variables)
            engine.restore(variables)
        else:
            progress = checkpoint.Progress(settings)
        average = MovingAverage(engine, self.recipe.average) if self.recipe.average else None
        if resume and average:
            average.restore(averaged)
        data = {"data": None if self.training.is_synthetic else str(Path(self.training.source).resolve())}
        write_json(self.out / "run.json", {"settings": settings} | data)
        for epoch in range(progress.epoch, self.recipe.epochs):
            started = time.perf_counter()
            loss, accuracy = self._train_epoch(engine, epoch, average, on_step)
            with average.in_place() if average else nullcontext():
                found = self.validate(engine)
                row = (epoch + 1, loss, accuracy, *found, self.recipe.rate(epoch + 1))
                progress.history.append(dict(zip(HISTORY_COLUMNS, (*row, time.perf_counter() - started), strict=True)))
                if epoch + 1 >= self.first_kept_epoch and getattr(found, self.select) > progress.best(self.select):
                    progress.best_accuracy, progress.best_macro_f1 = found.accuracy, found.macro_f1
                    progress.best_epoch = epoch + 1
                    saved.save(engine.model, self.config, self.out / "best.keras", {"recipe": self.recipe.to_json()})
            # The checkpoint comes last: a run killed before it repeats the epoch and writes the same best model.
            write_text(self.out / "history.csv", _as_csv(progress.history))
            checkpoint.write(self.checkpoint, progress, engine.state() | (average.state() if average else {}))
            on_epoch(progress.history[-1])
        seconds = sum(row["seconds"] for row in progress.history)
        result = Result(
            progress.best_epoch,
            progress.best_accuracy,
            progress.best_macro_f1,
            progress.epoch,
            seconds,
            self.out / "best.keras",
        )
        write_json(
            self.out / "run.json",
            {
                "settings": settings,
                **data,
                "best_epoch": result.best_epoch,
                "best_val_accuracy": result.best_accuracy,
                "best_val_macro_f1": result.best_macro_f1,
                "epochs": result.epochs,
                "seconds": round(seconds, 1),
            },
        )
        return result

    def _train_epoch(
        self,
        engine: Engine,
        epoch: int,
        average: MovingAverage | None,
        on_step: Callable[[int, int, float, float], None],
    ) -> tuple[float, float]:
        view = self.teachers.view(epoch) if self.teachers else epoch
        rng = np.random.default_rng((self.seed, view))
        engine.start_epoch(int(rng.integers(2**31)) + epoch - view)  # dropout is new also where the view is not
        order = rng.permutation(len(self.training))
        targets = self.recipe.targets(self.training.labels, len(self.config.labels))
        weights = self.recipe.image_weights(self.training.labels, len(self.config.labels))
        batches = _batches(order, self.recipe.batch_size)
        loss_sum, hits, seen = 0.0, 0, 0
        for step, chosen in enumerate(batches):
            inputs = augment(self.training.images[chosen], self.recipe.augmentation, rng)
            rate = self.recipe.rate(epoch + (step + 1) / len(batches))
            aims, weight = targets[chosen], weights[chosen]
            if self.recipe.mixup:
                inputs, aims, weight = _mixed((inputs, aims, weight), self.recipe.mixup, rng)
            if self.teachers:
                aims = self.teachers.targets(inputs, aims, chosen, view, step)
            loss, right = engine.train_step(inputs, aims, weight, rate)
            if average:
                average.update()
            loss_sum, hits, seen = loss_sum + loss * len(chosen), hits + right, seen + len(chosen)
            on_step(epoch, step, loss_sum / seen, hits / seen)
        return loss_sum / seen, hits / seen

    def validate(self, engine: Engine) -> Validated:
        """Return how the network does on the validation split now."""
        probabilities = predict(engine, self.validation.images)
        chosen = probabilities[np.arange(len(self.validation)), self.validation.labels]
        loss = float(-np.log(np.maximum(chosen, 1e-7)).mean())
        metrics = classification_metrics(probabilities, self.validation.labels, self.config.labels)
        return Validated(loss, metrics.accuracy, metrics.macro_f1)


def record(folder: Path) -> dict[str, Any]:
    """Return the `run.json` of a run, finished or not; `settings` is in it, and in that the network and the recipe.

    Raises:
        MicroferError: `folder` holds none, or a damaged one.
    """
    path = folder / "run.json"
    found: dict[str, Any] = read_json(path, dict[str, Any], todo := "train again, into another folder")
    settings = found.get("settings")
    if not isinstance(settings, dict) or not all(isinstance(settings.get(key), dict) for key in ("network", "recipe")):
        raise MicroferError(f"{path} does not tell the run's network and recipe; {todo}")
    return found


def finished(folder: Path) -> dict[str, Any]:
    """Return the `run.json` of a run that has come to its end. Raises MicroferError where `folder` holds none."""
    found = record(folder)
    if "epochs" not in found:
        raise MicroferError(f"the run in {folder} is not finished: continue it with --resume")
    return found


def predict(engine: Engine, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return probabilities, float32 (n, classes), for crops, uint8 (n, 48, 48)."""
    parts = [images[i : i + VALIDATION_BATCH] for i in range(0, len(images), VALIDATION_BATCH)]
    return np.concatenate([engine.predict(encode_float(part)) for part in parts])


def _so_far(settings: dict[str, Any]) -> dict[str, Any]:
    """Return what the epochs so far depend on; at a constant rate that is not how many there will be."""
    recipe = settings.get("recipe")
    if isinstance(recipe, dict) and recipe.get("schedule") == "constant":
        return settings | {"recipe": recipe | {"epochs": None}}
    return settings


def _mixed(batch: tuple[Array, ...], alpha: float, rng: np.random.Generator) -> tuple[Array, ...]:
    """Blend each array of a batch with itself in another order, all by the same share."""
    share = np.float32(rng.beta(alpha, alpha))
    other = rng.permutation(len(batch[0]))
    return tuple(share * array + (1 - share) * array[other] for array in batch)


def _batches(order: npt.NDArray[np.intp], size: int) -> list[npt.NDArray[np.intp]]:
    """Cut `order` into full batches; what does not fill one is left for other epochs, unless there is no other."""
    full = len(order) // size
    return np.split(order[: full * size], full) if full else [order]


def _as_csv(history: list[dict[str, float]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, HISTORY_COLUMNS, lineterminator="\n")
    writer.writeheader()
    # Of a checkpoint every number of a row is a float, also the epoch's.
    writer.writerows(row | {"epoch": round(row["epoch"])} for row in history)
    return text.getvalue()
