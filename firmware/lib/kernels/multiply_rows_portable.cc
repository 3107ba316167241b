#include <algorithm>
#include <cstring>

#include "kernels/multiply_rows.h"

#if __has_include("sdkconfig.h")
#include "sdkconfig.h"

// Places in a tensor are counted in int: no tensor that this chip can hold is too large for that.
// NOLINTBEGIN(bugprone-implicit-widening-of-multiplication-result)
#endif

namespace microfer::kernels {
namespace {

std::int32_t SumOfProducts(const std::int8_t* row, const std::int8_t* weights, int count) {
  std::int32_t sum = 0;
  for (int k = 0; k < count; ++k) sum += row[k] * weights[k];
  return sum;
}

std::int32_t HighHalf(std::int32_t a, std::int32_t b) {
  return static_cast<std::int32_t>((static_cast<std::int64_t>(a) * b) >> 32);
}

}  // namespace

void MultiplyRowsPortable(const RowsJob& job, bool is_relu) {
  const int row_bytes = job.row_vectors * kVectorBytes;
  for (std::int32_t channel = 0; channel < job.channel_count; ++channel) {
    const ChannelConstants constants = job.channels[channel];
    const std::int8_t* weights = job.weights + channel * row_bytes;
    for (std::int32_t row = 0; row < job.row_count; ++row) {
      const std::int32_t sum = SumOfProducts(job.rows + row * row_bytes, weights, row_bytes);
      // Modulo 2^32, as on the chip; the export proves that it does not matter.
      const std::uint32_t times_four =
          static_cast<std::uint32_t>(sum) * 4U + static_cast<std::uint32_t>(constants.bias_times_four);
      std::int32_t scaled = HighHalf(static_cast<std::int32_t>(times_four), constants.multiplier);
      // TFLM's second rounding takes halves away from zero.
      if (!is_relu && scaled + 1 < 0) scaled -= 2;
      const std::int32_t value = (scaled + constants.addend) >> constants.shift;
      job.output[row * job.output_stride + channel] =
          static_cast<std::int8_t>(std::clamp(value, job.minimum, job.maximum));
    }
  }
}

// ESP-IDF says for which chip this is compiled.
#if !defined(CONFIG_IDF_TARGET_ESP32S3)

void MultiplyRows(const RowsJob& job, bool is_relu) { MultiplyRowsPortable(job, is_relu); }

void CopyVectors(const std::int8_t* from, std::int8_t* to, int bytes) {
  std::memcpy(to, from, static_cast<std::size_t>(bytes));
}

const char* KernelTarget() { return "portable"; }

#endif

}  // namespace microfer::kernels

// NOLINTEND(bugprone-implicit-widening-of-multiplication-result)
