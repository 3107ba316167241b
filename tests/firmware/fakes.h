#ifndef MICROFER_TESTS_FAKES_H_
#define MICROFER_TESTS_FAKES_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "base/clock.h"
#include "base/span.h"
#include "capture/camera.h"
#include "check.h"
#include "device/ports.h"
#include "face/face_detector.h"
#include "generated/contract.h"
#include "generated/messages.h"
#include "image/crop.h"
#include "pipeline/classifier.h"
#include "protocol/frame_decoder.h"

// Stand-ins for what surrounds the device, which do what a test tells them to.
namespace microfer::testing {

inline constexpr int kFrameWidthPx = 64;
inline constexpr int kFrameHeightPx = 60;

// Goes on by itself at every look, so that no time is zero.
class FakeClock final : public Clock {
 public:
  std::uint64_t NowUs() override { return now_us += 10; }
  std::uint64_t now_us = 0;
};

// Gives frames of one gray value, another one each time.
class FakeCamera final : public Camera {
 public:
  bool Start() override {
    ++starts;
    return answers;
  }
  CaptureOutcome Capture(GrayView& frame) override {
    if (!sends) return CaptureOutcome::kTimeout;
    pixels.assign(static_cast<std::size_t>(width_px) * static_cast<std::size_t>(height_px), ++gray);
    frame = {pixels.data(), width_px, height_px, stride_bytes == 0 ? width_px : stride_bytes};
    ++held;
    return CaptureOutcome::kFrame;
  }
  void Release() override { --held; }
  void Stop() override { ++stops; }

  bool answers = true;
  bool sends = true;
  int width_px = kFrameWidthPx;
  int height_px = kFrameHeightPx;
  int stride_bytes = 0;  // 0: the rows lie one after the other
  int starts = 0;
  int stops = 0;
  int held = 0;  // frames not given back
  std::uint8_t gray = 0;
  std::vector<std::uint8_t> pixels;
};

// A face in the middle of the frame, or none.
class FakeDetector final : public FaceDetector {
 public:
  DetectOutcome Detect(const GrayView& frame, FoundFaces& out) override {
    if (frame.pixels == nullptr) return DetectOutcome::kBadFrame;
    out = {};
    if (sees_face) {
      out.count = 1;
      out.faces[0] = {box, 9};
    }
    return DetectOutcome::kOk;
  }
  bool sees_face = true;
  Box box{8, 8, 44, 44};
};

class FakeClassifier final : public Classifier {
 public:
  LoadOutcome Load() override {
    ++loads;
    return load_outcome;
  }
  [[nodiscard]] const char* fault() const override {
    return load_outcome == LoadOutcome::kOk ? "" : "as the test wants it";
  }
  Span<std::int8_t> input() override { return {tensor.data(), input_size}; }
  bool Invoke() override {
    ++invokes;
    if (times != nullptr) RunTimed();
    return runs;
  }
  Span<const std::int8_t> output() override { return {scores.data(), scores.size()}; }
  bool TimeOperators(OperatorTimes* wanted) override {
    if (can_time) times = wanted;
    return can_time;
  }
  [[nodiscard]] std::size_t arena_used_bytes() const override { return 1000; }
  [[nodiscard]] std::size_t arena_size_bytes() const override { return 2000; }
  [[nodiscard]] const char* kernels() const override { return "fake"; }

  LoadOutcome load_outcome = LoadOutcome::kOk;
  bool runs = true;
  bool can_time = true;
  OperatorTimes* times = nullptr;                                    // where it writes now
  std::vector<const char*> operators{"CONV_2D", "MEAN", "SOFTMAX"};  // the n-th, from 1, takes 1000 n ticks
  int loads = 0;
  int invokes = 0;
  std::array<std::int8_t, kCropPixels> tensor{};
  std::size_t input_size = kCropPixels;
  std::array<std::int8_t, kNumLabels> scores{-128, -128, -128, 100, -128, -128, -100};

 private:
  // With a counter that is near its end, and 10 ticks between operators.
  void RunTimed() const {
    std::uint32_t now = UINT32_MAX - 500;
    times->BeginRun(now);
    for (std::size_t i = 0; i < operators.size(); ++i) {
      const std::uint32_t handle = times->Begin(operators[i], now += 10);
      times->End(handle, now += static_cast<std::uint32_t>(1000 * (i + 1)));
    }
    times->EndRun(now + 10);
  }
};

class FakePort final : public SerialPort {
 public:
  std::size_t Read(Span<std::uint8_t> bytes) override {
    std::size_t count = 0;
    for (; count < bytes.size() && !to_board.empty(); ++count) {
      bytes[count] = to_board.front();
      to_board.pop_front();
    }
    return count;
  }
  bool Write(Span<const std::uint8_t> frame) override {
    if (is_full) return false;
    to_host.insert(to_host.end(), frame.begin(), frame.end());
    return true;
  }

  bool is_full = false;
  std::deque<std::uint8_t> to_board;
  std::vector<std::uint8_t> to_host;
};

class FakeSystem final : public System {
 public:
  SystemState Now() override { return {11, 22, 33, 44, 55}; }
  void StillAlive() override { ++signs_of_life; }
  void Restart() override { ++restarts; }
  int signs_of_life = 0;
  int restarts = 0;
};

// The messages of one type in what a board has sent. That must be whole frames.
template <typename Message>
std::vector<Message> MessagesIn(const std::vector<std::uint8_t>& sent) {
  std::vector<Message> messages;
  std::array<std::uint8_t, protocol::kMaxEncodedBytes> buffer{};
  protocol::FrameDecoder decoder(buffer);
  for (const std::uint8_t byte : sent) {
    const protocol::StreamOutcome outcome = decoder.Push(byte);
    EXPECT(outcome == protocol::StreamOutcome::kNotYet || outcome == protocol::StreamOutcome::kFrame);
    if (outcome != protocol::StreamOutcome::kFrame || decoder.frame().type != Message::kType) continue;
    messages.emplace_back();
    EXPECT(ReadPayload(decoder.frame().payload, messages.back()) == protocol::PayloadOutcome::kOk);
  }
  return messages;
}

}  // namespace microfer::testing

#endif  // MICROFER_TESTS_FAKES_H_
