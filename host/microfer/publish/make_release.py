"""A release: a trained, pruned and quantized model gathered into models/NAME, with everything measured anew."""

import gzip
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from microfer.cost.estimate import estimate
from microfer.errors import MicroferError
from microfer.export.golden import check_scores, read_pictures
from microfer.files import write_bytes, write_json, write_text
from microfer.json_reader import read_json
from microfer.model import saved
from microfer.model.table import macs, parameters
from microfer.parity.limits import Limits
from microfer.publish import measured, model_card
from microfer.release import FLOAT_FILE, MODELS, PACKAGE, with_releases
from microfer.tflite import tflite_file
from microfer.tflite.metadata import ModelMetadata, read_metadata
from microfer.training.distill import Distillation


@dataclass(frozen=True)
class Sources:
    """What a release is made from.

    data: FER-2013. run: folder that `microfer train` or `prune-channels` wrote. pruned: that of `prune`,
    where it was used. int8: that of `quantize`. label_smoothing: of the labels behind a network that was taught.
    beside: leave the default release as it is.
    """

    data: Path
    run: Path
    int8: Path
    pruned: Path | None = None
    label_smoothing: float | None = None
    beside: bool = False


def make_release(options: Sources) -> tuple[Path, float]:
    """Measure, write the folder, put the figures into the README; return the folder and the int8 accuracy, 0..1.

    Raises:
        MicroferError: the model has no golden scores, or a command that measures it failed.
    """
    model = tflite_file.read(options.int8 / "model.tflite")
    metadata = read_metadata(model)
    _check_golden(metadata)
    folder = MODELS / metadata.model_id
    folder.mkdir(parents=True, exist_ok=True)
    for source, name in _files(options):
        write_bytes(folder / name, source.read_bytes())
    config, _ = saved.read_config(folder / FLOAT_FILE)
    smoothing = _label_smoothing(options.run) if options.label_smoothing is None else options.label_smoothing
    calibration = _calibrate(folder / "model.tflite", options.data, smoothing)
    robustness = _robustness(folder / "model.tflite", options.data)
    int8 = _evaluate(folder / "model.tflite", options.data, folder)
    floating = _evaluate(folder / FLOAT_FILE, options.data, None)
    quantization = _read(options.int8 / "quantization.json")
    least = ("--min-agreement", quantization["limits"]["agreement"])
    _command("parity", "--int8", folder / "model.tflite", "--data", options.data, "--out", folder, *least)
    parity = _read(folder / "parity.json")
    metrics = {
        "model_id": metadata.model_id,
        "preset": metadata.preset,
        "sha256": int8["model"]["sha256"],
        "parameters": parameters(config),
        "macs": macs(config),
        "chip": _chip(folder / "model.tflite"),
        "arena": vars(metadata.arena) if metadata.arena else None,
        "bytes": quantization["bytes"] | _sizes((folder / "model.tflite").read_bytes()),
        "training": _training(options.run),
        "pruning": _report(options.pruned, "pruning.json"),
        "channels": _channels(options.run),
        "quantization": {key: quantization[key] for key in ("calibration_images", "seed", "limits")},
        "int8": int8,
        "float": floating,
        "calibration": calibration,
        "robustness": robustness,
        "parity": _parity_summary(parity),
        "commands": _commands(options, metadata.model_id),
    }
    write_json(folder / "metrics.json", metrics)
    write_text(folder / "README.md", model_card.render(metrics))
    if not options.beside:
        write_text(MODELS / "DEFAULT", metadata.model_id + "\n")
    for part in measured.release_parts():
        part.write()
    return folder, float(int8["accuracy"])


def _files(options: Sources) -> list[tuple[Path, str]]:
    """Return (source, name in the release) of every file that is taken over."""
    found = [
        (options.int8 / "model.tflite", "model.tflite"),
        ((options.pruned or options.run) / "best.keras", FLOAT_FILE),
        (options.run / "history.csv", "history.csv"),
        (options.run / "curves.png", "curves.png"),
    ]
    return found + ([(options.pruned / "history.csv", "pruning-history.csv")] if options.pruned else [])


