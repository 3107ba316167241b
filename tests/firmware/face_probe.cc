// What the core's face detector and tracker say of frames, for tests that compare it with OpenCV:
//
//     face_probe detect SMALLEST_FACE_PX MIN_NEIGHBOURS LOOK_CLOSER_FROM_STAGE MOST_TREES
//     face_probe follow
//
// Frames on standard input, each i32 width, i32 height, pixels; a line for each on standard output.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "face/cascade_detector.h"
#include "face/face_tracker.h"

namespace {

std::array<std::uint32_t, microfer::kDetectorWorkspaceWords> detector_workspace;
std::array<std::uint8_t, microfer::kTrackerWorkspaceBytes> tracker_workspace;

bool ReadFrame(std::vector<std::uint8_t>& pixels, microfer::GrayView& frame) {
  std::array<std::int32_t, 2> size{};
  if (std::fread(size.data(), sizeof size, 1, stdin) != 1) return false;
  pixels.resize(static_cast<std::size_t>(size[0]) * static_cast<std::size_t>(size[1]));
  frame = {pixels.data(), size[0], size[1], size[0]};
  return std::fread(pixels.data(), 1, pixels.size(), stdin) == pixels.size();
}

void Print(const microfer::Box& box) {
  std::printf(" %d %d %d %d", box.left_px, box.top_px, box.width_px, box.height_px);
}

int Detect(const microfer::DetectorSettings& settings) {
  microfer::CascadeDetector detector(microfer::kFrontalFace, settings, detector_workspace);
  std::vector<std::uint8_t> pixels;
  microfer::GrayView frame;
  while (ReadFrame(pixels, frame)) {
    microfer::FoundFaces found;
    const auto outcome = static_cast<int>(detector.Detect(frame, found));
    std::printf("%d %d %d %u", outcome, found.is_truncated ? 1 : 0, found.is_cut_short ? 1 : 0,
                static_cast<unsigned int>(found.questions));
    for (std::size_t i = 0; i < found.count; ++i) {
      Print(found.faces[i].box);
      std::printf(" %d", found.faces[i].neighbours);
    }
    std::printf("\n");
  }
  return 0;
}

int Follow() {
  microfer::CascadeDetector detector(microfer::kFrontalFace, microfer::DetectorSettings{}, detector_workspace);
  microfer::FaceTracker tracker(detector, microfer::TrackerSettings{}, tracker_workspace);
  std::vector<std::uint8_t> pixels;
  microfer::GrayView frame;
  while (ReadFrame(pixels, frame)) {
    microfer::Track track;
    std::printf("%d", static_cast<int>(tracker.Follow(frame, track)));
    std::printf(" %d %d", static_cast<int>(track.source), track.is_new_face ? 1 : 0);
    Print(track.face);
    Print(track.crop);
    std::printf("\n");
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 6 && std::strcmp(argv[1], "detect") == 0) {
    return Detect(
        {std::atoi(argv[2]), std::atoi(argv[3]), std::atoi(argv[4]), static_cast<std::uint32_t>(std::atoi(argv[5]))});
  }
  return argc == 2 && std::strcmp(argv[1], "follow") == 0 ? Follow() : 2;
}
