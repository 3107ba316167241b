#include "prediction/predictor.h"

namespace microfer {

PredictOutcome Predictor::Update(const Scores& scores, Prediction& out) {
  ConfidencesQ16 newest_q16;
  if (Calibrate(scores, settings_.inverse_temperature_q16, settings_.score_floor, newest_q16) !=
      CalibrateOutcome::kOk) {
    return PredictOutcome::kNoScore;
  }
  if (has_history_) {
    Smooth(newest_q16);
  } else {
    shown_ = Prediction{};
    shown_.smoothed_q16 = newest_q16;
    has_history_ = true;
  }
  Decide();
  out = shown_;
  return PredictOutcome::kOk;
}

void Predictor::Smooth(const ConfidencesQ16& newest_q16) {
  const std::uint64_t newest_part = settings_.newest_part_q16;
  for (std::size_t i = 0; i < newest_q16.size(); ++i) {
    const std::uint64_t sum =
        newest_part * newest_q16[i] + (kOneQ16 - newest_part) * shown_.smoothed_q16[i] + kOneQ16 / 2;
    shown_.smoothed_q16[i] = static_cast<std::uint32_t>(sum >> 16);
  }
}

void Predictor::Decide() {
  const std::size_t best = BestLabel(shown_.smoothed_q16);
  if (!shown_.certain || !Keeps(best)) {
    shown_.label = best;
    shown_.certain = shown_.smoothed_q16[best] >= settings_.uncertain_below_q16;
  }
  shown_.confidence_q16 = shown_.smoothed_q16[shown_.label];
}

// Whether the label that is shown stays: nothing leads it clearly, and it is
// not clearly under the threshold.
bool Predictor::Keeps(std::size_t best) const {
  const std::uint32_t its_q16 = shown_.smoothed_q16[shown_.label] + settings_.hysteresis_q16;
  return shown_.smoothed_q16[best] < its_q16 && its_q16 >= settings_.uncertain_below_q16;
}

}  // namespace microfer
