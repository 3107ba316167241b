"""Write tests/golden/tiny_scores.json: what tiny_int8.tflite answers on the pictures in firmware/golden.

    python tests/golden/make_tiny_scores.py

As the `golden` part of the model's metadata would say it. After a change of the pictures or of the tiny model.
"""

import sys
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "host"))

from microfer.files import write_json
from microfer.oracle.golden import golden_scores

ROOT = Path(__file__).resolve().parents[2]
PATH = ROOT / "tests" / "golden" / "tiny_scores.json"

if __name__ == "__main__":
    write_json(PATH, asdict(golden_scores((ROOT / "tests" / "golden" / "tiny_int8.tflite").read_bytes())))
    print(f"{PATH.relative_to(ROOT)} written")
