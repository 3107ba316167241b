// What tests/firmware/test_protocol.py compiles and runs. Standard input is a
// stream of the link; standard output says, line by line, what became of it.
//
//   stream      every outcome but kNotYet, with the frame's header and payload
//   messages    every frame's fields as JSON, and the frame that they give again
//   small       frames written into buffers of every size below their own
//   settext     what SetText() and the text writer make of the input
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>

#include "base/span.h"
#include "generated/messages.h"
#include "print_messages.h"  // written by the test from the same layouts
#include "protocol/cobs.h"
#include "protocol/crc32.h"
#include "protocol/frame_decoder.h"
#include "protocol/message_encoder.h"

namespace {

using namespace microfer::protocol;  // NOLINT: this file is about nothing else
using microfer::Span;

std::vector<std::uint8_t> ReadInput() {
  std::vector<std::uint8_t> content;
  std::array<std::uint8_t, 65536> piece{};
  for (std::size_t size = 0; (size = std::fread(piece.data(), 1, piece.size(), stdin)) > 0;) {
    content.insert(content.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(size));
  }
  return content;
}

void PrintHex(Span<const std::uint8_t> bytes) {
  for (const std::uint8_t byte : bytes) std::printf("%02x", byte);
}

void PrintOutcome(StreamOutcome outcome, const FrameDecoder& decoder) {
  const Frame& frame = decoder.frame();
  switch (outcome) {
    case StreamOutcome::kNotYet:
      return;
    case StreamOutcome::kTooLong:
      std::printf("too long\n");
      return;
    case StreamOutcome::kCorrupt: {
      const std::array<const char*, 4> names = {"none", "cobs", "short", "crc"};
      std::printf("corrupt %s\n", names[static_cast<std::size_t>(decoder.corruption())]);
      return;
    }
    case StreamOutcome::kFrame:
    case StreamOutcome::kOtherVersion:
      std::printf("%s %d %d %d ", outcome == StreamOutcome::kFrame ? "frame" : "other", frame.version, frame.type,
                  frame.sequence);
      PrintHex(frame.payload);
      std::printf("\n");
  }
}

template <typename Message>
void PrintMessage(const Frame& frame) {
  Message message;
  BadField bad;
  const PayloadOutcome outcome = ReadPayload(frame.payload, message, &bad);
  if (outcome != PayloadOutcome::kOk) {
    std::printf("{\"refused\": \"%s\", \"field\": \"%s\"}\n",
                outcome == PayloadOutcome::kWrongLength ? "length" : "value", bad.name == nullptr ? "" : bad.name);
    return;
  }
  std::printf("{\"fields\": {");
  PrintFields(message);
  std::array<std::uint8_t, kMaxEncodedBytes + 2> buffer{};
  FrameWriter writer(buffer, frame.version, frame.type, frame.sequence);
  WritePayload(message, writer);
  std::size_t size_bytes = 0;
  const bool is_written = writer.Finish(size_bytes) == EncodeOutcome::kOk;
  std::printf("}, \"again\": \"");
  PrintHex(Span<const std::uint8_t>(buffer).First(is_written ? size_bytes : 0));
  std::printf("\"}\n");
}

void Stream(Span<const std::uint8_t> input, bool wants_messages) {
  // On the heap and of the exact size, so that the address sanitizer sees any
  // step beside it.
  std::vector<std::uint8_t> buffer(kMaxEncodedBytes);
  FrameDecoder decoder({buffer.data(), buffer.size()});
  for (const std::uint8_t byte : input) {
    const StreamOutcome outcome = decoder.Push(byte);
    if (!wants_messages) {
      PrintOutcome(outcome, decoder);
    } else if (outcome == StreamOutcome::kFrame) {
      switch (decoder.frame().type) {
#define PRINT_CASE(Message)                 \
  case Message::kType:                      \
    PrintMessage<Message>(decoder.frame()); \
    break;
        FOR_EACH_MESSAGE(PRINT_CASE)
#undef PRINT_CASE
        default:
          std::printf("{\"refused\": \"type\"}\n");
      }
    }
  }
}

InferCrop LongestCommand(std::vector<std::uint8_t>& pixels) {
  pixels.assign(InferCrop::kPayloadBytes - 4, 0xFF);
  InferCrop message;
  message.request = 0xFFFFFFFF;
  message.pixels = {pixels.data(), pixels.size()};
  return message;
}

template <typename Message>
bool FitsOnlyWhereItFits(const Message& message, std::size_t needed_bytes) {
  for (std::size_t size = 0; size <= needed_bytes + 1; ++size) {
    std::vector<std::uint8_t> buffer(size);
    MessageEncoder encoder({buffer.data(), buffer.size()});
    const EncodeOutcome outcome = encoder.Encode(message);
    const bool fits = size >= needed_bytes;
    if (outcome != (fits ? EncodeOutcome::kOk : EncodeOutcome::kTooSmall)) return false;
    if (encoder.frame().size() != (fits ? needed_bytes : 0)) return false;
  }
  return true;
}

template <typename Message>
std::size_t FrameBytes(const Message& message) {
  std::vector<std::uint8_t> buffer(kMaxEncodedBytes + 2);
  MessageEncoder encoder({buffer.data(), buffer.size()});
  return encoder.Encode(message) == EncodeOutcome::kOk ? encoder.frame().size() : 0;
}

int Small() {
  std::vector<std::uint8_t> pixels;
  const InferCrop longest = LongestCommand(pixels);
  if (!FitsOnlyWhereItFits(longest, FrameBytes(longest))) return 1;
  if (!FitsOnlyWhereItFits(Prediction{}, FrameBytes(Prediction{}))) return 2;
  if (!FitsOnlyWhereItFits(AskHello{}, FrameBytes(AskHello{}))) return 3;

  // Pixels of a wrong number, and a number that is not finite, are no frame and
  // use up no sequence number.
  std::vector<std::uint8_t> buffer(kMaxEncodedBytes + 2);
  MessageEncoder encoder({buffer.data(), buffer.size()});
  if (encoder.Encode(CropPreview{}) != EncodeOutcome::kBadValue || !encoder.frame().empty()) return 4;
  Hello hello;
  hello.input_scale = 1.0F / 0.0F;
  if (encoder.Encode(hello) != EncodeOutcome::kBadValue) return 5;
  FrameDecoder decoder({pixels.data(), pixels.size()});
  if (encoder.Encode(AskHello{}) != EncodeOutcome::kOk) return 6;
  StreamOutcome outcome = StreamOutcome::kNotYet;
  for (const std::uint8_t byte : encoder.frame()) outcome = decoder.Push(byte);
  if (outcome != StreamOutcome::kFrame || decoder.frame().sequence != 0) return 7;

  // What was sent before is not sent again in the place of what could not be written.
  if (encoder.Encode(CropPreview{}) != EncodeOutcome::kBadValue || !encoder.frame().empty()) return 13;

  // A decoder's buffer may be shorter than the longest frame, even empty.
  FrameDecoder none(Span<std::uint8_t>{});
  if (none.Push(1) != StreamOutcome::kTooLong || none.Push(2) != StreamOutcome::kNotYet) return 8;
  if (none.Push(0) != StreamOutcome::kNotYet || none.Push(1) != StreamOutcome::kTooLong) return 9;

  if (NextSequence(0) != 1 || NextSequence(65534) != 65535 || NextSequence(65535) != 1) return 10;
  const std::array<std::uint8_t, 9> check = {'1', '2', '3', '4', '5', '6', '7', '8', '9'};
  if (Crc32(check) != 0xCBF43926U || Crc32(Span<const std::uint8_t>{}) != 0) return 11;
  if (CobsMaxEncodedBytes(0) != 1 || CobsMaxEncodedBytes(254) != 255 || CobsMaxEncodedBytes(255) != 257) return 12;
  std::printf("passed\n");
  return 0;
}

void SetTextOf(Span<const std::uint8_t> input) {
  std::vector<char> text(input.begin(), input.end());
  text.push_back('\0');
  BoardError error;
  SetText(error.text, text.data());
  std::vector<std::uint8_t> buffer(kMaxEncodedBytes + 2);
  MessageEncoder encoder({buffer.data(), buffer.size()});
  if (encoder.Encode(error) == EncodeOutcome::kOk) PrintHex(encoder.frame());
}

int Run(const char* mode) {
  if (std::strcmp(mode, "small") == 0) return Small();
  const std::vector<std::uint8_t> input = ReadInput();
  const Span<const std::uint8_t> bytes(input.data(), input.size());
  if (std::strcmp(mode, "settext") == 0) {
    SetTextOf(bytes);
    return 0;
  }
  Stream(bytes, std::strcmp(mode, "messages") == 0);
  return 0;
}

}  // namespace

int main(int argc, char** argv) { return argc == 2 ? Run(argv[1]) : 64; }
