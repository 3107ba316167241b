#include "device/commands.h"

#include <algorithm>

namespace microfer {
namespace {

using protocol::ErrorCode;

}  // namespace

bool Commands::HandleNext() {
  protocol::Frame command;
  switch (link_.Receive(command)) {
    case ReceiveOutcome::kNothing:
      return false;
    case ReceiveOutcome::kCommand:
      Handle(command);
      break;
    case ReceiveOutcome::kOtherVersion:
      reports_.SendHello();  // its first fields are the same in every version: the host sees whom it speaks to
      break;
    case ReceiveOutcome::kDamaged:
      reports_.Report(ErrorCode::kCommandDamaged, "a frame from the host was damaged");
      break;
    case ReceiveOutcome::kTooLong:
      reports_.Report(ErrorCode::kCommandTooLong, "a frame from the host was longer than any command");
      break;
  }
  return true;
}

void Commands::Handle(const protocol::Frame& command) {
  switch (command.type) {
    case protocol::AskHello::kType:
      reports_.SendHello();
      reports_.SendStandingFaults();
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
      reports_.SendError(ErrorCode::kCommandUnknown, text.text(), {command.type, command.sequence});
  }
}

template <typename Message>
bool Commands::Read(const protocol::Frame& command, Message& wanted) {
  protocol::BadField bad;
  const protocol::PayloadOutcome outcome = protocol::ReadPayload(command.payload, wanted, &bad);
  if (outcome == protocol::PayloadOutcome::kOk) return true;
  ErrorText text;
  if (outcome == protocol::PayloadOutcome::kWrongLength) {
    text << "a payload of " << static_cast<std::uint32_t>(command.payload.size()) << " bytes is not this command's";
  } else {  // no command has a field that is negative or longer than 32 bits
    text << bad.name << " is " << static_cast<std::uint32_t>(bad.value) << "; it may be " << bad.allowed;
  }
  reports_.SendError(ErrorCode::kCommandRefused, text.text(), {command.type, command.sequence});
  return false;
}

void Commands::HandleSettings(const protocol::Frame& command) {
  protocol::StreamSettings wanted;
  if (!Read(command, wanted)) return;
  state_.stream = {wanted.statistics_period_ms, wanted.predictions, wanted.previews};
  reports_.SendStatistics();
}

template <typename Message>
bool Commands::ReadForNetwork(const protocol::Frame& command, Message& wanted) {
  if (!Read(command, wanted)) return false;
  if (!state_.is_loaded()) {
    reports_.SendLoadError({command.type, command.sequence});
    return false;
  }
  return true;
}

void Commands::HandleInfer(const protocol::Frame& command) {
  const Cause cause{command.type, command.sequence};
  protocol::InferCrop wanted;
  if (!ReadForNetwork(command, wanted)) return;
  std::copy(wanted.pixels.begin(), wanted.pixels.end(), asked_crop_.begin());
  Inference inference;
  if (parts_.pipeline.Classify(asked_crop_, inference) != PipelineOutcome::kOk) {
    reports_.SendError(ErrorCode::kInvokeFailed, "the network could not run on this crop", cause);
    return;
  }
  protocol::InferResult result;
  result.request = wanted.request;
  result.invoke_us = inference.invoke_us;
  result.classes = kNumLabels;
  std::copy(inference.scores.begin(), inference.scores.end(), std::begin(result.raw_scores));
  link_.Send(result);
}

void Commands::HandleProfile(const protocol::Frame& command) {
  const Cause cause{command.type, command.sequence};
  protocol::AskProfile wanted;
  if (!ReadForNetwork(command, wanted)) {
    has_profile_ = false;  // whoever asks anew, even in vain, does not mean the last one
    return;
  }
  if (wanted.index == 0 && !Measure(wanted, cause)) return;
  const OperatorTimes& times = profile_.times();
  if (!has_profile_ || profile_request_ != wanted.request || wanted.index >= times.operators().size()) {
    ErrorText text;
    text << "operator " << wanted.index << " of that request is not measured: begin with index 0";
    reports_.SendError(ErrorCode::kCommandRefused, text.text(), cause);
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

bool Commands::Measure(const protocol::AskProfile& wanted, Cause cause) {
  has_profile_ = false;
  ErrorText text;
  // On the crop that was asked for last: how long the network takes is the same for all.
  switch (profile_.Measure(wanted.runs, asked_crop_, parts_.classifier, parts_.pipeline, parts_.system)) {
    case ProfileOutcome::kOk:
      has_profile_ = true;
      profile_request_ = wanted.request;
      return true;
    case ProfileOutcome::kNotTimed:
      text << parts_.classifier.kernels() << " cannot time operators";
      reports_.SendError(ErrorCode::kProfileFailed, text.text(), cause);
      return false;
    case ProfileOutcome::kInvokeFailed:
      reports_.SendError(ErrorCode::kInvokeFailed, "the network could not run", cause);
      return false;
    case ProfileOutcome::kNotWhole:
      text << "no operators, more than " << static_cast<std::uint32_t>(OperatorTimes::kMostOperators)
           << ", or others in each run";
      reports_.SendError(ErrorCode::kProfileFailed, text.text(), cause);
      return false;
  }
  return false;
}

}  // namespace microfer
