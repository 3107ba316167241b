#ifndef MICROFER_PREDICTION_CONFIDENCE_H_
#define MICROFER_PREDICTION_CONFIDENCE_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "generated/constants.h"
#include "generated/contract.h"

namespace microfer {

// A message holds the scores of so many.
static_assert(kNumLabels >= kMinClasses && kNumLabels <= kMaxClasses);

// What the network gives out, one int8 for each label: a probability p is
// stored as 256 * p + kOutputZeroPoint.
using Scores = std::array<std::int8_t, kNumLabels>;

// Probabilities as whole numbers: kOneQ16 is 1. Integers give the same bytes on
// every processor, which a float library's powers do not.
using ConfidencesQ16 = std::array<std::uint32_t, kNumLabels>;

// A number from 0 on as Q16, to the nearest, halves up. Only the basic
// operations of IEEE double, so it too is the same everywhere.
constexpr std::uint32_t ToQ16(double number) {
  // NOLINTNEXTLINE(bugprone-incorrect-roundings): lround is no constant expression
  return static_cast<std::uint32_t>(number * static_cast<double>(kOneQ16) + 0.5);
}

enum class [[nodiscard]] CalibrateOutcome : std::uint8_t{
    kOk,
    kNoScore,  // no score is above the floor: no softmax gives that, the model or its memory is damaged
};

// All probabilities add up to one, so the largest of n is 256 / n of 256 at least
// and remains above the highest floor however the scores were rounded.
inline constexpr std::uint32_t kHighestScoreFloor =
    kMaxScoreFloor < 256 / kNumLabels - 2 ? kMaxScoreFloor : 256 / kNumLabels - 2;

// Turns int8 scores into calibrated probabilities: (p - floor)^(1/T), scaled to
// add up to one. Without a floor these are the probabilities that the softmax
// would have given with its logits divided by the temperature T (C. Guo et al.,
// On Calibration of Modern Neural Networks, ICML 2017).
//
// `inverse_temperature_q16` is 1/T, below 2^21. `score_floor`, in 256ths, is
// what the training gave to every label: with labels smoothed by e the network
// learns (1 - e) p + e / n, and taking e / n away leaves a multiple of p. What
// is not above the floor has a confidence of zero.
//
// Each is within 2/65536 of the exact value, and equal scores give equal
// confidences; their sum is kOneQ16 give or take 3, from rounding.
//
// `out` is the caller's; it is overwritten where the outcome is kOk and left
// alone otherwise.
CalibrateOutcome Calibrate(const Scores& scores, std::uint32_t inverse_temperature_q16, std::uint32_t score_floor,
                           ConfidencesQ16& out);

// The most probable label; of two equal ones the first.
[[nodiscard]] std::size_t BestLabel(const ConfidencesQ16& confidences_q16);

}  // namespace microfer

#endif  // MICROFER_PREDICTION_CONFIDENCE_H_
