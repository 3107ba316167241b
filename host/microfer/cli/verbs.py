"""The verbs of `microfer`, in the order in which a project needs them. Standard library alone."""

from dataclasses import dataclass
from typing import Literal

Lock = Literal["run", "train"]


@dataclass(frozen=True)
class Verb:
    """One verb. summary: its line in `microfer --help`. lock: of `requirements/`, what its packages are in.

    script: its file in the repository, where people know it by one.
    """

    name: str
    summary: str
    lock: Lock = "run"
    script: str | None = None

    @property
    def module(self) -> str:
        """The module in `microfer.cli`."""
        return self.name.replace("-", "_")


GROUPS: dict[str, tuple[Verb, ...]] = {
    "make a network": (
        Verb("audit", "count a data set, and find its duplicates and faults"),
        Verb("convert", "make a data set of 48x48 gray crops from colour pictures of any size"),
        Verb("train", "train a network on FER-2013, or on faces of your own", "train", "host/train.py"),
        Verb("average", "average a run's weights with those that it started from", "train"),
        Verb("prune", "set the smallest weights to zero, so that the file packs better", "train", "host/prune.py"),
        Verb("prune-channels", "cut whole channels, for a smaller and faster network", "train"),
        Verb("quantize", "turn a network into an int8 .tflite", "train", "host/quantize.py"),
        Verb("calibrate", "fit temperature and threshold, so that confidences can be trusted"),
        Verb("benchmark-training", "measure images a second of each backend", "train"),
    ),
    "prove it": (
        Verb("evaluate", "measure accuracy with its interval, per class, and calibration", script="host/evaluate.py"),
        Verb(
            "parity", "compare float with int8, LiteRT with TFLM, and a board with TFLM", script="host/check_parity.py"
        ),
        Verb("robustness", "measure accuracy under blur, darkness, occlusion, behind a camera"),
        Verb("compare", "train networks under one recipe, and put them side by side", "train"),
        Verb("ablate", "show what each part of the recipe does", "train"),
        Verb("compression-curves", "measure accuracy and size against zeros and shared values", "train"),
        Verb("evaluate-detector", "measure how well the face detector finds faces"),
        Verb("describe", "list a network's layers with their shapes and costs"),
    ),
    "put it on a board": (
        Verb("export", "make the board's model of a network, and its C++", script="host/export_tflm.py"),
        Verb("model", "show which model is current, or choose another"),
        Verb("adopt", "make another tool's int8 network one that a board runs"),
        Verb("profile", "estimate or measure what each operator costs on the chip", script="host/profile_s3.py"),
        Verb("compare-s3", "put all networks on the chip: accuracy against cost"),
        Verb("doctor", "find what is wrong with computer, port, board or light", script="host/doctor.py"),
    ),
    "watch it": (
        Verb("demo", "see the whole product without a board", script="scripts/demo.py"),
        Verb("view", "watch a board; record, replay, export", script="host/serial_viewer.py"),
        Verb("virtual-board", "run a board without hardware", script="host/virtual_board.py"),
        Verb("classify", "find and classify the faces in pictures of any size"),
        Verb("benchmark-link", "measure the codecs' speed and the viewer's delay"),
    ),
}

VERBS = {verb.name: verb for verbs in GROUPS.values() for verb in verbs}

STATUSES = "exit status: 0 done, 2 something cannot be used or the options are wrong, 130 stopped by Ctrl-C"
"""Of every verb; what a verb adds to them is in its own help."""
