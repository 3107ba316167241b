"""constants.h: the board's numbers of `microfer.contract` for C++. Standard library alone.

It depends on no model; the same contract gives the same text. `contract.h` holds what belongs to one model.
"""

from microfer import contract
from microfer.export import cpp

CONSTANTS: tuple[tuple[str, str, int, str], ...] = (
    ("int", "kMinClasses", contract.MIN_CLASSES, "that a network tells apart"),
    ("int", "kMaxClasses", contract.MAX_CLASSES, ""),
    ("std::uint32_t", "kOneQ16", contract.ONE_Q16, "probabilities are whole numbers: this one is 1"),
    ("std::uint32_t", "kMaxScoreFloor", contract.MAX_SCORE_FLOOR, "of 256 levels; some score is always above it"),
    ("std::uint32_t", "kNewestPartQ16", contract.NEWEST_PART_Q16, "of the newest frame in what is smoothed"),
    ("std::uint32_t", "kHysteresisQ16", contract.HYSTERESIS_Q16, "before the shown label changes"),
    ("int", "kCameraWidthPx", contract.CAMERA_WIDTH_PX, "the largest frame that is taken"),
    ("int", "kCameraHeightPx", contract.CAMERA_HEIGHT_PX, ""),
    ("int", "kMaxSearchWidthPx", contract.SEARCH_WIDTH_PX, "the largest frame that is searched as it is"),
    ("int", "kMaxSearchHeightPx", contract.SEARCH_HEIGHT_PX, ""),
    ("int", "kMaxFrameSidePx", contract.MAX_FRAME_SIDE_PX, "that a crop is cut from"),
    ("int", "kMaxBoxSidePx", contract.MAX_BOX_SIDE_PX, "of a crop's box"),
    ("std::size_t", "kMaxFaces", contract.MOST_FACES, "that the detector tells of"),
    ("std::uint32_t", "kSchemaVersion", contract.SCHEMA_VERSION, "of the .tflite schema"),
    ("int", "kVectorBytes", contract.VECTOR_BYTES, "that the vector unit multiplies at once"),
    ("int", "kReadAheadBytes", contract.READ_AHEAD_BYTES, "that it reads behind the last row"),
    ("int", "kMostGatheredBytes", contract.MOST_GATHERED_BYTES, "of rows at a time"),
    ("std::size_t", "kArenaReserveBytes", contract.ARENA_RESERVE_BYTES, "of internal RAM, left to all others"),
    ("std::size_t", "kSendBufferBytes", contract.SEND_BUFFER_BYTES, "of the serial port, to the host"),
    ("std::size_t", "kReceiveBufferBytes", contract.RECEIVE_BUFFER_BYTES, "from the host"),
    ("std::size_t", "kMostOperators", contract.MOST_OPERATORS, "of a network that can be timed"),
    ("std::uint16_t", "kStartPeriodMs", contract.START_PERIOD_MS, "between two statistics, after the start"),
)
"""Type and name in C++, value, and a few words."""

LOAD_OUTCOMES = {
    "ok": "",
    "refused": "it is not what generated/contract.h says; the text names the difference",
    "arena_too_small": "the tensor arena does not hold it",
    "out_of_memory": "there is no room for an arena",
}
"""Each of `contract.LOAD_OUTCOMES` -> what C++ says of it."""


def constants_header() -> str:
    """Return constants.h: each of CONSTANTS, and the outcomes of loading a network."""
    lines = "\n".join(
        f"inline constexpr {kind} {name} = {value};" + (f"  // {comment}" if comment else "")
        for kind, name, value, comment in CONSTANTS
    )
    outcomes = "\n".join(
        f"  {_constant(name)} = {number},  // {LOAD_OUTCOMES[name]}".removesuffix("  // ")
        for number, name in enumerate(contract.LOAD_OUTCOMES)
    )
    body = f"""
{lines}

// How loading a network ended.
enum class [[nodiscard]] LoadOutcome : std::uint8_t {{
{outcomes}
}};
"""
    return cpp.header("host/microfer/contract.py", "MICROFER_GENERATED_CONSTANTS_H_", ["<cstddef>", "<cstdint>"], body)


def _constant(name: str) -> str:
    return "k" + "".join(part.capitalize() for part in name.split("_"))
