"""Export a .tflite as the C++ files that the firmware compiles."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.markup import escape

from microfer.cli.command import add_gate_options, found_data, parser, positive, say, share
from microfer.cli.invocation import typed
from microfer.cli.packages import enter
from microfer.console import console, warn
from microfer.cost import report
from microfer.cost.document import finding_document
from microfer.cost.estimate import estimate
from microfer.cost.faults import Finding, pinned
from microfer.cost.lint import lint
from microfer.current_model import use_model
from microfer.errors import MicroferError
from microfer.export.export import Export, export_model
from microfer.export.kernel_plan import plan_kernels
from microfer.files import fingerprint
from microfer.json_reader import read_json
from microfer.parity.limits import Limits
from microfer.release import IS_CHECKOUT, MANIFEST, WORK
from microfer.runtimes.judge import judge
from microfer.tflite import tflite_file
from microfer.tflite.check import check_deployable
from microfer.tflite.graph import TfliteModel
from microfer.workflow.source import NETWORK_FILE, RUN_FILE, Source, choose, is_finished

EXAMPLES = """
  microfer export                              what was trained last, or else the default release
  microfer export --prune 0.5                  the same, pruned first
  microfer export runs/mine                    the run in that folder
  microfer export mine.tflite --strict         write nothing where the board would be slow or wrong
  microfer export --out /tmp/generated --json  elsewhere, with a report for other programs
"""

INTRODUCTION = """Make of a trained network what a board runs: quantize it to int8, calibrated on Training; compare it
with the float network on PublicTest; fit temperature and threshold; compute the answers of the boot self-test; prove
parity. The .tflite goes beside the network, then its C++ into the firmware, and from then on it is the current model.
What is done already is not done again. A .tflite is exported as it is."""

GENERATED = WORK / "firmware" / "lib" / "generated" if IS_CHECKOUT else Path("generated")


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the options, make the model where it has to be made, export, report; 1 where --strict finds something."""
    options = _parse(arguments)
    source = choose(options.source)
    if options.source is None or not source.is_made:
        say(f"exporting {source.path} ({source.why})")
    path = _exported_as_it_is(source, options) if source.is_made else _made(source, options)
    model = tflite_file.read(path)
    check_deployable(model)
    components, verdict = pinned(MANIFEST), judge(model)
    findings = lint(estimate(model, components=components, verdict=verdict), components, verdict)
    if options.strict and findings:
        _warn(findings, model)
        console.print(f"[bold red]not exported[/]: {len(findings)} findings, and --strict was given", highlight=False)
        return 1
    done = export_model(path, options.out)
    if options.json:
        print(json.dumps(_report(done, findings), indent=2))
    else:
        _show(done)
        _warn(findings, model)
    if options.out == GENERATED:
        use_model(path)
        _say_next(done.metadata.model_id)
    return 0


def _exported_as_it_is(source: Source, options: argparse.Namespace) -> Path:
    if options.prune:
        raise MicroferError(f"--prune takes a network, and {source.path} is quantized already: name its run or .keras")
    return source.path


def _made(source: Source, options: argparse.Namespace) -> Path:
    """Return the .tflite of a network: pruned where asked, quantized, calibrated, proven; or made so before."""
    enter("train")
    from microfer.data.training_data import load_splits
    from microfer.model.backend import choose_backend
    from microfer.parity.images import choose_images
    from microfer.workflow import make

    choose_backend()
    data = _data_of(source, options)
    network, folder = source.path, source.folder
    if options.prune:
        network, folder = _pruned(source, data, options)
    limits = Limits(options.max_drop, options.min_agreement)
    settings = make.Settings(source.model_id, options.images, limits=limits, strict=options.strict)
    identity = f"{make.data_identity(data)}, limit {options.limit}"
    if earlier := make.earlier(network, folder, identity, settings):
        say(f"made before from this very network and data: {earlier}")
        _warn_of_limits(make.exceeded_limits(folder))
        return earlier
    training, validation = load_splits(data, tell=warn)
    images = replace(choose_images(validation, "PublicTest", options.limit), synthetic=data is None)
    made = make.make_model(network, folder, training, images, settings, data=identity, say=say)
    _warn_of_limits(make.exceeded_limits(folder))
    return made


def _warn_of_limits(reasons: Sequence[str]) -> None:
    for reason in reasons:
        warn(f"{reason}. Exported all the same; --strict refuses it. Train longer, or calibrate on more --images")


def _data_of(source: Source, options: argparse.Namespace) -> Path | None:
    """Return the data that a network is calibrated on: what is named, else what it learned from, else what is found."""
    if options.synthetic or options.data:
        return None if options.synthetic else Path(options.data)
    if (source.folder / RUN_FILE).is_file():
        learned_from = read_json(source.folder / RUN_FILE, dict[str, Any]).get("data", "")
        if learned_from is None:
            return None
        if learned_from and Path(learned_from).exists():
            return Path(learned_from)
    return found_data()


