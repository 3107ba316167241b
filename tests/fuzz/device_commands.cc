// A host that sends anything to a board whose camera, network and port fail at
// any time. The board must go on: whole frames, and an answer to the last question.
#include <memory>

#include "../firmware/fakes.h"
#include "device/board_core.h"
#include "fuzz.h"
#include "protocol/message_encoder.h"

namespace microfer::testing {

// fakes.h expects; here what does not hold ends the program.
void Expect(bool holds, const char* condition, const char* file, int line) {
  fuzz::MustHold(holds, condition, file, line);
}

}  // namespace microfer::testing

namespace microfer {
namespace {

struct Rig {
  Rig() { camera.width_px = testing::kFrameWidthPx; }

  void Frame(fuzz::Input& input) {
    std::array<std::uint8_t, protocol::kMaxEncodedBytes + 2> frame{};
    const auto version = input.Take<std::uint8_t>() < 230 ? protocol::kProtocolVersion : input.Take<std::uint8_t>();
    const auto type =
        static_cast<std::uint8_t>(input.Between(0, 9) == 0 ? input.Take<std::uint8_t>() : 0x81 + input.Between(0, 5));
    protocol::FrameWriter writer(frame, version, type, input.Take<std::uint16_t>());
    const std::size_t usual = type == protocol::InferCrop::kType        ? protocol::InferCrop::kPayloadBytes
                              : type == protocol::AskProfile::kType     ? protocol::AskProfile::kPayloadBytes
                              : type == protocol::StreamSettings::kType ? protocol::StreamSettings::kPayloadBytes
                                                                        : 0;
    const std::size_t size = input.Between(0, 15) == 0 ? static_cast<std::size_t>(input.Between(0, 64)) : usual;
    for (std::size_t i = 0; i < size; ++i) writer.Unsigned(input.Take<std::uint8_t>(), 1);
    std::size_t size_bytes = 0;
    MUST_HOLD(writer.Finish(size_bytes) == protocol::EncodeOutcome::kOk);
    port.to_board.insert(port.to_board.end(), frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(size_bytes));
  }

  void Noise(fuzz::Input& input) {
    for (const std::uint8_t byte : input.TakeBytes(input.Take<std::uint8_t>())) port.to_board.push_back(byte);
  }

  void Fault(fuzz::Input& input) {
    const auto bits = input.Take<std::uint16_t>();
    port.is_full = (bits & 1) != 0;
    camera.answers = (bits & 2) == 0;
    camera.sends = (bits & 4) == 0;
    classifier.runs = (bits & 8) == 0;
    classifier.can_time = (bits & 16) == 0;
    camera.width_px = (bits & 32) == 0 ? testing::kFrameWidthPx : input.Between(1, 80);
    classifier.operators.assign((bits & 64) == 0 ? 3 : static_cast<std::size_t>(input.Between(0, 140)), "ADD");
    clock.now_us += std::uint64_t{input.Take<std::uint16_t>()} * ((bits & 128) == 0 ? 1 : 4096);  // up to four minutes
    for (std::int8_t& score : classifier.scores) score = input.Take<std::int8_t>();
  }

  void Turn() {
    static_cast<void>(core.camera().Step());
    core.device().Step();
    MUST_HOLD(static_cast<int>(core.device().light()) <= static_cast<int>(DeviceLight::kFace));
  }

  testing::FakeCamera camera;
  testing::FakeClassifier classifier;
  testing::FakePort port;
  testing::FakeSystem system;
  testing::FakeClock clock;
  std::vector<std::uint8_t> storage =
      std::vector<std::uint8_t>(NewestFrame::kBuffers * testing::kFrameWidthPx * testing::kFrameHeightPx);
  BoardCore core{{camera, classifier, port, system, clock},
                 {"fuzz", "1.2.3", 8, 9, {}},
                 {{storage.data(), storage.size()}, testing::kFrameWidthPx, testing::kFrameHeightPx}};
};

// Made once: loading and the self-test take longer than anything an input does.
Rig& Board() {
  static Rig& rig = *new Rig;
  static const bool is_started = [] {
    rig.core.device().Start();
    return true;
  }();
  MUST_HOLD(is_started);
  return rig;
}

void Heal(Rig& rig) {
  const std::array<std::uint8_t, 16> good{};
  fuzz::Input none(good.data(), good.size());
  rig.Fault(none);
  rig.port.to_board.push_back(0);  // whatever was begun is over
  // All that has arrived; the camera gives no more meanwhile. A turn looks at so many
  // bytes and no more, so that one without a command may leave some.
  for (int quiet_turns = 0; quiet_turns < 3; ++quiet_turns) {
    if (rig.core.device().Step() || !rig.port.to_board.empty()) quiet_turns = 0;
  }
}

}  // namespace
}  // namespace microfer

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using microfer::protocol::Hello;
  microfer::Rig& rig = microfer::Board();
  rig.port.to_host.clear();
  microfer::fuzz::Input input(data, size);
  while (!input.empty()) {
    switch (input.Between(0, 3)) {
      case 0:
        rig.Noise(input);
        break;
      case 1:
        rig.Fault(input);
        break;
      default:
        rig.Frame(input);
    }
    rig.Turn();
  }
  microfer::Heal(rig);
  rig.port.to_host.clear();
  std::array<std::uint8_t, 64> asked{};
  microfer::protocol::MessageEncoder host(asked);
  MUST_HOLD(host.Encode(microfer::protocol::AskHello{}) == microfer::protocol::EncodeOutcome::kOk);
  rig.port.to_board.insert(rig.port.to_board.end(), host.frame().begin(), host.frame().end());
  rig.Turn();
  MUST_HOLD(microfer::testing::MessagesIn<Hello>(rig.port.to_host).size() == 1);
  return 0;
}
