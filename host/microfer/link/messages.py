"""Every message of the link between board and host, written once. Standard library alone.

From these classes come the host's codec (`microfer.link.protocol`), the board's C++ structs (`messages.h`, written by
the export) and the diagrams of docs/protocol.md. Units stand in the names: `_us`, `_ms`, `_px`, `_bytes`, `_c`.

Changing a layout, a number or a meaning makes another protocol: raise PROTOCOL_VERSION. A command that is new, with
the answers that it alone brings about, changes none of them: a board that does not know it says so.

What no version may ever change, so that peers of two versions can tell each other clearly: COBS with zero delimiters,
the header's four bytes, the CRC-32 at the end, the types 0x01 (hello) and 0x81 (ask for hello), and the hello's first
two fields.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Final

from microfer.contract import (
    CROP_SIZE,
    LABEL_SEPARATOR,
    LEAST_PERIOD_MS,
    LONGEST_LABEL_LIST,
    MAX_BOX_SIDE_PX,
    MAX_CLASSES,
    MAX_FRAME_SIDE_PX,
    MIN_CLASSES,
    MOST_OPERATORS,
    MOST_PERIOD_MS,
    MOST_PROFILE_RUNS,
    ONE_Q16,
)
from microfer.link.layout import (
    BOOL,
    F32,
    I8,
    I16,
    U8,
    U16,
    U32,
    U64,
    AtMost,
    Code,
    Message,
    Rule,
    Together,
    array,
    chars,
    data,
    layout,
    one_of,
    payload_struct,
)

PROTOCOL_VERSION: Final = 2

CROP_BYTES: Final = CROP_SIZE * CROP_SIZE

HEADER: Final = (
    ("version", U8, "protocol version of the sender; fixed for all time"),
    ("type", U8, "which message the payload is; 0x80 is set in what a host sends; fixed for all time"),
    ("sequence", U16, "0 for the first frame after the sender's start, then 1 to 65535 and again from 1"),
)
CRC: Final = ("crc", U32, "CRC-32 (that of zlib and Ethernet) of header and payload")

HEADER_BYTES: Final = sum(wire.size_bytes for _, wire, _ in HEADER)
CRC_BYTES: Final = CRC[1].size_bytes
FROM_HOST: Final = 0x80
"""The bit of the type that tells the direction: set in what a host sends."""

NO_LABEL: Final = 255

TIME_US: Final = U64.within(0, 2**53 - 1)
"""285 years: the largest number that a float64, and so JavaScript, still counts to."""

TICKS: Final = TIME_US
BYTES: Final = U32.within(0, 1 << 30)
"""Of a memory: the chip reaches no more than 1 GiB of any."""

FRAME_SIDE_PX: Final = U16.within(0, MAX_FRAME_SIDE_PX)
BOX_SIDE_PX: Final = U16.within(0, MAX_BOX_SIDE_PX)
BOX_EDGE_PX: Final = I16.within(-MAX_BOX_SIDE_PX, MAX_FRAME_SIDE_PX - 1)
"""A box touches its frame."""

PERIOD_MS: Final = U16.within(LEAST_PERIOD_MS, MOST_PERIOD_MS, other=0)
CONFIDENCES_Q16: Final = array(U32.within(0, ONE_Q16), MAX_CLASSES)
LABEL: Final = U8.within(0, MAX_CLASSES - 1, other=NO_LABEL)
CLASSES: Final = U8.within(MIN_CLASSES, MAX_CLASSES)
RUNS: Final = U16.within(1, MOST_PROFILE_RUNS)
OPERATOR: Final = U16.within(0, MOST_OPERATORS - 1)


class Answer(Code):
    """What the board says about one camera frame."""

    NO_FACE = 0, "no face was found; scores and box are zero"
    UNCERTAIN = 1, "a face, but its confidence is below the model's threshold"
    LABEL = 2, "a face and a label"


class FaceSource(Code):
    """Where the face box of a frame comes from."""

    NONE = 0, "no box"
    DETECTED = 1, "the detector ran on this frame and found it"
    TRACKED = 2, "the tracker followed it from an earlier frame"


class ResetReason(Code):
    """Why the board started."""

    UNKNOWN = 0, "the chip does not say"
    POWER_ON = 1, "power came on"
    PIN = 2, "the reset button or the host's reset line"
    SOFTWARE = 3, "the firmware restarted itself, as after the command reboot"
    PANIC = 4, "the firmware crashed; the core dump in flash says where"
    TASK_WATCHDOG = 5, "a task hung"
    OTHER_WATCHDOG = 6, "an interrupt or the boot hung"
    BROWNOUT = 7, "the supply voltage dropped: try another cable or port"
    DEEP_SLEEP = 8, "the chip woke from deep sleep"
    OTHER = 9, "another reason, such as the USB or debug interface"


class ErrorCode(Code):
    """What went wrong on the board, and what to do. The board keeps running after all of them."""

    CAMERA_MISSING = (
        1,
        "no camera sensor answered: switch off, reseat the ribbon cable, check that this is the right board",
    )
    CAMERA_STOPPED = (
        2,
        "the camera stopped sending; the board restarts it: only worry if this repeats",
    )
    FRAME_SIZE = 3, "a camera frame had the wrong size and was dropped: the sensor is not supported"
    MODEL_REFUSED = 4, "the model in flash does not fit the firmware: export it again and flash the whole firmware"
    ARENA_TOO_SMALL = 5, "the tensor arena does not hold the model: take a smaller model or a board with PSRAM"
    INVOKE_FAILED = 6, "the network could not run on a crop; if this repeats, flash again and look at the self-test"
    SELF_TEST_FAILED = 7, "an output differs from the host's: compare the model's SHA-256 and the kernel versions"
    COMMAND_DAMAGED = 8, "a frame from the host arrived damaged and was dropped: send it again, try another cable"
    COMMAND_TOO_LONG = 9, "a frame from the host was longer than any command: is another program sending to this port?"
    COMMAND_UNKNOWN = 10, "this firmware does not know the command: flash the firmware of this microfer"
    COMMAND_REFUSED = 11, "a field of the command has a value that is not allowed; the text names it"
    OUT_OF_MEMORY = 12, "not enough memory at the start: is PSRAM switched on for this board?"
    PROFILE_FAILED = 13, "the network's operators could not be timed; the text says why"


def padded(*scores: int) -> tuple[int, ...]:
    """Return the scores of a few classes as a message has them, with zeros up to `MAX_CLASSES`."""
    return (*scores, *(0,) * (MAX_CLASSES - len(scores)))


@dataclass(frozen=True)
class Hello(Message):
    """Who the board is. Sent at its start, when the host asks, and on a frame of another protocol version."""

    TYPE: ClassVar[int] = 0x01
    RULES: ClassVar[tuple[Rule, ...]] = (
        AtMost("self_test_equal", "self_test_total"),
        AtMost("self_test_faces_found", "self_test_faces_total"),
    )
    firmware_version: Annotated[str, chars(16), "such as 0.1.0; position and size fixed for all time"]
    board: Annotated[str, chars(32), "the board's name; position and size fixed for all time"]
    model_id: Annotated[str, chars(32), "the model's name, such as thesis-bn-1"]
    kernels: Annotated[str, chars(24), "which kernels compute, such as esp-nn 1.2.3"]
    model_sha256: Annotated[bytes, data(32), "SHA-256 of the .tflite"]
    uptime_us: Annotated[int, TIME_US, "time since the board's start"]
    input_scale: Annotated[float, F32.within(0, 1), "scale of the int8 input; 0 where no model could be loaded"]
    self_test_equal: Annotated[int, U16, "int8 scores of the golden crops that equal the host's"]
    self_test_total: Annotated[int, U16, "int8 scores compared: one for each class and golden crop"]
    self_test_faces_found: Annotated[int, U16, "faces that the detector found in the golden frames"]
    self_test_faces_total: Annotated[int, U16, "faces in the golden frames"]
    self_test_invoke_us: Annotated[int, U32, "longest run of the network in the self-test"]
    frame_width_px: Annotated[int, FRAME_SIDE_PX, "width of the frames that face boxes refer to"]
    frame_height_px: Annotated[int, FRAME_SIDE_PX, "height of those frames"]
    flash_size_bytes: Annotated[int, BYTES, "flash found at the start"]
    psram_size_bytes: Annotated[int, BYTES, "PSRAM found at the start; 0 = none"]
    input_zero_point: Annotated[int, I8, "zero point of the int8 input"]
    reset_reason: Annotated[ResetReason, one_of(ResetReason), "why it started"]
    labels: Annotated[str, chars(LONGEST_LABEL_LIST), "what the network tells apart, in the scores' order, by commas"]

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels, one by one."""
        return tuple(self.labels.split(LABEL_SEPARATOR)) if self.labels else ()


