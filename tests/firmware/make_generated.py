"""Write what the firmware's core includes from a model's export, for its tests: `python make_generated.py FOLDER`.

Needs the standard library alone. The model is the tiny one of random weights that the exporter's tests use.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "host"))

from microfer.deploy import tflite_file  # noqa: E402
from microfer.deploy.cpp_files import Source, contract_header  # noqa: E402
from microfer.deploy.messages_header import messages_header  # noqa: E402
from microfer.deploy.metadata import ModelMetadata  # noqa: E402
from microfer.files import write_if_changed  # noqa: E402

METADATA = ModelMetadata(model_id="tiny-test-1", preset="tiny", arena=None, temperature=1.25, uncertain_below=0.35)


def make(folder: Path) -> None:
    """Write contract.h and messages.h into `folder`, unless they are there already."""
    model = tflite_file.read(ROOT / "tests" / "golden" / "tiny_int8.tflite")
    write_if_changed(folder / "contract.h", contract_header(Source(model, METADATA)))
    write_if_changed(folder / "messages.h", messages_header())


if __name__ == "__main__":
    make(Path(sys.argv[1]))
