"""Make another tool's int8 network one that a board runs."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from microfer.cli import command
from microfer.cli.invocation import typed
from microfer.console import console
from microfer.workflow.adopt import INPUT_RANGES

if TYPE_CHECKING:
    from microfer.workflow.adopt import Adopted, Comparison

EXAMPLES = """
  microfer adopt theirs.tflite --labels angry,disgust,fear,happy,neutral,sad,surprise
  microfer adopt theirs.tflite --labels labels.txt --data fer2013.zip    with its accuracy, in both common orders
  microfer adopt theirs.tflite --labels labels.txt --input-range=-1..1   where its training took black for -1
"""

INTRODUCTION = """Take any full-int8 .tflite for a gray 48x48 crop and seven classes, whatever made it: aligned or not,
of any input scale and zero point, with logits or probabilities, float at its ends, classes in any order. An operator
or two at the ends make of it what the board counts on; the network itself stays. What it answers is compared with the
original before anything is written."""

MIN_AGREEMENT = 0.97
"""Rounding to the board's 256 gray levels and probabilities moves a few close decisions."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the options, adopt, compare, write; 1 where the adopted network answers otherwise."""
    options = _parse(arguments)
    from microfer.files import read_bytes, write_bytes
    from microfer.release import MODEL_FILE
    from microfer.workflow.adopt import adopt, read_labels
    from microfer.workflow.source import Source

    content = read_bytes(options.model)
    adopted = adopt(content, str(options.model), read_labels(options.labels), options.input_range)
    model_id = options.model_id or Source(options.model, options.model.parent, "").model_id
    out = options.out or Path("runs", model_id)
    command.confirm_overwrite(out / MODEL_FILE, options.force)
    found = _compared(content, adopted, options)
    if found.agreement < MIN_AGREEMENT:
        console.print(
            f"[bold red]not adopted[/]: it agrees with the original on {found.agreement:.1%} of {found.count} crops "
            "only; is --input-range what its training took?",
            soft_wrap=True,
        )
        return 1
    write_bytes(out / MODEL_FILE, _with_metadata(adopted.tflite, model_id))
    if options.json:
        print(json.dumps(vars(found) | {"changes": adopted.changes, "model": str(out / MODEL_FILE)}))
    else:
        _show(adopted, found, out / MODEL_FILE)
    return 0


def _with_metadata(tflite: bytes, model_id: str) -> bytes:
    from microfer.oracle.golden import golden_scores
    from microfer.runtimes.arena import measured_arena
    from microfer.tflite.metadata import ModelMetadata, embed_metadata

    metadata = ModelMetadata(model_id, "adopted", measured_arena(tflite), golden=golden_scores(tflite))
    return embed_metadata(tflite, metadata)


def _compared(content: bytes, adopted: "Adopted", options: argparse.Namespace) -> "Comparison":
    from microfer.data.fer2013 import load
    from microfer.parity.images import choose_images, synthetic_images
    from microfer.workflow.adopt import compare

    if options.data is None:
        return compare(content, adopted, synthetic_images(options.limit).data.images)
    chosen = choose_images(load(options.data), "PublicTest", options.limit).data
    return compare(content, adopted, chosen.images, chosen.labels)


def _show(adopted: "Adopted", found: "Comparison", path: Path) -> None:
    lines = [*(adopted.changes or ("its ends were the board's already",))]
    lines.append(f"same class as the original on {found.agreement:.1%} of {found.count:,} crops")
    if found.accuracy is not None and found.keras_order_accuracy is not None:
        lines.append(f"accuracy on PublicTest {found.accuracy:.2%}, with the classes as --labels has them")
        if found.keras_order_accuracy > found.accuracy:
            lines.append(
                f"with the classes as Keras numbers folders it would be {found.keras_order_accuracy:.2%}: "
                "is --labels right?"
            )
    else:
        lines.append("accuracy not measured: name FER-2013 with --data")
    lines += ["confidence is not calibrated: microfer calibrate", f"wrote {path}", f"next: microfer export {path}"]
    command.say(typed("\n".join(lines)))


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = command.parser(INTRODUCTION, EXAMPLES, verb="adopt")
    parser.add_argument("model", type=Path, help="the .tflite")
    parser.add_argument(
        "--labels", required=True, help="its classes in the order of its scores, with commas, or a file of them"
    )
    parser.add_argument(
        "--input-range",
        choices=INPUT_RANGES,
        help="what a black and a white pixel are in its training (default: what its quantization spans)",
    )
    parser.add_argument("--model-id", metavar="NAME", help="what the board reports (default: the file's name)")
    parser.add_argument("--data", type=Path, help="FER-2013, to compare and to measure on (default: drawn faces)")
    parser.add_argument("--limit", type=command.positive, default=300, help="crops to compare (default: 300)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder to write (default: runs/NAME)")
    command.add_force_option(parser)
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser.parse_args(arguments)
