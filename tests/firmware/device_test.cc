#include "device/device.h"

#include <array>
#include <cstring>
#include <initializer_list>
#include <vector>

#include "check.h"
#include "fakes.h"
#include "generated/golden.h"
#include "protocol/frame_decoder.h"
#include "protocol/message_encoder.h"

namespace microfer {
namespace {

using protocol::BoardError;
using protocol::ErrorCode;
using testing::FakeCamera;
using testing::FakeClassifier;
using testing::FakeClock;
using testing::FakeDetector;
using testing::FakePort;
using testing::FakeSystem;
using testing::kFrameHeightPx;
using testing::kFrameWidthPx;

// A whole board, and its host's end of the link.
class Bench {
 public:
  Bench() { facts().reset_reason = protocol::ResetReason::kPowerOn; }

  BoardFacts& facts() { return parts_.facts; }

  void Start() {
    device.Start();
    Turn(1);  // the camera starts
  }
  // The capturing task's turn, then the device's.
  void Turn(int times) {
    for (int i = 0; i < times; ++i) {
      (void)keeper.Step();
      device.Step();
    }
  }
  void Later(std::uint64_t ms) { clock.now_us += ms * 1000; }

  template <typename Message>
  void Command(const Message& message) {
    EXPECT(host_.Encode(message) == protocol::EncodeOutcome::kOk);
    Bytes(host_.frame());
  }
  void Bytes(Span<const std::uint8_t> bytes) { port.to_board.insert(port.to_board.end(), bytes.begin(), bytes.end()); }

  // What of this type has been sent since the last call of Forget().
  template <typename Message>
  std::vector<Message> Sent() {
    return testing::MessagesIn<Message>(port.to_host);
  }
  void Forget() { port.to_host.clear(); }

  // How many errors of this code were sent, and the text of the last.
  std::size_t Errors(ErrorCode code) {
    std::size_t count = 0;
    for (const BoardError& error : Sent<BoardError>()) {
      if (error.code != code) continue;
      ++count;
      last_error = error;
    }
    return count;
  }
  bool Says(const char* part) const { return std::strstr(last_error.text, part) != nullptr; }

  // Whether it still does what it is for.
  bool Works() {
    Forget();
    Turn(2);
    const auto predictions = Sent<protocol::Prediction>();
    return !predictions.empty() && predictions.back().answer == protocol::Answer::kLabel;
  }

  FakeClock clock;
  FakeCamera camera;
  FakeDetector detector;
  FakeClassifier classifier;
  FakePort port;
  FakeSystem system;
  BoardError last_error;

 private:
  std::array<std::uint8_t, NewestFrame::kBuffers * std::size_t{kFrameWidthPx} * kFrameHeightPx> storage_{};
  std::array<std::uint8_t, kTrackerWorkspaceBytes> workspace_{};
  std::array<std::uint8_t, protocol::kMaxEncodedBytes + 2> sending_{};
  protocol::MessageEncoder host_{sending_};
  FaceTracker tracker_{detector, TrackerSettings{}, workspace_};

 public:
  NewestFrame frames{storage_, kFrameWidthPx, kFrameHeightPx};
  CameraKeeper keeper{camera, frames, clock};
  Pipeline pipeline{tracker_, classifier, clock, PredictorSettings{}};

 private:
  DeviceParts parts_{keeper, frames, detector, classifier, pipeline, port, system, clock, {"bench", "1.2.3", 8, 9, {}}};

