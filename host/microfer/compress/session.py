"""Pruning and quantization from file to folder: data, progress, reports."""

import gzip
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from microfer.compress.prune import LayerSparsity, PruningEngine, overall_sparsity, sparsity, weight_bytes
from microfer.compress.quantize import Gate, gate, representative_images
from microfer.console import Bar
from microfer.data.splits import require_classes
from microfer.data.training_data import load_splits
from microfer.errors import MicroferError
from microfer.files import write_bytes, write_json
from microfer.model import saved
from microfer.model.backend import choose_backend
from microfer.model.convert import convert_float, quantize
from microfer.oracle.golden import golden_scores
from microfer.parity.limits import Limits
from microfer.release import MODEL_FILE
from microfer.runtimes.arena import measured_arena
from microfer.tflite.metadata import ModelMetadata, embed_metadata
from microfer.training.loop import Run
from microfer.training.recipe import Recipe, recipe
from microfer.training.session import Screen
from microfer.versions import package_versions

SAMPLE_IMAGES = 1024
"""Training images on which it is measured how much each layer moves the loss."""

RAMP = 0.4
"""Share of the fine-tuning in which the sparsity grows; the rest of it heals the network."""


def healing_rate(sparsity_target: float) -> float:
    """Return the highest learning rate while a network is pruned to `sparsity_target`, 0..1, and healed.

    The network comes from the end of a cosine schedule. Up to half of the values, a rate that shakes it out of that
    costs more than the zeros do; what is left of more has to be learnt anew: ten times the rate for each 20 % more.
    """
    return 2e-5 * 10 ** (max(sparsity_target - 0.5, 0) / 0.2)


def fine_tuning(base: Recipe, epochs: int, sparsity_target: float) -> Recipe:
    """Return how a pruned network is trained on: `base` with the rate that its sparsity asks for."""
    return replace(
        base,
        name=f"{base.name}-prune",
        epochs=epochs,
        optimizer="adam",
        learning_rate=healing_rate(sparsity_target),
        schedule="cosine",
        warmup_epochs=0.25,
    )


@dataclass(frozen=True)
class Pruned:
    """What pruning left. report: the content of pruning.json. layers: the zeros of each convolution's kernel."""

    report: dict[str, Any]
    layers: tuple[LayerSparsity, ...]


@dataclass(frozen=True)
class Quantized:
    """What quantization left. report: the content of quantization.json. model: the .tflite."""

    report: dict[str, Any]
    model: Path


