"""What a measured result depends on, to be written beside it."""

import importlib.metadata
import platform

PACKAGES = ("microfer", "numpy", "ai-edge-litert", "tflite-micro", "keras", "tensorflow", "torch", "jax")


def package_versions() -> dict[str, str | None]:
    """Return the version of Python, the kind of system, and each of PACKAGES; None for one that is not installed."""
    versions: dict[str, str | None] = {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    return versions
