"""PlatformIO's pre-build step: export the model before every build. PlatformIO runs CMake, which does so too, only
where a CMakeLists.txt or a configuration has changed.
"""

import subprocess
import sys
from pathlib import Path

Import("env")  # type: ignore[name-defined]  # noqa: F821 - PlatformIO's

project = Path(env["PROJECT_DIR"])  # type: ignore[name-defined]  # noqa: F821
export = [sys.executable, str(project / "firmware" / "export_model.py")]
if subprocess.run(export, stdout=subprocess.DEVNULL, check=False).returncode:
    env.Exit(1)  # type: ignore[name-defined]  # noqa: F821
