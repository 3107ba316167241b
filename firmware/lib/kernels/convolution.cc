#include "kernels/convolution.h"

#include <algorithm>
#include <cstring>
#include <utility>

// Places in a tensor are counted in int: no tensor that this chip can hold is too large for that.
// NOLINTBEGIN(bugprone-implicit-widening-of-multiplication-result,bugprone-misplaced-widening-cast,bugprone-signed-char-misuse)

namespace microfer::kernels {
namespace {

bool IsAligned(const void* place) { return reinterpret_cast<std::uintptr_t>(place) % kVectorBytes == 0; }

// How many rows are gathered at a time: all, or equal parts that fit.
int GatheredRows(const ConvolutionShape& shape) {
  const int rows = shape.row_count();
  const int fitting = std::max(1, kMostGatheredBytes / shape.row_bytes());
  const int parts = (rows + fitting - 1) / fitting;
  return (rows + parts - 1) / parts;
}

int PackedWeightsBytes(const ConvolutionShape& shape) {
  return shape.has_packed_weights() ? 0 : shape.output_channels * shape.row_bytes();
}

// Copies each channel's weights to where a row of them begins, zeros behind them.
void PackWeights(const ConvolutionShape& shape, const std::int8_t* weights, std::int8_t* packed) {
  const auto products = static_cast<std::size_t>(shape.products());
  const auto row_bytes = static_cast<std::size_t>(shape.row_bytes());
  std::memset(packed, 0, static_cast<std::size_t>(PackedWeightsBytes(shape)));
  for (int channel = 0; channel < shape.output_channels; ++channel, weights += products, packed += row_bytes) {
    std::memcpy(packed, weights, products);
  }
}

// Copies bytes one after the other, without a loop or a call.
template <std::size_t... kIndex>
void CopyBytes(const std::int8_t* from, std::int8_t* to, std::index_sequence<kIndex...> /*count*/) {
  ((to[kIndex] = from[kIndex]), ...);
}

constexpr std::size_t kWordBytes = sizeof(std::uint32_t);
constexpr int kFourWordsBytes = 4 * kWordBytes;

bool AreOnWords(const void* one, const void* two) {
  return (reinterpret_cast<std::uintptr_t>(one) | reinterpret_cast<std::uintptr_t>(two)) % kWordBytes == 0;
}

// The compiler makes word loads and stores of it: ESP-IDF's flags keep it from doing so with a plain memcpy.
void CopyFourWords(const std::int8_t* from, std::int8_t* to) {
  __builtin_memcpy(__builtin_assume_aligned(to, kWordBytes), __builtin_assume_aligned(from, kWordBytes),
                   kFourWordsBytes);
}

// Copies a few bytes; as many as stems have under a row of their kernel, quickly.
void CopyFew(const std::int8_t* from, std::int8_t* to, int bytes) {
  switch (bytes) {
    case 3:
      return CopyBytes(from, to, std::make_index_sequence<3>());
    case 5:
      return CopyBytes(from, to, std::make_index_sequence<5>());
    case 7:
      return CopyBytes(from, to, std::make_index_sequence<7>());
    default:
      std::memcpy(to, from, static_cast<std::size_t>(bytes));
  }
}

// Copies the pixels under the kernel, one output after the other, each into a row.
class Gatherer {
 public:
  Gatherer(const ConvolutionShape& shape, const std::int8_t* input)
      : shape_(shape),
        input_(input),
        pixel_bytes_(shape.input_channels),
        line_bytes_(shape.input_width * shape.input_channels),
        is_in_vectors_(shape.input_channels % kVectorBytes == 0 && IsAligned(input)) {}

  // Of `count` outputs from output `first` on.
  void Gather(int first, int count, std::int8_t* rows) const {
    int y = first / shape_.output_width;
    int x = first % shape_.output_width;
    for (; count > 0; --count, rows += shape_.row_bytes()) {
      GatherOne(y * shape_.stride_height - shape_.pad_top, x * shape_.stride_width - shape_.pad_left, rows);
      if (++x == shape_.output_width) {
        x = 0;
        ++y;
      }
    }
  }

 private:
  void GatherOne(int top, int left, std::int8_t* row) const {
    const bool is_inside = top >= 0 && left >= 0 && top + shape_.kernel_height <= shape_.input_height &&
                           left + shape_.kernel_width <= shape_.input_width;
    if (is_inside) {
      GatherInside(input_ + top * line_bytes_ + left * pixel_bytes_, row);
    } else {
      GatherAtRim(top, left, row);
    }
  }

