"""Compression curves as a person sees them: which points are there already, the others measured, table, files, plot."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from microfer.compress.one_shot import OneShot, packed_bytes
from microfer.compress.session import SAMPLE_IMAGES, prune
from microfer.data.dataset import Dataset
from microfer.data.training_data import load_splits
from microfer.errors import MicroferError
from microfer.files import read_bytes, write_json, write_text
from microfer.json_reader import parse
from microfer.metrics.plots import save
from microfer.model import saved
from microfer.studies.accuracy.runs import calibration_images
from microfer.studies.compression.curves import (
    SPARSITIES,
    VALUES,
    Curves,
    Origin,
    Point,
    Step,
    keep,
    kept,
    measure,
)
from microfer.studies.compression.page import curves_figure, markdown
from microfer.training.engine import use_threads
from microfer.versions import package_versions

HEALING_RECIPE = "strong"
ORIGIN_FILE = "curve.json"
"""In the folder of a healing run, what it was begun with."""


def compression_curves(
    source: Path,
    *,
    data: Path | None,
    out: Path,
    epochs: int,
    heal_from: float,
    seed: int,
    threads: int | None = None,
    limit: int | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Curves:
    """Measure the .keras network `source` at every sparsity and every number of values; see
    `microfer compression-curves --help` for the options.

    Writes to `out` `curves.json`, `curves.md` and `curves.png`; the points themselves to `out/points`, where they are
    found the next time, and with `epochs` the healing runs to `out/sparsity-10` and so on. tell: is given what happens
    meanwhile, a line each.

    Raises:
        MicroferError: a bad network, bad data, a missing package, a damaged point, another curve's run in `out`.
    """
    if epochs < 0 or epochs == 1:
        raise MicroferError(
            f"--epochs must be 0, for no healing, or at least 2, one to prune and one to heal, not {epochs}"
        )
    config, _ = saved.read_config(source)
    _limit(threads)
    training, validation = load_splits(data, limit, tell=tell)
    order = _Order(source, data, out, epochs, heal_from, seed, threads, limit)
    every = _Measurements(order, training, validation, tell)
    try:
        points = every.all_points()
    except KeyboardInterrupt:
        tell(f"{out} keeps what was measured: run the same command again to continue")
        raise
    result = Curves(
        network=config.name,
        source=source.name,
        split="PublicTest" if data else "drawn faces",
        images=len(validation),
        epochs=epochs,
        recipe=HEALING_RECIPE if epochs else None,
        origin=every.origin("cut"),
        points=points,
    )
    document = result.to_json() | {"versions": package_versions()}
    write_json(out / "curves.json", document)
    write_text(out / "curves.md", "\n".join(markdown(result)) + "\n")
    save(curves_figure(result), out / "curves.png")
    return result


@dataclass(frozen=True)
class _Order:
    """What was asked for, in the words of `compression_curves`."""

    source: Path
    data: Path | None
    out: Path
    epochs: int
    heal_from: float
    seed: int
    threads: int | None
    limit: int | None


class _Measurements:
    """Finds each point in `out/points` or measures it; loads the network when the first one is to be measured."""

    def __init__(self, order: _Order, training: Dataset, validation: Dataset, tell: Callable[[str], None]) -> None:
        self._order, self._training, self._validation, self._tell = order, training, validation, tell
        images = hashlib.sha256()
        for split in (training, validation):
            images.update(split.images.tobytes())
            images.update(split.labels.tobytes())
        network = hashlib.sha256(read_bytes(order.source))
        self._hashes = {"network_sha256": network.hexdigest(), "images_sha256": images.hexdigest()}
        self._network: OneShot | None = None
        self._calibration = calibration_images(training)

    def all_points(self) -> tuple[Point, ...]:
        """Return every point of the curves, in the order in which they are measured."""
        steps = [Step("cut", sparsity) for sparsity in SPARSITIES]
        steps += [Step("clustered", count) for count in VALUES]
        # A sparsity of 0 has nothing to heal; what takes hours comes last.
        healed = [sparsity for sparsity in SPARSITIES[1:] if sparsity >= self._order.heal_from]
        steps += [Step("healed", sparsity) for sparsity in healed if self._order.epochs]
        found = [kept(self._file(step), self.origin(step.how)) for step in steps]
        if there := sum(point is not None for point in found):
            self._tell(f"{there} of {len(steps)} points are measured already, in {self._order.out}")
        return tuple(
            point or self._measured(step, f"{number} of {len(steps)}: {step}")
            for number, (step, point) in enumerate(zip(steps, found, strict=True), start=1)
        )

    def origin(self, how: str) -> Origin:
        """Return what points of a kind depend on; those that nothing is trained for, not on `epochs`."""
        found: Origin = {**self._hashes, "seed": self._order.seed}
        return found | {"epochs": self._order.epochs, "recipe": HEALING_RECIPE} if how == "healed" else found

    def _file(self, step: Step) -> Path:
        return self._order.out / "points" / f"{step.name}.json"

    def _measured(self, step: Step, title: str) -> Point:
        """Return a point measured now, and kept."""
        self._tell(title)
        network = self._open()
        if step.how == "healed":
            model, _ = saved.load(self._healed(step), network.config)
        else:
            model = network.cut(step.asked) if step.how == "cut" else network.clustered(int(step.asked))
        point = measure(
            step, model, network.config, self._calibration, self._validation,
            packed=packed_bytes(network.sizes, int(step.asked)) if step.how == "clustered" else None,
            title=f"{title}, int8", workers=self._order.threads,
        )  # fmt: skip
        keep(self._file(step), point, self.origin(step.how))
        self._tell(
            f"  float {point.float_accuracy.rate:.2%}, int8 {point.int8_accuracy.rate:.2%}, "
            f"{point.int8_gzip_bytes:,} bytes after gzip"
        )
        return point

    def _open(self) -> OneShot:
        if self._network is None:
            order = np.random.default_rng(self._order.seed).permutation(len(self._training))
            self._network = OneShot(self._order.source, self._training.take(order[:SAMPLE_IMAGES]))
        return self._network

    def _healed(self, step: Step) -> Path:
        """Return the network that `prune` leaves in a folder of this curve: found finished, resumed, or started.

        Raises:
            MicroferError: the folder holds a run of something else.
        """
        order, origin = self._order, self.origin("healed")
        folder = order.out / f"sparsity-{100 * step.asked:.0f}"
        begun = folder / ORIGIN_FILE
        if not begun.exists() and (folder / "last.npz").exists():
            raise MicroferError(f"{folder} holds a run that is not of these curves: choose another --out")
        if begun.exists() and not _holds(begun, origin):
            raise MicroferError(
                f"{folder} holds a run of another network, other images, --epochs or --seed (see {begun.name} in it): "
                "choose another --out, or delete the folder"
            )
        if not (folder / "pruning.json").exists():
            write_json(begun, origin)
            prune(
                order.source, data=order.data, out=folder, sparsity_target=step.asked, epochs=order.epochs,
                recipe_name=HEALING_RECIPE, seed=order.seed, resume=(folder / "last.npz").exists(), limit=order.limit,
                tell=self._tell,
            )  # fmt: skip
        return folder / "best.keras"


def _holds(path: Path, origin: Origin) -> bool:
    try:
        return bool(parse(read_bytes(path)) == origin)
    except ValueError:
        return False


def _limit(threads: int | None) -> None:
    """Let all that computes take so many cores; called before TensorFlow, which quantizes, is imported."""
    if threads:
        for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
            os.environ.setdefault(name, str(threads))
    use_threads(threads)
