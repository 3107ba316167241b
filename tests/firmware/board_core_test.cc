#include "device/board_core.h"

#include <array>
#include <memory>
#include <vector>

#include "check.h"
#include "fakes.h"
#include "generated/golden.h"
#include "image/overlap.h"

namespace microfer {
namespace {

using testing::FakeCamera;
using testing::FakeClassifier;
using testing::FakeClock;
using testing::FakePort;
using testing::FakeSystem;

// Shows one of the golden pictures.
class GoldenCamera final : public Camera {
 public:
  bool Start() override { return true; }
  CaptureOutcome Capture(GrayView& frame) override {
    frame = {picture.pixels, picture.width_px, picture.height_px, picture.width_px};
    return CaptureOutcome::kFrame;
  }
  void Release() override {}
  void Stop() override {}

  const GoldenFrame& picture = kGoldenFrames[0];
};

// A board of all its own parts; only what would be hardware is a stand-in. On the
// heap, as it is too large for a stack.
struct WholeBoard {
  explicit WholeBoard(std::size_t storage_bytes) : storage(storage_bytes) {}

  void Turn(int times) {
    for (int i = 0; i < times; ++i) {
      (void)core.camera().Step();
      core.device().Step();
    }
  }

  GoldenCamera camera;
  FakeClassifier classifier;
  FakePort port;
  FakeSystem system;
  FakeClock clock;
  std::vector<std::uint8_t> storage;
  BoardCore core{{camera, classifier, port, system, clock},
                 {"whole", "1.2.3", 8, 9, {}},
                 {{storage.data(), storage.size()}, camera.picture.width_px, camera.picture.height_px}};
};

std::size_t StorageBytes() {
  return NewestFrame::kBuffers * static_cast<std::size_t>(kGoldenFrames[0].width_px * kGoldenFrames[0].height_px);
}

TEST(AWholeBoardFindsTheFaceInFrontOfItsCamera) {
  const auto board = std::make_unique<WholeBoard>(StorageBytes());
  board->core.device().Start();
  board->Turn(2);
  const auto hellos = testing::MessagesIn<protocol::Hello>(board->port.to_host);
  EXPECT(hellos.size() == 1 && hellos[0].self_test_faces_found == kNumGoldenFrames);
  EXPECT(hellos[0].frame_width_px == board->camera.picture.width_px);
  const auto predictions = testing::MessagesIn<protocol::Prediction>(board->port.to_host);
  EXPECT(predictions.size() == 1 && predictions[0].answer == protocol::Answer::kLabel);
  const Box seen{predictions[0].face_x_px, predictions[0].face_y_px, predictions[0].face_width_px,
                 predictions[0].face_height_px};
  EXPECT(SharedPercent(seen, board->camera.picture.face) >= 50);
}

TEST(WithoutRoomForItsFramesABoardDropsEachAndSaysSo) {
  const auto board = std::make_unique<WholeBoard>(StorageBytes() - 1);
  board->core.device().Start();
  board->Turn(4);
  const auto hellos = testing::MessagesIn<protocol::Hello>(board->port.to_host);
  EXPECT(hellos.size() == 1 && hellos[0].frame_width_px == 0 && hellos[0].frame_height_px == 0);
  EXPECT(testing::MessagesIn<protocol::Prediction>(board->port.to_host).empty());
  const auto errors = testing::MessagesIn<protocol::BoardError>(board->port.to_host);
  EXPECT(!errors.empty() && errors.back().code == protocol::ErrorCode::kFrameSize);
}

}  // namespace
}  // namespace microfer
