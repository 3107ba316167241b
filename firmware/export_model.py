"""Write firmware/lib/generated/ before a build: the model and what comes from it, as C++.

CMakeLists.txt and PlatformIO (platformio_prebuild.py) run this; `microfer export` does the same for people.
Standard library alone, as in PlatformIO's own Python. The model is the current one: what was exported last, or else the
default release; the environment variable MICROFER_MODEL names another. Standard error says which one it is. Standard
output: the files that the result is made from, one a line.
"""

import sys
from pathlib import Path

FIRMWARE = Path(__file__).resolve().parent
HOST = FIRMWARE.parent / "host"


def main() -> int:
    """Export, and return the exit status: 2 where the model cannot be exported."""
    if sys.version_info < (3, 11):  # noqa: UP036 - PlatformIO's Python is whatever it was installed with
        print(f"microfer needs Python 3.11 or newer; {sys.executable} is {sys.version.split()[0]}", file=sys.stderr)
        return 2
    sys.path.insert(0, str(HOST))
    from microfer.current_model import current_model, pointer_of
    from microfer.errors import MicroferError
    from microfer.export.export import export_model
    from microfer.export.golden import FOLDER
    from microfer.release import MODELS

    try:
        chosen = current_model()
        export_model(chosen.path, FIRMWARE / "lib" / "generated")
    except MicroferError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"microfer {chosen.describe()}", file=sys.stderr)
    used = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    generators = sorted(Path(file) for file in used if file and Path(file).is_relative_to(HOST))
    pointers = [path for path in (MODELS / "DEFAULT", pointer_of()) if path.is_file()]
    for path in (chosen.path, *pointers, *sorted(FOLDER.iterdir()), *generators):
        print(path.as_posix())
    return 0


if __name__ == "__main__":
    sys.exit(main())
