#ifndef MICROFER_PREDICTION_PREDICTOR_H_
#define MICROFER_PREDICTION_PREDICTOR_H_

#include <cstddef>
#include <cstdint>

#include "prediction/confidence.h"

namespace microfer {

struct PredictorSettings {
  std::uint32_t inverse_temperature_q16 = kOneQ16;  // see Calibrate()
  std::uint32_t uncertain_below_q16 = 0;            // 0: never uncertain
  std::uint32_t score_floor = 0;                    // see Calibrate(); at most kHighestScoreFloor

  // The newest frame's part in the smoothed confidences; kOneQ16: no smoothing.
  std::uint32_t newest_part_q16 = kNewestPartQ16;

  // By how much another label must lead, and by how much the shown one must
  // fall below the threshold, before what is shown changes; 0: at once.
  std::uint32_t hysteresis_q16 = kHysteresisQ16;

  [[nodiscard]] constexpr bool valid() const {
    return inverse_temperature_q16 >= 1 && inverse_temperature_q16 < (1U << 21) && uncertain_below_q16 < kOneQ16 &&
           score_floor <= kHighestScoreFloor && newest_part_q16 >= 1 && newest_part_q16 <= kOneQ16 &&
           hysteresis_q16 <= kOneQ16;
  }
};

// The model's own temperature, threshold and floor, as its contract.h names them.
constexpr PredictorSettings SettingsOf(float temperature, float uncertain_below, int score_floor) {
  PredictorSettings settings;
  settings.inverse_temperature_q16 = ToQ16(1.0 / static_cast<double>(temperature));
  settings.uncertain_below_q16 = ToQ16(static_cast<double>(uncertain_below));
  settings.score_floor = static_cast<std::uint32_t>(score_floor);  // one below zero becomes too high, so not valid
  return settings;
}

struct Prediction {
  bool certain = false;              // false: the answer is "uncertain"
  std::size_t label = 0;             // the label to show; where uncertain, the most probable one
  std::uint32_t confidence_q16 = 0;  // that label's smoothed confidence
  ConfidencesQ16 smoothed_q16{};     // all of them
};

enum class [[nodiscard]] PredictOutcome : std::uint8_t{
    kOk,
    kNoScore,  // see CalibrateOutcome::kNoScore; the frame was left out
};

// From one face's scores, frame after frame, to what is shown: calibrated,
// smoothed, "uncertain" below the model's threshold, and steady. The first
// frame's answer is what that frame alone would give.
class Predictor {
 public:
  // settings.valid() must hold: check it at compile time.
  explicit Predictor(const PredictorSettings& settings) : settings_(settings) {}

  // Takes the scores of the next frame. `out` is the caller's; it is
  // overwritten where the outcome is kOk and left alone otherwise.
  PredictOutcome Update(const Scores& scores, Prediction& out);

  // Forgets the face: call it when it is lost, or when another one is followed.
  void Reset() { has_history_ = false; }

 private:
  void Smooth(const ConfidencesQ16& newest_q16);
  void Decide();
  [[nodiscard]] bool Keeps(std::size_t best) const;

  PredictorSettings settings_;
  bool has_history_ = false;
  Prediction shown_;
};

}  // namespace microfer

#endif  // MICROFER_PREDICTION_PREDICTOR_H_
