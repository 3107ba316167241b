#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "check.h"
#include "face/cascade_detector.h"
#include "face/contrast.h"
#include "face/face_tracker.h"
#include "face/grouping.h"
#include "face/rounding.h"
#include "image/halve.h"

namespace microfer {
namespace {

constexpr int kWidth = 160;
constexpr int kHeight = 120;
using Picture = std::array<std::uint8_t, std::size_t{kWidth} * kHeight>;

GrayView View(const Picture& picture) { return {picture.data(), kWidth, kHeight, kWidth}; }

// Sees what it is told to see, and counts how often it is asked.
class ScriptedDetector final : public FaceDetector {
 public:
  DetectOutcome Detect(const GrayView& /*frame*/, FoundFaces& out) override {
    ++runs;
    if (outcome == DetectOutcome::kOk) out = sees;
    return outcome;
  }

  void See(std::initializer_list<Box> boxes) {
    sees = {};
    for (const Box& box : boxes) sees.faces[sees.count++] = {box, 9};
  }

  int runs = 0;
  FoundFaces sees;
  DetectOutcome outcome = DetectOutcome::kOk;
};

// A patch of stripes and spots that looks like nothing else, on gray.
Picture PictureWith(const Box& patch) {
  Picture picture;
  picture.fill(128);
  for (int y = 0; y < patch.height_px; ++y) {
    for (int x = 0; x < patch.width_px; ++x) {
      const int at_x = patch.left_px + x;
      const int at_y = patch.top_px + y;
      if (at_x < 0 || at_y < 0 || at_x >= kWidth || at_y >= kHeight) continue;
      const int waves = (x / 7 % 2) * 90 + (y / 9 % 2) * 60 + (x * y / 50) % 40;
      picture[static_cast<std::size_t>(at_y) * kWidth + static_cast<std::size_t>(at_x)] =
          static_cast<std::uint8_t>(waves);
    }
  }
  return picture;
}

struct Rig {
  std::array<std::uint8_t, kTrackerWorkspaceBytes> workspace{};
  ScriptedDetector detector;
  FaceTracker tracker{detector, TrackerSettings{}, workspace};
  Track track;