def _training(run: Path) -> dict[str, Any]:
    """Return what microfer train or its like recorded of a run; networks that it knew say which release they are."""
    record = _read(run / "run.json")
    record.pop("data", None)  # where somebody keeps it is theirs
    settings = record["settings"]
    _name_teachers(settings.get("distillation"))
    if settings.get("start"):
        (settings["start"],) = with_releases([settings["start"]])
    return record


def _channels(run: Path) -> dict[str, Any] | None:
    report = _report(run, "channels.json")
    for step in report["steps"] if report else []:
        _name_teachers(step["teachers"])
    return report


def _read(path: Path) -> dict[str, Any]:
    return read_json(path, dict[str, Any])


def _name_teachers(distillation: dict[str, Any] | None) -> None:
    if distillation:
        distillation["teachers"] = with_releases(distillation["teachers"])


def _report(folder: Path | None, name: str) -> dict[str, Any] | None:
    """Return the JSON report that a command left in a folder, None where it left none."""
    if folder is None or not (folder / name).is_file():
        return None
    return _read(folder / name)


def _chip(model: Path) -> dict[str, Any]:
    """Return what the model costs on the chip with ESP-NN, by the cost model."""
    cost = estimate(tflite_file.read(model))
    return {
        "instructions": round(cost.instructions),
        "error": round(cost.error, 4),
        "arena_bytes": cost.arena.needed,
        "milliseconds": [round(1e3 * cost.shortest, 1), cost.longest and round(1e3 * cost.longest, 1)],
    }


def _check_golden(metadata: ModelMetadata) -> None:
    """Raise MicroferError where the board's self-test would have nothing right to compare with."""
    if metadata.golden is None:
        raise MicroferError(
            f"{metadata.model_id} has no golden scores; add them: python scripts/generate.py scores MODEL.tflite"
        )
    check_scores(metadata, read_pictures())


def _sizes(content: bytes) -> dict[str, int]:
    """Return the file's own sizes: its metadata may have changed since it was quantized."""
    return {"int8": len(content), "int8_gzip": len(gzip.compress(content, 9, mtime=0))}


def _command(verb: str, *arguments: object) -> None:
    command = [sys.executable, str(PACKAGE), verb, *map(str, arguments)]
    process = subprocess.run(command, check=False)
    if process.returncode:
        raise MicroferError(f"microfer {verb} ended with status {process.returncode}: the model is not released")


def _evaluate(model: Path, data: Path, plots: Path | None) -> dict[str, Any]:
    """Return microfer evaluate's JSON; keep its plots in the folder `plots`."""
    with tempfile.TemporaryDirectory() as scratch:
        _command("evaluate", model, "--data", data, "--out", scratch)
        if plots:
            shutil.copy(Path(scratch) / "confusion.png", plots / "confusion.png")
        return _read(Path(scratch) / "evaluation.json")


def _label_smoothing(run: Path) -> float | None:
    """Return what a training's targets were smoothed by; None where a teacher's scores had part in them."""
    settings = _read(run / "run.json")["settings"]
    return None if settings.get("distillation") else float(settings["recipe"]["label_smoothing"])


def _calibrate(model: Path, data: Path, label_smoothing: float | None) -> dict[str, Any]:
    """Write the calibration into the model, its plots beside it; return microfer calibrate's JSON without bins.

    Without a `label_smoothing` the model keeps the floor that it carries.
    """
    floor = () if label_smoothing is None else ("--label-smoothing", label_smoothing)
    with tempfile.TemporaryDirectory() as scratch:
        _command("calibrate", model, "--data", data, *floor, "--out", scratch)
        shutil.copy(Path(scratch) / model.name, model)
        for name in ("calibration.png", "coverage.png"):
            shutil.copy(Path(scratch) / name, model.parent / name)
        result = _read(Path(scratch) / "calibration.json")
    for half in ("before", "after"):
        del result[half]["bins"]
    return result


