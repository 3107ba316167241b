#ifndef MICROFER_KERNELS_CHANNEL_H_
#define MICROFER_KERNELS_CHANNEL_H_

#include <cstdint>

namespace microfer::kernels {

// What turns one channel's sum of products into its int8 output, made at export
// by host/microfer/export/requantization.py:
//
//     output = clamp((high32(4 * (sum + bias) * multiplier) + addend) >> shift)
//
// That is TFLM's reference, bit for bit, though it rounds twice: first the
// doubled product to 2^-31, then to 2^-e, halves away from zero. One floor of a
// floor is a floor, so both roundings are constants to be added before a single
// shift. The factor 4 moves them out of the lower 32 bits of the product, which
// therefore need not be computed at all. The export proves for each channel that
// nothing overflows.
//
// The assembly reads these four words in this order.
struct ChannelConstants {
  std::int32_t bias_times_four;  // 4 * (bias - input zero point * sum of the channel's weights)
  std::int32_t multiplier;       // 0, or 2^30 to 2^31 - 1
  std::int32_t addend;           // 1 + 2^e + output zero point * 2^(e + 1)
  std::int32_t shift;            // e + 1, from 2 to 23
};
static_assert(sizeof(ChannelConstants) == 16, "the assembly and the export count on 16 bytes");

// The range of an operator's output after its fused activation.
struct OutputRange {
  std::int8_t minimum = -128;
  std::int8_t maximum = 127;
  // The minimum and the zero point are both -128, as after a ReLU. Then it does
  // not matter to which side the half of a negative number is rounded, which
  // saves three instructions an output.
  bool is_relu = false;
};

}  // namespace microfer::kernels

#endif  // MICROFER_KERNELS_CHANNEL_H_