@dataclass(frozen=True)
class Prediction(Message):
    """The answer to one camera frame. It holds no pixel."""

    TYPE: ClassVar[int] = 0x02
    RULES: ClassVar[tuple[Rule, ...]] = (
        AtMost("label", "classes", strict=True, besides=NO_LABEL),
        Together("answer", Answer.NO_FACE, "label", NO_LABEL),
        Together("answer", Answer.NO_FACE, "face_source", FaceSource.NONE),
    )
    frame: Annotated[int, U32, "number of the camera frame, counted from the board's start"]
    capture_time_us: Annotated[int, TIME_US, "when the frame was taken, since the board's start"]
    face_x_px: Annotated[int, BOX_EDGE_PX, "left edge of the crop's box; below 0 where it leaves the frame"]
    face_y_px: Annotated[int, BOX_EDGE_PX, "top edge of that box"]
    face_width_px: Annotated[int, BOX_SIDE_PX, "width of that box; 0 = no face"]
    face_height_px: Annotated[int, BOX_SIDE_PX, "height of that box; 0 = no face"]
    smoothed_q16: Annotated[
        tuple[int, ...], CONFIDENCES_Q16, "calibrated and smoothed, in 1/65536; 0 beyond the classes"
    ]
    capture_us: Annotated[int, U32, "time of each stage: waiting for the camera"]
    face_us: Annotated[int, U32, "finding or tracking the face"]
    crop_us: Annotated[int, U32, "cutting out and resizing the crop"]
    tensor_us: Annotated[int, U32, "filling the input tensor"]
    invoke_us: Annotated[int, U32, "running the network"]
    prediction_us: Annotated[int, U32, "calibrating, smoothing, deciding"]
    answer: Annotated[Answer, one_of(Answer), "no face, uncertain, or a label"]
    label: Annotated[int, LABEL, "index into the labels; the most probable one if uncertain; 255 = no face"]
    face_source: Annotated[FaceSource, one_of(FaceSource), "detected, tracked, or none"]
    classes: Annotated[int, CLASSES, "how many the network tells apart; so many of the scores count"]
    raw_scores: Annotated[
        tuple[int, ...], array(I8, MAX_CLASSES), "the network's int8 output, in the labels' order; 0 beyond"
    ]


