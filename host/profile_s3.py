"""Say what a .tflite costs on an ESP32-S3 before it is flashed."""

import argparse
import json
from pathlib import Path

from microfer import command

EXAMPLES = """
  python host/profile_s3.py                              the default release: a table, and what could be better
  python host/profile_s3.py runs/int8/model.tflite --out profile.png
  python host/profile_s3.py mine.tflite --json           everything, with the code that computes each operator and why
  python host/profile_s3.py mine.tflite --arena psram --weights psram
  python host/profile_s3.py mine.tflite --strict         fail where anything could be better
  python host/profile_s3.py mine.tflite --profile board.json --refit factors.json
                                                         take measured times, and keep what they say for other models
"""


def main() -> int:
    """Parse the options, estimate, report; 1 where --strict finds something."""
    options = _options()
    from rich.console import Console

    from microfer.deploy import tflite_file
    from microfer.deploy.cost import report
    from microfer.deploy.cost.estimate import estimate
    from microfer.deploy.cost.lint import lint
    from microfer.deploy.cost.memory import Placement
    from microfer.deploy.cost.profile import read_profile
    from microfer.deploy.cost.refit import write_factors
    from microfer.deploy.cost.releases import pinned
    from microfer.deploy.release import MANIFEST, default_model

    model = tflite_file.read(options.model or default_model())
    network = estimate(model)
    if options.arena or options.weights != "flash":
        network = estimate(model, Placement(options.arena or network.placement.arena, options.weights))
    if options.profile:
        profile = read_profile(options.profile)
        if options.refit:
            write_factors(options.profile, profile, network, options.refit)
        network = estimate(model, network.placement, profile)
    findings = lint(network, pinned(MANIFEST))
    if options.out:
        report.chart(network, options.out)
    if options.json:
        print(json.dumps(report.document(network, findings), indent=2))
    else:
        Console().print(report.table(network))
        for line in report.summary(network):
            command.console.print(line, highlight=False, soft_wrap=True, markup=False)
        for finding in findings:
            command.console.print(report.finding_line(finding), highlight=False, soft_wrap=True)
    return 1 if options.strict and findings else 0


def _options() -> argparse.Namespace:
    parser = command.parser(
        "Estimate what a .tflite costs on an ESP32-S3 with ESP-NN: instructions, arena, flash and time, operator by "
        "operator, and say what could be better. docs/cost-model.md says how, and how exact it is.",
        EXAMPLES,
    )
    parser.add_argument("model", nargs="?", type=Path, help="the .tflite (default: the release of models/DEFAULT)")
    parser.add_argument(
        "--arena", choices=("internal", "psram"), help="where the arena lies (default: internal RAM if it fits)"
    )
    parser.add_argument(
        "--weights", choices=("flash", "psram"), default="flash", help="where the weights lie (default: flash)"
    )
    parser.add_argument("--profile", type=Path, help="times measured on a board, which replace or correct estimates")
    parser.add_argument("--refit", type=Path, help="write the profile here with factors for other models")
    parser.add_argument("--out", type=Path, help="write a chart, PNG")
    parser.add_argument("--strict", action="store_true", help="exit with status 1 where there is a finding")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    options = parser.parse_args()
    if options.refit and not options.profile:
        parser.error("--refit needs --profile")
    return options


if __name__ == "__main__":
    command.run(main)
