"""From a .tflite to the C++ files that the firmware compiles.

Standard library alone: PlatformIO's Python calls `export_model` before every build, and it has nothing else.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from microfer.errors import MicroferError
from microfer.export import kernel_files, model_files
from microfer.export.constants_header import constants_header
from microfer.export.golden import FOLDER, check_scores, read_pictures
from microfer.export.kernel_plan import KernelPlan
from microfer.export.messages_header import messages_header
from microfer.export.model_files import Source
from microfer.files import write_if_changed
from microfer.tflite.check import check_deployable, layout
from microfer.tflite.graph import TfliteModel
from microfer.tflite.metadata import ModelMetadata, read_metadata
from microfer.tflite.tflite_file import read

GENERATORS: dict[str, Callable[[Source], str]] = {
    "contract.h": model_files.contract_header,
    "model_data.h": model_files.model_data_header,
    "model_data.cc": model_files.model_data_source,
    "op_resolver.h": model_files.op_resolver_header,
    "kernel_plan.h": kernel_files.kernel_plan_header,
    "kernel_plan.cc": kernel_files.kernel_plan_source,
    "golden.h": model_files.golden_header,
    "golden.cc": model_files.golden_source,
    "constants.h": lambda _: constants_header(),
    "messages.h": lambda _: messages_header(),
}


@dataclass(frozen=True)
class Export:
    """What an export did: the model, its SHA-256 (hexadecimal), each file's name and whether it was written.

    kernels: what the firmware's own kernels compute of the model, and what they leave out and why.
    """

    model: TfliteModel
    metadata: ModelMetadata
    sha256: str
    folder: Path
    files: dict[str, bool]
    kernels: KernelPlan


def export_model(tflite: Path | str, folder: Path | str, pictures: Path = FOLDER) -> Export:
    """Write the files that GENERATORS names into `folder`.

    The same .tflite gives the same bytes; a file that is right already is not touched. Each file is written as a
    whole, and where the export breaks off between two of them the result does not compile.

    pictures: the folder of the golden pictures.

    Raises:
        MicroferError: the .tflite is missing, corrupt, not deployable, without metadata or with the scores of other
            golden pictures, or a golden picture is missing or damaged (then nothing was written); or the folder
            cannot be written.
    """
    source, texts = generate(tflite, pictures)
    files = {name: write_if_changed(Path(folder) / name, text) for name, text in texts.items()}
    return Export(source.model, source.metadata, source.sha256, Path(folder), files, source.kernels)


def generate(tflite: Path | str | bytes, pictures: Path = FOLDER) -> tuple[Source, dict[str, str]]:
    """Return what the .tflite (a path, or its bytes) says and the text of each file; raises as `export_model` does."""
    model = read(tflite)
    check_deployable(model)
    metadata = read_metadata(model)
    if metadata.input_layout != layout(model):
        raise MicroferError(
            f"{model.name} says that its input is {metadata.input_layout}, its input tensor is {layout(model)}: "
            "quantize the network again"
        )
    source = Source(model, metadata, read_pictures(pictures))
    check_scores(source.metadata, source.pictures)
    return source, {name: write(source) for name, write in GENERATORS.items()}
