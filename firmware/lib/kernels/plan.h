#ifndef MICROFER_KERNELS_PLAN_H_
#define MICROFER_KERNELS_PLAN_H_

#include <cstdint>

#include "kernels/convolution.h"

namespace microfer::kernels {

// One convolution of a model, as the export writes it into generated/kernel_plan.cc.
struct ConvolutionPlan {
  std::uint32_t weights_at;  // from the first byte of the .tflite; multiple of 16
  ConvolutionShape shape;
  const ChannelConstants* channels;
};

}  // namespace microfer::kernels

#endif  // MICROFER_KERNELS_PLAN_H_
