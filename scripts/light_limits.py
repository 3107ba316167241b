"""Print what the limits in host/microfer/doctor/light.py come from: crops made worse, measured and classified."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "host"))

from microfer import command  # noqa: E402
from microfer.contract import CROP_SIZE, PIXEL_MAX  # noqa: E402
from microfer.data.fer2013 import load  # noqa: E402
from microfer.doctor.light import measure  # noqa: E402
from microfer.pictures.opencv import cv2  # noqa: E402
from microfer.release import default_model  # noqa: E402
from microfer.runtimes.runners import open_tflite  # noqa: E402

Worsen = Callable[[np.ndarray], np.ndarray]


def main() -> None:
    """Print one line for each way of making crops worse."""
    parser = command.parser(__doc__ or "")
    parser.add_argument("--data", type=Path, required=True, help="FER-2013: CSV, folder or zip")
    parser.add_argument("--split", default="PublicTest", help="which images of it (default: PublicTest)")
    parser.add_argument("--model", type=Path, default=default_model(), help="an int8 .tflite (default: the release)")
    options = parser.parse_args()
    data = load(options.data).split(options.split)
    runner = open_tflite(options.model, "optimized")  # rounds differently on some images, and is ten times as fast
    names = ("brightness", "contrast", "sharpness")
    print(f"{len(data)} images; 1st, 50th and 99th percentile of each")
    print(f"{'':16}{'accuracy':>9}" + "".join(f"{name:>24}" for name in names))
    for title, worsen in ways():
        crops = np.stack([worsen(crop) for crop in data.images])
        accuracy = float((runner.raw(crops).argmax(axis=1) == data.labels).mean())
        measured = [measure(crop) for crop in crops]
        columns = [np.percentile([getattr(one, name) for one in measured], (1, 50, 99)) for name in names]
        shown = "".join(f"{low:8.2f}{median:8.2f}{high:8.2f}" for low, median, high in columns)
        print(f"{title:16}{100 * accuracy:8.1f}%{shown}", flush=True)


def ways() -> Iterator[tuple[str, Worsen]]:
    """Yield each way of making a crop worse, with its name."""
    yield "as it is", lambda crop: crop
    for sigma in (0.7, 1.0, 1.5, 2.0):
        yield f"blur {sigma:g} px", lambda crop, s=sigma: cv2.GaussianBlur(crop, (0, 0), s)
    for gain in (0.5, 0.3, 0.2, 1.5, 2.0, 3.0):
        yield f"light x {gain:g}", lambda crop, g=gain: _rounded(crop * g)
    for share in (0.5, 0.3, 0.2):
        yield f"contrast x {share:g}", lambda crop, s=share: _rounded((crop - crop.mean()) * s + crop.mean())
    for side in (40, 32, 28, 24, 20):
        yield f"face of {side} px", lambda crop, s=side: _reduced(crop, s)


def _rounded(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, PIXEL_MAX).astype(np.uint8)


def _reduced(crop: np.ndarray, side: int) -> np.ndarray:
    small = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (CROP_SIZE, CROP_SIZE), interpolation=cv2.INTER_LINEAR)


if __name__ == "__main__":
    command.run(main)
