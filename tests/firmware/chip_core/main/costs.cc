#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>

#include "esp_timer.h"
#include "face/cascade_detector.h"
#include "face/face_tracker.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "image/crop.h"
#include "image/halve.h"
#include "prediction/predictor.h"
#include "protocol/message_encoder.h"
#include "suites.h"
#include "tensor/encode.h"

namespace microfer::testing {
namespace {

constexpr std::size_t kKinds = 8;
constexpr int kShortRuns = 100;  // of what takes less than the clock can tell apart

class Cost {
 public:
  template <typename Step>
  void Measure(const Step& step, unsigned runs = 1) {
    const std::int64_t start_us = esp_timer_get_time();
    for (unsigned i = 0; i < runs; ++i) step();
    const std::int64_t us = esp_timer_get_time() - start_us;
    total_us_ += us;
    most_us_ = std::max(most_us_, us / static_cast<std::int64_t>(runs));
    runs_ += runs;
    vTaskDelay(1);
  }

  void Print(const char* step, const char* kind) const {
    if (runs_ == 0) return;
    std::printf("cost %s %s %u %lld %lld\n", step, kind, runs_, static_cast<long long>(total_us_),
                static_cast<long long>(most_us_));
  }

 private:
  unsigned runs_ = 0;
  std::int64_t total_us_ = 0;
  std::int64_t most_us_ = 0;
};

// One cost for each kind of frame, in the order of the partition.
class CostByKind {
 public:
  Cost& Of(const char* kind) {
    std::size_t i = 0;
    while (i + 1 < kKinds && i < used_ && std::strcmp(names_[i], kind) != 0) ++i;
    if (i == used_) names_[used_++] = kind;
    return costs_[i];
  }
  void Print(const char* step) const {
    for (std::size_t i = 0; i < used_; ++i) costs_[i].Print(step, names_[i]);
  }

 private:
  std::size_t used_ = 0;
  std::array<const char*, kKinds> names_{};
  std::array<Cost, kKinds> costs_{};
};

std::array<std::uint32_t, kDetectorWorkspaceWords> detector_workspace;
std::array<std::uint8_t, kTrackerWorkspaceBytes> tracker_workspace;

CascadeDetector& Detector() {
  static CascadeDetector detector(kFrontalFace, DetectorSettings{}, detector_workspace);
  return detector;
}

// A prediction whose bytes have the number of zeros that they have in use.
protocol::Prediction SomePrediction() {
  protocol::Prediction message;
  message.frame = 1234;
  message.capture_time_us = 123'456'789;
  message.face_x_px = 40;
  message.face_y_px = 20;
  message.face_width_px = message.face_height_px = 60;
  for (std::size_t i = 0; i < kNumLabels; ++i) message.smoothed_q16[i] = static_cast<std::uint32_t>(8000 + 900 * i);
  message.classes = kNumLabels;
  message.capture_us = 900;
  message.face_us = 20'000;
  message.crop_us = 800;
  message.invoke_us = 90'000;
  return message;
}

}  // namespace

void MeasureDetector(Span<const StoredFrame> frames) {
  CostByKind costs;
  for (const StoredFrame& frame : frames) {
    const GrayView view = InRam(frame);
    FoundFaces found;
    costs.Of(frame.kind).Measure([&] { static_cast<void>(Detector().Detect(view, found)); });
  }
  costs.Print("detect");
}

// The frames on which a face is followed, each again and again: one period of
// the tracker, after it has settled.
void MeasureTracker(Span<const StoredFrame> frames) {
  constexpr TrackerSettings kSettings;
  static FaceTracker tracker(Detector(), kSettings, tracker_workspace);
  CostByKind every;
  CostByKind between;
  for (const StoredFrame& frame : frames) {
    const GrayView view = InRam(frame);
    Track track;
    tracker.Reset();
    if (tracker.Follow(view, track) != DetectOutcome::kOk || track.source == TrackSource::kNone) continue;
    for (int i = 0; i < kSettings.detect_every; ++i) {
      const auto follow = [&] { static_cast<void>(tracker.Follow(view, track)); };
      every.Of(frame.kind).Measure(follow);
    }
    // That period ended with the detector.
    for (int i = 0; i + 1 < kSettings.detect_every; ++i) {
      between.Of(frame.kind).Measure([&] { static_cast<void>(tracker.Follow(view, track)); });
    }
  }
  every.Print("follow");
  between.Print("follow_without_detector");
}

void MeasureSteps(Span<const StoredFrame> frames) {
  static std::uint8_t camera[4 * kFramePixels];
  static std::uint8_t halved[kFramePixels];
  static Crop crop;
  static std::array<std::int8_t, kCropPixels> tensor;
  Cost halve;
  Cost cut;
  Cost encode;
  for (const StoredFrame& frame : frames) {
    if (frame.by_default.count == 0 || frame.by_default.count == kNotAsked) continue;
    const GrayView view = InRam(frame);
    const auto& face = frame.by_default.faces[0];
    const Box box = CropBox({face.left_px, face.top_px, face.width_px, face.height_px});
    cut.Measure([&] { static_cast<void>(CropResize(view, box, crop)); });
    encode.Measure([&] { static_cast<void>(EncodeCrop(crop, tensor)); }, kShortRuns);
  }
  for (std::size_t i = 0; i < sizeof camera; ++i) camera[i] = static_cast<std::uint8_t>(i * 7);
  for (int i = 0; i < 5; ++i) {
    halve.Measure([&] { Halve({camera, 2 * kFrameWidthPx, 2 * kFrameHeightPx, 2 * kFrameWidthPx}, halved); });
  }
  Cost predict;
  Predictor predictor(PredictorSettings{});
  for (int i = 0; i < 10; ++i) {
    const Scores scores = {-100, static_cast<std::int8_t>(-90 + 20 * i), -128, 40, -60, -80, -120};
    Prediction prediction;
    predict.Measure([&] { static_cast<void>(predictor.Update(scores, prediction)); }, kShortRuns);
  }
  Cost write;
  static std::array<std::uint8_t, protocol::kMaxEncodedBytes + 2> room;
  protocol::MessageEncoder encoder(room);
  const protocol::Prediction message = SomePrediction();
  for (int i = 0; i < 10; ++i) write.Measure([&] { static_cast<void>(encoder.Encode(message)); }, kShortRuns);
  halve.Print("halve", "320x240");
  cut.Print("crop", "found_faces");
  encode.Print("tensor", "crop");
  predict.Print("predict", "scores");
  write.Print("message", "prediction");
}

}  // namespace microfer::testing
