// kernels_probe FIRST COUNT: computes so many random convolutions by the kernels
// and by the plain reference; prints what differs, and how much was compared.
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "kernel_cases.h"

namespace kernels = microfer::kernels;
using kernels::testing::Case;

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: kernels_probe FIRST COUNT\n");
    return 2;
  }
  const auto first = static_cast<std::uint32_t>(std::strtoul(argv[1], nullptr, 10));
  const auto count = static_cast<std::uint32_t>(std::strtoul(argv[2], nullptr, 10));
  static Case made;
  std::vector<std::int8_t> expected;
  std::vector<std::int8_t> answer;
  std::uint64_t outputs = 0;
  std::uint64_t saturated = 0;
  unsigned failures = 0;
  for (std::uint32_t seed = first; seed < first + count; ++seed) {
    kernels::testing::MakeCase(seed, made);
    const auto bytes = static_cast<std::size_t>(made.output_bytes());
    expected.assign(bytes, 0);
    answer.assign(bytes, 99);
    // Exactly as much as is asked for, so that the sanitizers watch the rims.
    std::vector<std::int8_t> room(kernels::ConvolutionScratchBytes(made.shape) + 15);
    auto skip = 16 - reinterpret_cast<std::uintptr_t>(room.data()) % 16;
    if (skip == 16) skip = 0;
    kernels::testing::ReferenceConvolution(made, expected.data());
    kernels::Convolve(made.shape, made.input, made.weights, made.constants, {room.data() + skip, room.size() - 15},
                      answer.data());
    for (std::size_t i = 0; i < bytes; ++i) {
      saturated += expected[i] == made.shape.range.minimum || expected[i] == made.shape.range.maximum ? 1U : 0U;
    }
    outputs += bytes;
    if (answer != expected && ++failures <= 5) std::printf("case %" PRIu32 " differs\n", seed);
  }
  std::printf("%" PRIu32 " cases, %" PRIu64 " outputs, %" PRIu64 " at the rim, %u differ\n", count, outputs, saturated,
              failures);
  return failures == 0 ? 0 : 1;
}
