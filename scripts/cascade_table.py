"""Turn OpenCV's frontal face cascade into the firmware's table, firmware/lib/face/frontal_face.cc. For maintainers.

python scripts/cascade_table.py            write the table from the installed OpenCV's haarcascade_frontalface_alt2
python scripts/cascade_table.py other.xml  from another cascade of Haar trees with two nodes and 20x20 pixels
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "host"))

from microfer import command  # noqa: E402
from microfer.export.cascade_table import CASCADE, table  # noqa: E402
from microfer.files import write_if_changed  # noqa: E402
from microfer.pictures.opencv import cv2  # noqa: E402


def main() -> None:
    """Write the table."""
    options = command.parser("Turn an OpenCV cascade into the firmware's table.")
    installed = Path(cv2.data.haarcascades) / CASCADE
    options.add_argument("xml", nargs="?", type=Path, default=installed, help=f"the cascade (OpenCV's {CASCADE})")
    path = ROOT / "firmware" / "lib" / "face" / "frontal_face.cc"
    changed = write_if_changed(path, table(options.parse_args().xml))
    print(f"{path.relative_to(ROOT)}: {'written' if changed else 'is right already'}")


if __name__ == "__main__":
    command.run(main)
