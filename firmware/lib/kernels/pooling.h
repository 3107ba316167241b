#ifndef MICROFER_KERNELS_POOLING_H_
#define MICROFER_KERNELS_POOLING_H_

#include <cstdint>

#include "kernels/multiply_rows.h"

namespace microfer::kernels {

// The shape of a max pooling, as TensorFlow Lite's MAX_POOL_2D means it, of one
// image [height][width][channels]. Every window holds at least one pixel.
struct PoolingShape {
  std::int16_t input_height, input_width, channels;
  std::int16_t window_height, window_width;
  std::int16_t stride_height, stride_width;
  std::int16_t pad_top, pad_left;  // what lies outside of the image does not count
  std::int16_t output_height, output_width;
};

// Each output is the greatest of its channel in its window. By the vector unit
// where this is compiled for an ESP32-S3, the channels are a multiple of 16 and
// both images lie on 16 bytes.
void MaxPool(const PoolingShape& shape, const std::int8_t* input, std::int8_t* output);

// The same in plain C++17: the answer that the other must give.
void MaxPoolPortable(const PoolingShape& shape, const std::int8_t* input, std::int8_t* output);

}  // namespace microfer::kernels

#endif  // MICROFER_KERNELS_POOLING_H_
