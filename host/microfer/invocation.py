"""How a person types what this program tells them to run next."""

import sys
from pathlib import Path


def this_python() -> str:
    """Return how to start the Python that runs here: what a person types, also without having activated `.venv`."""
    python = Path(sys.executable)
    return str(python.relative_to(Path.cwd()) if python.is_relative_to(Path.cwd()) else python)
