#ifndef MICROFER_KERNELS_MULTIPLY_ROWS_H_
#define MICROFER_KERNELS_MULTIPLY_ROWS_H_

#include <cstdint>

#include "generated/constants.h"
#include "kernels/channel.h"

namespace microfer::kernels {

// The vector unit multiplies kVectorBytes at once; the length of a row is a
// multiple of that.
//
// The ESP32-S3's kernel loads ahead: it reads, but does not use, kReadAheadBytes
// behind the last row. They must be readable. Scratch is made larger by them; a
// tensor in TFLM's arena always has more behind it.

// Every row times every channel's weights: what each convolution comes down to.
//
//     output[row * output_stride + channel] = requantized sum over k of
//         rows[row * row_bytes + k] * weights[channel * row_bytes + k]
struct RowsJob {
  const std::int8_t* rows;           // row_count * row_bytes, 16-byte aligned
  const std::int8_t* weights;        // channel_count * row_bytes, 16-byte aligned
  const ChannelConstants* channels;  // channel_count
  std::int8_t* output;               // overlaps none of the above
  std::int32_t row_count;            // at least 1
  std::int32_t row_vectors;          // row_bytes / 16, at least 1
  std::int32_t channel_count;        // at least 1
  std::int32_t output_stride;        // bytes from one row's output to the next one's
  std::int32_t minimum, maximum;     // of the output
};

// Does the job, by the vector unit where this is compiled for an ESP32-S3.
void MultiplyRows(const RowsJob& job, bool is_relu);

// The same in plain C++17, compiled everywhere: the answer that the other must
// give, and the kernel of every other chip. Reads nothing ahead, and needs no
// alignment.
void MultiplyRowsPortable(const RowsJob& job, bool is_relu);

// Copies `bytes`, a multiple of 16, between two aligned places.
void CopyVectors(const std::int8_t* from, std::int8_t* to, int bytes);

// "esp32s3" or "portable": what MultiplyRows uses in this build.
const char* KernelTarget();

}  // namespace microfer::kernels

#endif  // MICROFER_KERNELS_MULTIPLY_ROWS_H_
