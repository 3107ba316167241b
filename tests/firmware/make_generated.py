"""Write what the firmware's core includes from a model's export, for its tests: `python make_generated.py FOLDER`.

Needs the standard library alone. The model is the tiny one of random weights that the exporter's tests use.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "host"))

from microfer.export.constants_header import constants_header
from microfer.export.golden import check_scores, read_pictures
from microfer.export.messages_header import messages_header
from microfer.export.model_files import Source, contract_header, golden_header, golden_source
from microfer.files import write_if_changed
from microfer.tflite import tflite_file
from microfer.tflite.metadata import Golden, ModelMetadata

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden"


def _golden() -> Golden:
    """Return the tiny model's answers to the golden pictures, which its own file does not carry."""
    content = json.loads((GOLDEN / "tiny_scores.json").read_text())
    return Golden(content["pictures_sha256"], tuple(map(tuple, content["scores"])))


METADATA = ModelMetadata(
    model_id="tiny-test-1",
    preset="tiny",
    arena=None,
    temperature=1.25,
    uncertain_below=0.35,
    score_floor=3,
    golden=_golden(),
)


def make(folder: Path) -> None:
    """Write the generated headers that the core includes, and golden.cc, unless they are right already."""
    source = Source(tflite_file.read(GOLDEN / "tiny_int8.tflite"), METADATA, read_pictures())
    check_scores(METADATA, source.pictures)  # out of date: python tests/golden/make_tiny_scores.py
    write_if_changed(folder / "contract.h", contract_header(source))
    write_if_changed(folder / "golden.h", golden_header(source))
    write_if_changed(folder / "golden.cc", golden_source(source))
    write_if_changed(folder / "constants.h", constants_header())
    write_if_changed(folder / "messages.h", messages_header())


if __name__ == "__main__":
    make(Path(sys.argv[1]))
