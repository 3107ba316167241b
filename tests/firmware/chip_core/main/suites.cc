#include "suites.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "cases.h"
#include "face/cascade_detector.h"
#include "golden_messages.h"  // made before the build from tests/golden/protocol.json
#include "protocol/frame_decoder.h"
#include "protocol/frame_writer.h"

extern const std::uint8_t kVectors[] asm("_binary_core_vectors_start");
extern const std::uint8_t kVectorsEnd[] asm("_binary_core_vectors_end");

namespace microfer::testing {
namespace {

struct Count {
  unsigned passed = 0;
  unsigned total = 0;

  void Add(bool is_passed) {
    passed += is_passed ? 1 : 0;
    ++total;
  }
  void Print(const char* name) const { std::printf("suite %s passed %u of %u\n", name, passed, total); }
};

// A stream's bytes must give this message as its one frame, field by field.
template <typename Message>
bool Reads(Span<const std::uint8_t> bytes, const Message& expected, std::uint16_t sequence) {
  static std::array<std::uint8_t, protocol::kMaxEncodedBytes> room;
  protocol::FrameDecoder decoder(room);
  auto outcome = protocol::StreamOutcome::kNotYet;
  for (const std::uint8_t byte : bytes) {
    if (outcome != protocol::StreamOutcome::kNotYet) return false;
    outcome = decoder.Push(byte);
  }
  if (outcome != protocol::StreamOutcome::kFrame) return false;
  const protocol::Frame& frame = decoder.frame();
  if (frame.type != Message::kType || frame.sequence != sequence) return false;
  Message message;
  return ReadPayload(frame.payload, message) == protocol::PayloadOutcome::kOk && AreSame(message, expected);
}

template <typename Message>
bool Writes(const Message& message, std::uint16_t sequence, Span<const std::uint8_t> expected) {
  static std::array<std::uint8_t, protocol::kMaxEncodedBytes + 2> room;
  protocol::FrameWriter writer(room, protocol::kProtocolVersion, Message::kType, sequence);
  WritePayload(message, writer);
  std::size_t size_bytes = 0;
  return writer.Finish(size_bytes) == protocol::EncodeOutcome::kOk && size_bytes == expected.size() &&
         std::equal(expected.begin(), expected.end(), room.begin());
}

}  // namespace

void CheckVectors() {
  constexpr std::array<const char*, 5> kNames = {"unknown", "crop", "encode", "predictor", "calibrate"};
  std::array<Count, kNames.size()> counts;
  static std::array<std::uint8_t, kMaxAnswerBytes> answer;
  Span<const std::uint8_t> file(kVectors, static_cast<std::size_t>(kVectorsEnd - kVectors));
  Case next{};
  while (TakeCase(file, next)) {
    const std::size_t bytes = Answer(next.kind, next.question, answer);
    const auto kind = static_cast<std::size_t>(next.kind);
    counts[kind < counts.size() ? kind : 0].Add(bytes > 0 && bytes == next.answer.size() &&
                                                std::equal(next.answer.begin(), next.answer.end(), answer.begin()));
  }
  if (!file.empty() || counts[0].total > 0) counts[0].Print(kNames[0]);
  for (std::size_t i = 1; i < counts.size(); ++i) counts[i].Print(kNames[i]);
}

void CheckMessages() {
  Count encode;
  Count decode;
  ForEachGoldenMessage([&](const auto& message, std::uint16_t sequence, Span<const std::uint8_t> bytes) {
    encode.Add(Writes(message, sequence, bytes));
    decode.Add(Reads(bytes, message, sequence));
  });
  encode.Print("protocol_encode");
  decode.Print("protocol_decode");
}

void CheckDetector(Span<const StoredFrame> frames) {
  static std::array<std::uint32_t, kDetectorWorkspaceWords> workspace;
  static CascadeDetector by_default(kFrontalFace, DetectorSettings{}, workspace);
  constexpr DetectorSettings kEveryWindow{40, 2, 0, 0};
  static CascadeDetector every_window(kFrontalFace, kEveryWindow, workspace);
  Count host;
  Count opencv;
  for (const StoredFrame& frame : frames) {
    FoundFaces found;
    if (frame.by_default.count != kNotAsked) {
      host.Add(by_default.Detect(InRam(frame), found) == DetectOutcome::kOk && AreSame(found, frame.by_default, false));
    }
    if (frame.by_opencv.count != kNotAsked) {
      opencv.Add(every_window.Detect(InRam(frame), found) == DetectOutcome::kOk &&
                 AreSame(found, frame.by_opencv, true));
    }
  }
  host.Print("detector_as_on_the_host");
  opencv.Print("detector_as_opencv");
}

}  // namespace microfer::testing