@dataclass(frozen=True)
class CropPreview(Message):
    """The crop that the network saw. Sent only while the host asks for previews."""

    TYPE: ClassVar[int] = 0x03
    frame: Annotated[int, U32, "number of the camera frame, as in its prediction"]
    pixels: Annotated[bytes, data(CROP_BYTES), f"{CROP_SIZE} rows of {CROP_SIZE} gray pixels from the top left"]


@dataclass(frozen=True)
class Statistics(Message):
    """How the board is doing. Sent once a period, and in answer to stream settings. Counts run from the start."""

    TYPE: ClassVar[int] = 0x04
    uptime_us: Annotated[int, TIME_US, "time since the board's start"]
    statistics_period_ms: Annotated[int, PERIOD_MS, "setting in force"]
    predictions: Annotated[bool, BOOL, "setting in force: are predictions sent?"]
    previews: Annotated[bool, BOOL, "setting in force: are crops sent?"]
    heap_free_bytes: Annotated[int, BYTES, "internal RAM that is free now"]
    heap_min_free_bytes: Annotated[int, BYTES, "least that was ever free"]
    heap_largest_block_bytes: Annotated[int, BYTES, "largest free block of internal RAM"]
    psram_free_bytes: Annotated[int, BYTES, "PSRAM that is free now"]
    arena_used_bytes: Annotated[int, BYTES, "tensor arena in use, scratch included"]
    arena_size_bytes: Annotated[int, BYTES, "tensor arena set aside"]
    frames_captured: Annotated[int, U32, "camera frames received"]
    frames_predicted: Annotated[int, U32, "frames that got their prediction, no face included"]
    dropped_busy: Annotated[int, U32, "frames replaced by a newer one before they were looked at"]
    dropped_size: Annotated[int, U32, "frames of a wrong size"]
    dropped_invoke: Annotated[int, U32, "frames on which the network failed to run"]
    camera_timeouts: Annotated[int, U32, "times that the camera sent nothing in time"]
    camera_restarts: Annotated[int, U32, "times that the camera was started again"]
    link_sent: Annotated[int, U32, "frames handed to the serial port"]
    link_dropped: Annotated[int, U32, "frames dropped whole because the port was full; each leaves a sequence gap"]
    commands_received: Annotated[int, U32, "intact frames from the host"]
    commands_damaged: Annotated[int, U32, "frames from the host that were damaged or too long"]
    temperature_c: Annotated[int, I8, "temperature of the chip; -128 = not measured"]


