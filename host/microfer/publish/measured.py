"""Every measured part of every page, and what it is made from: measurements/ and the releases' metrics.json."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from microfer.cost.own_kernels import OwnKernels
from microfer.cost.step import steps
from microfer.errors import MicroferError
from microfer.files import read_bytes, write_bytes
from microfer.json_reader import read_json, typed
from microfer.link import protocol_page
from microfer.publish import attack_tables, chip_tables, cost_model_page, model_card, presets_page
from microfer.publish.pages import Part
from microfer.release import MEASUREMENTS, MODEL_FILE, MODELS, REPOSITORY, with_releases
from microfer.studies import training_speed
from microfer.studies.accuracy import ablation, smoke, table, tried
from microfer.studies.accuracy.recorded import DRAWN_FACES
from microfer.studies.chip.kernel_record import KERNELS_FILE, own_kernels
from microfer.studies.compression import page as compression
from microfer.studies.compression.curves import Curves
from microfer.tflite import tflite_file

DOCS = REPOSITORY / "docs"
README = REPOSITORY / "README.md"

PICTURES = {
    "ablation": ("ablation.png", DOCS / "accuracy"),
    "compare": ("compare.png", DOCS / "accuracy"),
    "curves": ("curves.png", DOCS / "accuracy"),
    "networks": ("front.png", DOCS / "accuracy"),
    "face-box": ("face-box.png", DOCS),
    "detector": None,
    "training-speed": None,
}
"""Names of what commands leave in a folder, as NAME.json: the picture beside it, and where pages look for that."""


def parts() -> list[Part]:
    """Return every part of every page."""
    protocol = Part(DOCS / "protocol.md", "", _protocol)
    return [*release_parts(), *accuracy_parts(), *chip_parts(), *attack_parts(), protocol]


def attack_parts() -> list[Part]:
    """Return what is made from attacks on the product."""
    page = DOCS / "security.md"
    return [
        Part(page, "fuzzing", lambda: attack_tables.fuzz_lines(_measured("attacks"))),
        Part(page, "kills", lambda: attack_tables.kill_lines(_measured("attacks"))),
        Part(page, "watch", lambda: attack_tables.hour_lines(_measured("attacks"))),
        Part(page, "faults", lambda: attack_tables.fault_lines(_measured("attacks"))),
    ]


def release_parts() -> list[Part]:
    """Return what is made from the releases: their cards, and the README's table of them."""
    cards = [Part(file.with_name("README.md"), "", partial(_card, file)) for file in sorted(_metrics_files())]
    return [*cards, Part(README, "releases", _releases)]


def accuracy_parts() -> list[Part]:
    """Return what is made from trainings and from looking for faces."""
    ablations = MODELS / "ABLATION.md"
    return [
        Part(DOCS / "training.md", "speed", lambda: training_speed.table_lines(_measured("training-speed"))),
        Part(ablations, "ablation", lambda: ablation.markdown(ablation.read(_measured("ablation")))),
        Part(ablations, "runs", lambda: tried.markdown(recorded_runs())),
        Part(DOCS / "accuracy.md", "compare", _comparison),
        Part(DOCS / "compression.md", "", _curves),
        Part(DOCS / "face.md", "found", lambda: chip_tables.found_lines(_measured("detector"))),
        Part(DOCS / "face.md", "cascades", lambda: chip_tables.cascade_lines(_measured("detector-choice"))),
        Part(DOCS / "face.md", "limits", lambda: chip_tables.limit_lines(_measured("detector-choice"))),
    ]


