"""Gather a trained, pruned and quantized model into models/NAME, with everything measured anew.

For maintainers, after train.py, prune.py and quantize.py:

    python scripts/release.py --data fer2013.zip --run runs/thesis-bn-strong-0 --pruned runs/pruned --int8 runs/int8
"""

import argparse
import gzip
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "host"))

from microfer import command  # noqa: E402
from microfer.deploy import model_card, tflite_file  # noqa: E402
from microfer.deploy.golden import check_scores, read_pictures  # noqa: E402
from microfer.deploy.metadata import ModelMetadata, read_metadata  # noqa: E402
from microfer.errors import MicroferError  # noqa: E402
from microfer.files import write_bytes, write_json, write_text  # noqa: E402
from microfer.model.presets import preset  # noqa: E402
from microfer.model.table import macs, parameters  # noqa: E402
from microfer.pages import update_block  # noqa: E402


def main() -> None:
    """Measure, write the folder, make it the default release and put its figures into the README."""
    options = _parse()
    model = tflite_file.read(options.int8 / "model.tflite")
    metadata = read_metadata(model)
    _check_golden(metadata)
    folder = ROOT / "models" / metadata.model_id
    folder.mkdir(parents=True, exist_ok=True)
    for source, name in (
        (options.int8 / "model.tflite", "model.tflite"),
        (options.pruned / "best.keras", "float.keras"),
        (options.run / "history.csv", "history.csv"),
        (options.run / "curves.png", "curves.png"),
        (options.pruned / "history.csv", "pruning-history.csv"),
    ):
        write_bytes(folder / name, source.read_bytes())
    calibration = _calibrate(folder / "model.tflite", options.data, _label_smoothing(options.run))
    robustness = _robustness(folder / "model.tflite", options.data)
    int8 = _evaluate(folder / "model.tflite", options.data, folder)
    floating = _evaluate(folder / "float.keras", options.data, None)
    _command("check_parity.py", "--int8", folder / "model.tflite", "--data", options.data, "--out", folder)
    parity = json.loads((folder / "parity.json").read_text())
    quantization = json.loads((options.int8 / "quantization.json").read_text())
    metrics = {
        "model_id": metadata.model_id,
        "preset": metadata.preset,
        "sha256": int8["model"]["sha256"],
        "parameters": parameters(preset(metadata.preset)),
        "macs": macs(preset(metadata.preset)),
        "arena": vars(metadata.arena) if metadata.arena else None,
        "bytes": quantization["bytes"] | _sizes((folder / "model.tflite").read_bytes()),
        "training": json.loads((options.run / "run.json").read_text()),
        "pruning": json.loads((options.pruned / "pruning.json").read_text()),
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
    write_text(ROOT / "models" / "DEFAULT", metadata.model_id + "\n")
    update_block(ROOT / "README.md", "figures", model_card.figures_table(metrics))
    command.console.print(f"released {folder.relative_to(ROOT)}: {100 * int8['accuracy']:.2f} % on PublicTest")


def _check_golden(metadata: ModelMetadata) -> None:
    """Raise MicroferError where the board's self-test would have nothing right to compare with."""
    if metadata.golden is None:
        raise MicroferError(
            f"{metadata.model_id} has no golden scores; add them: python scripts/golden_scores.py MODEL.tflite"
        )
    check_scores(metadata, read_pictures())


def _sizes(content: bytes) -> dict[str, int]:
    """Return the file's own sizes: its metadata may have changed since it was quantized."""
    return {"int8": len(content), "int8_gzip": len(gzip.compress(content, 9, mtime=0))}


def _command(script: str, *arguments: object) -> None:
    process = subprocess.run([sys.executable, str(ROOT / "host" / script), *map(str, arguments)], check=False)
    if process.returncode:
        raise MicroferError(f"{script} ended with status {process.returncode}: the model is not released")


def _evaluate(model: Path, data: Path, plots: Path | None) -> dict[str, Any]:
    """Return evaluate.py's JSON; keep its plots in the folder `plots`."""
    with tempfile.TemporaryDirectory() as scratch:
        _command("evaluate.py", model, "--data", data, "--out", scratch)
        if plots:
            shutil.copy(Path(scratch) / "confusion.png", plots / "confusion.png")
        result: dict[str, Any] = json.loads((Path(scratch) / "evaluation.json").read_text())
        return result


def _label_smoothing(run: Path) -> float | None:
    """Return what a training's targets were smoothed by; None where a teacher's scores had part in them."""
    settings = json.loads((run / "run.json").read_text())["settings"]
    return None if "distillation" in settings else float(settings["recipe"]["label_smoothing"])


def _calibrate(model: Path, data: Path, label_smoothing: float | None) -> dict[str, Any]:
    """Write the calibration into the model, its plots beside it; return calibrate.py's JSON without bins.

    Without a `label_smoothing` the model keeps the floor that it carries.
    """
    floor = () if label_smoothing is None else ("--label-smoothing", label_smoothing)
    with tempfile.TemporaryDirectory() as scratch:
        _command("calibrate.py", model, "--data", data, *floor, "--out", model, "--report", scratch)
        for name in ("calibration.png", "coverage.png"):
            shutil.copy(Path(scratch) / name, model.parent / name)
        result: dict[str, Any] = json.loads((Path(scratch) / "calibration.json").read_text())
    for half in ("before", "after"):
        del result[half]["bins"]
    return result


def _robustness(model: Path, data: Path) -> dict[str, Any]:
    """Return robustness.py's JSON, its Markdown table as "markdown"; keep its plot beside the model."""
    with tempfile.TemporaryDirectory() as scratch:
        _command("robustness.py", model, "--data", data, "--out", scratch)
        shutil.copy(Path(scratch) / "robustness.png", model.parent / "robustness.png")
        result: dict[str, Any] = json.loads((Path(scratch) / "robustness.json").read_text())
        return result | {"markdown": (Path(scratch) / "robustness.md").read_text().splitlines()}


def _parity_summary(parity: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of the certificate that the model card quotes."""
    scores, bits = parity["float_against_int8"], parity["reference_against_tflm"]
    return {"scores": scores["result"], "bits": bits["result"], "versions": parity["versions"]}


def _commands(options: argparse.Namespace, model_id: str) -> list[str]:
    run = json.loads((options.run / "run.json").read_text())["settings"]
    pruning = json.loads((options.pruned / "pruning.json").read_text())
    backend = "torch" if "PyTorch" in run["engine"] else "tensorflow"
    train = f"--preset {run['network']['name']} --recipe {run['recipe']['name']} --seed {run['seed']}"
    prune = f"--sparsity {pruning['target']} --epochs {pruning['epochs']} --seed {pruning['seed']}"
    return [
        f"KERAS_BACKEND={backend} python host/train.py --data PATH {train} --out runs/trained",
        f"python host/prune.py runs/trained/best.keras --data PATH {prune} --out runs/pruned",
        f"python host/quantize.py runs/pruned/best.keras --data PATH --model-id {model_id} --out runs/int8",
        "python scripts/release.py --data PATH --run runs/trained --pruned runs/pruned --int8 runs/int8",
        "python host/export_tflm.py",
    ]


def _parse() -> argparse.Namespace:
    parser = command.parser(__doc__ or "")
    parser.add_argument("--data", type=Path, required=True, help="FER-2013: CSV, folder or zip")
    parser.add_argument("--run", type=Path, required=True, help="folder that train.py wrote")
    parser.add_argument("--pruned", type=Path, required=True, help="folder that prune.py wrote")
    parser.add_argument("--int8", type=Path, required=True, help="folder that quantize.py wrote")
    return parser.parse_args()


if __name__ == "__main__":
    command.run(main)
