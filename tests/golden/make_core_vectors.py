"""Write tests/golden/core.vectors: questions to the firmware's core and the oracles' answers, for C++ and Python.

    python tests/golden/make_core_vectors.py

The layout is in tests/firmware/cases.h. The pixels are noise and slopes: no picture of anybody.
"""

import sys
from pathlib import Path

import numpy as np

sys.path.extend([str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[2] / "host")])

from tests.firmware import cases

from microfer.contract import INPUT_LAYOUTS
from microfer.oracle.prediction import Settings

SETTINGS = ((0.05, 0), (0.9, 1), (1, 4), (1.7, 17), (20, 30))
EVEN = (-91, -91, -91, -91, -92, -92, -92)  # 37 and 36 of 256: the flattest that a softmax gives
SWALLOWED = (-98,) * 7  # 30 of 256 each
BARELY = (-98, -97, *SWALLOWED[2:])
ROOT = Path(__file__).resolve().parents[2]
PATH = ROOT / "tests" / "golden" / "core.vectors"


def make() -> bytes:
    """Return the file's content."""
    random = np.random.default_rng(20)
    camera = cases.random_frame(random, 60, 80)
    small = cases.random_frame(random, 17, 23)
    made = [
        cases.crop_case(camera, (11, 5, 48, 48)),  # a copy
        cases.crop_case(camera, (20, 1, 57, 57)),  # each cell a pixel and a bit
        cases.crop_case(camera, (0, 0, 80, 60), stride=96),  # the whole frame, not square, rows apart
        cases.crop_case(camera, (-30, -20, 140, 140)),  # larger than the frame
        cases.crop_case(camera, (70, 50, 31, 33)),  # over the lower right corner, enlarged
        cases.crop_case(small, (-22, 3, 23, 47)),  # one column inside
        cases.crop_case(small, (5, 5, 1, 1)),  # one pixel
        cases.crop_case(np.full((1, 1), 255, np.uint8), (-4000, -77, 4096, 100)),  # mostly beyond the edges
        cases.crop_case(small, (23, 0, 9, 9)),  # beside the frame
        cases.crop_case(small, (0, 0, 0, 9)),  # no area
        *(cases.encode_case(np.arange(48 * 48).astype(np.uint8).reshape(48, 48), layout) for layout in INPUT_LAYOUTS),
        cases.predict_case(Settings(), [(False, cases.NOTHING), (False, (127, *cases.NOTHING[1:]))]),
        cases.predict_case(Settings(score_floor=30), [(False, EVEN), (False, SWALLOWED), (True, BARELY), (True, EVEN)]),
        *(cases.random_predict_case(random) for _ in range(20)),
        *(cases.settings_case(temperature, 0.35, floor) for temperature, floor in SETTINGS),
    ]
    return b"".join(case.packed(with_answer=True) for case in made)


if __name__ == "__main__":
    PATH.write_bytes(make())
    print(f"{PATH}: {PATH.stat().st_size} bytes")