  // In local variables: a store of bytes might change any member, for all that the compiler knows.
  void GatherInside(const std::int8_t* from, std::int8_t* row) const {
    const int bytes = shape_.kernel_width * pixel_bytes_;
    const int line_bytes = line_bytes_;
    const bool is_in_vectors = is_in_vectors_;
    if (bytes == kFourWordsBytes && line_bytes % static_cast<int>(kWordBytes) == 0 && AreOnWords(from, row)) {
      for (int lines = shape_.kernel_height; lines > 0; --lines, from += line_bytes, row += kFourWordsBytes) {
        CopyFourWords(from, row);
      }
      return;
    }
    for (int lines = shape_.kernel_height; lines > 0; --lines, from += line_bytes, row += bytes) {
      Copy(from, row, bytes, is_in_vectors);
    }
  }

  void GatherAtRim(int top, int left, std::int8_t* row) const {
    const int before = std::clamp(-left, 0, static_cast<int>(shape_.kernel_width));
    const int end = std::clamp(shape_.input_width - left, before, static_cast<int>(shape_.kernel_width));
    for (int y = top; y < top + shape_.kernel_height; ++y) {
      if (y < 0 || y >= shape_.input_height) {
        row = Pad(shape_.kernel_width, row);
        continue;
      }
      row = Pad(before, row);
      const int bytes = (end - before) * pixel_bytes_;
      Copy(input_ + y * line_bytes_ + (left + before) * pixel_bytes_, row, bytes, is_in_vectors_);
      row += bytes;
      row = Pad(shape_.kernel_width - end, row);
    }
  }

  std::int8_t* Pad(int pixels, std::int8_t* row) const {
    if (pixels == 0) return row;
    const int bytes = pixels * pixel_bytes_;
    std::memset(row, shape_.input_zero_point, static_cast<std::size_t>(bytes));
    return row + bytes;
  }

  static void Copy(const std::int8_t* from, std::int8_t* to, int bytes, bool is_in_vectors) {
    if (is_in_vectors) {
      CopyVectors(from, to, bytes);
    } else {
      CopyFew(from, to, bytes);
    }
  }

  const ConvolutionShape& shape_;
  const std::int8_t* input_;
  int pixel_bytes_, line_bytes_;
  bool is_in_vectors_;
};

// MultiplyRows reads whole vectors from where they are aligned.
RowsKernel FittingKernel(RowsKernel kernel, const RowsJob& job) {
  return IsAligned(job.rows) && IsAligned(job.weights) ? kernel : MultiplyRowsPortable;
}

}  // namespace

std::size_t ConvolutionScratchBytes(const ConvolutionShape& shape) {
  const int gathered = shape.is_direct() ? 0 : GatheredRows(shape) * shape.row_bytes() + kReadAheadBytes;
  return static_cast<std::size_t>(gathered + PackedWeightsBytes(shape));
}

void Convolve(const ConvolutionShape& shape, const std::int8_t* input, const std::int8_t* weights,
              const ChannelConstants* channels, Span<std::int8_t> scratch, std::int8_t* output, RowsKernel kernel) {
  if (!shape.has_packed_weights()) {
    PackWeights(shape, weights, scratch.data());
    weights = scratch.data();
  }
  RowsJob job{};
  job.rows = input;
  job.weights = weights;
  job.channels = channels;
  job.output = output;
  job.row_count = shape.row_count();
  job.row_vectors = shape.row_bytes() / kVectorBytes;
  job.channel_count = shape.output_channels;
  job.output_stride = shape.output_channels;
  job.minimum = shape.range.minimum;
  job.maximum = shape.range.maximum;
  if (shape.is_direct()) {
    FittingKernel(kernel, job)(job, shape.range.is_relu);
    return;
  }
  std::int8_t* rows = scratch.data() + PackedWeightsBytes(shape);
  const Gatherer gatherer(shape, input);
  // Where the products do not fill the last vector, the weights there are zero and the rows may hold anything.
  for (int first = 0; first < shape.row_count(); first += job.row_count) {
    job.row_count = std::min(GatheredRows(shape), shape.row_count() - first);
    job.rows = rows;
    job.output = output + first * shape.output_channels;
    gatherer.Gather(first, job.row_count, rows);
    FittingKernel(kernel, job)(job, shape.range.is_relu);
  }
}

}  // namespace microfer::kernels

// NOLINTEND(bugprone-implicit-widening-of-multiplication-result,bugprone-misplaced-widening-cast,bugprone-signed-char-misuse)
