"""Show which model commands take by themselves, or choose another."""

import json
from collections.abc import Sequence

from microfer.cli import command
from microfer.console import console
from microfer.current_model import current_model, find_model, use_model
from microfer.files import fingerprint
from microfer.release import release_names
from microfer.tflite import tflite_file
from microfer.tflite.check import check_deployable
from microfer.tflite.metadata import read_metadata

EXAMPLES = """
  microfer model                          the current model, and why it is that
  microfer model use nano-1               take a release from now on, in builds too
  microfer model use runs/mine            take a model of your own that was made before
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the options, choose if asked to, show."""
    parser = command.parser(
        "Show which model is current: the one that a build, the virtual board, parity, profile and doctor take unless "
        "told. It is what was exported last, or the default release.",
        EXAMPLES,
        verb="model",
    )
    verbs = parser.add_subparsers(dest="verb", metavar="use NAME")
    use = verbs.add_parser("use", help="make a release, a .tflite or a folder with one the current model")
    use.add_argument("name", help="a release's name, a .tflite, or a folder that holds model.tflite")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    options = parser.parse_args(arguments)
    if options.verb == "use":
        path = find_model(options.name)
        check_deployable(tflite_file.read(path))
        use_model(path)
    chosen = current_model()
    metadata, sha256 = read_metadata(tflite_file.read(chosen.path)), fingerprint(chosen.path)["sha256"]
    if options.json:
        found = {"path": str(chosen.path), "why": chosen.why, "model_id": metadata.model_id, "sha256": sha256}
        print(json.dumps(found | {"releases": release_names()}))
        return
    lines = (chosen.describe(), f"{metadata.model_id}, SHA-256 {sha256}", f"releases: {', '.join(release_names())}")
    console.print("\n".join(lines), highlight=False, markup=False, soft_wrap=True)