def prune(
    source: Path,
    *,
    data: Path | None,
    out: Path,
    sparsity_target: float,
    epochs: int,
    recipe_name: str,
    seed: int,
    resume: bool = False,
    limit: int | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Pruned:
    """Prune the .keras network `source` while fine-tuning it; see `microfer prune --help` for the options.

    Writes to `out` what a training run writes, with `best.keras` chosen among the epochs at full sparsity, and
    `pruning.json`: sparsity per layer, weights' size plain and after gzip, accuracy before and after.
    tell: is given what happens meanwhile, a line each.

    Raises:
        MicroferError: a bad network, bad data, a missing package, a run in `out` that would be overwritten.
    """
    if epochs < 2:
        raise MicroferError(f"pruning takes at least 2 epochs, one to prune and one to heal, not {epochs}")
    if not resume and (out / "last.npz").exists():
        raise MicroferError(f"{out} already holds a run: add --resume to continue it, or choose another --out")
    config, _ = saved.read_config(source)
    backend = choose_backend()
    training, validation = load_splits(data, limit, tell=tell)
    tell(f"loading Keras on {backend}")
    model, _ = saved.load(source)
    tuning = fine_tuning(recipe(recipe_name), epochs, sparsity_target)
    ramp_epochs = max(round(epochs * RAMP), 1)
    steps = max(len(training) // tuning.batch_size, 1)
    before = weight_bytes(model)
    sample = training.take(np.random.default_rng(seed).permutation(len(training))[:SAMPLE_IMAGES])
    engine = PruningEngine(model, config, sparsity_target, ramp_epochs * steps, sample)
    run = Run(config, tuning, training, validation, seed, out, first_kept_epoch=ramp_epochs + 1)
    accuracy_before = run.validate(engine)[1]
    tell(f"{config.name} to {sparsity_target:.0%} zeros, {accuracy_before:.2%} before, {engine.name}")
    with Screen(run, resume=resume) as screen:
        result = run.execute(engine, resume=resume, on_step=screen.step, on_epoch=screen.epoch)
    pruned, _ = saved.load(result.best_model)
    rows = sparsity(pruned)
    report = {
        "source": str(source.name),
        "target": sparsity_target,
        "epochs": epochs,
        "seed": seed,
        "recipe": tuning.to_json(),
        "sparsity": overall_sparsity(rows),
        "layers": [asdict(row) | {"sparsity": row.sparsity} for row in rows],
        "float32_bytes": {"before": before[0], "after": weight_bytes(pruned)[0]},
        "float32_gzip_bytes": {"before": before[1], "after": weight_bytes(pruned)[1]},
        "validation_accuracy": {"before": accuracy_before, "after": result.best_accuracy},
        "versions": package_versions(),
    }
    write_json(out / "pruning.json", report)
    return Pruned(report, tuple(rows))


def quantize_file(
    source: Path,
    *,
    data: Path | None,
    out: Path,
    model_id: str,
    count: int,
    seed: int,
    limits: Limits,
    tell: Callable[[str], None] = lambda _: None,
) -> Quantized:
    """Quantize the .keras network `source` to int8; see `microfer quantize --help` for the options.

    Writes `model.tflite` (int8, with its metadata entry and in it the golden scores) and `quantization.json` to `out`,
    over what an earlier call wrote. Nothing is written where a limit is exceeded: the error names the layer with the
    most quantization noise. tell: is given what happens meanwhile, a line each.

    Raises:
        MicroferError: a bad network, bad data, a missing package, a limit passed, a folder that cannot be written.
    """
    backend = choose_backend()
    training, validation = load_splits(data, tell=tell)
    images = representative_images(training, count, seed)
    tell(f"loading Keras on {backend}, and TensorFlow")
    model, config = saved.load(source)
    require_classes(training, config.labels, str(source))
    tell(f"quantizing {config.name} on {len(images)} images, {len(images) // len(config.labels)} of each class")
    with Bar("calibrating", len(images)) as bar:
        bare = quantize(model, config, images, bar.add)
    tell(f"comparing int8 with float on {len(validation):,} validation images")
    outcome = gate(model, config, bare, validation, limits)
    tell(_gate_words(outcome, limits))
    if data is None:
        tell("the limits were not judged: the faces are drawn")
    else:
        outcome.require()
    tell("computing the answers of the boot self-test, measuring the arena")
    arena = measured_arena(bare)
    if arena is None:
        tell("tflite-micro has no wheel for this machine: the arena was not measured")
    tflite = embed_metadata(
        bare,
        ModelMetadata(
            model_id,
            config.name,
            arena,
            input_layout=config.input_layout,
            labels=config.labels,
            golden=golden_scores(bare),
        ),
    )
    report = {
        "model_id": model_id,
        "source": source.name,
        "calibration_images": len(images),
        "seed": seed,
        "limits": asdict(limits),
        "bytes": {
            "float32": len(convert_float(model, config)),
            "int8": len(tflite),
            "int8_gzip": len(gzip.compress(tflite, 9, mtime=0)),
        },
        "comparison": outcome.comparison.to_json(),
        "versions": package_versions(),
    }
    write_bytes(out / MODEL_FILE, tflite)
    write_json(out / "quantization.json", report)
    return Quantized(report, out / MODEL_FILE)


def _gate_words(outcome: Gate, limits: Limits) -> str:
    comparison = outcome.comparison
    return (
        f"on {comparison.count:,} validation images: float {comparison.float_accuracy.rate:.2%}, int8 "
        f"{comparison.int8_accuracy.rate:.2%} (drop {comparison.drop_points:+.2f} points, allowed "
        f"{limits.drop_points:g}), same class on {comparison.agreement:.2%}"
    )
