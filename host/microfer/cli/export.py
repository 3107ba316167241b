"""Export a .tflite as the C++ files that the firmware compiles."""

import json
from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape

from microfer.cli.command import parser
from microfer.console import console
from microfer.cost import report
from microfer.cost.document import finding_document
from microfer.cost.estimate import estimate
from microfer.cost.faults import Finding, pinned
from microfer.cost.lint import lint
from microfer.export.export import Export, export_model
from microfer.export.kernel_plan import plan_kernels
from microfer.release import IS_CHECKOUT, MANIFEST, WORK, default_model
from microfer.tflite import tflite_file
from microfer.tflite.check import check_deployable
from microfer.tflite.graph import TfliteModel

EXAMPLES = """
  microfer export                              the default release, into firmware/lib/generated/
  microfer export runs/mine/model.tflite       your own model
  microfer export --out /tmp/generated --json  elsewhere, with a report for other programs
  microfer export mine.tflite --strict         write nothing where the board would be slow or wrong
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the options, export, report; 1 where --strict finds something."""
    wanted = parser(__doc__ or "", EXAMPLES, verb="export")
    wanted.add_argument(
        "model", nargs="?", type=Path, help="the .tflite (default: the release that models/DEFAULT names)"
    )
    wanted.add_argument(
        "--out",
        type=Path,
        default=WORK / "firmware" / "lib" / "generated" if IS_CHECKOUT else Path("generated"),
        help="folder for the C++ files (default: firmware/lib/generated; without a checkout, generated)",
    )
    wanted.add_argument("--json", action="store_true", help="print a JSON report on standard output")
    wanted.add_argument(
        "--strict", action="store_true", help="write nothing, and exit with status 1, where the lint finds something"
    )
    options = wanted.parse_args(arguments)
    path = options.model or default_model()
    model = tflite_file.read(path)
    check_deployable(model)
    components = pinned(MANIFEST)
    findings = lint(estimate(model, components=components), components)
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
    return 0


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
        console.print("  what each operator costs with ESP-NN: microfer profile MODEL", highlight=False)


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
