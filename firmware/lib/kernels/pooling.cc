#include "kernels/pooling.h"

#include <algorithm>

#if __has_include("sdkconfig.h")
#include "sdkconfig.h"  // ESP-IDF says for which chip this is compiled

// Places in a tensor are counted in int: no tensor that this chip can hold is too large for that.
// NOLINTBEGIN(bugprone-implicit-widening-of-multiplication-result,readability-identifier-naming)
#endif

namespace microfer::kernels {
namespace {

// The part of a window that lies on the image.
struct Window {
  const std::int8_t* first;  // first channel of its first pixel
  int rows, columns;
  int line_bytes;  // from one line of the image to the next one
};

Window WindowOf(const PoolingShape& shape, const std::int8_t* input, int y, int x) {
  const int above = y * shape.stride_height - shape.pad_top;
  const int before = x * shape.stride_width - shape.pad_left;
  const int top = std::max(above, 0);
  const int left = std::max(before, 0);
  const int line_bytes = shape.input_width * shape.channels;
  Window window{};
  window.first = input + top * line_bytes + left * shape.channels;
  window.rows = std::min(above + shape.window_height, static_cast<int>(shape.input_height)) - top;
  window.columns = std::min(before + shape.window_width, static_cast<int>(shape.input_width)) - left;
  window.line_bytes = line_bytes;
  return window;
}

void MaxOfWindow(const Window& window, int channels, std::int8_t* output) {
  for (int channel = 0; channel < channels; ++channel) {
    std::int8_t most = window.first[channel];
    for (int row = 0; row < window.rows; ++row) {
      for (int column = 0; column < window.columns; ++column) {
        most = std::max(most, window.first[row * window.line_bytes + column * channels + channel]);
      }
    }
    output[channel] = most;
  }
}

#if defined(CONFIG_IDF_TARGET_ESP32S3)

// Sixteen channels at a time.
void MaxOfWindowVectors(const Window& window, int channels, std::int8_t* output) {
  const int to_next_line = window.line_bytes - window.columns * channels;
  for (int channel = 0; channel < channels; channel += kVectorBytes) {
    const std::int8_t* from = window.first + channel;
    int rows = window.rows;
    asm volatile(
        "ee.vld.128.ip q0, %[from], 0\n"
        "1:\n"
        "loopgtz %[columns], 2f\n"
        "ee.vld.128.xp q1, %[from], %[pixel]\n"
        "ee.vmax.s8 q0, q0, q1\n"
        "2:\n"
        "add %[from], %[from], %[line]\n"
        "addi %[rows], %[rows], -1\n"
        "bnez %[rows], 1b\n"
        "ee.vst.128.ip q0, %[output], 16\n"
        : [from] "+r"(from), [rows] "+r"(rows), [output] "+r"(output)
        : [columns] "r"(window.columns), [pixel] "r"(channels), [line] "r"(to_next_line)
        : "memory");
  }
}

bool FitsVectors(const PoolingShape& shape, const std::int8_t* input, const std::int8_t* output) {
  const auto rims = reinterpret_cast<std::uintptr_t>(input) | reinterpret_cast<std::uintptr_t>(output);
  return shape.channels % kVectorBytes == 0 && rims % kVectorBytes == 0;
}

#else

// No vector unit: the portable kernel does it all.
constexpr auto MaxOfWindowVectors = MaxOfWindow;
bool FitsVectors(const PoolingShape& /*shape*/, const std::int8_t* /*input*/, const std::int8_t* /*output*/) {
  return false;
}

#endif

template <typename Kernel>
void ForEachWindow(const PoolingShape& shape, const std::int8_t* input, std::int8_t* output, Kernel kernel) {
  for (int y = 0; y < shape.output_height; ++y) {
    for (int x = 0; x < shape.output_width; ++x, output += shape.channels) {
      kernel(WindowOf(shape, input, y, x), shape.channels, output);
    }
  }
}

}  // namespace

void MaxPoolPortable(const PoolingShape& shape, const std::int8_t* input, std::int8_t* output) {
  ForEachWindow(shape, input, output, MaxOfWindow);
}

void MaxPool(const PoolingShape& shape, const std::int8_t* input, std::int8_t* output) {
  ForEachWindow(shape, input, output, FitsVectors(shape, input, output) ? MaxOfWindowVectors : MaxOfWindow);
}

}  // namespace microfer::kernels

// NOLINTEND(bugprone-implicit-widening-of-multiplication-result,readability-identifier-naming)