def _robustness(model: Path, data: Path) -> dict[str, Any]:
    """Return microfer robustness's JSON, its Markdown table as "markdown"; keep its plot beside the model."""
    with tempfile.TemporaryDirectory() as scratch:
        _command("robustness", model, "--data", data, "--out", scratch)
        shutil.copy(Path(scratch) / "robustness.png", model.parent / "robustness.png")
        result = _read(Path(scratch) / "robustness.json")
        return result | {"markdown": (Path(scratch) / "robustness.md").read_text().splitlines()}


def _parity_summary(parity: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of the certificate that the model card quotes."""
    scores, bits = parity["float_against_int8"], parity["reference_against_tflm"]
    return {"scores": scores["result"], "bits": bits["result"], "versions": parity["versions"]}


def _commands(options: Sources, model_id: str) -> list[str]:
    run = _training(options.run)["settings"]
    channels = _channels(options.run)
    if channels is None:
        commands = [_trained(run)]
    else:
        sources = [channels["steps"][0]["source"]]  # each step after the first goes on from the one before
        sources += [f"runs/step{number}/best.keras" for number in range(1, len(channels["steps"]))]
        commands = [_channels_pruned(*one) for one in zip(channels["steps"], sources, strict=True)]
    folders = [*(f"runs/step{number}" for number in range(1, len(commands))), "runs/trained"]
    backend = "torch" if "PyTorch" in run["engine"] else "tensorflow"
    commands = [
        f"KERAS_BACKEND={backend} microfer {line} --out {to}" for line, to in zip(commands, folders, strict=True)
    ]
    trained = "runs/trained"
    if averaged := _training(options.run).get("averaged"):
        share = f"--start {run['start']['file']} --share {averaged['share']:g}"
        commands.append(f"microfer average {trained} {share} --data PATH --out runs/mean")
        trained = "runs/mean"
    network, pruned = f"{trained}/best.keras", ""
    if pruning := _report(options.pruned, "pruning.json"):
        prune = f"--sparsity {pruning['target']} --epochs {pruning['epochs']} --seed {pruning['seed']}"
        commands.append(f"microfer prune {network} --data PATH {prune} --out runs/pruned")
        network, pruned = "runs/pruned/best.keras", " --pruned runs/pruned"
    made = _read(options.int8 / "quantization.json")
    quantize = f"--images {made['calibration_images']} --seed {made['seed']}"
    if made["limits"]["agreement"] != Limits().agreement:
        quantize += f" --min-agreement {made['limits']['agreement']:g}"
    beside = " --beside" if options.beside else ""
    if options.label_smoothing is not None:
        beside += f" --label-smoothing {options.label_smoothing:g}"
    return [
        *commands,
        f"microfer quantize {network} --data PATH {quantize} --model-id {model_id} --out runs/int8",
        f"python scripts/release.py --data PATH --run {trained}{pruned} --int8 runs/int8{beside}",
        f"microfer export models/{model_id}/model.tflite",
    ]


def _trained(run: dict[str, Any]) -> str:
    command = f"train --data PATH --preset {run['network']['name']} --recipe {run['recipe']['name']} "
    command += f"--epochs {run['recipe']['epochs']} --seed {run['seed']}"
    if run.get("start"):
        command += f" --start {run['start']['file']} --select {run['select']}"
    return command + _taught_by(run.get("distillation"))


def _channels_pruned(step: dict[str, Any], source: str) -> str:
    command = f"prune-channels {source} --data PATH --instructions {step['share']} "
    command += f"--multiple {step['multiple']} --epochs {step['epochs']} --seed {step['seed']} "
    return command + f"--learning-rate {step['recipe']['learning_rate']:g}" + _taught_by(step["teachers"])


def _taught_by(distillation: dict[str, Any] | None) -> str:
    if not distillation:
        return ""
    usual = Distillation()
    options = " --teacher " + " ".join(one["file"] for one in distillation["teachers"])
    for name in ("weight", "temperature", "views"):
        if distillation.get(name, getattr(usual, name)) != getattr(usual, name):
            options += f" --teacher-{name} {distillation[name]:g}"
    return options + (" --teacher-once" if distillation.get("once") else "")
