"""A training run as a person sees it: data, backend, progress, plots, summary."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from microfer.console import Bar, CtrlC, console
from microfer.data.dataset import Dataset
from microfer.data.training_data import load_splits
from microfer.errors import MicroferError
from microfer.files import fingerprint
from microfer.metrics import plots
from microfer.model import saved
from microfer.model.backend import choose_backend, load_keras, load_quietly
from microfer.model.networks import Network, for_labels
from microfer.training import checkpoint, forecast
from microfer.training.crash_report import CrashReport
from microfer.training.distill import Distillation, Teachers
from microfer.training.engine import Engine, use_threads
from microfer.training.engines import make_engine
from microfer.training.loop import Result, Run, Selection
from microfer.training.recipe import Recipe

FORECAST_STEPS = 60
"""A run of fewer steps is over before timing some of them has told anything."""


def train(
    config: Network,
    recipe: Recipe,
    *,
    data: Path | None,
    out: Path,
    seed: int,
    resume: bool = False,
    precision: str = "auto",
    threads: int | None = None,
    limit: int | None = None,
    tensorboard: bool = False,
    teachers: Sequence[Path] = (),
    distillation: Distillation | None = None,
    imagenet: Path | None = None,
    start: Path | None = None,
    select: Selection = "accuracy",
    on_record: Mapping[int, float] | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Result:
    """Run one training with live progress, and return what it left; see `microfer train --help` for the options.

    data: FER-2013, or None for drawn faces. teachers: .keras files to learn from as well, as `distillation` says.
    imagenet: weights to begin with, for a network of keras.applications. start: a trained .keras of this very network
    to go on from. select: what the best epoch is chosen by. on_record: epochs -> accuracy, 0..1, that runs like this
    one reached. tell: is given what happens meanwhile, a line each.

    Raises:
        MicroferError: bad data, weights or teachers, a run in `out` that would be overwritten or cannot be resumed, a
            missing package.
    """
    if recipe.epochs < 1:
        raise MicroferError(f"--epochs must be at least 1, not {recipe.epochs}")
    if not resume and (out / "last.npz").exists():
        raise MicroferError(f"{out} already holds a run: add --resume to continue it, or choose another --out")
    backend = choose_backend()
    training, validation = load_splits(data, limit, tell=tell)
    config = for_labels(config, training.classes)
    tell(f"loading Keras on {backend}")
    keras = load_keras("training")
    use_threads(threads)
    keras.utils.set_random_seed(seed)
    from microfer.model.build import build, load_imagenet

    model = build(config) if start is None else saved.load(start, config)[0]
    if imagenet is not None:
        load_imagenet(model, config, imagenet)
    followed = Teachers(teachers, distillation or Distillation(), precision) if teachers else None
    engine = make_engine(
        model, config, recipe, precision=precision, distillation=followed.settings if followed else None
    )
    tell(
        f"{config.name}, {engine.model.count_params():,} parameters, recipe {recipe.name}, "
        f"{len(training):,} + {len(validation):,} images, {engine.name}"
        + (f", {len(teachers)} teachers" if teachers else "")
    )
    begun = fingerprint(start) if start else None
    run = Run(config, recipe, training, validation, seed, out, teachers=followed, select=select, start=begun)
    if followed and followed.settings.once:
        _look(followed, training)
    with Screen(run, resume=resume, tensorboard=tensorboard) as screen:
        if not resume:
            screen.say_duration(engine, on_record or {})
        return run.execute(engine, resume=resume, on_step=screen.step, on_epoch=screen.epoch)


def _look(teachers: Teachers, training: Dataset) -> None:
    with Bar("teachers look at each image", len(training)) as bar:
        teachers.look_at(training.images, bar.move)


def duration(seconds: float) -> str:
    """Return a length of time in words, as exact as an estimate is."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


