#ifndef MICROFER_KERNELS_TFLM_H_
#define MICROFER_KERNELS_TFLM_H_

#include "generated/op_resolver.h"

namespace microfer {

// microfer's own kernels as TFLM registrations, for RegisterOps. Each computes the
// operators that generated/kernel_plan.h lists, and max poolings of whole vectors
// of channels, and hands all others to the kernel that TFLM would have taken. No
// arithmetic here: that is in lib/kernels.
OwnKernels MicroferKernels();

}  // namespace microfer

#endif  // MICROFER_KERNELS_TFLM_H_
