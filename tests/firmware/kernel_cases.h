#ifndef MICROFER_TESTS_KERNEL_CASES_H_
#define MICROFER_TESTS_KERNEL_CASES_H_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>

#include "kernels/addition.h"
#include "kernels/convolution.h"
#include "kernels/pooling.h"

// Small tensors: places in them are counted in int.
// NOLINTBEGIN(bugprone-implicit-widening-of-multiplication-result,readability-function-cognitive-complexity)

// Random convolutions and TFLM's reference for them, written down as plainly as
// can be: what the kernels must answer. Shared by the tests for a computer and by
// the program for the emulated chip, so it takes no heap.
namespace microfer::kernels::testing {

// The same numbers on every machine (xorshift, Marsaglia 2003).
class Random {
 public:
  explicit Random(std::uint32_t seed) : state_(seed * 2654435761U + 1U) {
    if (state_ == 0) state_ = 1;
  }

  std::uint32_t Bits() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 17;
    state_ ^= state_ << 5;
    return state_;
  }
  // From `low` to `high`, both included.
  int Between(int low, int high) { return low + static_cast<int>(Bits() % static_cast<std::uint32_t>(high - low + 1)); }
  bool Once(int in) { return Between(1, in) == 1; }
  std::int8_t Byte() { return static_cast<std::int8_t>(Between(-128, 127)); }

 private:
  std::uint32_t state_;
};

// TFLM's MultiplyByQuantizedMultiplier with its two roundings, `exponent` >= 0 to the right.
inline std::int32_t Requantized(std::int32_t value, std::int32_t multiplier, int exponent) {
  const std::int64_t product = static_cast<std::int64_t>(value) * multiplier;
  const std::int64_t half = std::int64_t{1} << 30;
  // To the nearest; in the middle up, as a division that cuts does after gemmlowp's "nudge".
  const auto doubled =
      static_cast<std::int32_t>((product + (product >= 0 ? half : 1 - half)) / (std::int64_t{1} << 31));
  const std::int64_t mask = (std::int64_t{1} << exponent) - 1;
  const std::int64_t remainder = doubled & mask;
  const std::int64_t threshold = (mask >> 1) + (doubled < 0 ? 1 : 0);
  return (doubled >> exponent) + (remainder > threshold ? 1 : 0);
}

inline constexpr int kMostInputBytes = 6000;
inline constexpr int kMostWeightsBytes = 24000;
inline constexpr int kMostChannels = 40;
inline constexpr int kMostOutputBytes = 6000;

// One convolution with all its data.
struct Case {
  ConvolutionShape shape;
  std::int8_t output_zero_point;
  std::int32_t bias[kMostChannels];
  std::int32_t multiplier[kMostChannels];
  int exponent[kMostChannels];
  ChannelConstants constants[kMostChannels];
  alignas(16) std::int8_t input[kMostInputBytes + kReadAheadBytes];
  alignas(16) std::int8_t weights[kMostWeightsBytes];

  [[nodiscard]] int input_bytes() const { return shape.input_height * shape.input_width * shape.input_channels; }
  [[nodiscard]] int weights_bytes() const { return shape.output_channels * shape.products(); }
  [[nodiscard]] int output_bytes() const { return shape.row_count() * shape.output_channels; }
};

// What the export computes; export/requantization.py says why.
inline ChannelConstants ConstantsFor(const Case& made, int channel) {
  std::int32_t sum = 0;
  const std::int8_t* weights = made.weights + channel * made.shape.products();
  for (int k = 0; k < made.shape.products(); ++k) sum += weights[k];
  const int exponent = made.multiplier[channel] == 0 ? 1 : made.exponent[channel];
  ChannelConstants constants{};
  constants.bias_times_four = 4 * (made.bias[channel] - made.shape.input_zero_point * sum);
  constants.multiplier = made.multiplier[channel];
  constants.addend = 1 + (1 << exponent) + made.output_zero_point * (1 << (exponent + 1));
  constants.shift = exponent + 1;
  return constants;
}

