#ifndef MICROFER_KERNELS_PLAN_H_
#define MICROFER_KERNELS_PLAN_H_

#include <cstdint>

#include "kernels/addition.h"
#include "kernels/convolution.h"

namespace microfer::kernels {

// One convolution of a model, as the export writes it into generated/kernel_plan.cc.
struct ConvolutionPlan {
  std::uint32_t weights_at;  // from the first byte of the .tflite; multiple of 16
  ConvolutionShape shape;
  const ChannelConstants* channels;
};

// An addition of two tensors with these scales and zero points. It has no weights
// by which it could be known, but whichever it is, the constants are right.
struct AdditionPlan {
  float scale_a, scale_b, scale_output;
  std::int8_t zero_a, zero_b, zero_output;
  std::int8_t activation;  // number of the fused activation
  AdditionConstants constants;
};

}  // namespace microfer::kernels

#endif  // MICROFER_KERNELS_PLAN_H_
