"""Questions to the firmware's core, as bytes, and what the oracles in NumPy answer. Layout: tests/firmware/cases.h."""

import struct
from dataclasses import astuple, dataclass

import numpy as np

from microfer import tensor
from microfer.contract import CROP_SIZE, INPUT_LAYOUTS, MAX_SCORE_FLOOR, NUM_CLASSES, InputLayout
from microfer.oracle import crop, prediction

CROP, ENCODE, PREDICT, SETTINGS = 1, 2, 3, 4
OK, BAD_BOX, OUTSIDE = 0, 2, 3
NO_SCORE = 1
NOTHING = (-128,) * NUM_CLASSES


@dataclass(frozen=True)
class Case:
    """A question, and the answer to it: the oracle's, or the one that a file holds."""

    kind: int
    question: bytes
    answer: bytes

    def packed(self, with_answer: bool) -> bytes:
        answer = self.answer if with_answer else b""
        return struct.pack("<BII", self.kind, len(self.question), len(answer)) + self.question + answer


def unpacked(file: bytes) -> list[Case]:
    """The cases of a file that holds their answers too."""
    found = []
    while file:
        kind, question_bytes, answer_bytes = struct.unpack_from("<BII", file)
        answer_at = 9 + question_bytes
        end = answer_at + answer_bytes
        assert end <= len(file), "the file is cut off"
        found.append(Case(kind, file[9:answer_at], file[answer_at:end]))
        file = file[end:]
    return found


def asked(kind: int, question: bytes) -> Case:
    """A case with the oracle's answer."""
    oracles = {CROP: _crop_answer, ENCODE: _encode_answer, PREDICT: _predict_answer, SETTINGS: _settings_answer}
    return Case(kind, question, oracles[kind](question))


def _crop_answer(question: bytes) -> bytes:
    width, height, stride, left, top, box_width, box_height = struct.unpack_from("<7i", question)
    pixels = np.frombuffer(question, np.uint8, offset=28)
    frame = np.lib.stride_tricks.as_strided(pixels, (height, width), (stride, 1))
    if max(box_width, box_height) > 4096 or min(box_width, box_height) < 1:
        return bytes([BAD_BOX])
    if left >= width or top >= height or left + box_width <= 0 or top + box_height <= 0:
        return bytes([OUTSIDE])
    return bytes([OK]) + crop.crop_resize(frame, left, top, box_width, box_height).tobytes()


def _encode_answer(question: bytes) -> bytes:
    pixels = np.frombuffer(question, np.uint8, offset=1).reshape(1, CROP_SIZE, CROP_SIZE)
    return bytes([OK]) + tensor.encode_int8(pixels, INPUT_LAYOUTS[question[0]]).tobytes()


def _predict_answer(question: bytes) -> bytes:
    predictor = prediction.Predictor(prediction.Settings(*struct.unpack_from("<5I", question)))
    answer = b""
    for is_reset, *scores in struct.iter_unpack("<?7b", question[20:]):
        if is_reset:
            predictor.reset()
        made = predictor.update(scores)
        if made is None:
            answer += bytes([NO_SCORE])
        else:
            answer += struct.pack("<B?BI7I", OK, made.certain, made.label, made.confidence, *made.smoothed)
    return answer


def _settings_answer(question: bytes) -> bytes:
    made = prediction.settings_of(*struct.unpack("<2fi", question))
    is_valid = made.uncertain_below < prediction.ONE
    return struct.pack("<3IB", made.inverse_temperature, made.uncertain_below, made.score_floor, is_valid)


def crop_case(frame, box, stride=None) -> Case:
    """`frame`: uint8 (height, width); `box`: left, top, width, height; `stride`: bytes from row to row."""
    height, width = frame.shape
    stride = stride or width
    rows = np.full((height, stride), 170, np.uint8)
    rows[:, :width] = frame
    pixels = rows.tobytes()[: stride * (height - 1) + width]
    return asked(CROP, struct.pack("<7i", width, height, stride, *box) + pixels)


def encode_case(pixels, layout: InputLayout) -> Case:
    """`pixels`: uint8 (48, 48)."""
    return asked(ENCODE, bytes([INPUT_LAYOUTS.index(layout)]) + pixels.tobytes())


def predict_case(settings: prediction.Settings, frames) -> Case:
    """`frames`: pairs of whether the face was lost before, and seven int8 scores."""
    fields = astuple(settings)[:5]  # the classes are those of the core that is asked
    frames = b"".join(struct.pack("<?7b", is_reset, *scores) for is_reset, scores in frames)
    return asked(PREDICT, struct.pack("<5I", *fields) + frames)


def settings_case(temperature, uncertain_below, score_floor) -> Case:
    return asked(SETTINGS, struct.pack("<2fi", temperature, uncertain_below, score_floor))


def random_frame(random, height, width):
    """Noise, black and white dots, or a slope: the last one shows a shift, the second one the largest sums."""
    match random.integers(3):
        case 0:
            return random.integers(0, 256, (height, width), dtype=np.uint8)
        case 1:
            return (255 * random.integers(0, 2, (height, width))).astype(np.uint8)
        case _:
            rows, columns = np.mgrid[:height, :width]
            return (rows * 3 + columns * 5).astype(np.uint8)


def random_crop_case(random) -> Case:
    """Frames of 1..2048 pixels a side, small ones more often; boxes inside, across the edges, and beside the frame."""
    longest = 2048 if random.random() < 0.002 else 90
    height, width = (int(side) for side in random.integers(1, longest + 1, 2))
    box_width = int(random.integers(1, 2 * width + 20))
    box_height = box_width if random.random() < 0.5 else int(random.integers(1, 2 * height + 20))
    left = int(random.integers(-box_width - 2, width + 2))
    top = int(random.integers(-box_height - 2, height + 2))
    stride = width + int(random.integers(0, 2) * random.integers(0, 9))
    return crop_case(random_frame(random, height, width), (left, top, box_width, box_height), stride)


def random_predict_case(random) -> Case:
    """A face's scores over some frames, wandering as a network's do or jumping at random."""
    settings = prediction.Settings(
        inverse_temperature=int(2 ** random.uniform(0, 21)) - (1 if random.random() < 0.1 else 0) or 1,
        uncertain_below=int(random.integers(0, 65536)) if random.random() < 0.7 else 0,
        newest_part=int(random.integers(1, 65537)),
        hysteresis=int(random.integers(0, 20000)),
        score_floor=int(random.integers(0, MAX_SCORE_FLOOR + 1)) if random.random() < 0.6 else 0,
    )
    frames = []
    logits = random.normal(0, 1, NUM_CLASSES)
    for _ in range(random.integers(1, 9)):
        logits = logits + random.normal(0, 0.7, NUM_CLASSES)
        powers = np.exp(2 * logits)
        scores = np.clip(np.round(powers / powers.sum() * 256) - 128, -128, 127).astype(int).tolist()
        if random.random() < 0.1:
            scores = random.integers(-128, 128, NUM_CLASSES).tolist()
        elif random.random() < 0.03:
            scores = list(NOTHING)
        frames.append((bool(random.random() < 0.1), scores))
    return predict_case(settings, frames)


def random_encode_case(random) -> Case:
    pixels = random.integers(0, 256, (CROP_SIZE, CROP_SIZE), dtype=np.uint8)
    return encode_case(pixels, random.choice(INPUT_LAYOUTS))


def random_settings_case(random) -> Case:
    temperature, threshold = float(random.uniform(0.05, 20)), float(random.uniform(0, 1))
    return settings_case(temperature, threshold, int(random.integers(0, MAX_SCORE_FLOOR + 1)))