inline std::int8_t ReferenceOutput(const Case& made, int y, int x, int channel) {
  const ConvolutionShape& shape = made.shape;
  std::int32_t sum = made.bias[channel];
  for (int i = 0; i < shape.kernel_height; ++i) {
    for (int j = 0; j < shape.kernel_width; ++j) {
      const int row = y * shape.stride_height - shape.pad_top + i;
      const int column = x * shape.stride_width - shape.pad_left + j;
      if (row < 0 || row >= shape.input_height || column < 0 || column >= shape.input_width) continue;
      const std::int8_t* pixel = made.input + (row * shape.input_width + column) * shape.input_channels;
      const std::int8_t* weights =
          made.weights + channel * shape.products() + (i * shape.kernel_width + j) * shape.input_channels;
      for (int k = 0; k < shape.input_channels; ++k) sum += (pixel[k] - shape.input_zero_point) * weights[k];
    }
  }
  const std::int32_t value =
      Requantized(sum, made.multiplier[channel], made.exponent[channel]) + made.output_zero_point;
  return static_cast<std::int8_t>(std::clamp<std::int32_t>(value, shape.range.minimum, shape.range.maximum));
}

inline void ReferenceConvolution(const Case& made, std::int8_t* output) {
  for (int y = 0; y < made.shape.output_height; ++y) {
    for (int x = 0; x < made.shape.output_width; ++x) {
      for (int c = 0; c < made.shape.output_channels; ++c) *output++ = ReferenceOutput(made, y, x, c);
    }
  }
}

// A shape of every kind: 1x1 in place and with a stride, 3x3, stems with few
// channels, oblong kernels, rows of 1 to 60 vectors.
inline void MakeShape(Random& random, ConvolutionShape& shape) {
  static constexpr std::int16_t kSides[] = {1, 1, 1, 3, 3, 5, 7, 2};
  static constexpr std::int16_t kChannels[] = {16, 16, 32, 48, 64, 80, 96, 112, 128, 144, 256, 1, 2, 3, 4, 8, 7, 24};
  const auto pick = [&random](int low, int high) { return static_cast<std::int16_t>(random.Between(low, high)); };
  do {
    shape.kernel_height = kSides[random.Between(0, 7)];
    shape.kernel_width = random.Once(5) ? kSides[random.Between(0, 7)] : shape.kernel_height;
    shape.input_channels = random.Once(8) ? pick(1, 70) : kChannels[random.Between(0, 17)];
    shape.stride_height = pick(1, random.Once(3) ? 3 : 1);
    shape.stride_width = random.Once(4) ? pick(1, 3) : shape.stride_height;
    shape.pad_top = pick(0, shape.kernel_height / 2);
    shape.pad_left = pick(0, shape.kernel_width / 2);
    shape.output_height = pick(1, 5);
    shape.output_width = pick(1, 5);
    shape.output_channels = pick(1, random.Once(4) ? kMostChannels : 9);
    // One too few at the end: the last kernels may hang over on that side as well.
    const int over = random.Between(0, 1);
    shape.input_height = static_cast<std::int16_t>(
        std::max(1, (shape.output_height - 1) * shape.stride_height + shape.kernel_height - shape.pad_top - over));
    shape.input_width = static_cast<std::int16_t>(
        std::max(1, (shape.output_width - 1) * shape.stride_width + shape.kernel_width - shape.pad_left - over));
  } while (shape.input_height * shape.input_width * shape.input_channels > kMostInputBytes ||
           shape.output_channels * shape.row_bytes() > kMostWeightsBytes);
  shape.input_zero_point = random.Once(2) ? std::int8_t{-128} : random.Byte();
}

inline void MakeRange(Random& random, Case& made) {
  OutputRange& range = made.shape.range;
  made.output_zero_point = random.Byte();
  range = {};
  switch (random.Between(0, 3)) {
    case 0:
    case 1:
      made.output_zero_point = -128;
      range.is_relu = true;
      if (random.Once(2)) range.maximum = random.Byte();
      break;
    case 2:
      range.minimum = std::min(random.Byte(), made.output_zero_point);
      range.maximum = std::max(random.Byte(), range.minimum);
      break;
    default:
      break;
  }
}