class Screen:
    """Shows a run: a live bar on a terminal, a line per epoch elsewhere, what a crash is; also draws the curves."""

    def __init__(self, run: Run, *, resume: bool = False, tensorboard: bool = False) -> None:
        self._run = run
        self._steps = max(len(run.training) // run.recipe.batch_size, 1)
        first = checkpoint.read(run.checkpoint)[0].epoch if resume else 0
        self._bar = Bar("training", run.recipe.epochs * self._steps, done=first * self._steps, stays=True)
        self._last = ""
        self._writer = _tensorboard_writer(run.out / "tensorboard") if tensorboard else None
        self._rows: list[dict[str, float]] = []
        self._drawn = 0.0
        self._ctrl_c = CtrlC()
        self._crash_report = CrashReport(run.config.name)
        self._resumes = resume

    def __enter__(self) -> "Screen":
        self._crash_report.__enter__()
        if self._resumes:
            self._crash_report.saved()
        self._ctrl_c.__enter__()
        self._bar.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._ctrl_c.__exit__()
        self._crash_report.__exit__()
        self._bar.__exit__()
        if self._rows:
            self._draw()
        if kind is KeyboardInterrupt:
            console.print(
                f"the checkpoint in {self._run.out} is complete: run the same command with --resume to continue"
            )

    def say_duration(self, engine: Engine, on_record: Mapping[int, float]) -> None:
        """Say how long the run will take here, and what a shorter one costs; nothing where it is over at once."""
        epochs = self._run.recipe.epochs
        if epochs * self._steps < FORECAST_STEPS:
            return
        an_epoch = forecast.seconds_per_epoch(self._run, engine)
        self._say(f"about {duration(epochs * an_epoch)}: {epochs} epochs of {an_epoch:.0f} s, from a few timed steps")
        if not on_record:
            self._say("a shorter run: --epochs N; what it costs in accuracy is not known for this preset and recipe")
            return
        reached = ", ".join(f"{count} epochs {accuracy:.1%}" for count, accuracy in on_record.items())
        shortest = min(on_record)
        self._say(
            f"on record for this preset and recipe (PublicTest, one seed each): {reached}; --epochs {shortest} takes "
            f"about {duration(shortest * an_epoch)} here"
        )

    def _say(self, text: str) -> None:
        console.print(text, highlight=False, markup=False, soft_wrap=True)

    def step(self, epoch: int, step: int, loss: float, accuracy: float) -> None:
        """Move the bar, or stop if Ctrl-C was pressed: `Run.execute`'s `on_step`."""
        self._ctrl_c.check()
        self._crash_report.stepped()
        figures = f"epoch {epoch + 1} loss {loss:.3f} accuracy {accuracy:.1%}{self._last}"
        self._bar.move(epoch * self._steps + step + 1, note=figures)

    def epoch(self, row: dict[str, float]) -> None:
        """Say how an epoch went: `Run.execute`'s `on_epoch`."""
        self._crash_report.saved()
        self._rows.append(row)
        self._last = f" | validation {row['val_accuracy']:.1%}"
        figures = (
            f"loss {row['loss']:.3f} accuracy {row['accuracy']:.2%}",
            f"val loss {row['val_loss']:.3f} accuracy {row['val_accuracy']:.2%}",
            f"{row['seconds']:.0f} s",
        )
        count = f"epoch {row['epoch']:3.0f}/{self._run.recipe.epochs}"
        console.print("  ".join((count, *figures)), highlight=False, soft_wrap=True)
        if self._writer is not None:
            self._writer(row)
        if time.monotonic() - self._drawn > 60:
            self._draw()

    def _draw(self) -> None:
        history = checkpoint.read(self._run.checkpoint)[0].history
        plots.plot_history(history, self._run.out / "curves.png")
        self._drawn = time.monotonic()


def _tensorboard_writer(folder: Path) -> Any:
    tf = load_quietly("tensorflow", "--tensorboard")
    writer = tf.summary.create_file_writer(str(folder))
    # What tf.summary.scalar writes; that function itself needs the package tensorboard, which only reading needs.
    scalar = tf.compat.v1.SummaryMetadata(
        plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars"), data_class=1
    )

    def write(row: dict[str, float]) -> None:
        with writer.as_default(step=int(row["epoch"])):
            for key, value in row.items():
                if key != "epoch":
                    tf.summary.write(key, tf.constant(value, tf.float32), metadata=scalar)
        writer.flush()

    return write
