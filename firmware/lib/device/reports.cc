#include "device/reports.h"

#include <algorithm>

#include "generated/contract.h"

namespace microfer {
namespace {

using protocol::ErrorCode;

constexpr const char* kNoCamera = "no camera answers; the board goes on trying";

std::uint32_t Cut(std::size_t bytes) { return static_cast<std::uint32_t>(std::min<std::size_t>(bytes, UINT32_MAX)); }

ErrorCode CodeOf(LoadOutcome outcome) {
  switch (outcome) {
    case LoadOutcome::kOk:
    case LoadOutcome::kRefused:
      return ErrorCode::kModelRefused;
    case LoadOutcome::kArenaTooSmall:
      return ErrorCode::kArenaTooSmall;
    case LoadOutcome::kOutOfMemory:
      return ErrorCode::kOutOfMemory;
  }
  return ErrorCode::kModelRefused;
}

}  // namespace

void Reports::SendHello() {
  protocol::Hello hello;
  protocol::SetText(hello.firmware_version, parts_.facts.firmware_version);
  protocol::SetText(hello.board, parts_.facts.name);
  protocol::SetText(hello.model_id, kModelId);
  protocol::SetText(hello.kernels, parts_.classifier.kernels());
  std::copy(std::begin(kModelSha256), std::end(kModelSha256), std::begin(hello.model_sha256));
  hello.uptime_us = parts_.clock.NowUs();
  hello.input_scale = state_.is_loaded() ? kInputScale : 0;
  hello.input_zero_point = kInputZeroPoint;
  hello.self_test_equal = state_.self_test.equal;
  hello.self_test_total = state_.self_test.total;
  hello.self_test_faces_found = state_.self_test.faces_found;
  hello.self_test_faces_total = state_.self_test.faces_total;
  hello.self_test_invoke_us = state_.self_test.invoke_us;
  hello.frame_width_px = static_cast<std::uint16_t>(parts_.frames.width_px());
  hello.frame_height_px = static_cast<std::uint16_t>(parts_.frames.height_px());
  hello.flash_size_bytes = parts_.facts.flash_size_bytes;
  hello.psram_size_bytes = parts_.facts.psram_size_bytes;
  hello.reset_reason = parts_.facts.reset_reason;
  protocol::SetText(hello.labels, kLabelList);
  link_.Send(hello);
}

void Reports::SendStandingFaults() {
  if (!state_.is_loaded()) SendLoadError({});
  if (!state_.self_test.passed()) {
    ErrorText text;
    text << state_.self_test.equal << " of " << state_.self_test.total << " scores equal, "
         << state_.self_test.faces_found << " of " << state_.self_test.faces_total << " faces found";
    SendError(ErrorCode::kSelfTestFailed, text.text(), {});
  }
  if (parts_.camera.status().state == CameraState::kMissing) SendError(ErrorCode::kCameraMissing, kNoCamera, {});
}

void Reports::SendStatisticsWhenDue() {
  const std::uint64_t period_us = std::uint64_t{state_.stream.statistics_period_ms} * 1000;
  if (period_us != 0 && parts_.clock.NowUs() - statistics_sent_us_ >= period_us) SendStatistics();
}

void Reports::SendStatistics() {
  const SystemState system = parts_.system.Now();
  const CameraStatus camera = parts_.camera.status();
  statistics_sent_us_ = parts_.clock.NowUs();
  protocol::Statistics statistics;
  statistics.uptime_us = statistics_sent_us_;
  statistics.statistics_period_ms = state_.stream.statistics_period_ms;
  statistics.predictions = state_.stream.predictions;
  statistics.previews = state_.stream.previews;
  statistics.heap_free_bytes = system.heap_free_bytes;
  statistics.heap_min_free_bytes = system.heap_min_free_bytes;
  statistics.heap_largest_block_bytes = system.heap_largest_block_bytes;
  statistics.psram_free_bytes = system.psram_free_bytes;
  statistics.temperature_c = system.temperature_c;
  statistics.arena_used_bytes = Cut(parts_.classifier.arena_used_bytes());
  statistics.arena_size_bytes = Cut(parts_.classifier.arena_size_bytes());
  statistics.frames_captured = camera.frames;
  statistics.frames_predicted = state_.frames_predicted;
  statistics.dropped_busy = parts_.frames.replaced();
  statistics.dropped_size = camera.wrong_size;
  statistics.dropped_invoke = state_.dropped_invoke;
  statistics.camera_timeouts = camera.timeouts;
  statistics.camera_restarts = camera.restarts;
  statistics.link_sent = link_.sent();
  statistics.link_dropped = link_.dropped();
  statistics.commands_received = link_.received();
  statistics.commands_damaged = link_.damaged();
  link_.Send(statistics);
}

void Reports::WatchCamera() {
  const CameraStatus now = parts_.camera.status();
  if (now.state == CameraState::kMissing && seen_.state != CameraState::kMissing) {
    Report(ErrorCode::kCameraMissing, kNoCamera);
  }
  if (now.restarts != seen_.restarts && now.state != CameraState::kMissing) {
    ErrorText text;
    text << now.timeouts << " timeouts, started again " << now.restarts << " times";
    Report(ErrorCode::kCameraStopped, text.text());
  }
  if (now.wrong_size != seen_.wrong_size) {
    ErrorText text;
    text << now.seen_width_px << "x" << now.seen_height_px << " pixels, expected "
         << static_cast<std::uint32_t>(parts_.frames.width_px()) << "x"
         << static_cast<std::uint32_t>(parts_.frames.height_px());
    Report(ErrorCode::kFrameSize, text.text());
  }
  seen_ = now;
}

void Reports::Report(ErrorCode code, const char* text) {
  std::uint64_t& reported_us = reported_us_[static_cast<std::size_t>(code) % kErrorCodes];
  const std::uint64_t now_us = parts_.clock.NowUs();
  if (reported_us != 0 && now_us - reported_us < kErrorPeriodUs) return;
  reported_us = std::max<std::uint64_t>(now_us, 1);
  SendError(code, text, {});
}

void Reports::SendError(ErrorCode code, const char* text, Cause cause) {
  protocol::BoardError error;
  error.code = code;
  error.command_type = cause.type;
  error.command_sequence = cause.sequence;
  protocol::SetText(error.text, text);
  link_.Send(error);
}

void Reports::SendLoadError(Cause cause) { SendError(CodeOf(state_.load_outcome), parts_.classifier.fault(), cause); }

}  // namespace microfer
