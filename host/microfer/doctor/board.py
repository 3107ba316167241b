"""The doctor's judgement of a board, from what was seen of it. Pure: it opens nothing and asks nobody."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from microfer import __version__
from microfer.current_model import Chosen, current_model
from microfer.doctor.finding import Finding, Group
from microfer.doctor.observation import Observation
from microfer.errors import MicroferError
from microfer.files import read_bytes
from microfer.link.messages import PROTOCOL_VERSION, ErrorCode, Hello, ResetReason, Statistics
from microfer.link.ports import VIRTUAL_BOARD
from microfer.link.warnings import HOT_C, LEAST_HEAP_BYTES, NOT_MEASURED_C
from microfer.release import MODEL_FILE, MODELS, default_model

FLASH = "flash the firmware of this microfer onto the board, all of it"
LEAST_RATE = 5.0
"""Predictions a second, below which the smoothed answer follows a face with a delay that people notice."""

TEXT_SHARE = 0.9
"""Of the bytes, that are printable where it is text; of random ones, as at a wrong baud rate, 39 % are."""

_GRAVE = {
    ErrorCode.CAMERA_MISSING,
    ErrorCode.MODEL_REFUSED,
    ErrorCode.ARENA_TOO_SMALL,
    ErrorCode.OUT_OF_MEMORY,
    ErrorCode.SELF_TEST_FAILED,
    ErrorCode.FRAME_SIZE,
}
"""After these the board does not do what it is for."""

_RESETS = {
    ResetReason.BROWNOUT: "use a shorter or thicker cable, another USB port or a powered hub: it needs 500 mA",
    ResetReason.PANIC: "press its reset button while microfer view is open, note what it prints, and flash again",
    ResetReason.TASK_WATCHDOG: "press its reset button; if this happens again, flash again and look at the self-test",
    ResetReason.OTHER_WATCHDOG: "press its reset button; if this happens again, flash again and check the power supply",
}

_say = Group("board")


def examine_board(seen: Observation) -> list[Finding]:
    """Return all findings about a board that was watched; one alone where it does not speak this protocol."""
    if seen.hello is None:
        return [check_silence(seen)]
    hello = seen.hello
    latest = seen.statistics[-1] if seen.statistics else None
    return [
        _say.ok("answers", f"{hello.board}, kernels {hello.kernels}, protocol version {PROTOCOL_VERSION}"),
        check_firmware(hello),
        check_model(hello, shipped_models(), own_model()),
        check_self_test(hello),
        check_reset(hello),
        *check_memory_chips(hello),
        check_stream(seen),
        check_rate(seen),
        check_camera(seen),
        check_heap(latest),
        check_temperature(latest),
        check_link(seen),
        *check_errors(seen),
    ]


def check_silence(seen: Observation) -> Finding:
    """Return why a board that gave no hello of this protocol version did not."""
    if seen.other_version is not None:
        text, _, step = seen.other_version.explain().partition(": ")
        return _say.problem("answers", text, step)
    if lines := _text_lines(bytes(seen.begin)):
        return _say.problem(
            "answers", f"it prints text, but does not speak microfer's link; the last line: {lines[-1][:100]}", FLASH
        )
    if seen.begin:
        return _say.problem(
            "answers",
            f"{len(seen.begin)} bytes or more arrived, but no hello",
            "does --baud match the firmware, and is this the right port? If so: " + FLASH,
        )
    return _say.problem(
        "answers",
        "nothing at all arrives",
        f"press the board's reset button; is it the right port, and does it run microfer's firmware? {VIRTUAL_BOARD}",
    )


def check_firmware(hello: Hello) -> Finding:
    """Return whether the board's firmware is of this microfer's version."""
    if hello.firmware_version == __version__:
        return _say.ok("firmware", f"{hello.firmware_version}, as this microfer")
    return _say.warning("firmware", f"{hello.firmware_version}, and this microfer is {__version__}", FLASH)


def shipped_models(models: Path = MODELS) -> dict[str, str]:
    """Return the SHA-256 of each released model by its name, the default one first."""
    try:
        default = default_model(models).parent.name
    except MicroferError:
        default = ""
    paths = sorted(models.glob(f"*/{MODEL_FILE}"), key=lambda path: (path.parent.name != default, path))
    return {path.parent.name: hashlib.sha256(read_bytes(path)).hexdigest() for path in paths}


def own_model() -> Chosen | None:
    """Return the current model where somebody chose or exported one; None where it is the default release."""
    try:
        chosen = current_model()
    except MicroferError:
        return None  # check_release says what is wrong with it
    return chosen if chosen.is_own else None


def check_model(hello: Hello, shipped: dict[str, str], own: Chosen | None = None) -> Finding:
    """Return whether the board runs the current model, or a released one.

    shipped: names and SHA-256, the default one first. own: the current model, None where it is the default release.
    """
    digest = hello.model_sha256.hex()
    if hello.input_scale == 0:
        return _say.problem("model", f"the board could not load {hello.model_id}", f"export it again and {FLASH}")
    if own is not None:
        if own.sha256 == digest:
            return _say.ok("model", f"{hello.model_id}, the current model; the SHA-256 is equal")
        return _say.warning(
            "model",
            f"{hello.model_id} is not the current model, {own.path}",
            "pio run -t upload, or microfer model use",
        )
    for place, (name, sha256) in enumerate(shipped.items()):
        if sha256 == digest:
            which = "the default release" if place == 0 else "a release, and not the default one"
            return _say.ok("model", f"{name}, {which}; the SHA-256 is equal")
    return _say.warning(
        "model",
        f"{hello.model_id}, SHA-256 {digest[:16]}..., is none of {', '.join(shipped) or 'no released models'}",
        "if it is yours, name it: microfer parity --int8 YOURS --port ...; if not: microfer export, then " + FLASH,
    )


def check_self_test(hello: Hello) -> Finding:
    """Return what the board found about itself at its start."""
    equal, total = hello.self_test_equal, hello.self_test_total
    found, faces = hello.self_test_faces_found, hello.self_test_faces_total
    text = f"{equal} of {total} scores equal the host's, {found} of {faces} faces found"
    if total == 0 or equal != total:
        return _say.problem(
            "self-test",
            text if total else "no score could be compared: the model was not loaded, or has no golden answers",
            f"{FLASH}; then microfer parity --port ... shows which pictures differ",
        )
    if found != faces:
        return _say.problem("self-test", text, FLASH)
    return _say.ok("self-test", f"{text}; one run took {hello.self_test_invoke_us / 1000:,.1f} ms at most")


def check_reset(hello: Hello) -> Finding:
    """Return why the board started last."""
    reason = hello.reset_reason
    text = f"started {hello.uptime_us / 1e6:,.0f} s ago: {reason.doc}"
    step = _RESETS.get(reason)
    return _say.ok("last start", text) if step is None else _say.warning("last start", text, step)


def _is_virtual(hello: Hello) -> bool:
    """Return whether this is no chip: none runs without flash."""
    return hello.flash_size_bytes == 0


def check_memory_chips(hello: Hello) -> list[Finding]:
    """Return whether PSRAM and flash were found."""
    if _is_virtual(hello):
        return [_say.skipped(name, f"a virtual board has no {name}") for name in ("flash", "PSRAM")]
    flash = _say.ok("flash", f"{hello.flash_size_bytes / 2**20:g} MiB")
    if hello.psram_size_bytes == 0:
        step = f"is this the right board's firmware (PSRAM has four or eight lines)? Then {FLASH}"
        return [flash, _say.warning("PSRAM", "none was found at the start; large networks do not fit without", step)]
    return [flash, _say.ok("PSRAM", f"{hello.psram_size_bytes / 2**20:g} MiB")]


def check_stream(seen: Observation) -> Finding:
    """Return what the board was sending by itself."""
    found = seen.settings
    if not seen.mended:
        pictures = "; crops were being sent, too" if found is not None and found.previews else ""
        return _say.ok("stream", f"predictions are on{pictures}")
    text = "it sent no statistics" if found is None else "predictions were switched off"
    step = "nothing: the default settings are in force again. Another program had changed them"
    return _say.warning("stream", text, step)


def check_rate(seen: Observation) -> Finding:
    """Return how many frames a second come and are answered."""
    span = _span(seen.statistics)
    if span is None:
        return _say.skipped("frame rate", "the board sent too few statistics while it was watched")
    first, last, seconds = span
    captured = (last.frames_captured - first.frames_captured) / seconds
    predicted = (last.frames_predicted - first.frames_predicted) / seconds
    busy = last.dropped_busy - first.dropped_busy
    lost = last.dropped_invoke - first.dropped_invoke
    text = f"{captured:.1f} frames and {predicted:.1f} predictions a second; {busy} frames came while it was busy"
    if lost:
        return _say.problem("frame rate", f"{text}; on {lost} the network could not run", FLASH)
    if captured == 0:
        return _say.problem("frame rate", text, "see the camera below")
    if predicted < LEAST_RATE:
        step = "take a smaller model (microfer describe shows what each costs), or kernels made for the chip"
        if seen.hello is not None and _is_virtual(seen.hello):
            step = "nothing: a virtual board is as fast as this computer allows; or close other programs"
        return _say.warning("frame rate", text, step)
    return _say.ok("frame rate", text)


def check_camera(seen: Observation) -> Finding:
    """Return whether the camera delivers."""
    if not seen.statistics:
        return _say.skipped("camera", "the board sent no statistics")
    first, last = seen.statistics[0], seen.statistics[-1]
    text = f"{last.camera_timeouts} timeouts and {last.camera_restarts} restarts since the start"
    if any(error.code == ErrorCode.CAMERA_MISSING for error in seen.errors):
        return _say.problem("camera", "no sensor answers", ErrorCode.CAMERA_MISSING.doc.partition(": ")[2])
    if last.dropped_size:
        step = "the sensor is not supported; OV2640 and OV3660 are"
        return _say.problem("camera", f"{last.dropped_size} frames had the wrong size", step)
    if last.camera_timeouts > first.camera_timeouts:
        return _say.problem("camera", f"it stopped just now; {text}", "switch off, reseat the ribbon cable")
    if last.camera_restarts:
        return _say.warning("camera", text, "if it repeats: switch off, reseat the ribbon cable")
    return _say.ok("camera", text)


def check_heap(latest: Statistics | None) -> Finding:
    """Return how much memory is left."""
    if latest is None or latest.heap_free_bytes == latest.heap_min_free_bytes == 0:
        return _say.skipped("memory", "the board does not say how much is free")
    text = (
        f"{latest.heap_free_bytes // 1024} KiB of internal RAM free, {latest.heap_min_free_bytes // 1024} KiB at the "
        f"least; arena {latest.arena_used_bytes // 1024} of {latest.arena_size_bytes // 1024} KiB"
    )
    if latest.heap_min_free_bytes < LEAST_HEAP_BYTES:
        return _say.warning("memory", text, "make the tensor arena smaller, or keep it in PSRAM")
    return _say.ok("memory", text)


def check_temperature(latest: Statistics | None) -> Finding:
    """Return how warm the chip is."""
    if latest is None or latest.temperature_c == NOT_MEASURED_C:
        return _say.skipped("temperature", "not measured")
    if latest.temperature_c >= HOT_C:
        return _say.warning("temperature", f"{latest.temperature_c} °C", "let it cool, or lower the frame rate")
    return _say.ok("temperature", f"{latest.temperature_c} °C")


def check_link(seen: Observation) -> Finding:
    """Return how the link fared while it was watched."""
    counters = seen.counters
    dropped = _grown(seen.statistics, "link_dropped")
    damaged_there = _grown(seen.statistics, "commands_damaged")
    text = (
        f"{counters.received} messages; {counters.missed} missed, {seen.damaged} pieces damaged, {dropped} dropped by "
        f"the board, {damaged_there} commands damaged, {seen.losses} losses"
    )
    if seen.losses or counters.restarts:
        step = "try another cable and port; if the board restarts on its own, see its last start"
        return _say.warning("link", f"{text}, {counters.restarts} restarts of the board", step)
    if dropped or counters.missed:
        return _say.warning(
            "link", text, "the port was full: close programs that load this computer, or use the chip's own USB"
        )
    if seen.damaged or damaged_there:
        return _say.warning("link", text, "try another cable, without a hub")
    return _say.ok("link", text)


def check_errors(seen: Observation) -> Iterable[Finding]:
    """Yield one finding for each kind of error that the board reported."""
    texts = {error.code: error.text for error in seen.errors}
    for code, count in Counter(error.code for error in seen.errors).items():
        what = f"{code.name}: {texts[code]}" if texts[code] else code.name
        make = _say.problem if code in _GRAVE else _say.warning
        yield make("error", f"{what} (reported {count} times)", code.doc)
    if not seen.errors:
        yield _say.ok("error", "the board reported none")


def _text_lines(content: bytes) -> list[str]:
    """Return the lines that hold something, where the bytes are text; else none."""
    printed = sum(0x20 <= byte < 0x7F or byte in b"\r\n\t\x1b" for byte in content)
    if not content or printed < TEXT_SHARE * len(content):
        return []
    text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "\n" for byte in content)
    return [line.strip() for line in text.splitlines() if line.strip()]


def _span(statistics: list[Statistics]) -> tuple[Statistics, Statistics, float] | None:
    """Return the first and the last of one run of the board, and the seconds between them; None where that is short."""
    if not statistics:
        return None
    last = statistics[-1]
    first = next(one for one in statistics if one.uptime_us <= last.uptime_us and one.link_sent <= last.link_sent)
    seconds = (last.uptime_us - first.uptime_us) / 1e6
    return (first, last, seconds) if seconds >= 0.9 else None


def _grown(statistics: list[Statistics], name: str) -> int:
    """Return by how much a counter has grown while the board was watched."""
    span = _span(statistics)
    return 0 if span is None else max(0, getattr(span[1], name) - getattr(span[0], name))