@dataclass(frozen=True)
class InferResult(Message):
    """The network's output on the crop of an infer command."""

    TYPE: ClassVar[int] = 0x05
    request: Annotated[int, U32, "number that the command carried"]
    classes: Annotated[int, CLASSES, "how many the network tells apart; so many of the scores count"]
    raw_scores: Annotated[
        tuple[int, ...], array(I8, MAX_CLASSES), "the network's int8 output, in the labels' order; 0 beyond"
    ]
    invoke_us: Annotated[int, U32, "time of the network's run"]


@dataclass(frozen=True)
class BoardError(Message):
    """Something went wrong; the board keeps running."""

    TYPE: ClassVar[int] = 0x06
    code: Annotated[ErrorCode, one_of(ErrorCode), "what went wrong"]
    command_type: Annotated[int, U8, "type of the command that this answers; 0 = it answers none"]
    command_sequence: Annotated[int, U16, "sequence number of that command"]
    text: Annotated[str, chars(80), "details, for people"]


@dataclass(frozen=True)
class OperatorTime(Message):
    """What one operator of the network takes, in ticks of the chip's own counter, which the sums set against time."""

    TYPE: ClassVar[int] = 0x07
    RULES: ClassVar[tuple[Rule, ...]] = (AtMost("index", "total", strict=True),)
    request: Annotated[int, U32, "number that the command carried"]
    ticks: Annotated[int, TICKS, "of this operator, the sum over all runs"]
    network_ticks: Annotated[int, TICKS, "of the whole network, the sum over all runs"]
    network_us: Annotated[int, TIME_US, "the same by the board's clock: how long a tick is"]
    runs: Annotated[int, RUNS, "of the network"]
    index: Annotated[int, OPERATOR, "this operator's place in the order of execution, from 0"]
    total: Annotated[int, U16.within(1, MOST_OPERATORS), "operators of the network"]
    name: Annotated[str, chars(32), "as the .tflite's schema names it, such as CONV_2D"]


@dataclass(frozen=True)
class AskHello(Message):
    """Ask for the hello. Position and meaning are fixed for all time; answered with hello."""

    TYPE: ClassVar[int] = 0x81


@dataclass(frozen=True)
class StreamSettings(Message):
    """What the board sends by itself, until changed or restarted. Answered with statistics."""

    TYPE: ClassVar[int] = 0x82
    statistics_period_ms: Annotated[int, PERIOD_MS, "0 = none; 1000 after the start"]
    predictions: Annotated[bool, BOOL, "send predictions; on after the start"]
    previews: Annotated[bool, BOOL, "send crops; off after the start, so that no pixel leaves unasked"]


@dataclass(frozen=True)
class InferCrop(Message):
    """Run the network on this crop, without smoothing. Answered with infer result or error; send one at a time."""

    TYPE: ClassVar[int] = 0x83
    request: Annotated[int, U32, "any number; the answer repeats it"]
    pixels: Annotated[bytes, data(CROP_BYTES), f"{CROP_SIZE} rows of {CROP_SIZE} gray pixels from the top left"]


@dataclass(frozen=True)
class Reboot(Message):
    """Restart the board. Answered with the hello that follows the restart."""

    TYPE: ClassVar[int] = 0x84


@dataclass(frozen=True)
class AskProfile(Message):
    """Time one operator of the network. Answered with operator time or error; send one at a time, from index 0 on."""

    TYPE: ClassVar[int] = 0x85
    request: Annotated[int, U32, "any number, the same for all operators of one profile; the answer repeats it"]
    runs: Annotated[int, RUNS, "with index 0 the network runs that often, any other is read from that"]
    index: Annotated[int, OPERATOR, "which operator, in the order of execution, from 0"]


BOARD_MESSAGES: Final = (Hello, Prediction, CropPreview, Statistics, InferResult, BoardError, OperatorTime)
HOST_MESSAGES: Final = (AskHello, StreamSettings, InferCrop, Reboot, AskProfile)
MESSAGES: Final[tuple[type[Message], ...]] = BOARD_MESSAGES + HOST_MESSAGES
CODES: Final[tuple[type[Code], ...]] = (Answer, FaceSource, ResetReason, ErrorCode)

FIXED_HELLO: Final = layout(Hello)[:2]
"""The fields that a hello of any version begins with."""

MAX_PAYLOAD_BYTES: Final = max(payload_struct(message).size for message in MESSAGES)
MAX_FRAME_BYTES: Final = HEADER_BYTES + MAX_PAYLOAD_BYTES + CRC_BYTES
"""Longest frame before COBS."""

MAX_ENCODED_BYTES: Final = MAX_FRAME_BYTES + (MAX_FRAME_BYTES + 253) // 254
"""Longest frame after COBS, without its delimiters: COBS adds one byte for each 254 begun."""
