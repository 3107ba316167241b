"""The text of kernel_plan.h and kernel_plan.cc: what the firmware's own kernels compute of a model, and with what."""

from microfer.deploy import cpp
from microfer.deploy.cpp_files import Source
from microfer.deploy.kernel_plan import Convolution, plan_kernels


def kernel_plan_header(source: Source) -> str:
    """Return kernel_plan.h: how many convolutions the kernels cover, and the declaration of the list."""
    plan = plan_kernels(source.model)
    reasons = "".join(f"//   operator {index}: {reason}\n" for index, reason in plan.left_out.items())
    reasons = f"// Left to ESP-NN:\n{reasons}" if reasons else "// None is left to ESP-NN.\n"
    body = f"""
{source.same_model_assertion}

// The convolutions that microfer's kernels compute, in the order of the model.
{reasons}inline constexpr int kNumConvolutionPlans = {len(plan.convolutions)};
extern const kernels::ConvolutionPlan kConvolutionPlans[];
"""
    includes = ['"contract.h"', '"kernels/plan.h"']
    return cpp.header(source.origin, "MICROFER_GENERATED_KERNEL_PLAN_H_", includes, body)


def kernel_plan_source(source: Source) -> str:
    """Return kernel_plan.cc: shapes, places of the weights in the model, and the constants of every channel."""
    convolutions = plan_kernels(source.model).convolutions
    constants = "\n".join(_constants(convolution) for convolution in convolutions)
    plans = "".join(_plan(convolution) for convolution in convolutions) or "    {},\n"
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


def _name(convolution: Convolution) -> str:
    return f"kOperator{convolution.operator}"