// Fills a case: noise, the largest sums of both signs, mostly zeros; outputs that
// use the range, saturate, or are all the same.
inline void MakeCase(std::uint32_t seed, Case& made) {
  Random random(seed);
  MakeShape(random, made.shape);
  MakeRange(random, made);
  const int kind = random.Between(0, 5);
  for (int i = 0; i < made.input_bytes(); ++i) {
    made.input[i] = kind == 0 ? (random.Once(2) ? std::int8_t{-128} : std::int8_t{127}) : random.Byte();
  }
  for (int i = 0; i < made.weights_bytes(); ++i) {
    made.weights[i] = kind == 0   ? (random.Once(9) ? std::int8_t{-127} : std::int8_t{127})
                      : kind == 1 ? (random.Once(6) ? random.Byte() : std::int8_t{0})
                                  : random.Byte();
  }
  int usual = 5;  // exponent at which the sums of random products fill int8
  while ((1 << (2 * (usual - 5))) < made.shape.products()) ++usual;
  for (int c = 0; c < made.shape.output_channels; ++c) {
    made.bias[c] = random.Between(-2000, 2000) * (random.Once(3) ? made.shape.products() : 1);
    if (random.Once(20)) made.bias[c] = random.Between(-(1 << 28), 1 << 28);
    made.multiplier[c] = random.Once(40) ? 0 : (1 << 30) + static_cast<std::int32_t>(random.Bits() >> 2);
    if (random.Once(40)) made.multiplier[c] = random.Once(2) ? 1 << 30 : std::numeric_limits<std::int32_t>::max();
    made.exponent[c] = random.Once(4) ? random.Between(1, 22) : usual + random.Between(-2, 3);
    made.constants[c] = ConstantsFor(made, c);
  }
}

// Constants of an addition as large as the export makes them.
inline AdditionConstants MakeAddition(Random& random) {
  AdditionConstants constants{};
  constants.weight_a_high = static_cast<std::int16_t>(random.Between(-16384, 16383));
  constants.weight_a_low = static_cast<std::int16_t>(random.Between(0, 255));
  constants.weight_b_high = static_cast<std::int16_t>(random.Between(-16384, 16383) >> random.Between(0, 6));
  constants.weight_b_low = static_cast<std::int16_t>(random.Between(0, 255));
  constants.offset_high = static_cast<std::int16_t>(random.Between(-16384, 16383));
  constants.offset_low = static_cast<std::int16_t>(random.Between(0, 16383));
  constants.shift = random.Between(12, 24);
  return constants;
}

// A pooling of at most 12x12 pixels of 64 channels.
inline PoolingShape MakePooling(Random& random) {
  const auto pick = [&random](int low, int high) { return static_cast<std::int16_t>(random.Between(low, high)); };
  PoolingShape shape{};
  shape.channels = static_cast<std::int16_t>(random.Once(4) ? pick(1, 40) : 16 * pick(1, 4));
  shape.window_height = pick(1, 4);
  shape.window_width = pick(1, 4);
  shape.stride_height = pick(1, 3);
  shape.stride_width = pick(1, 3);
  shape.pad_top = pick(0, shape.window_height / 2);
  shape.pad_left = pick(0, shape.window_width / 2);
  shape.input_height = pick(shape.window_height, 12);
  shape.input_width = pick(shape.window_width, 12);
  // The last window hangs over as far as it may and still holds a pixel.
  shape.output_height = static_cast<std::int16_t>((shape.input_height + shape.pad_top - 1) / shape.stride_height + 1);
  shape.output_width = static_cast<std::int16_t>((shape.input_width + shape.pad_left - 1) / shape.stride_width + 1);
  return shape;
}

// The greatest of a window, looked for in the whole image.
inline std::int8_t ReferencePooling(const PoolingShape& shape, const std::int8_t* input, int y, int x, int channel) {
  int most = -128;
  for (int row = 0; row < shape.input_height; ++row) {
    for (int column = 0; column < shape.input_width; ++column) {
      const int i = row + shape.pad_top - y * shape.stride_height;
      const int j = column + shape.pad_left - x * shape.stride_width;
      if (i < 0 || i >= shape.window_height || j < 0 || j >= shape.window_width) continue;
      most = std::max<int>(most, input[(row * shape.input_width + column) * shape.channels + channel]);
    }
  }
  return static_cast<std::int8_t>(most);
}

}  // namespace microfer::kernels::testing

// NOLINTEND(bugprone-implicit-widening-of-multiplication-result,readability-function-cognitive-complexity)

#endif  // MICROFER_TESTS_KERNEL_CASES_H_
