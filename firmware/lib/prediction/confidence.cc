#include "prediction/confidence.h"

#include <algorithm>

#include "prediction/tables.h"

namespace microfer {
namespace {

// 2^-exponent in Q24, from a table of 2^-(i / 256) and a straight line between
// its entries; the line's error is below 2^-20.
std::uint32_t PowerOfHalfQ24(std::uint64_t exponent_q16) {
  const std::uint64_t whole = exponent_q16 >> 16;
  if (whole > 24) {
    return 0;
  }
  const auto index = static_cast<std::size_t>((exponent_q16 >> 8) & 0xFF);
  const auto between = static_cast<std::uint32_t>(exponent_q16 & 0xFF);
  const std::uint32_t step = kPowerOfHalfQ31[index] - kPowerOfHalfQ31[index + 1];
  const std::uint32_t power_q31 = kPowerOfHalfQ31[index] - ((step * between) >> 8);
  return power_q31 >> (7 + whole);
}

// What a score holds above the floor, in 256ths.
std::size_t LevelAbove(std::uint32_t score_floor, std::int8_t score) {
  static_assert(kOutputZeroPoint == -128, "the logarithms are those of 0..255");
  const auto level = static_cast<std::uint32_t>(score - kOutputZeroPoint);
  return level > score_floor ? level - score_floor : 0;
}

}  // namespace

CalibrateOutcome Calibrate(const Scores& scores, std::uint32_t inverse_temperature_q16, std::uint32_t score_floor,
                           ConfidencesQ16& out) {
  const std::size_t best = LevelAbove(score_floor, *std::max_element(scores.begin(), scores.end()));
  if (best == 0) {
    return CalibrateOutcome::kNoScore;
  }
  // (p / best)^(1/T) = 2^-((log2(best) - log2(p)) / T): measured from the best
  // score, so that a small temperature does not press all of them to zero.
  std::array<std::uint32_t, kNumLabels> weights_q24{};
  std::uint32_t total_q24 = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const std::size_t level = LevelAbove(score_floor, scores[i]);
    if (level > 0) {
      const std::uint64_t below_q24 = kLog2Q24[best] - kLog2Q24[level];
      weights_q24[i] = PowerOfHalfQ24((below_q24 * inverse_temperature_q16) >> 24);
    }
    total_q24 += weights_q24[i];
  }
  // The best label's weight is 2^24, so the total is not zero: clang-tidy cannot know.
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::uint64_t scaled = std::uint64_t{weights_q24[i]} * kOneQ16 + total_q24 / 2;
    out[i] = static_cast<std::uint32_t>(scaled / total_q24);  // NOLINT(clang-analyzer-core.DivideZero)
  }
  return CalibrateOutcome::kOk;
}

std::size_t BestLabel(const ConfidencesQ16& confidences_q16) {
  const auto best = std::max_element(confidences_q16.begin(), confidences_q16.end());
  return static_cast<std::size_t>(best - confidences_q16.begin());
}

}  // namespace microfer
