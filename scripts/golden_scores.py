"""Put a model's answers to the golden pictures of the boot self-test into it: `golden_scores.py MODEL.tflite`.

For a .tflite that `quantize.py` wrote when the pictures in firmware/golden were others, or when there were none. Its
network is not touched; its hash changes, as the file does.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "host"))

from microfer import command  # noqa: E402
from microfer.files import read_bytes, write_bytes  # noqa: E402
from microfer.oracle.golden import with_golden_scores  # noqa: E402


def main() -> None:
    """Compute the scores anew and write the model in its old place, as a whole."""
    parser = command.parser(__doc__ or "")
    parser.add_argument("model", type=Path, help="the .tflite, with its metadata entry; it is written again")
    path = parser.parse_args().model
    before = read_bytes(path)
    after = with_golden_scores(before)
    if after != before:
        write_bytes(path, after)
    print(f"{path}: {'unchanged' if after == before else 'golden scores renewed'}")


if __name__ == "__main__":
    command.run(main)