def chip_parts() -> list[Part]:
    """Return what is made from counts on the emulated chip and from the cost model."""
    cost, presets, kernels = DOCS / "cost-model.md", DOCS / "s3-presets.md", DOCS / "kernels.md"
    return [
        Part(cost, "check", cost_model_page.check_lines),
        Part(cost, "memory", cost_model_page.memory_lines),
        Part(cost, "milliseconds", cost_model_page.millisecond_lines),
        Part(cost, "macs a cycle", cost_model_page.speed_lines),
        Part(cost, "public", cost_model_page.public_lines),
        Part(cost, "fit", cost_model_page.fit_lines),
        Part(cost, "networks", cost_model_page.network_lines),
        Part(presets, "shapes", presets_page.shape_lines),
        Part(presets, "trials", lambda: chip_tables.trial_lines(_measured("preset-trials"))),
        Part(presets, "rewrites", presets_page.rewrite_lines),
        Part(presets, "additions", presets_page.addition_lines),
        Part(presets, "frame budget", chip_tables.budget_lines),
        Part(kernels, "kernels", lambda: chip_tables.kernel_lines(_measured("kernels"))),
        Part(kernels, "others", lambda: chip_tables.model_lines(_measured("kernels"))),
        Part(DOCS / "face.md", "costs", lambda: chip_tables.detector_cost_lines(_measured("core-on-chip"))),
        Part(REPOSITORY / "firmware" / "README.md", "core", lambda: chip_tables.core_lines(_measured("core-on-chip"))),
    ]


def take(folder: Path) -> list[str]:
    """Copy what commands left in a folder to measurements/ and docs/; return the names of what was found.

    Raises:
        MicroferError: the folder holds nothing of `PICTURES`, a picture is missing, or faces were drawn ones.
    """
    found = [name for name in PICTURES if (folder / f"{name}.json").is_file()]
    if not found:
        raise MicroferError(f"{folder} has none of {', '.join(f'{name}.json' for name in PICTURES)}")
    documents = {name: read_bytes(folder / f"{name}.json") for name in found}
    for name, document in documents.items():
        if DRAWN_FACES.encode() in document.lower():
            raise MicroferError(f"{folder / name}.json was made with drawn faces, which say nothing about real ones")
    pictures = {where / name: read_bytes(folder / name) for name, where in filter(None, map(PICTURES.get, found))}
    for name, document in documents.items():
        write_bytes(MEASUREMENTS / f"{name}.json", document)
    for path, picture in pictures.items():
        write_bytes(path, picture)
    return found


def recorded_runs() -> list[tried.Tried]:
    """Return the long runs on record."""
    return [typed(one, tried.Tried) for one in _measured("runs")["runs"]]


def _measured(name: str) -> dict[str, Any]:
    return read_json(MEASUREMENTS / f"{name}.json", dict[str, Any])


def _metrics_files() -> list[Path]:
    return list(MODELS.glob("*/metrics.json"))


def _card(metrics: Path) -> list[str]:
    return model_card.render(read_json(metrics, dict[str, Any])).split("\n")


def _default() -> str:
    return read_bytes(MODELS / "DEFAULT").decode().strip()


def _releases() -> list[str]:
    found = [read_json(file, dict[str, Any]) for file in _metrics_files()]
    default = _default()
    found.sort(key=lambda metrics: (metrics["model_id"] != default, metrics["model_id"]))
    return model_card.releases_table(found, release_speeds())


def release_speeds() -> dict[str, OwnKernels | None]:
    """Return what each release takes with the firmware's own kernels; None where no such network was counted."""
    models = {file.parent.name: tflite_file.read(file.with_name(MODEL_FILE)) for file in _metrics_files()}
    return {name: own_kernels(steps(model), MEASUREMENTS / KERNELS_FILE, name=name) for name, model in models.items()}


def _comparison() -> list[str]:
    document = _measured("compare")
    smokes = [typed(one, smoke.Smoke) for one in document["smoke"]]
    return table.markdown(table.read(document)) + smoke.markdown(smokes)


def _curves() -> Sequence[str]:
    document = _measured("curves")
    (network,) = with_releases([{"file": document["source"], "sha256": document["origin"]["network_sha256"]}])
    healing = f" --epochs {document['epochs']}" if document["epochs"] else ""
    picture = "![accuracy and packed size against zeros and against few values](accuracy/curves.png)"
    made = f"Made by `microfer compression-curves {network['file']} --data PATH{healing}`."
    return [*compression.markdown(Curves.from_json(document)), "", picture, "", made, ""]


def _protocol() -> list[str]:
    return protocol_page.page().split("\n")
