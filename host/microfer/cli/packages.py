"""An environment that has a verb's packages. Standard library alone, also in what it imports."""

import importlib.util
import os
from types import ModuleType

from microfer.cli.verbs import Lock
from microfer.release import REPOSITORY

PACKAGES: dict[Lock, dict[str, str]] = {
    "run": {
        "ai_edge_litert": "ai-edge-litert",
        "cobs": "cobs",
        "cv2": "opencv-python-headless",
        "matplotlib": "matplotlib",
        "numpy": "numpy",
        "PIL": "pillow",
        "rich": "rich",
        "scipy": "scipy",
        "serial": "pyserial",
        "skimage": "scikit-image",
        "sklearn": "scikit-learn",
    },
    "train": {"keras": "keras"},  # and TensorFlow or PyTorch: which of them is the user's choice
}
"""Module -> package that a lock brings; `train` also brings what `run` does."""


def enter(lock: Lock) -> None:
    """Return where this Python has the packages of `lock`; else go on in the checkout's `.venv`, made if need be.

    Without a checkout, as after `pip install`, it returns too: what misses a package then names it.
    """
    environment = _environment()
    if environment and (missing(lock) or environment.INSIDE in os.environ):
        environment.enter(lock)


def missing(lock: Lock) -> list[str]:
    """Return the packages of `lock` that this Python does not have."""
    wanted = PACKAGES["run"] | (PACKAGES["train"] if lock == "train" else {})
    return [package for module, package in wanted.items() if importlib.util.find_spec(module) is None]


def _environment() -> ModuleType | None:
    """Return `scripts/environment.py` of the checkout that this package lies in."""
    path = REPOSITORY / "scripts" / "environment.py"
    spec = importlib.util.spec_from_file_location("environment", path)
    if not path.is_file() or spec is None or spec.loader is None:
        return None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