def _pruned(source: Source, data: Path | None, options: argparse.Namespace) -> tuple[Path, Path]:
    """Return the pruned network and its folder, whose name tells what it was pruned from; trained on if need be."""
    from microfer.compress.session import prune
    from microfer.training.recipe import RECIPES

    run = source.folder / RUN_FILE
    settings = read_json(run, dict[str, Any]).get("settings", {}) if run.is_file() else {}
    recipe = settings.get("recipe", {}).get("name", "strong")
    sha256 = fingerprint(source.path)["sha256"]
    folder = source.folder / f"pruned-{100 * options.prune:g}-{options.prune_epochs}-{sha256[:8]}"
    if not (is_finished(folder) and (folder / "pruning.json").is_file()):
        prune(
            source.path,
            data=data,
            out=folder,
            sparsity_target=options.prune,
            epochs=options.prune_epochs,
            recipe_name=recipe if recipe in RECIPES else "strong",
            seed=0,
            resume=(folder / "last.npz").is_file(),
            limit=options.limit,
            tell=say,
        )
    return folder / NETWORK_FILE, folder


def _say_next(model_id: str) -> None:
    say(f"{model_id} is the current model; next, with a board: pio run -t upload")
    say(typed("and microfer view; without a board: microfer virtual-board, then microfer view --port 127.0.0.1:5333"))


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    wanted = parser(INTRODUCTION, EXAMPLES, verb="export")
    wanted.add_argument(
        "source",
        nargs="?",
        type=Path,
        help="a run's folder, a .keras or a .tflite (default: the newest finished run in runs/, or else the default "
        "release)",
    )
    wanted.add_argument(
        "--prune", type=share, metavar="SHARE", help="first set this share of the weights to zero, and heal the network"
    )
    wanted.add_argument("--prune-epochs", type=positive, default=5, help="of pruning and healing together")
    data = wanted.add_mutually_exclusive_group()
    data.add_argument("--data", type=Path, help="FER-2013 (default: what the run learned from, or where it is found)")
    data.add_argument("--synthetic", action="store_true", help="calibrate on drawn faces")
    wanted.add_argument("--limit", type=positive, help="judge on only this many images of PublicTest, for a trial")
    wanted.add_argument("--images", type=positive, default=700, help="calibration images, of Training")
    limits = Limits()
    add_gate_options(wanted, limits.drop_points, limits.agreement)
    wanted.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        default=GENERATED,
        help="folder for the C++ files (default: firmware/lib/generated; without a checkout, generated); with another "
        "one the model does not become the current one",
    )
    wanted.add_argument("--json", action="store_true", help="print a JSON report on standard output")
    wanted.add_argument(
        "--strict", action="store_true", help="write nothing where the lint finds something or int8 exceeds a limit"
    )
    return wanted.parse_args(arguments)


def _report(done: Export, findings: tuple[Finding, ...]) -> dict[str, object]:
    own = _own(done.model)
    return {
        "model": done.model.name,
        "model_id": done.metadata.model_id,
        "sha256": done.sha256,
        "bytes": len(done.model.content),
        "operators": done.model.operator_names,
        "own_kernels": {
            "CONV_2D": [convolution.operator for convolution in done.kernels.convolutions],
            "ADD": [addition.operator for addition in done.kernels.additions],
            "left_out": {str(index): reason for index, reason in done.kernels.left_out.items()},
        },
        "host_arena_bytes": done.metadata.arena.bytes if done.metadata.arena else None,
        "folder": str(done.folder),
        "written": [name for name, changed in done.files.items() if changed],
        "unchanged": [name for name, changed in done.files.items() if not changed],
        "findings": [
            {**finding_document(finding), "with_esp_nn_alone": finding.operator in own} for finding in findings
        ],
    }


def _own(model: TfliteModel) -> set[int]:
    """Return the operators that the firmware computes with kernels of its own, unless it is built without."""
    plan = plan_kernels(model)
    return {one.operator for one in plan.convolutions} | {one.operator for one in plan.additions}


def _warn(findings: tuple[Finding, ...], model: TfliteModel) -> None:
    own = _own(model) if findings else set()
    for finding in findings:
        note = " [dim](with CONFIG_MICROFER_KERNELS=n alone)[/]" if finding.operator in own else ""
        console.print(f"  {report.finding_line(finding)}{note}", highlight=False, soft_wrap=True)
    if findings:
        say(typed("  what each operator costs with ESP-NN: microfer profile MODEL"))


def _show(done: Export) -> None:
    metadata, content, kernels = done.metadata, done.model.content, done.kernels
    arena = "not measured"
    if metadata.arena:
        arena = f"{metadata.arena.bytes / 1024:.1f} KiB on the host; the board's also holds ESP-NN's scratch"
    lines = [
        f"[bold]{escape(metadata.model_id)}[/]  {escape(done.model.name)}",
        f"  size       {len(content) / 1024:.1f} KiB, SHA-256 {done.sha256}",
        f"  operators  {', '.join(done.model.operator_names)}",
        f"  arena      {arena}",
        f"  kernels    microfer's for {len(kernels.convolutions)} CONV_2D and {len(kernels.additions)} ADD of "
        f"{len(done.model.operators)} operators, ESP-NN's and TFLM's for the others",
    ]
    for index, reason in kernels.left_out.items():
        lines.append(f"             not operator {index}, {done.model.operators[index].name}: {escape(reason)}")
    for name, written in done.files.items():
        lines.append(f"  {'written  ' if written else 'unchanged'}  {escape(str(done.folder / name))}")
    console.print("\n".join(lines), highlight=False, soft_wrap=True)
