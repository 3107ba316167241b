#include "check.h"
#include "prediction/confidence.h"
#include "prediction/predictor.h"

namespace microfer {
namespace {

// Scores of two labels, in 256ths; the others are zero.
Scores Between(std::size_t one, int its, std::size_t two, int others) {
  Scores scores;
  scores.fill(-128);
  scores[one] = static_cast<std::int8_t>(its - 128);
  scores[two] = static_cast<std::int8_t>(others - 128);
  return scores;
}

Scores Only(std::size_t label) { return Between(label, 255, label, 255); }

constexpr PredictorSettings Raw() {
  PredictorSettings settings;
  settings.newest_part_q16 = kOneQ16;
  settings.hysteresis_q16 = 0;
  return settings;
}

TEST(WithoutATemperatureTheScoresAreScaledToAddUpToOne) {
  ConfidencesQ16 confidences;
  EXPECT(Calibrate(Between(1, 96, 4, 32), kOneQ16, 0, confidences) == CalibrateOutcome::kOk);
  EXPECT(confidences[1] == kOneQ16 * 3 / 4);
  EXPECT(confidences[4] == kOneQ16 / 4);
  EXPECT(confidences[0] == 0);
}

TEST(ATemperatureOfTwoTakesTheSquareRoot) {
  ConfidencesQ16 confidences;
  EXPECT(Calibrate(Between(1, 144, 4, 16), kOneQ16 / 2, 0, confidences) == CalibrateOutcome::kOk);
  EXPECT(confidences[1] == kOneQ16 * 3 / 4);
  EXPECT(confidences[4] == kOneQ16 / 4);
}

TEST(TheSmallestTemperatureLeavesAWinnerAndNoZeroDivision) {
  ConfidencesQ16 confidences;
  EXPECT(Calibrate(Between(1, 2, 4, 1), (1U << 21) - 1, 0, confidences) == CalibrateOutcome::kOk);
  EXPECT(confidences[1] == kOneQ16 && confidences[4] == 0);
}

TEST(ScoresOfNothingAreReportedAndTheConfidencesLeftAlone) {
  ConfidencesQ16 confidences{1, 2, 3, 4, 5, 6, 7};
  Scores nothing;
  nothing.fill(-128);
  EXPECT(Calibrate(nothing, kOneQ16, 0, confidences) == CalibrateOutcome::kNoScore);
  EXPECT(confidences[0] == 1 && confidences[6] == 7);
}

TEST(TheFloorIsTakenFromEveryScoreBeforeThePower) {
  ConfidencesQ16 confidences;
  EXPECT(Calibrate(Between(1, 100, 4, 36), kOneQ16, 4, confidences) == CalibrateOutcome::kOk);
  EXPECT(confidences[1] == kOneQ16 * 3 / 4 && confidences[4] == kOneQ16 / 4);
  EXPECT(Calibrate(Between(1, 148, 4, 20), kOneQ16 / 2, 4, confidences) == CalibrateOutcome::kOk);
  EXPECT(confidences[1] == kOneQ16 * 3 / 4 && confidences[4] == kOneQ16 / 4);
}

TEST(ScoresUpToTheFloorHaveNoConfidence) {
  ConfidencesQ16 confidences;
  EXPECT(Calibrate(Between(1, 31, 4, 30), kOneQ16, 30, confidences) == CalibrateOutcome::kOk);
  EXPECT(confidences[1] == kOneQ16 && confidences[4] == 0 && confidences[0] == 0);
}

TEST(AFloorThatSwallowsEveryScoreIsReportedAndTheConfidencesLeftAlone) {
  ConfidencesQ16 confidences{1, 2, 3, 4, 5, 6, 7};
  EXPECT(Calibrate(Between(1, 30, 4, 30), kOneQ16, 30, confidences) == CalibrateOutcome::kNoScore);
  EXPECT(confidences[0] == 1 && confidences[6] == 7);
}

TEST(TheHighestFloorLeavesTheFlattestSoftmaxItsScores) {
  Scores flat;
  flat.fill(static_cast<std::int8_t>(256 / 7 - 128));
  ConfidencesQ16 confidences;
  EXPECT(Calibrate(flat, kOneQ16, kMaxScoreFloor, confidences) == CalibrateOutcome::kOk);
  EXPECT(confidences[0] == (kOneQ16 + 3) / 7 && confidences[6] == confidences[0]);
}

TEST(OfTwoEqualLabelsTheFirstWins) {
  Predictor predictor{Raw()};
  Prediction prediction;
  EXPECT(predictor.Update(Between(5, 100, 2, 100), prediction) == PredictOutcome::kOk);
  EXPECT(prediction.certain && prediction.label == 2);
}

TEST(TheFirstFrameIsNotSmoothed) {
  Predictor predictor{PredictorSettings{}};
  Prediction prediction;
  EXPECT(predictor.Update(Only(3), prediction) == PredictOutcome::kOk);
  EXPECT(prediction.label == 3 && prediction.confidence_q16 == kOneQ16);
}

TEST(ANewExpressionTakesOverAfterTwoFramesOfTheDefaultSmoothing) {
  Predictor predictor{PredictorSettings{}};
  Prediction prediction;
  EXPECT(predictor.Update(Only(3), prediction) == PredictOutcome::kOk);
  EXPECT(predictor.Update(Only(5), prediction) == PredictOutcome::kOk);
  EXPECT(prediction.label == 3);  // 0.7 against 0.3
  EXPECT(predictor.Update(Only(5), prediction) == PredictOutcome::kOk);
  EXPECT(prediction.label == 3);  // 0.49 against 0.51: less than the hysteresis
  EXPECT(predictor.Update(Only(5), prediction) == PredictOutcome::kOk);
  EXPECT(prediction.label == 5);
}

TEST(ANewFrameCountsThreeTenths) {
  Predictor predictor{PredictorSettings{}};
  Prediction prediction;
  EXPECT(predictor.Update(Only(3), prediction) == PredictOutcome::kOk);
  EXPECT(predictor.Update(Only(5), prediction) == PredictOutcome::kOk);
  EXPECT(prediction.smoothed_q16[5] == 19'661 && prediction.smoothed_q16[3] == kOneQ16 - 19'661);  // 0.3 and 0.7
  EXPECT(PredictorSettings{}.hysteresis_q16 == 3'277);                                             // 0.05
}

TEST(UnderTheThresholdTheAnswerIsUncertainAndNamesTheBestLabel) {
  PredictorSettings settings = Raw();
  settings.uncertain_below_q16 = ToQ16(0.6);
  Predictor predictor{settings};
  Prediction prediction;
  EXPECT(predictor.Update(Between(4, 128, 6, 127), prediction) == PredictOutcome::kOk);
  EXPECT(!prediction.certain && prediction.label == 4);
  EXPECT(predictor.Update(Between(4, 160, 6, 96), prediction) == PredictOutcome::kOk);
  EXPECT(prediction.certain && prediction.label == 4);
}

TEST(TheShownLabelStaysWhileTheThresholdIsMissedByLittle) {
  PredictorSettings settings = Raw();
  settings.uncertain_below_q16 = ToQ16(0.6);
  settings.hysteresis_q16 = ToQ16(0.05);
  Predictor predictor{settings};
  Prediction prediction;
  EXPECT(predictor.Update(Between(4, 154, 6, 102), prediction) == PredictOutcome::kOk);
  EXPECT(prediction.certain);  // 0.602
  EXPECT(predictor.Update(Between(4, 146, 6, 110), prediction) == PredictOutcome::kOk);
  EXPECT(prediction.certain);  // 0.570
  EXPECT(predictor.Update(Between(4, 138, 6, 118), prediction) == PredictOutcome::kOk);
  EXPECT(!prediction.certain);  // 0.539
  EXPECT(predictor.Update(Between(4, 146, 6, 110), prediction) == PredictOutcome::kOk);
  EXPECT(!prediction.certain);  // back needs the threshold itself
}

TEST(AConfidenceThatIsJustTheThresholdIsCertain) {
  PredictorSettings settings = Raw();
  settings.uncertain_below_q16 = kOneQ16 * 3 / 4;
  Prediction prediction;
  EXPECT(Predictor(settings).Update(Between(4, 192, 6, 64), prediction) == PredictOutcome::kOk);
  EXPECT(prediction.certain);
  ++settings.uncertain_below_q16;
  EXPECT(Predictor(settings).Update(Between(4, 192, 6, 64), prediction) == PredictOutcome::kOk);
  EXPECT(!prediction.certain);
}

// The label that is shown after 0.75 : 0.25 turned into 0.375 : 0.625.
Prediction AfterATurn(std::uint32_t uncertain_below_q16, std::uint32_t hysteresis_q16) {
  PredictorSettings settings = Raw();
  settings.uncertain_below_q16 = uncertain_below_q16;
  settings.hysteresis_q16 = hysteresis_q16;
  Predictor predictor{settings};
  Prediction prediction;
  EXPECT(predictor.Update(Between(4, 192, 6, 64), prediction) == PredictOutcome::kOk);
  EXPECT(predictor.Update(Between(4, 96, 6, 160), prediction) == PredictOutcome::kOk);
  return prediction;
}

TEST(AnotherLabelTakesOverWhenItLeadsByJustTheHysteresis) {
  EXPECT(AfterATurn(0, kOneQ16 / 4).label == 6);
  EXPECT(AfterATurn(0, kOneQ16 / 4 + 1).label == 4);
}

TEST(TheShownLabelStaysWhenItMissesTheThresholdByJustTheHysteresis) {
  const std::uint32_t hysteresis = kOneQ16 * 5 / 16;  // more than the other label's lead of 4/16
  const std::uint32_t just = kOneQ16 * 3 / 8 + hysteresis;
  const Prediction stays = AfterATurn(just, hysteresis);
  EXPECT(stays.certain && stays.label == 4 && stays.confidence_q16 == kOneQ16 * 3 / 8);
  const Prediction goes = AfterATurn(just + 1, hysteresis);
  EXPECT(!goes.certain && goes.label == 6);
}

TEST(AFaceThatIsLostIsForgotten) {
  Predictor predictor{PredictorSettings{}};
  Prediction prediction;
  EXPECT(predictor.Update(Only(3), prediction) == PredictOutcome::kOk);
  predictor.Reset();
  EXPECT(predictor.Update(Only(0), prediction) == PredictOutcome::kOk);
  EXPECT(prediction.label == 0 && prediction.confidence_q16 == kOneQ16);
}

TEST(AFrameWithoutScoresChangesNothing) {
  Predictor predictor{PredictorSettings{}};
  Prediction prediction;
  EXPECT(predictor.Update(Only(3), prediction) == PredictOutcome::kOk);
  Scores nothing;
  nothing.fill(-128);
  prediction.label = 77;
  EXPECT(predictor.Update(nothing, prediction) == PredictOutcome::kNoScore);
  EXPECT(prediction.label == 77);
  EXPECT(predictor.Update(Only(3), prediction) == PredictOutcome::kOk);
  EXPECT(prediction.confidence_q16 == kOneQ16);
}

TEST(TheModelsOwnSettingsAreValidAtCompileTime) {
  constexpr PredictorSettings kSettings = SettingsOf(kTemperature, kUncertainBelow, kScoreFloor);
  static_assert(kSettings.valid());
  EXPECT(kSettings.inverse_temperature_q16 == 52429);  // 65536 / 1.25
  EXPECT(kSettings.uncertain_below_q16 == 22938);      // 65536 * 0.35
  EXPECT(kSettings.score_floor == 3);
}

TEST(SettingsThatCannotBeAreNotValid) {
  PredictorSettings settings;
  EXPECT(settings.valid());
  settings.newest_part_q16 = 0;
  EXPECT(!settings.valid());
  settings.newest_part_q16 = kOneQ16;  // no smoothing
  EXPECT(settings.valid());
  settings.newest_part_q16 = kOneQ16 + 1;
  EXPECT(!settings.valid());
  settings = {};
  settings.hysteresis_q16 = kOneQ16;
  EXPECT(settings.valid());
  settings.hysteresis_q16 = kOneQ16 + 1;
  EXPECT(!settings.valid());
  settings = {};
  settings.inverse_temperature_q16 = (1U << 21) - 1;
  EXPECT(settings.valid());
  settings.inverse_temperature_q16 = 1U << 21;
  EXPECT(!settings.valid());
  settings.inverse_temperature_q16 = 0;
  EXPECT(!settings.valid());
  EXPECT(!SettingsOf(0.001F, 0.0F, 0).valid());
  EXPECT(!SettingsOf(1.0F, 1.0F, 0).valid());
  EXPECT(SettingsOf(1.0F, 0.0F, 30).valid());
  EXPECT(!SettingsOf(1.0F, 0.0F, 31).valid());
  EXPECT(!SettingsOf(1.0F, 0.0F, -1).valid());
}

}  // namespace
}  // namespace microfer
