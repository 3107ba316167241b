"""Write tests/golden/tiny_scores.json: what tiny_int8.tflite answers on the pictures in firmware/golden.

    python tests/golden/make_tiny_scores.py

As the `golden` part of the model's metadata would say it. After a change of the pictures or of the tiny model.
"""

import sys
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "host"))

from microfer.files import write_json  # noqa: E402
from microfer.oracle.golden import golden_scores  # noqa: E402

PATH = ROOT / "tests" / "golden" / "tiny_scores.json"

if __name__ == "__main__":
    write_json(PATH, asdict(golden_scores((ROOT / "tests" / "golden" / "tiny_int8.tflite").read_bytes())))
    print(f"{PATH.relative_to(ROOT)} written")
