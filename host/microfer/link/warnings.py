"""What is wrong with a board that runs, in words, each with the next step."""

from dataclasses import dataclass

from microfer.link.messages import Hello, ResetReason, Statistics

SILENT_AFTER_S = 3.0
HOT_C = 85
LEAST_HEAP_BYTES = 16 * 1024
NOT_MEASURED_C = -128

_BAD_RESETS = (ResetReason.PANIC, ResetReason.TASK_WATCHDOG, ResetReason.OTHER_WATCHDOG, ResetReason.BROWNOUT)


@dataclass(frozen=True)
class ExpectedModel:
    """The model that a board should run: its file's name for people, and its SHA-256, hexadecimal."""

    name: str
    sha256: str


def warnings_of(
    is_open: bool,
    hello: Hello | None,
    statistics: Statistics | None,
    silence_s: float | None,
    expected: ExpectedModel | None = None,
) -> tuple[str, ...]:
    """Return the warnings.

    is_open: the port is there and nobody was refused. silence_s: since the latest message, None where none came.
    expected: the current model, None where nobody chose one.
    """
    found: list[str] = []
    if is_open and silence_s is not None and silence_s > SILENT_AFTER_S:
        found.append(f"nothing has arrived for {silence_s:.0f} s: has the board hung? Press its reset button")
    if hello is not None:
        found += _of_hello(hello)
        if expected is not None and hello.model_sha256.hex() != expected.sha256:
            found.append(
                f"the board runs {hello.model_id}, and the current model is {expected.name}: pio run -t upload puts it "
                "onto the board, microfer model use takes another one"
            )
    if statistics is not None:
        found += _of_statistics(statistics)
    return tuple(found)


def _of_hello(hello: Hello) -> list[str]:
    found = []
    if hello.self_test_total == 0:
        found.append("the self-test did not run: is there a model? Flash the whole firmware again")
    elif hello.self_test_equal != hello.self_test_total:
        found.append(
            f"self-test: {hello.self_test_total - hello.self_test_equal} of {hello.self_test_total} scores differ from "
            "the host's; compare the model's SHA-256 and the kernel versions, then flash again"
        )
    if hello.self_test_faces_found != hello.self_test_faces_total:
        found.append(
            f"self-test: {hello.self_test_faces_found} of {hello.self_test_faces_total} faces found; flash the whole "
            "firmware again"
        )
    if hello.reset_reason in _BAD_RESETS:
        found.append(f"the board restarted: {hello.reset_reason.doc}")
    return found


def _of_statistics(statistics: Statistics) -> list[str]:
    found = []
    if statistics.temperature_c != NOT_MEASURED_C and statistics.temperature_c >= HOT_C:
        found.append(f"the chip is at {statistics.temperature_c} °C: let it cool, or lower the frame rate")
    if 0 < statistics.heap_free_bytes < LEAST_HEAP_BYTES:  # 0 is what a board says that has no heap, as the virtual one
        found.append(f"only {statistics.heap_free_bytes // 1024} KiB of internal RAM are free: take a smaller arena")
    if not statistics.predictions:
        found.append(
            "predictions are off: another program switched them off; unplug the board or open the viewer again"
        )
    if statistics.link_dropped:
        found.append(
            f"the board dropped {statistics.link_dropped} messages because its port was full: switch previews off, or "
            "connect it by its own USB"
        )
    if statistics.camera_restarts:
        found.append(f"the camera was started again {statistics.camera_restarts} times: reseat its ribbon cable")
    return found
