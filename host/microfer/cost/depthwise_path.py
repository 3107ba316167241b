"""DEPTHWISE_CONV_2D on the ESP32-S3: esp_nn_depthwise_conv_s8_esp32s3.c of esp-nn 1.2.3."""

from microfer.cost.path import Path, round_up
from microfer.cost.step import Step

WHOLE_PADDED_BYTES = 40 * 1024
WHOLE_WIDE_BYTES = 48 * 1024
"""Above these esp-nn goes row by row, to keep what it works on in the data cache."""


def depthwise_path(step: Step) -> Path:
    """Return the path of a DEPTHWISE_CONV_2D."""
    channels, multiplier = step.input[2], step.multiplier
    if step.dilation != (1, 1):
        return _plain(step, "depthwise reference", f"dilation {step.dilation}: TFLM's reference kernel")
    if multiplier == 1 and channels % 8 == 0:
        if step.kernel == (3, 3):
            return _three_by_three(step)
        return _wide(step)
    if multiplier == 1 and channels > 3:
        return _padded_to_8(step)
    if multiplier % 4 == 0:
        return _multiplied(step)
    name = "depthwise plain C" if multiplier == 1 else "depthwise plain C, multiplied"
    return _plain(step, name, f"{channels} channels and multiplier {multiplier}: esp-nn's plain C", (32,))


def _filter_size(step: Step) -> int:
    return step.kernel[0] * step.kernel[1] * step.output[2]


def _reach(step: Step) -> tuple[int, int]:
    """Return the rows and columns, possibly below 0, that esp-nn thinks a filter reaches beyond the input."""
    return (
        step.output[0] * step.stride[0] + step.kernel[0] - 1 - step.input[0],
        step.output[1] * step.stride[1] + step.kernel[1] - 1 - step.input[1],
    )


def _three_by_three(step: Step) -> Path:
    channels = step.input[2]
    if channels % 16 == 0 and step.before in ((1, 1), (0, 0)):
        return _bytes(step)
    if channels >= 12:
        return _padded_to_16(step)
    height, width, _ = step.input
    filter_size, input_size = _filter_size(step), height * width * channels
    work = {
        "call": 1,
        "filter bytes": filter_size,
        "input bytes": input_size,
        "pixels": step.pixels,
        "window rows": step.filter_rows,
        "taps": step.taps,
    }
    why = "3x3 on 8 channels: input and filter are widened to 16 bits at every invoke"
    return Path("depthwise 3x3 16 bit", why, False, work, (2 * (filter_size + input_size) + 32,), filter_size)


def _bytes(step: Step) -> Path:
    height, width, channels = step.input
    filter_size, groups = _filter_size(step), channels // 16
    more = (2 * step.before[0], 2 * step.before[1]) if step.before != (0, 0) else _reach(step)
    padded = (height + more[0]) * (width + more[1]) * channels
    is_whole = not any(more) or padded <= WHOLE_PADDED_BYTES or step.before == (0, 0)
    scratch = filter_size + 16
    if any(more):
        scratch += padded if padded <= WHOLE_PADDED_BYTES else (width + more[1]) * 3 * channels
    work: dict[str, float] = {
        "call": 1,
        "filter bytes": filter_size,
        "groups": groups * (1 if is_whole else step.output[0]),
        "rows": groups * step.output[0],
        "pixels": groups * step.pixels,
    }
    if not any(more):
        how = "no padding"
    elif is_whole:
        work |= {"padded rows": height, "padded bytes": height * width * channels}
        work["frame bytes"] = padded - height * width * channels
        how = "the padded input is written first"
    else:
        work["strip rows"] = 3 * step.output[0]
        work["strip bytes"] = 3 * step.output[0] * (width + more[1]) * channels
        how = f"the padded input would take {padded / 1024:.0f} KiB: every row of it is copied three times"
    why = f"3x3, {channels} channels are a multiple of 16; {how}"
    return Path("depthwise 3x3 vector", why, is_whole, work, (scratch,), filter_size)


