"""The text of kernel_plan.h and kernel_plan.cc: what the firmware's own kernels compute of a model, and with what."""

from microfer.export import cpp
from microfer.export.kernel_plan import Addition, Convolution
from microfer.export.model_files import Source

NONE = "    {},\n"
"""An array in C++ must have an element."""


def kernel_plan_header(source: Source) -> str:
    """Return kernel_plan.h: how many operators the kernels cover, and the declarations of the lists."""
    plan = source.kernels
    reasons = "".join(f"//   operator {index}: {reason}\n" for index, reason in plan.left_out.items())
    reasons = f"// Left to ESP-NN:\n{reasons}" if reasons else "// None is left to ESP-NN.\n"
    body = f"""
{source.same_model_assertion}

// What microfer's kernels compute of the model's convolutions and additions.
{reasons}inline constexpr int kNumConvolutionPlans = {len(plan.convolutions)};
extern const kernels::ConvolutionPlan kConvolutionPlans[];
inline constexpr int kNumAdditionPlans = {len(plan.additions)};
extern const kernels::AdditionPlan kAdditionPlans[];
"""
    includes = ['"contract.h"', '"kernels/plan.h"']
    return cpp.header(source.origin, "MICROFER_GENERATED_KERNEL_PLAN_H_", includes, body)


def kernel_plan_source(source: Source) -> str:
    """Return kernel_plan.cc: shapes, places of the weights in the model, and the constants of every channel."""
    plan = source.kernels
    convolutions = plan.convolutions
    constants = "\n".join(_constants(convolution) for convolution in convolutions)
    plans = "".join(map(_plan, convolutions)) or NONE
    additions = "".join(map(_addition, plan.additions)) or NONE
    return f"""{cpp.notice(source.origin)}
#include "kernel_plan.h"

namespace microfer {{
namespace {{

using kernels::ChannelConstants;

// bias * 4, multiplier, addend, shift
{constants}
}}  // namespace

const kernels::ConvolutionPlan kConvolutionPlans[] = {{
    // weights at, shape {{input, kernel, stride, pad, output, zero point, {{minimum, maximum, ReLU}}}}, constants
{plans}}};

const kernels::AdditionPlan kAdditionPlans[] = {{
    // scales and zero points of a, b and the output, activation, {{weights, offset, shift}}
{additions}}};

}}  // namespace microfer
"""


def _constants(convolution: Convolution) -> str:
    rows = "".join(
        f"    {{{channel.bias_times_four}, {channel.multiplier}, {channel.addend}, {channel.shift}}},\n"
        for channel in convolution.channels
    )
    return f"constexpr ChannelConstants {_name(convolution)}[] = {{\n{rows}}};\n"


def _plan(convolution: Convolution) -> str:
    sides = (
        *convolution.input_shape,
        *convolution.kernel,
        *convolution.stride,
        *convolution.pad,
        *convolution.output_shape,
        convolution.input_zero,
    )
    numbers = ", ".join(map(str, sides))
    limits = f"{{{convolution.minimum}, {convolution.maximum}, {str(convolution.is_relu).lower()}}}"
    return f"    {{{convolution.weights_at}, {{{numbers}, {limits}}}, {_name(convolution)}}},\n"


def _addition(addition: Addition) -> str:
    tensors = addition.a, addition.b, addition.output
    scales = ", ".join(cpp.real(tensor.scale) for tensor in tensors)
    zeros = ", ".join(str(tensor.zero_point) for tensor in tensors)
    lanes = ", ".join(map(str, addition.constants.lanes))
    return f"    {{{scales}, {zeros}, {addition.activation}, {{{lanes}, {{}}, {addition.constants.shift}}}}},\n"


def _name(convolution: Convolution) -> str:
    return f"kOperator{convolution.operator}"
