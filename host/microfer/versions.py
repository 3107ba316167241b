"""What a measured result depends on, to be written beside it."""

import importlib.metadata
import platform

from microfer import __version__

PACKAGES = (
    "numpy",
    "ai-edge-litert",
    "tflite-micro",
    "keras",
    "tensorflow",
    "tf-keras",
    "tensorflow-model-optimization",
    "torch",
    "jax",
)


def package_versions() -> dict[str, str | None]:
    """Return the versions of microfer, Python and each of PACKAGES (None: not installed), and the kind of system."""
    versions: dict[str, str | None] = {
        "microfer": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    return versions
