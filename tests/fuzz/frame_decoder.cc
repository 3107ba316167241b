// Any bytes into the frame decoder, and every intact frame into the reader of its
// message: what is read must be what is written again.
#include "protocol/frame_decoder.h"

#include <array>
#include <vector>

#include "fuzz.h"
#include "generated/messages.h"
#include "protocol/frame_writer.h"

namespace microfer::protocol {
namespace {

template <typename Message>
void ReadAndWrite(const Frame& frame) {
  Message message;
  BadField bad;
  const PayloadOutcome outcome = ReadPayload(frame.payload, message, &bad);
  MUST_HOLD((outcome == PayloadOutcome::kBadValue) == (bad.name != nullptr));
  if (outcome != PayloadOutcome::kOk) return;
  std::array<std::uint8_t, kMaxEncodedBytes + 2> written{};
  FrameWriter writer(written, frame.version, frame.type, frame.sequence);
  WritePayload(message, writer);
  std::size_t size_bytes = 0;
  MUST_HOLD(writer.Finish(size_bytes) == EncodeOutcome::kOk);

  std::vector<std::uint8_t> buffer(kMaxEncodedBytes);
  FrameDecoder again({buffer.data(), buffer.size()});
  StreamOutcome last = StreamOutcome::kNotYet;
  for (std::size_t i = 0; i < size_bytes; ++i) last = again.Push(written[i]);
  MUST_HOLD(last == StreamOutcome::kFrame && again.frame().payload.size() == frame.payload.size());
  MUST_HOLD(std::memcmp(again.frame().payload.data(), frame.payload.data(), frame.payload.size()) == 0);
}

void ReadAny(const Frame& frame) {
  switch (frame.type) {
    case Hello::kType:
      return ReadAndWrite<Hello>(frame);
    case Prediction::kType:
      return ReadAndWrite<Prediction>(frame);
    case CropPreview::kType:
      return ReadAndWrite<CropPreview>(frame);
    case Statistics::kType:
      return ReadAndWrite<Statistics>(frame);
    case InferResult::kType:
      return ReadAndWrite<InferResult>(frame);
    case BoardError::kType:
      return ReadAndWrite<BoardError>(frame);
    case OperatorTime::kType:
      return ReadAndWrite<OperatorTime>(frame);
    case StreamSettings::kType:
      return ReadAndWrite<StreamSettings>(frame);
    case InferCrop::kType:
      return ReadAndWrite<InferCrop>(frame);
    case AskProfile::kType:
      return ReadAndWrite<AskProfile>(frame);
    default:
      return;
  }
}

// The input once more as a payload behind a right CRC, which chance never finds.
std::vector<std::uint8_t> Framed(Span<const std::uint8_t> input) {
  std::vector<std::uint8_t> frame(input.size() + input.size() / 254 + 32);
  FrameWriter writer({frame.data(), frame.size()}, kProtocolVersion, input.empty() ? 0 : input[0], 1);
  if (!input.empty()) writer.Data(input.From(1), input.size() - 1);
  std::size_t size_bytes = 0;
  MUST_HOLD(writer.Finish(size_bytes) == EncodeOutcome::kOk);
  frame.resize(size_bytes);
  return frame;
}

void Decode(Span<const std::uint8_t> stream) {
  std::vector<std::uint8_t> buffer(kMaxEncodedBytes);
  FrameDecoder decoder({buffer.data(), buffer.size()});
  for (const std::uint8_t byte : stream) {
    const StreamOutcome outcome = decoder.Push(byte);
    MUST_HOLD((outcome == StreamOutcome::kCorrupt) == (decoder.corruption() != Corruption::kNone));
    if (outcome == StreamOutcome::kFrame) ReadAny(decoder.frame());
  }
}

}  // namespace
}  // namespace microfer::protocol

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using microfer::protocol::Decode;
  Decode({data, size});
  if (size <= microfer::protocol::kMaxPayloadBytes + 1) {
    const auto frame = microfer::protocol::Framed({data, size});
    Decode({frame.data(), frame.size()});
  }
  return 0;
}
