"""What pyproject.toml cannot say: the files outside of the package that the verbs need, brought along by a wheel."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
DEFAULT = (ROOT / "models" / "DEFAULT").read_text(encoding="utf-8").strip()

INSTALLED = (
    "models/DEFAULT",
    f"models/{DEFAULT}/model.tflite",
    f"models/{DEFAULT}/float.keras",
    f"models/{DEFAULT}/metrics.json",
    f"models/{DEFAULT}/parity.json",
    "firmware/golden/*",
    "firmware/host/*",
    "firmware/lib/*/*.cc",
    "firmware/lib/*/*.h",
    "firmware/src/idf_component.yml",
    "measurements/*.json",
    "requirements/run.lock",
    "tests/firmware/protocol_benchmark.cc",
)
"""They lie in microfer/installed as they do in the repository; microfer/release.py finds them there."""


class BuildWithInstalled(build_py):
    """Copies them into the wheel; an editable installation reads them where they are."""

    def run(self) -> None:
        """Build the package, then add the files."""
        super().run()
        if self.editable_mode:
            return
        for pattern in INSTALLED:
            found = [path for path in sorted(ROOT.glob(pattern)) if path.is_file() and "generated" not in path.parts]
            if not found:
                raise FileNotFoundError(f"{pattern} is missing: the checkout is not complete")
            for path in found:
                to = Path(self.build_lib, "microfer", "installed", path.relative_to(ROOT))
                self.mkpath(str(to.parent))
                self.copy_file(str(path), str(to))


setup(cmdclass={"build_py": BuildWithInstalled})
