#include "device/device.h"

#include <algorithm>

#include "base/sentence.h"
#include "generated/contract.h"

namespace microfer {
namespace {

using protocol::ErrorCode;

constexpr std::uint16_t kMinStatisticsPeriodMs = 100;
constexpr std::uint16_t kMaxStatisticsPeriodMs = 60'000;
using ErrorText = Sentence<sizeof(protocol::BoardError::text)>;

std::uint32_t Cut(std::size_t bytes) { return static_cast<std::uint32_t>(std::min<std::size_t>(bytes, UINT32_MAX)); }

}  // namespace

void Device::Start() {
  parts_.system.StillAlive();
  load_outcome_ = parts_.classifier.Load();
  self_test_ =
      RunSelfTest({kGoldenFrames, kNumGoldenFrames}, is_loaded(), parts_.pipeline, parts_.detector, parts_.system);
  is_started_ = true;
  SendHello();
  SendStandingFaults();
  statistics_sent_us_ = parts_.clock.NowUs();
}

bool Device::Step() {
  parts_.system.StillAlive();
  const bool had_command = HandleCommands();
  WatchCamera();
  const bool had_frame = HandleFrame();
  SendStatisticsWhenDue();
  return had_command || had_frame;
}

DeviceLight Device::light() const {
  if (!is_started_) return DeviceLight::kStarting;
  if (!is_loaded() || !self_test_.passed()) return DeviceLight::kFault;
  if (parts_.camera.status().state != CameraState::kRunning) return DeviceLight::kNoCamera;
  return has_face_ ? DeviceLight::kFace : DeviceLight::kNoFace;
}

// ---- Commands

bool Device::HandleCommands() {
  // One a turn: each may run the network, and frames must not wait for all of them.
  protocol::Frame command;
  switch (link_.Receive(command)) {
    case ReceiveOutcome::kNothing:
      return false;
    case ReceiveOutcome::kCommand:
      Handle(command);
      break;
    case ReceiveOutcome::kOtherVersion:
      SendHello();  // its first fields are the same in every version: the host sees whom it speaks to
      break;
    case ReceiveOutcome::kDamaged:
      Report(ErrorCode::kCommandDamaged, "a frame from the host was damaged");
      break;
    case ReceiveOutcome::kTooLong:
      Report(ErrorCode::kCommandTooLong, "a frame from the host was longer than any command");
      break;
  }
  return true;
}

void Device::Handle(const protocol::Frame& command) {
  switch (command.type) {
    case protocol::AskHello::kType:
      SendHello();
      SendStandingFaults();
      return;
    case protocol::StreamSettings::kType:
      HandleSettings(command);
      return;
    case protocol::InferCrop::kType:
      HandleInfer(command);
      return;
    case protocol::AskProfile::kType:
      HandleProfile(command);
      return;
    case protocol::Reboot::kType:
      parts_.system.Restart();
      return;
    default:
      ErrorText text;
      text << "no command has the type ";
      text.Hexadecimal(command.type);
      SendError(ErrorCode::kCommandUnknown, text.text(), {command.type, command.sequence});
  }
}

void Device::HandleSettings(const protocol::Frame& command) {
  protocol::StreamSettings wanted;
  const protocol::PayloadOutcome outcome = protocol::ReadPayload(command.payload, wanted);
  if (outcome != protocol::PayloadOutcome::kOk) {
    Refuse(command, outcome);
    return;
  }
  const std::uint16_t period_ms = wanted.statistics_period_ms;
  if (period_ms != 0 && (period_ms < kMinStatisticsPeriodMs || period_ms > kMaxStatisticsPeriodMs)) {
    ErrorText text;
    text << "statistics_period_ms is " << period_ms << "; it may be 0 or " << kMinStatisticsPeriodMs << " to "
         << kMaxStatisticsPeriodMs;
    SendError(ErrorCode::kCommandRefused, text.text(), {command.type, command.sequence});
    return;
  }
  settings_ = {period_ms, wanted.predictions, wanted.previews};
  SendStatistics();
}

template <typename Message>
bool Device::ReadForNetwork(const protocol::Frame& command, Message& wanted) {
  const protocol::PayloadOutcome read = protocol::ReadPayload(command.payload, wanted);
  if (read != protocol::PayloadOutcome::kOk) {
    Refuse(command, read);
    return false;
  }
  if (!is_loaded()) {
    SendError(load_error(), parts_.classifier.fault(), {command.type, command.sequence});
    return false;
  }
  return true;
}

void Device::HandleInfer(const protocol::Frame& command) {
  const Cause cause{command.type, command.sequence};
  protocol::InferCrop wanted;
  if (!ReadForNetwork(command, wanted)) return;
  std::copy(wanted.pixels.begin(), wanted.pixels.end(), asked_crop_.begin());
  Inference inference;
  if (parts_.pipeline.Classify(asked_crop_, inference) != PipelineOutcome::kOk) {
    SendError(ErrorCode::kInvokeFailed, "the network could not run on this crop", cause);
    return;
  }
  protocol::InferResult result;
  result.request = wanted.request;
  result.invoke_us = inference.invoke_us;
  std::copy(inference.scores.begin(), inference.scores.end(), std::begin(result.raw_scores));
  link_.Send(result);
}

void Device::HandleProfile(const protocol::Frame& command) {
  const Cause cause{command.type, command.sequence};
  protocol::AskProfile wanted;
  if (!ReadForNetwork(command, wanted)) return;
  if (wanted.index == 0 && !Measure(wanted, cause)) return;
  const OperatorTimes& times = profile_.times();
  if (!has_profile_ || profile_request_ != wanted.request || wanted.index >= times.operators().size()) {
    ErrorText text;
    text << "operator " << wanted.index << " of that request is not measured: begin with index 0";
    SendError(ErrorCode::kCommandRefused, text.text(), cause);
    return;
  }
  const OperatorTicks& one = times.operators()[wanted.index];
  protocol::OperatorTime answer;
  answer.request = wanted.request;
  answer.ticks = one.ticks;
  answer.network_ticks = times.network_ticks();
  answer.network_us = profile_.network_us();
  answer.runs = times.runs();
  answer.index = wanted.index;
  answer.total = static_cast<std::uint16_t>(times.operators().size());
  protocol::SetText(answer.name, one.name);
  link_.Send(answer);
}

bool Device::Measure(const protocol::AskProfile& wanted, Cause cause) {
  has_profile_ = false;
  ErrorText text;
  if (wanted.runs < 1 || wanted.runs > kMostProfileRuns) {
    text << "runs is " << wanted.runs << "; it may be 1 to " << kMostProfileRuns;
    SendError(ErrorCode::kCommandRefused, text.text(), cause);
    return false;
  }
  // On the crop that was asked for last: how long the network takes is the same for all.
  switch (profile_.Measure(wanted.runs, asked_crop_, parts_.classifier, parts_.pipeline, parts_.system)) {
    case ProfileOutcome::kOk:
      has_profile_ = true;
      profile_request_ = wanted.request;
      return true;
    case ProfileOutcome::kNotTimed:
      text << parts_.classifier.kernels() << " cannot time operators";
      SendError(ErrorCode::kProfileFailed, text.text(), cause);
      return false;
    case ProfileOutcome::kInvokeFailed:
      SendError(ErrorCode::kInvokeFailed, "the network could not run", cause);
      return false;
    case ProfileOutcome::kNotWhole:
      text << "no operators, more than " << static_cast<std::uint32_t>(OperatorTimes::kMostOperators)
           << ", or others in each run";
      SendError(ErrorCode::kProfileFailed, text.text(), cause);
      return false;
  }
  return false;
}

void Device::Refuse(const protocol::Frame& command, protocol::PayloadOutcome outcome) {
  ErrorText text;
  if (outcome == protocol::PayloadOutcome::kWrongLength) {
    text << "a payload of " << static_cast<std::uint32_t>(command.payload.size()) << " bytes is not this command's";
  } else {
    text << "a yes-or-no field is neither 0 nor 1";
  }
  SendError(ErrorCode::kCommandRefused, text.text(), {command.type, command.sequence});
}

// ---- Frames

bool Device::HandleFrame() {
  // Nobody is told: the camera goes on, and the network rests or is free for
  // the host's own crops.
  if (!settings_.predictions && !settings_.previews) return false;
  const CapturedFrame* frame = parts_.frames.Take();
  if (frame == nullptr) return false;

  protocol::Prediction prediction;
  const PipelineOutcome outcome =
      is_loaded() ? parts_.pipeline.Run(*frame, prediction) : PipelineOutcome::kInvokeFailed;
  if (outcome != PipelineOutcome::kOk) {
    ++dropped_invoke_;
    has_face_ = false;
    if (is_loaded()) {
      Report(ErrorCode::kInvokeFailed, outcome == PipelineOutcome::kBadFrame ? "a step refused a camera frame"
                                                                             : "the network could not run on a crop");
    }
    return true;
  }
  ++frames_predicted_;
  has_face_ = prediction.answer != protocol::Answer::kNoFace;
  if (settings_.predictions) link_.Send(prediction);
  if (settings_.previews && has_face_) {
    protocol::CropPreview preview;
    preview.frame = prediction.frame;
    preview.pixels = parts_.pipeline.crop();
    link_.Send(preview);
  }
  return true;
}

void Device::WatchCamera() {
  const CameraStatus now = parts_.camera.status();
  if (now.state == CameraState::kMissing && seen_.state != CameraState::kMissing) {
    Report(ErrorCode::kCameraMissing, "no camera answers; the board goes on trying");
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
  if (now.state != CameraState::kRunning) has_face_ = false;
  seen_ = now;
}

// ---- What is sent

void Device::SendHello() {
  protocol::Hello hello;
  protocol::SetText(hello.firmware_version, parts_.facts.firmware_version);
  protocol::SetText(hello.board, parts_.facts.name);
  protocol::SetText(hello.model_id, kModelId);
  protocol::SetText(hello.kernels, parts_.classifier.kernels());
  std::copy(std::begin(kModelSha256), std::end(kModelSha256), std::begin(hello.model_sha256));
  hello.uptime_us = parts_.clock.NowUs();
  hello.input_scale = is_loaded() ? kInputScale : 0;
  hello.input_zero_point = kInputZeroPoint;
  hello.self_test_equal = self_test_.equal;
  hello.self_test_total = self_test_.total;
  hello.self_test_faces_found = self_test_.faces_found;
  hello.self_test_faces_total = self_test_.faces_total;
  hello.self_test_invoke_us = self_test_.invoke_us;
  hello.frame_width_px = static_cast<std::uint16_t>(parts_.frames.width_px());
  hello.frame_height_px = static_cast<std::uint16_t>(parts_.frames.height_px());
  hello.flash_size_bytes = parts_.facts.flash_size_bytes;
  hello.psram_size_bytes = parts_.facts.psram_size_bytes;
  hello.reset_reason = parts_.facts.reset_reason;
  link_.Send(hello);
}

void Device::SendStandingFaults() {
  if (!is_loaded()) SendError(load_error(), parts_.classifier.fault(), {});
  if (!self_test_.passed()) {
    ErrorText text;
    text << self_test_.equal << " of " << self_test_.total << " scores equal, " << self_test_.faces_found << " of "
         << self_test_.faces_total << " faces found";
    SendError(ErrorCode::kSelfTestFailed, text.text(), {});
  }
  if (parts_.camera.status().state == CameraState::kMissing) {
    SendError(ErrorCode::kCameraMissing, "no camera answers; the board goes on trying", {});
  }
}

void Device::SendStatisticsWhenDue() {
  const std::uint64_t period_us = std::uint64_t{settings_.statistics_period_ms} * 1000;
  if (period_us != 0 && parts_.clock.NowUs() - statistics_sent_us_ >= period_us) SendStatistics();
}

void Device::SendStatistics() {
  const SystemState system = parts_.system.Now();
  const CameraStatus camera = parts_.camera.status();
  statistics_sent_us_ = parts_.clock.NowUs();
  protocol::Statistics statistics;
  statistics.uptime_us = statistics_sent_us_;
  statistics.statistics_period_ms = settings_.statistics_period_ms;
  statistics.predictions = settings_.predictions;
  statistics.previews = settings_.previews;
  statistics.heap_free_bytes = system.heap_free_bytes;
  statistics.heap_min_free_bytes = system.heap_min_free_bytes;
  statistics.heap_largest_block_bytes = system.heap_largest_block_bytes;
  statistics.psram_free_bytes = system.psram_free_bytes;
  statistics.temperature_c = system.temperature_c;
  statistics.arena_used_bytes = Cut(parts_.classifier.arena_used_bytes());
  statistics.arena_size_bytes = Cut(parts_.classifier.arena_size_bytes());
  statistics.frames_captured = camera.frames;
  statistics.frames_predicted = frames_predicted_;
  statistics.dropped_busy = parts_.frames.replaced();
  statistics.dropped_size = camera.wrong_size;
  statistics.dropped_invoke = dropped_invoke_;
  statistics.camera_timeouts = camera.timeouts;
  statistics.camera_restarts = camera.restarts;
  statistics.link_sent = link_.sent();
  statistics.link_dropped = link_.dropped();
  statistics.commands_received = link_.received();
  statistics.commands_damaged = link_.damaged();
  link_.Send(statistics);
}

void Device::Report(ErrorCode code, const char* text) {
  std::uint64_t& reported_us = reported_us_[static_cast<std::size_t>(code) % kErrorCodes];
  const std::uint64_t now_us = parts_.clock.NowUs();
  if (reported_us != 0 && now_us - reported_us < kErrorPeriodUs) return;
  reported_us = std::max<std::uint64_t>(now_us, 1);
  SendError(code, text, {});
}

void Device::SendError(ErrorCode code, const char* text, Cause cause) {
  protocol::BoardError error;
  error.code = code;
  error.command_type = cause.type;
  error.command_sequence = cause.sequence;
  protocol::SetText(error.text, text);
  link_.Send(error);
}

ErrorCode Device::load_error() const {
  switch (load_outcome_) {
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

}  // namespace microfer
