// The firmware's board; what a chip would give it comes from the caller's
// functions.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <new>

#include "base/clock.h"
#include "capture/camera.h"
#include "capture/newest_frame.h"
#include "core.h"
#include "device/board_core.h"
#include "device/ports.h"
#include "generated/constants.h"
#include "generated/contract.h"
#include "image/crop.h"
#include "pipeline/classifier.h"
#include "pipeline/model_check.h"

namespace microfer {
namespace {

class HostClock final : public Clock {
 public:
  explicit HostClock(const MicroferParts& parts) : parts_(parts) {}

  std::uint64_t NowUs() override {
    if (parts_.clock_now_us != nullptr) return parts_.clock_now_us();
    const auto since_start = std::chrono::steady_clock::now() - begin_;
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(since_start).count());
  }

 private:
  const MicroferParts& parts_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

class HostCamera final : public Camera {
 public:
  explicit HostCamera(const MicroferParts& parts) : parts_(parts) {}

  bool Start() override { return parts_.camera_start() != 0; }
  CaptureOutcome Capture(GrayView& frame) override {
    MicroferFrame captured{};
    if (parts_.camera_capture(&captured) == 0) return CaptureOutcome::kTimeout;
    frame = {captured.pixels, captured.width_px, captured.height_px, captured.stride_bytes};
    return CaptureOutcome::kFrame;
  }
  void Release() override { parts_.camera_release(); }
  void Stop() override { parts_.camera_stop(); }

 private:
  const MicroferParts& parts_;
};

// A text of at most 63 characters, cut where it is longer.
class ShortText {
 public:
  explicit ShortText(const char* text) {
    std::copy_n(text, std::min(std::strlen(text), text_.size() - 1), text_.data());
  }
  [[nodiscard]] const char* c_str() const { return text_.data(); }

 private:
  std::array<char, 64> text_{};
};

class HostClassifier final : public Classifier {
 public:
  HostClassifier(const MicroferParts& parts, const char* kernels) : parts_(parts), kernels_(kernels) {}

  LoadOutcome Load() override {
    const auto outcome = static_cast<LoadOutcome>(parts_.classifier_load(&model_, fault_.data(), fault_.size() - 1));
    if (outcome != LoadOutcome::kOk) return outcome;
    ModelFacts facts;
    facts.schema_version = kSchemaVersion;  // the host has read the file already
    facts.num_inputs = facts.num_outputs = 1;
    facts.input = {true, model_.input_shape, model_.input_scale, model_.input_zero_point};
    facts.output = {true, model_.output_shape, model_.output_scale, model_.output_zero_point};
    const char* fault = ContractFault(facts);
    if (fault == nullptr) return LoadOutcome::kOk;
    std::strncpy(fault_.data(), fault, fault_.size() - 1);
    return LoadOutcome::kRefused;
  }
  [[nodiscard]] const char* fault() const override { return fault_.data(); }
  Span<std::int8_t> input() override { return input_; }
  bool Invoke() override { return parts_.classifier_invoke(input_.data(), output_.data()) != 0; }
  Span<const std::int8_t> output() override { return output_; }
  // A host's time would say nothing of a chip, and the host's TFLM has no profiler.
  bool TimeOperators(OperatorTimes* /*times*/) override { return false; }
  [[nodiscard]] std::size_t arena_used_bytes() const override { return model_.arena_used_bytes; }
  [[nodiscard]] std::size_t arena_size_bytes() const override { return model_.arena_size_bytes; }
  [[nodiscard]] const char* kernels() const override { return kernels_.c_str(); }

 private:
  const MicroferParts& parts_;
  ShortText kernels_;
  MicroferModel model_{};
  std::array<char, 128> fault_{};  // the last one stays 0
  std::array<std::int8_t, kCropPixels> input_{};
  std::array<std::int8_t, kNumLabels> output_{};
};

class HostPort final : public SerialPort {
 public:
  explicit HostPort(const MicroferParts& parts) : parts_(parts) {}

  std::size_t Read(Span<std::uint8_t> bytes) override { return parts_.serial_read(bytes.data(), bytes.size()); }
  bool Write(Span<const std::uint8_t> frame) override { return parts_.serial_write(frame.data(), frame.size()) != 0; }

 private:
  const MicroferParts& parts_;
};

class HostSystem final : public System {
 public:
  explicit HostSystem(const MicroferParts& parts) : parts_(parts) {}

  SystemState Now() override {
    MicroferSystemState state{};
    parts_.system_state(&state);
    return {state.heap_free_bytes, state.heap_min_free_bytes, state.heap_largest_block_bytes, state.psram_free_bytes,
            static_cast<std::int8_t>(state.temperature_c)};
  }
  void StillAlive() override {}  // no watchdog watches a host's thread
  void Restart() override { parts_.system_restart(); }

 private:
  const MicroferParts& parts_;
};

}  // namespace
}  // namespace microfer

struct MicroferBoard {
  MicroferBoard(const MicroferParts& given, const MicroferFacts& given_facts)
      : parts(given), facts(given_facts), name(facts.name), firmware_version(facts.firmware_version) {}

  static bool HasRoomFor(const MicroferFacts& facts) {
    return facts.frame_width_px >= 1 && facts.frame_width_px <= microfer::kCameraWidthPx &&
           facts.frame_height_px >= 1 && facts.frame_height_px <= microfer::kCameraHeightPx;
  }

  [[nodiscard]] microfer::BoardFacts board_facts() const {
    return {name.c_str(), firmware_version.c_str(), facts.flash_size_bytes, facts.psram_size_bytes,
            static_cast<microfer::protocol::ResetReason>(facts.reset_reason)};
  }

  static constexpr std::size_t kStorageBytes =
      microfer::NewestFrame::kBuffers * std::size_t{microfer::kCameraWidthPx} * microfer::kCameraHeightPx;

  // In the order in which they need each other.
  MicroferParts parts;
  MicroferFacts facts;
  microfer::ShortText name;
  microfer::ShortText firmware_version;
  std::array<std::uint8_t, kStorageBytes> storage{};

  microfer::HostClock clock{parts};
  microfer::HostCamera camera{parts};
  microfer::HostClassifier classifier{parts, facts.kernels};
  microfer::HostPort port{parts};
  microfer::HostSystem system{parts};

  microfer::BoardCore core{
      {camera, classifier, port, system, clock}, board_facts(), {storage, facts.frame_width_px, facts.frame_height_px}};
};

MicroferBoard* microfer_board_create(const MicroferParts* parts, const MicroferFacts* facts) {
  if (!MicroferBoard::HasRoomFor(*facts)) return nullptr;
  return new (std::nothrow) MicroferBoard(*parts, *facts);
}

void microfer_board_start(MicroferBoard* board) { board->core.device().Start(); }

std::int32_t microfer_board_step(MicroferBoard* board) { return board->core.device().Step() ? 1 : 0; }

std::uint32_t microfer_board_capture(MicroferBoard* board) { return board->core.camera().Step(); }

std::int32_t microfer_board_light(const MicroferBoard* board) {
  return static_cast<std::int32_t>(board->core.device().light());
}

void microfer_board_destroy(MicroferBoard* board) { delete board; }