  bool Follow(const Picture& picture) { return tracker.Follow(View(picture), track) == DetectOutcome::kOk; }
};

constexpr Box kPatch{40, 30, 60, 60};

std::array<std::uint32_t, kDetectorWorkspaceWords> detector_workspace;

TEST(HalvesAreRoundedToEven) {
  EXPECT(RoundHalfEven(0.5F) == 0 && RoundHalfEven(1.5F) == 2 && RoundHalfEven(2.5) == 2);
  EXPECT(RoundHalfEven(2.4999F) == 2 && RoundHalfEven(2.5001) == 3 && RoundHalfEven(7.0) == 7);
}

TEST(TheRootIsRightToTwentyFiveBits) {
  for (std::uint64_t number = 1U << 22; number < (std::uint64_t{1} << 32); number += number / 977 + 1) {
    const double root = std::sqrt(static_cast<double>(number)) * 32768;
    const double found = RootQ15(static_cast<std::uint32_t>(number));
    EXPECT(std::abs(found - root) <= root / (1 << 25) + 1);
  }
  EXPECT(RootQ15(UINT32_MAX) < (1U << 31));
}

TEST(HalvingTakesTheMeanOfTwoByTwoHalvesUp) {
  const std::array<std::uint8_t, 15> pixels{1, 2, 3, 4, 99, 1, 2, 4, 4, 99, 9, 9, 9, 9, 9};
  std::array<std::uint8_t, 2> room{};
  const GrayView half = Halve({pixels.data(), 5, 3, 5}, room);
  EXPECT(half.width_px == 2 && half.height_px == 1 && half.stride_bytes == 2);
  EXPECT(room[0] == 2 && room[1] == 4);
  EXPECT(Halve({pixels.data(), 5, 3, 5}, Span<std::uint8_t>(room).First(1)).pixels == nullptr);
}

TEST(NoFaceIsSeenInBlackInWhiteAndInFramesTooSmallForOne) {
  CascadeDetector detector(kFrontalFace, DetectorSettings{}, detector_workspace);
  Picture picture{};
  FoundFaces found;
  for (const int gray : {0, 128, 255}) {
    picture.fill(static_cast<std::uint8_t>(gray));
    found.count = 7;
    EXPECT(detector.Detect(View(picture), found) == DetectOutcome::kOk);
    EXPECT(found.count == 0 && !found.is_truncated);
  }
  for (const int side : {1, 2, 20, 42, 43, 44}) {
    EXPECT(detector.Detect({picture.data(), side, side, side}, found) == DetectOutcome::kOk);
    EXPECT(found.count == 0);
  }
}

TEST(AFrameThatCannotBeSearchedIsRefusedAndTheAnswerLeftAlone) {
  CascadeDetector detector(kFrontalFace, DetectorSettings{}, detector_workspace);
  const Picture picture{};
  FoundFaces found;
  found.count = 7;
  for (const GrayView& frame : {GrayView{nullptr, 48, 48, 48}, GrayView{picture.data(), 0, 48, 48},
                                GrayView{picture.data(), 48, -1, 48}, GrayView{picture.data(), 48, 48, 47}}) {
    EXPECT(detector.Detect(frame, found) == DetectOutcome::kBadFrame);
  }
  EXPECT(detector.Detect({picture.data(), 161, 119, 161}, found) == DetectOutcome::kFrameTooLarge);
  EXPECT(detector.Detect({picture.data(), 100, 121, 100}, found) == DetectOutcome::kFrameTooLarge);
  CascadeDetector without_room(kFrontalFace, DetectorSettings{}, Span<std::uint32_t>(detector_workspace).From(1));
  EXPECT(without_room.Detect(View(picture), found) == DetectOutcome::kFrameTooLarge);
  EXPECT(found.count == 7);
}

TEST(SettingsAreCheckedAtCompileTime) {
  static_assert(DetectorSettings{}.valid() && TrackerSettings{}.valid());
  static_assert(!DetectorSettings{0, 2, 12, 0}.valid() && !DetectorSettings{40, 0, 12, 0}.valid());
  static_assert(!DetectorSettings{40, 2, -1, 0}.valid());
  static_assert(!TrackerSettings{0, 2}.valid() && !TrackerSettings{4, -1}.valid());
  EXPECT(true);
}

TEST(WindowsThatAgreeBecomeTheirMeanAndFewerThanAskedForNothing) {
  const std::array<Window, 5> windows{{{10, 10, 50}, {14, 10, 50}, {12, 13, 53}, {90, 60, 43}, {92, 60, 43}}};
  FoundFaces found;
  GroupWindows(windows, 2, found);
  EXPECT(found.count == 1 && found.faces[0].neighbours == 3);
  EXPECT(found.faces[0].box.left_px == 12 && found.faces[0].box.top_px == 11 && found.faces[0].box.width_px == 51);
  GroupWindows(windows, 1, found);
  EXPECT(found.count == 2 && found.faces[1].box.left_px == 91);
  GroupWindows({}, 1, found);
  EXPECT(found.count == 0 && !found.is_truncated);
}

TEST(AGroupInsideAMuchLargerOneIsLeftOut) {
  const std::array<Window, 6> windows{{{0, 0, 100}, {1, 0, 100}, {0, 1, 100}, {1, 1, 100}, {20, 30, 43}, {21, 30, 43}}};
  FoundFaces found;
  GroupWindows(windows, 1, found);
  EXPECT(found.count == 1 && found.faces[0].box.width_px == 100);
}

TEST(OfTooManyFacesTheLargestAreKept) {
  for (const bool is_largest_first : {false, true}) {
    std::array<Window, 20> windows{};
    for (std::size_t i = 0; i < windows.size(); ++i) {
      const auto face = static_cast<std::int16_t>(i / 2);
      windows[i] = {static_cast<std::int16_t>(100 * face), 0,
                    static_cast<std::int16_t>(is_largest_first ? 52 - face : 43 + face)};
    }
    FoundFaces found;
    GroupWindows(windows, 1, found);
    EXPECT(found.count == kMaxFaces && found.is_truncated);
    EXPECT(found.faces[0].box.width_px == 52 && found.faces[kMaxFaces - 1].box.width_px == 45);
  }
}

TEST(WithoutAFaceTheDetectorRunsOnEveryFrameAndThenOnEveryFourth) {
  Rig rig;
  const Picture picture = PictureWith(kPatch);
  for (int frame = 0; frame < 3; ++frame) EXPECT(rig.Follow(picture) && rig.track.source == TrackSource::kNone);
  EXPECT(rig.detector.runs == 3 && rig.track.face.width_px == 0 && rig.track.crop.width_px == 0);
  rig.detector.See({kPatch});
  for (int frame = 0; frame < 9; ++frame) {
    EXPECT(rig.Follow(picture));
    EXPECT(rig.track.is_new_face == (frame == 0));
    EXPECT(rig.track.source == (frame % 4 == 0 ? TrackSource::kDetected : TrackSource::kTracked));
    EXPECT(rig.track.face.left_px == 40 && rig.track.face.top_px == 30 && rig.track.face.width_px == 60);
  }
  EXPECT(rig.detector.runs == 6);
}

TEST(AFaceThatMovesIsFollowedBetweenDetections) {
  Rig rig;
  rig.detector.See({kPatch});
  EXPECT(rig.Follow(PictureWith(kPatch)));
  int left = kPatch.left_px;
  for (int frame = 0; frame < 3; ++frame) {
    left += 7;
    EXPECT(rig.Follow(PictureWith({left, kPatch.top_px - frame, 60, 60})));
    EXPECT(rig.track.source == TrackSource::kTracked && !rig.track.is_new_face);
    EXPECT(rig.track.face.left_px == left && rig.track.face.top_px == kPatch.top_px - frame);
  }
}

// Where the followed face is, after it has moved by so much from one frame to the next.
int FollowedTo(int right_px, int down_px) {
  Rig rig;
  rig.detector.See({kPatch});
  EXPECT(rig.Follow(PictureWith(kPatch)));
  rig.detector.See({});
  EXPECT(rig.Follow(PictureWith({kPatch.left_px + right_px, kPatch.top_px + down_px, 60, 60})));
  return (rig.track.face.left_px - kPatch.left_px) * 100 + rig.track.face.top_px - kPatch.top_px;
}

TEST(AFaceIsLookedForTenPixelsAroundAndOneMore) {
  EXPECT(FollowedTo(11, 0) == 1100 && FollowedTo(-11, 0) == -1100);
  EXPECT(FollowedTo(0, 11) == 11 && FollowedTo(0, -11) == -11);
  EXPECT(FollowedTo(10, 10) == 1010);
  EXPECT(FollowedTo(12, 0) != 1200 && FollowedTo(0, -12) != -12);
}

TEST(ABoxThatSharesThreeTenthsIsOfTheSameFace) {
  for (const int right_px : {32, 33}) {  // 28 of 92 columns, 30 %; 27 of 93, 29 %
    Rig rig;
    rig.detector.See({kPatch});
    EXPECT(rig.Follow(PictureWith(kPatch)));
    rig.detector.See({{kPatch.left_px + right_px, kPatch.top_px, 60, 60}});
    for (int frame = 0; frame < 4; ++frame) EXPECT(rig.Follow(PictureWith(kPatch)));
    EXPECT(rig.track.source == (right_px == 32 ? TrackSource::kDetected : TrackSource::kTracked));
    EXPECT(rig.track.face.left_px == kPatch.left_px + (right_px == 32 ? 32 : 0));
  }
}

// Stripes across up to `edge`, black from there on; or the same along the
// other axis. A face on it looks the same where its black part reaches out of
// the frame.
Picture StripedUpTo(int edge, bool is_vertical) {
  Picture picture;
  for (int y = 0; y < kHeight; ++y) {
    for (int x = 0; x < kWidth; ++x) {
      const int along = edge - (is_vertical ? y : x);
      const int gray = along > 0 ? (along * along / 3) % 120 : 0;
      picture[static_cast<std::size_t>(y) * kWidth + static_cast<std::size_t>(x)] = static_cast<std::uint8_t>(gray);
    }
  }
  return picture;
}

TEST(TheMiddleOfAFollowedFaceStaysOnTheFrame) {
  for (const bool is_vertical : {true, false}) {
    std::array<std::uint8_t, kTrackerWorkspaceBytes> workspace{};
    ScriptedDetector detector;
    FaceTracker tracker(detector, TrackerSettings{100, 2}, workspace);
    const int end = is_vertical ? kHeight : kWidth;
    int edge = end - 30;
    detector.See({is_vertical ? Box{50, edge - 30, 60, 60} : Box{edge - 30, 30, 60, 60}});
    Track track;
    for (; edge <= end + 12; edge += 6) {
      EXPECT(tracker.Follow(View(StripedUpTo(edge, is_vertical)), track) == DetectOutcome::kOk);
      const int middle = is_vertical ? track.face.top_px + 30 : track.face.left_px + 30;
      EXPECT(middle == std::min(edge, end));
    }
  }
}

TEST(AFaceThatIsGoneIsDroppedAfterAFewFrames) {
  Rig rig;
  rig.detector.See({kPatch});
  EXPECT(rig.Follow(PictureWith(kPatch)));
  rig.detector.See({});
  Picture empty;
  empty.fill(250);
  for (int frame = 0; frame < TrackerSettings{}.max_misses; ++frame) {
    EXPECT(rig.Follow(empty) && rig.track.source == TrackSource::kTracked);
  }
  EXPECT(rig.Follow(empty) && rig.track.source == TrackSource::kNone);
  rig.detector.See({kPatch});
  EXPECT(rig.Follow(PictureWith(kPatch)) && rig.track.is_new_face);
}

TEST(AFaceThatTheDetectorLosesThoughItIsThereIsDroppedInTheEnd) {
  Rig rig;
  const Picture picture = PictureWith(kPatch);
  rig.detector.See({kPatch});
  EXPECT(rig.Follow(picture));
  rig.detector.See({});
  int frames = 0;
  while (rig.Follow(picture) && rig.track.source != TrackSource::kNone) ++frames;
  EXPECT(frames == 11);  // runs of the detector on the 4th, 8th and 12th
}

TEST(AnotherFaceElsewhereIsANewOne) {
  Rig rig;
  rig.detector.See({kPatch});
  EXPECT(rig.Follow(PictureWith(kPatch)));
  const Box other{95, 50, 55, 55};
  rig.detector.See({other});
  Picture empty;
  empty.fill(250);
  EXPECT(rig.Follow(empty) && !rig.track.is_new_face);
  EXPECT(rig.Follow(empty) && !rig.track.is_new_face);
  EXPECT(rig.Follow(empty) && rig.track.is_new_face && rig.track.face.left_px == 95);
}

TEST(OfSeveralNewFacesTheLargestIsFollowed) {
  Rig rig;
  rig.detector.See({kPatch, {100, 40, 50, 50}});  // a detector tells of the largest first
  EXPECT(rig.Follow(PictureWith(kPatch)) && rig.track.is_new_face && rig.track.face.left_px == kPatch.left_px);
}

TEST(OfTwoFacesTheFollowedOneIsKept) {
  Rig rig;
  rig.detector.See({kPatch});
  EXPECT(rig.Follow(PictureWith(kPatch)));
  rig.detector.See({{90, 20, 70, 70}, {41, 31, 60, 60}});
  for (int frame = 0; frame < 8; ++frame) EXPECT(rig.Follow(PictureWith(kPatch)) && !rig.track.is_new_face);
  EXPECT(rig.track.face.left_px <= 41);
}

TEST(ABoxThatJumpsIsHalvedOnItsWay) {
  Rig rig;
  rig.detector.See({kPatch});
  EXPECT(rig.Follow(PictureWith(kPatch)));
  rig.detector.See({{44, 30, 60, 60}});
  for (int frame = 0; frame < 4; ++frame) EXPECT(rig.Follow(PictureWith(kPatch)));
  EXPECT(rig.track.source == TrackSource::kDetected && rig.track.face.left_px == 42);
}

TEST(ABoxThatGrowsIsCorrectedByAQuarter) {
  Rig rig;
  rig.detector.See({kPatch});
  EXPECT(rig.Follow(PictureWith(kPatch)));
  rig.detector.See({{38, 28, 64, 64}});
  for (int frame = 0; frame < 4; ++frame) EXPECT(rig.Follow(PictureWith(kPatch)));
  EXPECT(rig.track.source == TrackSource::kDetected && rig.track.face.width_px == 61);
}

TEST(AFaceThatWasNotFollowedWellIsWhereTheDetectorSeesIt) {
  Rig rig;
  rig.detector.See({kPatch});
  EXPECT(rig.Follow(PictureWith(kPatch)));
  rig.detector.See({{60, 30, 60, 60}});  // more than a quarter of its side away
  for (int frame = 0; frame < 4; ++frame) EXPECT(rig.Follow(PictureWith(kPatch)));
  EXPECT(rig.track.face.left_px == 60 && !rig.track.is_new_face);
}

TEST(OfTwoFacesThatAreAsNearTheFirstIsTheSame) {
  Rig rig;
  rig.detector.See({kPatch});
  EXPECT(rig.Follow(PictureWith(kPatch)));
  rig.detector.See({{36, 30, 60, 60}, {44, 30, 60, 60}});
  for (int frame = 0; frame < 4; ++frame) EXPECT(rig.Follow(PictureWith(kPatch)));
  EXPECT(rig.track.face.left_px == 38);
}

TEST(MissesAreCountedAnewOnceTheFaceIsSeenAgain) {
  std::array<std::uint8_t, kTrackerWorkspaceBytes> workspace{};
  ScriptedDetector detector;
  FaceTracker tracker(detector, TrackerSettings{1, 2}, workspace);
  const Picture picture = PictureWith(kPatch);
  Track track;
  for (int time = 0; time < 2; ++time) {
    detector.See({kPatch});
    EXPECT(tracker.Follow(View(picture), track) == DetectOutcome::kOk && track.source == TrackSource::kDetected);
    detector.See({});
    for (int miss = 0; miss < 2; ++miss) {
      EXPECT(tracker.Follow(View(picture), track) == DetectOutcome::kOk && track.source == TrackSource::kTracked);
    }
  }
  EXPECT(tracker.Follow(View(picture), track) == DetectOutcome::kOk && track.source == TrackSource::kNone);
}

TEST(AFrameThatTheDetectorRefusesDoesNotMoveTheFace) {
  std::array<std::uint8_t, kTrackerWorkspaceBytes> workspace{};
  ScriptedDetector detector;
  FaceTracker tracker(detector, TrackerSettings{2, 2}, workspace);
  Track track;
  detector.See({kPatch});
  EXPECT(tracker.Follow(View(PictureWith(kPatch)), track) == DetectOutcome::kOk);
  EXPECT(tracker.Follow(View(PictureWith(kPatch)), track) == DetectOutcome::kOk);
  detector.outcome = DetectOutcome::kFrameTooLarge;
  EXPECT(tracker.Follow(View(PictureWith({51, 30, 60, 60})), track) == DetectOutcome::kFrameTooLarge);
  detector.outcome = DetectOutcome::kOk;
  detector.See({});
  // 22 pixels from where it was last are out of reach; 11 from the refused frame would not be.
  EXPECT(tracker.Follow(View(PictureWith({62, 30, 60, 60})), track) == DetectOutcome::kOk);
  EXPECT(track.face.left_px != 62);
}

TEST(AForgottenFaceIsNewWhenItIsSeenAgain) {
  Rig rig;
  rig.detector.See({kPatch});
  EXPECT(rig.Follow(PictureWith(kPatch)) && rig.track.is_new_face);
  rig.tracker.Reset();
  EXPECT(rig.Follow(PictureWith(kPatch)) && rig.track.is_new_face);
}

TEST(ARefusedFrameChangesNothing) {
  Rig rig;
  rig.detector.See({kPatch});
  EXPECT(rig.Follow(PictureWith(kPatch)));
  const Picture picture = PictureWith({46, 30, 60, 60});
  std::array<std::uint8_t, 4> pixels{};
  rig.track.source = TrackSource::kNone;
  EXPECT(rig.tracker.Follow({nullptr, 160, 120, 160}, rig.track) == DetectOutcome::kBadFrame);
  EXPECT(rig.tracker.Follow({pixels.data(), 322, 240, 322}, rig.track) == DetectOutcome::kFrameTooLarge);
  EXPECT(rig.tracker.Follow({pixels.data(), 320, 242, 320}, rig.track) == DetectOutcome::kFrameTooLarge);
  EXPECT(rig.track.source == TrackSource::kNone);
  rig.detector.outcome = DetectOutcome::kFrameTooLarge;
  for (int frame = 0; frame < 3; ++frame) EXPECT(rig.Follow(PictureWith(kPatch)));
  EXPECT(rig.tracker.Follow(View(picture), rig.track) == DetectOutcome::kFrameTooLarge);
  EXPECT(rig.track.face.left_px == kPatch.left_px);
}

TEST(AFrameOf320By240IsSearchedAtHalfItsSize) {
  Rig rig;
  std::array<std::uint8_t, std::size_t{4} * kWidth * kHeight> large{};
  rig.detector.See({kPatch});
  EXPECT(rig.tracker.Follow({large.data(), 320, 240, 320}, rig.track) == DetectOutcome::kOk);
  EXPECT(rig.track.face.left_px == 80 && rig.track.face.top_px == 60 && rig.track.face.width_px == 120);
}

TEST(TheCropIsTheFaceEnlargedAboutItsMiddleAndMovedDown) {
  const Box crop = CropBox({100, 50, 256, 256});
  EXPECT(crop.width_px == kCropSideQ8 && crop.height_px == kCropSideQ8);
  EXPECT(crop.left_px == 100 + (256 - kCropSideQ8) / 2);
  EXPECT(crop.top_px == 50 + (256 - kCropSideQ8) / 2 + kCropDownQ8);
  // As measured on LFW, see docs/face.md: as large as the face, a 21st of its side further down.
  EXPECT(crop.left_px == 100 && crop.top_px == 62 && crop.width_px == 256);
  EXPECT(CropBox({10, 20, 1, 1}).width_px == 1 && CropBox({10, 20, 0, 0}).width_px == 1);
}

}  // namespace
}  // namespace microfer
