#include <array>
#include <cstddef>

#include "check.h"
#include "kernel_cases.h"

namespace microfer::kernels {
namespace {

// 3x3 over 32 channels of a 12x12 image, as in a fire module.
ConvolutionShape FireShape() {
  ConvolutionShape shape{};
  shape.input_height = shape.input_width = shape.output_height = shape.output_width = 12;
  shape.input_channels = 32;
  shape.output_channels = 128;
  shape.kernel_height = shape.kernel_width = 3;
  shape.stride_height = shape.stride_width = 1;
  shape.pad_top = shape.pad_left = 1;
  return shape;
}

TEST(GatheredRowsTakeEqualPartsOfTheScratch) {
  const ConvolutionShape shape = FireShape();
  EXPECT(shape.row_bytes() == 288);
  EXPECT(ConvolutionScratchBytes(shape) == 72 * 288 + kReadAheadBytes);  // two halves of 144 rows
}

TEST(TheLastPartOfTheRowsIsNeverMoreThanTheOthers) {
  ConvolutionShape shape = FireShape();
  shape.output_height = 5;
  shape.output_width = 29;
  EXPECT(ConvolutionScratchBytes(shape) == 49 * 288 + kReadAheadBytes);  // 145 rows in three parts: 49, 49, 47
}

TEST(AConvolutionThatNeedsNoGatheringTakesNoScratch) {
  ConvolutionShape shape = FireShape();
  shape.kernel_height = shape.kernel_width = 1;
  shape.pad_top = shape.pad_left = 0;
  EXPECT(shape.is_direct());
  EXPECT(ConvolutionScratchBytes(shape) == 0);
  shape.stride_width = 2;
  EXPECT(!shape.is_direct());
}

TEST(WeightsThatDoNotFillTheirVectorsAreSpreadOutInTheScratch) {
  ConvolutionShape shape = FireShape();
  shape.input_channels = 1;
  shape.kernel_height = shape.kernel_width = 7;
  EXPECT(!shape.has_packed_weights());
  EXPECT(ConvolutionScratchBytes(shape) == 144 * 64 + kReadAheadBytes + 128 * 64);
}

TEST(ARowThatIsLongerThanTheRoomForAllOfThemIsGatheredAlone) {
  ConvolutionShape shape = FireShape();
  shape.kernel_height = shape.kernel_width = 13;
  shape.pad_top = shape.pad_left = 6;
  shape.input_channels = 128;
  EXPECT(shape.row_bytes() == 21'632 && shape.row_bytes() > kMostGatheredBytes);
  EXPECT(ConvolutionScratchBytes(shape) == 21'632 + 32);
}

TEST(TheRoomReachesTwoVectorsBehindTheLastRow) {
  // The assembly loads two vectors of 16 bytes before it knows that it is done.
  static_assert(kVectorBytes == 16 && kReadAheadBytes == 32 && kMostGatheredBytes == 20'736);
  EXPECT(ConvolutionScratchBytes(FireShape()) == 72 * 288 + 32);
}

int spied_jobs = 0;

void SpyKernel(const RowsJob& job, bool is_relu) {
  ++spied_jobs;
  MultiplyRowsPortable(job, is_relu);
}

// How often the vector kernel is asked, with the input and the weights so far
// beyond 16 bytes.
int JobsOfTheVectorKernel(std::size_t input_skip, std::size_t weights_skip) {
  ConvolutionShape shape{};
  shape.input_height = shape.input_width = shape.output_height = shape.output_width = 2;
  shape.input_channels = 16;
  shape.output_channels = 1;
  shape.kernel_height = shape.kernel_width = shape.stride_height = shape.stride_width = 1;
  alignas(kVectorBytes) static std::array<std::int8_t, 256> input{};
  alignas(kVectorBytes) static std::array<std::int8_t, 64> weights{};
  std::array<std::int8_t, 4> output{};
  const ChannelConstants constants{0, 1 << 30, 3, 2};
  spied_jobs = 0;
  Convolve(shape, input.data() + input_skip, weights.data() + weights_skip, &constants, {}, output.data(), SpyKernel);
  return spied_jobs;
}

TEST(TheVectorKernelIsAskedOnlyWhereAllLiesOnSixteenBytes) {
  EXPECT(JobsOfTheVectorKernel(0, 0) == 1 && JobsOfTheVectorKernel(16, 16) == 1);
  EXPECT(JobsOfTheVectorKernel(8, 0) == 0 && JobsOfTheVectorKernel(0, 8) == 0);
  EXPECT(JobsOfTheVectorKernel(4, 0) == 0 && JobsOfTheVectorKernel(0, 1) == 0);
}

TEST(HalvesOfNegativeSumsAreRoundedAwayFromZeroUnlessAReluFollows) {
  alignas(kVectorBytes) std::array<std::int8_t, std::size_t{3} * kVectorBytes> rows{};
  alignas(kVectorBytes) std::array<std::int8_t, kVectorBytes> weights{};
  weights[0] = 1;
  const std::array<std::int8_t, 3> inputs{-6, 6, -2};  // a quarter of them ends in a half
  for (std::size_t i = 0; i < inputs.size(); ++i) rows[i * kVectorBytes] = inputs[i];
  const ChannelConstants quarter{0, 1 << 30, 1 + 2, 2};  // 2^30 / 2^31 / 2^1
  std::array<std::int8_t, 3> output{};
  RowsJob job{};
  job.rows = rows.data();
  job.weights = weights.data();
  job.channels = &quarter;
  job.output = output.data();
  job.row_count = 3;
  job.row_vectors = job.channel_count = job.output_stride = 1;
  job.minimum = -128;
  job.maximum = 127;
  MultiplyRows(job, false);
  EXPECT((output == std::array<std::int8_t, 3>{-2, 2, -1}));
  MultiplyRows(job, true);
  EXPECT((output == std::array<std::int8_t, 3>{-1, 2, 0}));
}

TEST(AnAdditionSaturatesAndRoundsDown) {
  AdditionConstants constants{};
  constants.weight_a_high = 1 << (14 - 8);  // a whole, at shift 14
  constants.weight_b_high = 1 << (13 - 8);  // a half
  constants.shift = 14;
  const std::array<std::int8_t, 5> a{1, 127, -128, 3, 5};
  const std::array<std::int8_t, 5> b{2, 100, -100, -1, 1};
  std::array<std::int8_t, 5> sum{};
  Add(constants, a.data(), b.data(), 5, sum.data());
  EXPECT((sum == std::array<std::int8_t, 5>{2, 127, -128, 2, 5}));
  constants.offset_low = 1 << 13;
  Add(constants, a.data(), b.data(), 5, sum.data());
  EXPECT((sum == std::array<std::int8_t, 5>{2, 127, -128, 3, 6}));
}

TEST(FiveHundredRandomPoolingsFindTheGreatestOfEachWindow) {
  alignas(kVectorBytes) static std::array<std::int8_t, std::size_t{12} * 12 * 64> input;
  alignas(kVectorBytes) static std::array<std::int8_t, std::size_t{14} * 14 * 64> output;
  testing::Random random(11);
  for (int n = 0; n < 500; ++n) {
    const PoolingShape shape = testing::MakePooling(random);
    for (std::int8_t& pixel : input) pixel = random.Byte();
    MaxPool(shape, input.data(), output.data());
    const std::int8_t* answer = output.data();
    for (int y = 0; y < shape.output_height; ++y) {
      for (int x = 0; x < shape.output_width; ++x) {
        for (int c = 0; c < shape.channels; ++c) {
          EXPECT(*answer++ == testing::ReferencePooling(shape, input.data(), y, x, c));
        }
      }
    }
  }
}

TEST(OneHundredRandomConvolutionsEqualTheReference) {
  static testing::Case made;
  static std::array<std::int8_t, testing::kMostOutputBytes> expected;
  static std::array<std::int8_t, testing::kMostOutputBytes> answer;
  alignas(kVectorBytes) static std::array<std::int8_t, std::size_t{96} * 1024> scratch;
  for (std::uint32_t seed = 1; seed <= 100; ++seed) {
    testing::MakeCase(seed, made);
    testing::ReferenceConvolution(made, expected.data());
    Convolve(made.shape, made.input, made.weights, made.constants, scratch, answer.data());
    EXPECT(std::equal(answer.begin(), answer.begin() + made.output_bytes(), expected.begin()));
  }
}

}  // namespace
}  // namespace microfer::kernels
