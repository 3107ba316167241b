#ifndef MICROFER_TENSOR_ENCODE_H_
#define MICROFER_TENSOR_ENCODE_H_

#include <cstdint>

#include "base/span.h"
#include "image/crop.h"

namespace microfer {

enum class [[nodiscard]] EncodeOutcome : std::uint8_t{
    kOk,
    kWrongSize,  // the tensor does not hold one crop
};

// Writes the crop into the network's input tensor: q = p + kInputZeroPoint, in
// the order of the layout (contract.h). The one place where uint8 becomes int8;
// it is exact for all 256 gray values. host/microfer/tensor.py says the same in
// NumPy.
//
// `tensor` is the caller's, usually TFLM's, whose arena may use the memory
// again at every invoke: encode before each of them. It is overwritten as a
// whole where the outcome is kOk and left alone otherwise.
EncodeOutcome EncodeCrop(const Crop& crop, InputLayout layout, Span<std::int8_t> tensor);

// The same in the layout of the model that the firmware was built with.
inline EncodeOutcome EncodeCrop(const Crop& crop, Span<std::int8_t> tensor) {
  return EncodeCrop(crop, kInputLayout, tensor);
}

}  // namespace microfer

#endif  // MICROFER_TENSOR_ENCODE_H_
