"""CONV_2D on the ESP32-S3: esp_nn_conv_esp32s3.c of esp-nn 1.2.3, its dispatch and its scratch."""

from microfer.cost.path import Path, round_up
from microfer.cost.step import Step

PRECOMPUTED_ABOVE = 16384
"""Filters of more values have their sums made by a C loop instead of the assembly's."""

ACCESS_MARGIN = 64


def conv_path(step: Step) -> Path:
    """Return the path of a CONV_2D."""
    scratch = (_scratch(step),)
    if step.dilation != (1, 1):
        return _reference(step, "conv reference", f"dilation {step.dilation}: TFLM's reference kernel", scratch)
    if step.filter_channels != step.input[2]:
        return _reference(step, "conv grouped", "grouped: esp-nn's plain C", scratch)
    if _is_pointwise(step):
        return _pointwise(step, scratch)
    row = step.kernel[1] * step.input[2]
    window = row * step.kernel[0]
    if row < 16 <= window:
        return _window(step, scratch, window)
    return _rows(step, scratch, row)


def _is_pointwise(step: Step) -> bool:
    return step.kernel == (1, 1) and step.stride == (1, 1) and step.before == (0, 0)


def _scratch(step: Step) -> int:
    """Return what esp_nn_get_conv_scratch_size_esp32s3 asks for, in bytes."""
    (height, width, channels), filters = step.input, step.output[2]
    kernel_height, kernel_width = step.kernel
    if _is_pointwise(step):
        wide = round_up(channels, 8)
        copied = height * width * wide if channels % 8 else 0
        turned = 16 * wide if height * width >= 8 else 0
        return copied + wide * filters + turned + ACCESS_MARGIN
    row = kernel_width * channels
    window = row * kernel_height
    if row < 16 <= window:
        wide = round_up(window, 16)
        return filters * 4 + 16 + filters * wide + 16 + wide + ACCESS_MARGIN
    padded = 0
    if step.before != (0, 0):
        padded = (width + 2 * step.before[1]) * (height + 2 * step.before[0]) * channels
    filter_copy = kernel_width * kernel_height * round_up(channels, 16) * filters
    aligned = round_up(row, 16) * kernel_height * filters
    right, bottom = _reach(step)
    beyond = (width + right) * (height + bottom) * channels if right or bottom else 0
    return padded + filter_copy + aligned + beyond + ACCESS_MARGIN + filters * 4


def _reach(step: Step) -> tuple[int, int]:
    """Return the columns and rows that esp-nn thinks a filter reaches beyond the unpadded input."""
    right = step.output[1] * step.stride[1] + step.kernel[1] - 1 - step.input[1]
    bottom = step.output[0] * step.stride[0] + step.kernel[0] - 1 - step.input[0]
    return max(right, 0), max(bottom, 0)


def _reference(step: Step, name: str, why: str, scratch: tuple[int, ...]) -> Path:
    filters = step.output[2]
    work = {
        "call": 1,
        "outputs": step.pixels * filters,
        "taps": step.pixels * filters * step.kernel[0] * step.kernel[1],
        "inner taps": step.taps * filters,
        "products": step.taps * filters * step.filter_channels,
    }
    return Path(name, why, is_fast=False, work=work, scratch_bytes=scratch, filter_passes=step.pixels)


def _pointwise(step: Step, scratch: tuple[int, ...]) -> Path:
    channels, filters = step.input[2], step.output[2]
    blocks, left = divmod(step.input[0] * step.input[1], 8)
    groups, rest = divmod(channels, 8)
    work: dict[str, float] = {
        "call": 1,
        "blocks": blocks,
        "blocks x groups": blocks * groups,
        "blocks x filters": blocks * filters,
        "blocks x filters x groups": blocks * filters * groups,
        "left x filters": left * filters,
    }
    passes = blocks + left
    if rest == 0:
        work["left x filters x groups"] = left * filters * groups
        why = f"1x1, stride 1, {channels} input channels are a multiple of 8"
        return Path("conv 1x1 vector", why, True, work, scratch, 0, passes)
    work["blocks x filters x rest"] = blocks * filters * rest
    work["left x filters x channels"] = left * filters * channels
    why = f"1x1, stride 1, {channels} input channels are not a multiple of 8: {rest} of them in C"
    return Path("conv 1x1 partly C", why, False, work, scratch, 0, passes)


def _window(step: Step, scratch: tuple[int, ...], window: int) -> Path:
    filters, pixels, edge = step.output[2], step.pixels, step.edge_pixels
    height, width = step.kernel
    work = {
        "call": 1,
        "filters": filters,
        "filter bytes": filters * window,
        "pixels": pixels,
        "inner rows": (pixels - edge) * height,
        "inner bytes": (pixels - edge) * window,
        "edge taps": edge * height * width,
        "edge bytes": edge * window,
        "outputs": pixels * filters,
        "outputs x vectors": pixels * filters * (round_up(window, 16) // 16),
    }
    why = f"{width} columns x {step.input[2]} channels are below 16: the window of {window} is gathered for each pixel"
    return Path("conv window", why, False, work, scratch, filters * window, 1)


def _rows(step: Step, scratch: tuple[int, ...], row: int) -> Path:
    (height, width, channels), filters = step.input, step.output[2]
    kernel_height = step.kernel[0]
    filter_size = row * kernel_height * filters
    vectors = round_up(row, 16) // 16
    outputs = step.pixels * filters
    work: dict[str, float] = {
        "call": 1,
        "filters": filters,
        "pixels": step.pixels,
        "outputs": outputs,
        "rows": outputs * kernel_height,
        "rows x pairs of vectors": outputs * kernel_height * ((vectors - 1) // 2),
        "rows x odd vector": outputs * kernel_height * ((vectors - 1) % 2),
    }
    copied = 0
    if row % 16:
        work |= {"copied rows": filters * kernel_height, "copied row bytes": filter_size}
        copied, layout = filter_size, f"each filter row of {row} is padded to {vectors * 16} at every invoke"
    elif step.weight_offset:
        work["copied bytes"] = filter_size
        copied, layout = filter_size, f"the filter lies {step.weight_offset} bytes off a multiple of 16 and is copied"
    else:
        layout = f"filter rows of {row} are a multiple of 16"
    if not step.offset_is_zero:
        work["summed in C" if filter_size > PRECOMPUTED_ABOVE else "summed"] = filter_size
    right, bottom = _reach(step)
    if step.before != (0, 0):
        pad_height, pad_width = step.before
        frame = (height + 2 * pad_height) * (width + 2 * pad_width) - height * width
        work |= {"padded rows": height, "padded bytes": height * width * channels, "frame bytes": frame * channels}
    elif right or bottom:
        frame = (height + bottom) * (width + right) - height * width
        work |= {"extended rows": height, "extended bytes": height * width * channels}
        work["extension bytes"] = frame * channels
        layout += ", and the input is copied because the stride leaves a remainder"
    why = f"{kernel_height}x{step.kernel[1]} stride {step.stride[0]}: {layout}"
    # A window below 16 fills a vector only in part: most of what is multiplied is padding.
    return Path("conv rows", why, row >= 16 and not row % 16, work, scratch, copied, step.pixels)
