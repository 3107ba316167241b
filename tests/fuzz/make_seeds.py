"""Write the first seeds of the fuzz targets: `python tests/fuzz/make_seeds.py FOLDER`.

The golden frames for the frame decoder, bytes of several lengths for all. What a long run found is in seeds/.
"""

import json
import random
import sys
from pathlib import Path

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "protocol.json"
TARGETS = ("frame_decoder", "device_commands", "model_check", "cascade_frames", "crop")
LENGTHS = (8, 40, 100, 300, 700)


def seeds(target: str) -> list[bytes]:
    """Return a target's first inputs, the same at each call."""
    source = random.Random(target)
    made = [source.randbytes(length) for length in LENGTHS for _ in range(4)]
    if target == "frame_decoder":
        frames = [bytes.fromhex(frame["frame"]) for frame in json.loads(GOLDEN.read_text())["frames"]]
        # As the target frames its input once more: the type, then the payload.
        made += [frame for frame in frames if len(frame) < 400] + [b"".join(frames[:12])]
    return made


if __name__ == "__main__":
    for name in TARGETS:
        folder = Path(sys.argv[1]) / name
        folder.mkdir(parents=True, exist_ok=True)
        for number, content in enumerate(seeds(name)):
            (folder / f"first-{number:02}").write_bytes(content)