def _padded_to_16(step: Step) -> Path:
    height, width, channels = step.input
    wide = round_up(channels, 16)
    before = step.before
    reach = [max(0, distance) for distance in _reach(step)]
    asked = [2 * before[axis] + reach[axis] for axis in (0, 1)]
    padded = [
        step.input[axis]
        + 2 * before[axis]
        + max(0, step.output[axis] * step.stride[axis] + 2 - step.input[axis] - 2 * before[axis])
        for axis in (0, 1)
    ]
    groups = wide // 16
    scratch = 9 * wide + (height + asked[0]) * (width + asked[1]) * wide + step.pixels * wide + 64
    work = {
        "call": 1,
        "filter bytes": 9 * wide,
        "groups": groups,
        "rows": groups * step.output[0],
        "pixels": groups * step.pixels,
        "padded bytes": padded[0] * padded[1] * wide,
        "input pixels": height * width,
        "input bytes": height * width * channels,
        "output pixels": step.pixels,
        "output bytes": step.output_elements,
    }
    why = (
        f"3x3, {channels} channels or a padding of {before} do not fit: input and output are copied to {wide} channels"
    )
    return Path("depthwise 3x3 padded to 16", why, False, work, (scratch,), 9 * wide)


def _wide(step: Step) -> Path:
    height, width, channels = step.input
    filter_size, input_size = _filter_size(step), height * width * channels
    whole = 2 * (filter_size + input_size)
    groups = channels // 8
    work: dict[str, float] = {
        "call": 1,
        "filter bytes": filter_size,
        "pixels": groups * step.pixels,
        "window rows": groups * step.filter_rows,
        "taps": groups * step.taps,
    }
    if whole <= WHOLE_WIDE_BYTES:
        work["input bytes"] = input_size
        scratch, how = whole + 32, "widened to 16 bits first"
    else:
        strip = step.kernel[0] * width * channels
        work["strip bytes"] = strip * step.output[0]
        scratch, how = 2 * (filter_size + strip) + 32, "widened to 16 bits row by row, each row several times, in C"
        # Rows of padding are multiplied like any other here.
        full_rows = groups * step.pixels * step.kernel[0]
        work["window rows"] = full_rows
        work["taps"] = groups * step.taps * full_rows / max(groups * step.filter_rows, 1)
    why = f"{step.kernel[0]}x{step.kernel[1]} is not 3x3: the input is {how}"
    return Path("depthwise 16 bit", why, False, work, (scratch,), filter_size)


def _padded_to_8(step: Step) -> Path:
    height, width, channels = step.input
    wide, window = round_up(channels, 8), step.kernel[0] * step.kernel[1]
    groups = wide // 8
    filter_end = round_up(2 * window * wide, 16)
    input_end = round_up(filter_end + 2 * height * width * wide, 16)
    output_end = round_up(input_end + step.pixels * wide, 16)
    work = {
        "call": 1,
        "filter bytes": window * channels,
        "cleared bytes": 2 * wide * (window + height * width),
        "input bytes": height * width * channels,
        "pixels": groups * step.pixels,
        "window rows": groups * step.filter_rows,
        "taps": groups * step.taps,
        "output bytes": step.output_elements,
    }
    why = f"{channels} channels are not a multiple of 8: input and output are copied one by one to {wide}"
    return Path("depthwise padded to 8", why, False, work, (output_end + 12 * wide + 16,), window * channels)


def _multiplied(step: Step) -> Path:
    height, width, channels = step.input
    filter_size, input_size = _filter_size(step), height * width * channels
    unit = 8 if step.multiplier % 8 == 0 else 4
    groups = channels * step.multiplier // unit
    work = {
        "call": 1,
        "filter bytes": filter_size,
        "input bytes": input_size,
        "pixels": groups * step.pixels,
        "window rows": groups * step.filter_rows,
        "taps": groups * step.taps,
    }
    name = f"depthwise x{unit}"
    if unit == 8 and step.kernel == (3, 3):
        name += " 3x3"
    why = f"multiplier {step.multiplier} is a multiple of {unit}: input and filter are widened to 16 bits"
    return Path(name, why, False, work, (2 * (filter_size + input_size) + 32,), filter_size)


def _plain(step: Step, name: str, why: str, scratch: tuple[int, ...] = ()) -> Path:
    channels, (fours, rest) = step.input[2], divmod(step.multiplier, 4)
    work = {
        "call": 1,
        "outputs": step.pixels * channels * rest,
        "taps": step.taps * channels * rest,
        "outputs by 4": step.pixels * channels * fours,
        "taps by 4": step.taps * channels * fours,
        "window rows": step.filter_rows * channels * (rest + fours),
    }
    return Path(name, why, False, work, scratch, 0, step.pixels)
