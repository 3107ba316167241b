"""Quantize a trained network to full int8."""

import json
from collections.abc import Sequence
from pathlib import Path

from microfer.cli import command
from microfer.parity.limits import Limits
from microfer.release import MODEL_FILE

EXAMPLES = """
  microfer quantize runs/pruned/best.keras --data fer2013.zip --model-id my-model-1 --out runs/int8
  microfer export runs/int8/model.tflite       then write the C array from it
"""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = command.parser(
        "Turn a trained network into a full-int8 .tflite: calibrated on Training images, the same number of each "
        "class, and refused where it loses too much accuracy on PublicTest.",
        EXAMPLES,
        verb="quantize",
    )
    parser.add_argument("network", type=Path, help="the .keras file to quantize")
    command.add_data_options(parser, "calibrate on")
    parser.add_argument("--model-id", required=True, help="name that the board reports, such as thesis-bn-1")
    parser.add_argument("--images", type=command.positive, default=700, help="calibration images (default: 700)")
    parser.add_argument("--seed", type=command.seed, default=0, help="of the choice of images (default: 0)")
    command.add_gate_options(parser, Limits().drop_points, Limits().agreement)
    command.add_out_option(parser, "model.tflite and quantization.json", Path("runs/int8"))
    command.add_force_option(parser)
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    options = parser.parse_args(arguments)
    command.confirm_overwrite(options.out / MODEL_FILE, options.force)
    from microfer.compress.session import quantize_file

    done = quantize_file(
        options.network,
        data=options.data,
        out=options.out,
        model_id=options.model_id,
        count=options.images,
        seed=options.seed,
        limits=Limits(options.max_drop, options.min_agreement),
        tell=command.say,
    )
    command.say(f"wrote {done.model}: {done.report['bytes']['int8']:,} bytes")
    if options.json:
        print(json.dumps(done.report))
    return 0