 public:
  Device device{parts_};
};

TEST(AtItsStartABoardSaysWhoItIs) {
  Bench bench;
  bench.Start();
  const auto hellos = bench.Sent<protocol::Hello>();
  EXPECT(hellos.size() == 1);
  EXPECT(std::strcmp(hellos[0].board, "bench") == 0 && std::strcmp(hellos[0].firmware_version, "1.2.3") == 0);
  EXPECT(std::strcmp(hellos[0].model_id, kModelId) == 0 && std::strcmp(hellos[0].kernels, "fake") == 0);
  EXPECT(std::memcmp(hellos[0].model_sha256, kModelSha256, sizeof kModelSha256) == 0);
  EXPECT(hellos[0].frame_width_px == kFrameWidthPx && hellos[0].frame_height_px == kFrameHeightPx);
  EXPECT(hellos[0].input_scale > 0 && hellos[0].input_zero_point == kInputZeroPoint);
  EXPECT(hellos[0].self_test_faces_total == kNumGoldenFrames);
  EXPECT(hellos[0].self_test_total == (kGoldenScoresKnown ? kNumLabels * kNumGoldenFrames : 0));
}

TEST(EachFrameGetsItsPrediction) {
  Bench bench;
  bench.Start();
  bench.Forget();
  bench.Turn(3);
  const auto predictions = bench.Sent<protocol::Prediction>();
  EXPECT(predictions.size() == 3);
  for (std::size_t i = 0; i < predictions.size(); ++i) {
    EXPECT(predictions[i].frame == i && predictions[i].answer == protocol::Answer::kLabel);
    EXPECT(predictions[i].label == 3 && predictions[i].raw_scores[3] == 100);
    EXPECT(predictions[i].face_width_px > 0 && predictions[i].invoke_us > 0 && predictions[i].face_us > 0);
    // Each stage looks at the clock once, which goes on at each look: no stage is counted twice.
    EXPECT(predictions[i].crop_us == predictions[i].face_us && predictions[i].invoke_us == predictions[i].tensor_us);
  }
}

TEST(AnotherFaceIsNotSmoothedIntoTheOneBefore) {
  Bench bench;
  bench.detector.box = {0, 0, 24, 24};
  bench.Start();
  bench.Turn(2);
  bench.detector.box = {36, 30, 24, 24};
  // Each frame shows another expression, so what is smoothed is never one of them alone.
  for (int frame = 0; frame < 20; ++frame) {
    bench.Forget();
    bench.classifier.scores.fill(-128);
    bench.classifier.scores[static_cast<std::size_t>(frame % 7)] = 127;
    bench.Turn(1);
    const auto predictions = bench.Sent<protocol::Prediction>();
    EXPECT(predictions.size() == 1);
    if (predictions.empty() || predictions[0].face_x_px < 30) continue;
    EXPECT(predictions[0].smoothed_q16[frame % 7] == kOneQ16);
    return;
  }
  EXPECT(false);  // the other face was never seen
}

TEST(NoFaceIsAnAnswer) {
  Bench bench;
  bench.detector.sees_face = false;
  bench.Start();
  const int before = bench.classifier.invokes;
  bench.Turn(1);
  const auto predictions = bench.Sent<protocol::Prediction>();
  EXPECT(predictions.size() == 1 && predictions[0].answer == protocol::Answer::kNoFace);
  EXPECT(predictions[0].label == protocol::kNoLabel && predictions[0].face_width_px == 0);
  EXPECT(predictions[0].face_source == protocol::FaceSource::kNone);
  EXPECT(bench.classifier.invokes == before);
  EXPECT(bench.device.light() != DeviceLight::kFace);
}

TEST(NoPixelLeavesTheBoardUnasked) {
  Bench bench;
  bench.Start();
  bench.Turn(20);
  EXPECT(bench.Sent<protocol::CropPreview>().empty());
  protocol::StreamSettings settings;
  settings.statistics_period_ms = 1000;
  settings.predictions = true;
  settings.previews = true;
  bench.Command(settings);
  bench.Forget();
  bench.Turn(2);
  const auto previews = bench.Sent<protocol::CropPreview>();
  const auto predictions = bench.Sent<protocol::Prediction>();
  EXPECT(previews.size() == 2 && predictions.size() == 2 && previews[1].frame == predictions[1].frame);
}

TEST(SettingsAreAnsweredWithStatistics) {
  Bench bench;
  bench.Start();
  protocol::StreamSettings settings;
  settings.statistics_period_ms = 0;
  bench.Command(settings);
  bench.Forget();
  bench.Turn(4);
  const auto statistics = bench.Sent<protocol::Statistics>();
  EXPECT(statistics.size() == 1 && !statistics[0].predictions && !statistics[0].previews);
  EXPECT(statistics[0].statistics_period_ms == 0 && statistics[0].commands_received == 1);
  EXPECT(statistics[0].heap_free_bytes == 11 && statistics[0].temperature_c == 55);
  EXPECT(statistics[0].arena_used_bytes == 1000 && statistics[0].arena_size_bytes == 2000);
  EXPECT(bench.Sent<protocol::Prediction>().empty());
}

TEST(StatisticsComeOnceAPeriod) {
  Bench bench;
  bench.Start();
  bench.Forget();
  for (int i = 0; i < 10; ++i) {
    bench.Later(500);
    bench.Turn(1);
  }
  EXPECT(bench.Sent<protocol::Statistics>().size() == 5);
}

TEST(APeriodThatIsNotAllowedIsRefusedAndChangesNothing) {
  for (const int period_ms : {1, 99, 60'001, 65'535}) {
    Bench bench;
    bench.Start();
    protocol::StreamSettings settings;
    settings.statistics_period_ms = static_cast<std::uint16_t>(period_ms);
    settings.previews = true;
    bench.Command(settings);
    bench.Turn(2);
    EXPECT(bench.Errors(ErrorCode::kCommandRefused) == 1 && bench.Says("statistics_period_ms"));
    EXPECT(bench.last_error.command_type == protocol::StreamSettings::kType);
    EXPECT(bench.Sent<protocol::CropPreview>().empty() && bench.Works());
  }
}

TEST(AnAskedCropIsClassifiedAsItIs) {
  Bench bench;
  bench.Start();
  std::array<std::uint8_t, kCropPixels> pixels{};
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i * 7);
  protocol::InferCrop infer;
  infer.request = 77;
  infer.pixels = pixels;
  bench.Command(infer);
  bench.Forget();
  bench.device.Step();
  const auto results = bench.Sent<protocol::InferResult>();
  EXPECT(results.size() == 1 && results[0].request == 77 && results[0].invoke_us > 0);
  EXPECT(std::memcmp(results[0].raw_scores, bench.classifier.scores.data(), kNumLabels) == 0);
  EXPECT(bench.classifier.tensor[5] == static_cast<std::int8_t>(pixels[5] + kInputZeroPoint));
}

protocol::AskProfile ProfileOf(std::uint32_t request, int runs, int index) {
  protocol::AskProfile ask;
  ask.request = request;
  ask.runs = static_cast<std::uint16_t>(runs);
  ask.index = static_cast<std::uint16_t>(index);
  return ask;
}

TEST(EachOperatorsTimeIsToldAsTheSumOfTheRuns) {
  Bench bench;
  bench.Start();
  bench.Forget();
  const int before = bench.classifier.invokes;
  for (int index = 0; index < 3; ++index) {
    bench.Command(ProfileOf(7, 5, index));
    bench.device.Step();
  }
  const auto times = bench.Sent<protocol::OperatorTime>();
  EXPECT(times.size() == 3 && bench.classifier.invokes == before + 5);
  for (std::size_t i = 0; i < times.size(); ++i) {
    EXPECT(times[i].request == 7 && times[i].runs == 5 && times[i].index == i && times[i].total == 3);
    EXPECT(std::strcmp(times[i].name, bench.classifier.operators[i]) == 0 && times[i].ticks == 5000 * (i + 1));
    EXPECT(times[i].network_ticks == 30'200 && times[i].network_us > 0);
  }
  EXPECT(bench.system.signs_of_life >= 5);
}

TEST(TheNetworkIsTimedOnlyWhileAProfileIsAskedFor) {
  Bench bench;
  bench.Start();
  EXPECT(bench.classifier.times == nullptr);
  bench.Command(ProfileOf(1, 1, 0));
  bench.Turn(1);
  EXPECT(bench.classifier.times == nullptr && bench.Works());
  bench.classifier.runs = false;
  bench.Command(ProfileOf(1, 1, 0));
  bench.Turn(1);
  EXPECT(bench.classifier.times == nullptr && bench.Errors(ErrorCode::kInvokeFailed) >= 1);
}

TEST(AnOperatorThatWasNotMeasuredForThatRequestIsRefused) {
  Bench bench;
  bench.Start();
  const auto refuses = [&](const protocol::AskProfile& ask, const char* part) {
    bench.Forget();
    bench.Command(ask);
    bench.device.Step();
    return bench.Sent<protocol::OperatorTime>().empty() && bench.Errors(ErrorCode::kCommandRefused) == 1 &&
           bench.last_error.command_type == protocol::AskProfile::kType && bench.Says(part);
  };
  EXPECT(refuses(ProfileOf(1, 1, 1), "operator 1 of that request is not measured"));
  bench.Command(ProfileOf(1, 1, 0));
  bench.device.Step();
  EXPECT(refuses(ProfileOf(2, 1, 1), "begin with index 0"));
  EXPECT(refuses(ProfileOf(1, 1, 3), "operator 3"));
  EXPECT(refuses(ProfileOf(1, 0, 0), "runs is 0; it may be 1 to 100"));
  EXPECT(refuses(ProfileOf(1, 101, 0), "runs is 101"));
  EXPECT(refuses(ProfileOf(1, 1, 128), "index is 128; it may be 0 to 127"));
  EXPECT(refuses(ProfileOf(1, 1, 1), "not measured"));  // the measurement before was given up
}

TEST(WhatCannotTimeOperatorsSaysSo) {
  Bench bench;
  bench.classifier.can_time = false;
  bench.Start();
  const int before = bench.classifier.invokes;
  bench.Command(ProfileOf(1, 3, 0));
  bench.device.Step();
  EXPECT(bench.Errors(ErrorCode::kProfileFailed) == 1 && bench.Says("fake cannot time operators"));
  EXPECT(bench.classifier.invokes == before && bench.Works());
}

TEST(AProfileThatIsNotWholeIsNotTold) {
  for (const std::size_t count : {std::size_t{0}, OperatorTimes::kMostOperators + 1}) {
    Bench bench;
    bench.classifier.operators.assign(count, "ADD");
    bench.Start();
    bench.Forget();
    bench.Command(ProfileOf(1, 2, 0));
    bench.device.Step();
    EXPECT(bench.Errors(ErrorCode::kProfileFailed) == 1 && bench.Says("128"));
    EXPECT(bench.Sent<protocol::OperatorTime>().empty() && bench.Works());
  }
}

TEST(RebootRestartsTheChip) {
  Bench bench;
  bench.Start();
  bench.Command(protocol::Reboot{});
  bench.Turn(1);
  EXPECT(bench.system.restarts == 1);
}

// ---- Faults: each ends in a reported error and a running board.

TEST(WithoutACameraTheBoardReportsItAndAnswersAllTheSame) {
  Bench bench;
  bench.camera.answers = false;
  bench.device.Start();
  bench.Turn(CameraKeeper::kQuickTries + 3);
  EXPECT(bench.Errors(ErrorCode::kCameraMissing) == 1);
  EXPECT(bench.device.light() != DeviceLight::kFace);
  bench.Forget();
  bench.Command(protocol::AskHello{});
  bench.Turn(1);
  EXPECT(bench.Sent<protocol::Hello>().size() == 1 && bench.Errors(ErrorCode::kCameraMissing) == 1);
  bench.camera.answers = true;
  EXPECT(bench.Works());
}

TEST(ACameraThatStopsMidRunIsReportedOnce) {
  Bench bench;
  bench.Start();
  bench.Turn(5);
  bench.camera.sends = false;
  bench.Turn(2);
  EXPECT(bench.device.light() != DeviceLight::kFace);
  bench.camera.sends = true;
  bench.Turn(3);
  EXPECT(bench.Errors(ErrorCode::kCameraStopped) == 1 && bench.Says("2 timeouts"));
  EXPECT(bench.Works());
}

TEST(FramesOfAWrongSizeAreReportedOnceASecond) {
  Bench bench;
  bench.Start();
  bench.camera.height_px = kFrameHeightPx / 2;
  bench.Turn(50);
  EXPECT(bench.Errors(ErrorCode::kFrameSize) == 1 && bench.Says("64x30 pixels, expected 64x60"));
  bench.Later(1000);
  bench.Turn(50);
  EXPECT(bench.Errors(ErrorCode::kFrameSize) == 2);
  bench.camera.height_px = kFrameHeightPx;
  EXPECT(bench.Works());
}

TEST(ABoardWhoseModelWasRefusedReportsItAndStaysUp) {
  struct {
    LoadOutcome outcome;
    ErrorCode code;
  } const cases[] = {{LoadOutcome::kRefused, ErrorCode::kModelRefused},
                     {LoadOutcome::kArenaTooSmall, ErrorCode::kArenaTooSmall},
                     {LoadOutcome::kOutOfMemory, ErrorCode::kOutOfMemory}};
  for (const auto& one : cases) {
    Bench bench;
    bench.classifier.load_outcome = one.outcome;
    bench.Start();
    EXPECT(bench.Errors(one.code) == 1 && bench.Says("as the test wants it"));
    EXPECT(bench.Sent<protocol::Hello>().at(0).input_scale <= 0 &&
           bench.Sent<protocol::Hello>()[0].self_test_total == 0);
    bench.Forget();

    const std::array<std::uint8_t, kCropPixels> pixels{};
    protocol::InferCrop infer;
    infer.pixels = pixels;
    bench.Command(infer);
    bench.Turn(3);
    EXPECT(bench.Errors(one.code) == 1 && bench.last_error.command_type == protocol::InferCrop::kType);
    EXPECT(bench.classifier.invokes == 0 && bench.Sent<protocol::Prediction>().empty());
    EXPECT(bench.device.light() == DeviceLight::kFault);

    bench.Forget();
    bench.Command(ProfileOf(1, 1, 0));
    bench.Turn(1);
    EXPECT(bench.Errors(one.code) == 1 && bench.last_error.command_type == protocol::AskProfile::kType);
    EXPECT(bench.classifier.invokes == 0);

    bench.Forget();
    bench.Later(1000);
    bench.Turn(1);
    EXPECT(bench.Sent<protocol::Statistics>().at(0).dropped_invoke >= 3);
  }
}

TEST(ANetworkThatCannotRunIsReportedOnceASecondAndRecovers) {
  Bench bench;
  bench.Start();
  bench.classifier.runs = false;
  bench.Turn(50);
  EXPECT(bench.Errors(ErrorCode::kInvokeFailed) == 1);
  bench.classifier.runs = true;
  EXPECT(bench.Works());
}

TEST(ScoresThatNoSoftmaxGivesAreNotShown) {
  Bench bench;
  bench.Start();
  bench.classifier.scores.fill(-128);
  bench.Forget();
  bench.Turn(2);
  EXPECT(bench.Sent<protocol::Prediction>().empty() && bench.Errors(ErrorCode::kInvokeFailed) == 1);
}

TEST(AnInputTensorOfAnotherSizeIsNeverWrittenTo) {
  Bench bench;
  bench.classifier.input_size = kCropPixels - 1;
  bench.Start();
  bench.Turn(2);
  EXPECT(bench.classifier.invokes == 0 && bench.Errors(ErrorCode::kInvokeFailed) == 1);
}

TEST(WhatAFullPortDropsIsCountedAndLeavesAGap) {
  Bench bench;
  bench.Start();
  bench.port.is_full = true;
  bench.Turn(30);
  bench.port.is_full = false;
  bench.Forget();
  bench.Later(1000);
  bench.Turn(1);
  const auto statistics = bench.Sent<protocol::Statistics>();
  EXPECT(statistics.size() == 1 && statistics[0].link_dropped == 30);
  EXPECT(statistics[0].frames_predicted + statistics[0].dropped_busy == statistics[0].frames_captured);
  EXPECT(bench.Works());
}

TEST(FramesThatANewerOneReplacedAreCounted) {
  Bench bench;
  bench.Start();
  for (int i = 0; i < 3; ++i) (void)bench.keeper.Step();
  bench.Forget();
  bench.Later(1000);
  bench.device.Step();
  const auto statistics = bench.Sent<protocol::Statistics>();
  EXPECT(statistics.size() == 1 && statistics[0].frames_captured == 3 && statistics[0].dropped_busy == 2);
  EXPECT(statistics[0].frames_predicted == 1);
}

TEST(ATruncatedCommandIsReportedAndTheNextOneUnderstood) {
  Bench bench;
  bench.Start();
  const std::array<std::uint8_t, 5> truncated{0, 9, 1, 0x81, 0};
  bench.Bytes(truncated);
  bench.Command(protocol::AskHello{});
  bench.Forget();
  bench.Turn(2);
  EXPECT(bench.Errors(ErrorCode::kCommandDamaged) == 1 && bench.Sent<protocol::Hello>().size() == 1);
}

TEST(NoiseFromTheHostCannotFloodTheLink) {
  Bench bench;
  bench.Start();
  bench.Forget();
  for (int i = 0; i < 300; ++i) {
    const std::array<std::uint8_t, 4> noise{0, 5, static_cast<std::uint8_t>(i % 255 + 1), 0};
    bench.Bytes(noise);
    bench.device.Step();
  }
  EXPECT(bench.Errors(ErrorCode::kCommandDamaged) == 1);
  EXPECT(bench.Works());
}

TEST(AnEndlessCommandIsReportedAsTooLong) {
  Bench bench;
  bench.Start();
  std::array<std::uint8_t, 4096> endless{};
  endless.fill(1);
  bench.Bytes(endless);
  bench.Turn(4);
  EXPECT(bench.Errors(ErrorCode::kCommandTooLong) == 1 && bench.port.to_board.empty());
  bench.Command(protocol::AskHello{});
  bench.Forget();
  bench.Turn(2);
  EXPECT(bench.Sent<protocol::Hello>().size() == 1 && bench.Errors(ErrorCode::kCommandDamaged) == 0);
}

TEST(AnEndlessHostDoesNotKeepTheBoardFromItsCamera) {
  Bench bench;
  bench.Start();
  bench.Forget();
  for (int i = 0; i < 10; ++i) {
    const std::vector<std::uint8_t> flood(8192, 1);
    bench.Bytes({flood.data(), flood.size()});
    bench.Turn(1);
  }
  EXPECT(bench.Sent<protocol::Prediction>().size() == 10);
}

TEST(ATurnLooksAtNoMoreThanTheLongestFrame) {
  Bench bench;
  bench.Start();
  const std::vector<std::uint8_t> flood(20'000, 1);
  bench.Bytes({flood.data(), flood.size()});
  for (int turn = 1; turn <= 3; ++turn) {
    bench.device.Step();
    EXPECT(bench.port.to_board.size() >=
           flood.size() - static_cast<std::size_t>(turn) * (protocol::kMaxEncodedBytes + 258));
  }
}

TEST(ACommandOfAnotherVersionIsAnsweredWithTheHello) {
  Bench bench;
  bench.Start();
  std::array<std::uint8_t, 64> buffer{};
  for (const int version : {protocol::kProtocolVersion - 1, protocol::kProtocolVersion + 1}) {
    protocol::FrameWriter writer(buffer, static_cast<std::uint8_t>(version), protocol::Reboot::kType, 0);
    std::size_t size_bytes = 0;
    EXPECT(writer.Finish(size_bytes) == protocol::EncodeOutcome::kOk);
    bench.Forget();
    bench.Bytes({buffer.data(), size_bytes});
    bench.Turn(1);
    EXPECT(bench.Sent<protocol::Hello>().size() == 1 && bench.system.restarts == 0);
  }
}

TEST(AnUnknownCommandIsNamed) {
  Bench bench;
  bench.Start();
  std::array<std::uint8_t, 64> buffer{};
  protocol::FrameWriter writer(buffer, protocol::kProtocolVersion, 0xFE, 41);
  std::size_t size_bytes = 0;
  EXPECT(writer.Finish(size_bytes) == protocol::EncodeOutcome::kOk);
  bench.Bytes({buffer.data(), size_bytes});
  bench.Turn(1);
  EXPECT(bench.Errors(ErrorCode::kCommandUnknown) == 1 && bench.Says("0xFE"));
  EXPECT(bench.last_error.command_type == 0xFE && bench.last_error.command_sequence == 41);
}

TEST(ACommandOfAWrongLengthIsRefused) {
  Bench bench;
  bench.Start();
  std::array<std::uint8_t, 64> buffer{};
  protocol::FrameWriter writer(buffer, protocol::kProtocolVersion, protocol::InferCrop::kType, 5);
  writer.Unsigned(1, 4);
  std::size_t size_bytes = 0;
  EXPECT(writer.Finish(size_bytes) == protocol::EncodeOutcome::kOk);
  bench.Bytes({buffer.data(), size_bytes});
  bench.Turn(1);
  EXPECT(bench.Errors(ErrorCode::kCommandRefused) == 1 && bench.Says("4 bytes"));
}

TEST(AScoreThatDiffersFromTheHostsFailsTheSelfTest) {
  Bench bench;  // the fake network's scores are nobody's
  bench.Start();
  if (kGoldenScoresKnown) {
    EXPECT(bench.Errors(ErrorCode::kSelfTestFailed) == 1 && bench.Says("scores equal"));
    EXPECT(bench.device.light() == DeviceLight::kFault);
    EXPECT(bench.Works());
  }
}

}  // namespace
}  // namespace microfer
