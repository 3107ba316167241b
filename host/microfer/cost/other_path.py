"""The operators beside convolutions on the ESP32-S3: esp-nn 1.2.3 where esp-tflite-micro 1.4.0 calls it, else TFLM.

Standard library alone.
"""

from microfer.cost.path import Path
from microfer.cost.step import Step

TABLES = ("LOGISTIC", "TANH", "HARD_SWISH", "RELU", "RELU6", "LEAKY_RELU", "QUANTIZE", "SPACE_TO_DEPTH")
"""Operators of TFLM's reference kernels whose cost is so much for each element."""


def fully_connected_path(step: Step) -> Path:
    """Return the path of a FULLY_CONNECTED."""
    filters = max(step.output[2], 1)
    batch = max(step.output_elements // filters, 1)
    length = (step.weight_values or step.weight_bytes) // filters
    if length < 16:
        work = {"call": 1, "outputs": batch * filters}
        work["outputs x groups"] = batch * filters * (length // 8)
        work["outputs x rest"] = batch * filters * (length % 8)
        why = f"{length} inputs are below 16: 16 bit code"
        return Path("dense 16 bit", why, is_fast=False, work=work, filter_passes=batch)
    work = {
        "call": 1,
        "outputs": batch * filters,
        "outputs x vectors": batch * filters * (length // 16),
        "outputs x rest": batch * filters * (length % 16),
    }
    summed = 0
    if not step.offset_is_zero:
        summed = step.weight_bytes
        work["summed"] = batch * step.weight_bytes
    why = f"{length} inputs; the weights are summed in C at every invoke, as the input's zero point is not 0"
    if step.offset_is_zero:
        why = f"{length} inputs"
    return Path("dense vector", why, length % 16 == 0, work, (), summed, batch)


def elementwise_path(step: Step) -> Path:
    """Return the path of an ADD, MUL or SUB."""
    name, count = step.kind.lower(), step.output_elements
    if step.kind == "SUB":
        return Path("sub reference", "TFLM's reference kernel", False, {"call": 1, "elements": count})
    if not step.same_shapes:
        why = "one input is broadcast: TFLM's reference kernel"
        return Path(f"{name} broadcast", why, False, {"call": 1, "elements": count})
    if step.kind == "ADD" and count < 12:
        return Path("add short", f"{count} elements are below 12", False, {"call": 1, "elements": count})
    work = {"call": 1, "vectors": count // 8, "rest": count % 8}
    return Path(f"{name} vector", "shapes are the same", True, work)


def pool_path(step: Step) -> Path:
    """Return the path of a MAX_POOL_2D or AVERAGE_POOL_2D."""
    name = "max pool" if step.kind == "MAX_POOL_2D" else "average pool"
    channels = step.input[2]
    unit = next((unit for unit in (8, 4) if channels % unit == 0), 1)
    groups = channels // unit
    work = {
        "call": 1,
        "pixels": step.pixels,
        "outputs": groups * step.pixels,
        "window rows": groups * step.filter_rows,
        "taps": groups * step.taps,
    }
    if unit == 1:
        why = f"{channels} channels are not a multiple of 4: plain C"
        return Path(f"{name} plain C", why, False, work)
    why = f"{channels} channels are a multiple of {unit}"
    return Path(f"{name} by {unit}", why, unit == 8, work)


def mean_path(step: Step) -> Path:
    """Return the path of a MEAN."""
    scratch = (4 * step.output_elements, 16, 16)
    work = {"call": 1, "inputs": step.input_elements, "outputs": step.output_elements}
    if step.keeps_dimensions:
        return Path("mean over an image", "TFLM's reference kernel, for height and width", False, work, scratch)
    return Path("mean", "TFLM's reference kernel, for any axes", False, work, scratch)


def copying_path(step: Step) -> Path:
    """Return the path of a PAD, CONCATENATION or RESHAPE."""
    if step.kind == "PAD":
        work = {"call": 1, "outputs": step.output_elements, "inputs": step.input_elements}
        work["pixels"] = step.pixels
        return Path("pad", "TFLM's reference kernel, element by element", False, work)
    if step.kind == "CONCATENATION":
        work = {"call": 1, "pieces": step.outer * step.inputs, "bytes": step.output_elements}
        return Path("concatenation", "TFLM's reference kernel: one copy for each pixel and input", False, work)
    return Path("reshape", "TFLM's reference kernel: one copy", True, {"call": 1, "bytes": step.output_elements})


def softmax_path(step: Step) -> Path:
    """Return the path of a SOFTMAX."""
    depth = step.output[2]
    rows = step.output_elements // max(depth, 1)
    work = {"call": 1, "rows": rows, "elements": step.output_elements}
    scratch = 4 * (step.input[0] if rows > 1 else depth)
    return Path("softmax", "exponentials one by one", True, work, (scratch,))


def table_path(step: Step) -> Path:
    """Return the path of an operator that TABLES names."""
    work = {"call": 1, "elements": step.output_elements}
    return Path(f"{step.kind.lower().replace('_', ' ')} reference", "TFLM's reference kernel", False, work)
