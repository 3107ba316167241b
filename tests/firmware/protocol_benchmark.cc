// How fast the board's codec is, on this computer: microfer benchmark-link
// compiles it and shows what it prints, a line of JSON for each message.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <vector>

#include "base/span.h"
#include "generated/messages.h"
#include "protocol/frame_decoder.h"
#include "protocol/message_encoder.h"

namespace {

using namespace microfer::protocol;  // NOLINT: this file is about nothing else
using microfer::Span;
using Clock = std::chrono::steady_clock;

constexpr int kRounds = 5;  // the fastest of them counts: the others were disturbed
constexpr std::size_t kRoundBytes = 20'000'000;

double MegabytesASecond(std::size_t bytes, Clock::duration took) {
  return static_cast<double>(bytes) / 1e6 / std::chrono::duration<double>(took).count();
}

template <typename Message>
double Encoding(const Message& message, std::vector<std::uint8_t>& stream) {
  std::vector<std::uint8_t> buffer(kMaxEncodedBytes + 2);
  MessageEncoder encoder({buffer.data(), buffer.size()});
  stream.clear();
  stream.reserve(kRoundBytes + buffer.size());
  const auto begin = Clock::now();
  while (stream.size() < kRoundBytes && encoder.Encode(message) == EncodeOutcome::kOk) {
    stream.insert(stream.end(), encoder.frame().begin(), encoder.frame().end());
  }
  return MegabytesASecond(stream.size(), Clock::now() - begin);
}

template <typename Message>
double Decoding(const std::vector<std::uint8_t>& stream, std::size_t& read) {
  std::array<std::uint8_t, kMaxEncodedBytes> buffer{};
  FrameDecoder decoder(buffer);
  Message message;
  read = 0;
  const auto begin = Clock::now();
  for (const std::uint8_t byte : stream) {
    if (decoder.Push(byte) != StreamOutcome::kFrame) continue;
    if (ReadPayload(decoder.frame().payload, message) == PayloadOutcome::kOk) ++read;
  }
  return MegabytesASecond(stream.size(), Clock::now() - begin);
}

template <typename Message>
void Measure(const char* name, const Message& message) {
  std::vector<std::uint8_t> stream;
  double encoding = 0;
  double decoding = 0;
  std::size_t read = 0;
  for (int round = 0; round < kRounds; ++round) {
    encoding = std::max(encoding, Encoding(message, stream));
    decoding = std::max(decoding, Decoding<Message>(stream, read));
  }
  std::printf("{\"message\": \"%s\", \"frames\": %zu, \"encode\": %.1f, \"decode\": %.1f}\n", name, read, encoding,
              decoding);
}

}  // namespace

int main() {
  std::array<std::uint8_t, InferCrop::kPayloadBytes - 4> pixels{};
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i * 7);
  CropPreview preview;
  preview.frame = 12'345;
  preview.pixels = Span<const std::uint8_t>(pixels);
  Measure("CropPreview", preview);

  Prediction prediction;
  prediction.frame = 12'345;
  prediction.invoke_us = 61'234;
  Measure("Prediction", prediction);
}
