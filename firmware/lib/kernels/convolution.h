#ifndef MICROFER_KERNELS_CONVOLUTION_H_
#define MICROFER_KERNELS_CONVOLUTION_H_

#include <cstddef>
#include <cstdint>

#include "base/span.h"
#include "kernels/multiply_rows.h"

namespace microfer::kernels {

// The shape of a convolution, as TensorFlow Lite's CONV_2D means it: images are
// [height][width][channels], weights [output channel][kernel row][kernel
// column][input channel], one image at a time, no dilation.
struct ConvolutionShape {
  std::int16_t input_height, input_width, input_channels;
  std::int16_t kernel_height, kernel_width;
  std::int16_t stride_height, stride_width;
  std::int16_t pad_top, pad_left;  // outside of the image stands the zero point
  std::int16_t output_height, output_width, output_channels;
  std::int8_t input_zero_point;
  OutputRange range;

  [[nodiscard]] int row_count() const { return output_height * output_width; }
  // How many products an output sums, and how many bytes that takes in vectors.
  [[nodiscard]] int products() const { return kernel_height * kernel_width * input_channels; }
  [[nodiscard]] int row_bytes() const { return (products() + kVectorBytes - 1) / kVectorBytes * kVectorBytes; }
  // The input is already what MultiplyRows reads.
  [[nodiscard]] bool is_direct() const {
    return kernel_height == 1 && kernel_width == 1 && stride_height == 1 && stride_width == 1 && pad_top == 0 &&
           pad_left == 0 && output_height == input_height && output_width == input_width &&
           input_channels % kVectorBytes == 0;
  }
  // The weights are already what MultiplyRows reads: TensorFlow Lite's order is
  // its order, only the end of a channel may have to be filled with zeros.
  [[nodiscard]] bool has_packed_weights() const { return products() == row_bytes(); }
};

// What Convolve needs as scratch, in bytes; 0 for many 1x1 convolutions.
[[nodiscard]] std::size_t ConvolutionScratchBytes(const ConvolutionShape& shape);

// One of MultiplyRows and MultiplyRowsPortable.
using RowsKernel = void (*)(const RowsJob& job, bool is_relu);

// Computes one image's convolution. Input, output, weights and constants are of
// the shape's sizes; `scratch` is overwritten and has ConvolutionScratchBytes().
// Output and scratch overlap nothing. Where input, weights or scratch do not lie
// on 16 bytes, the portable kernel does the work. Behind the input of a direct
// convolution kReadAheadBytes are read.
//
// Equals TFLM's reference in every bit, if the constants were made for these
// weights.
void Convolve(const ConvolutionShape& shape, const std::int8_t* input, const std::int8_t* weights,
              const ChannelConstants* channels, Span<std::int8_t> scratch, std::int8_t* output,
              RowsKernel kernel = MultiplyRows);

}  // namespace microfer::kernels

#endif  // MICROFER_KERNELS_CONVOLUTION_H_
