#include "device/self_test.h"

#include <array>

#include "check.h"
#include "fakes.h"
#include "image/overlap.h"

namespace microfer {
namespace {

using testing::FakeClassifier;
using testing::FakeClock;
using testing::FakeDetector;
using testing::FakeSystem;

constexpr int kPictureSide = 60;
constexpr Box kFace{6, 6, 48, 48};

// The self-test on one picture, whose face and scores the test chooses.
struct SelfTestBench {
  SelfTestBench() {
    picture = {"bench", pixels.data(), kPictureSide, kPictureSide, kFace, {}};
    std::copy(classifier.scores.begin(), classifier.scores.end(), std::begin(picture.scores));
    detector.box = kFace;
  }

  SelfTestResult Run(bool is_loaded = true) {
    return RunSelfTest({&picture, 1}, is_loaded, pipeline, detector, system);
  }

  std::array<std::uint8_t, std::size_t{kPictureSide} * kPictureSide> pixels{};
  GoldenFrame picture{};
  FakeClassifier classifier;
  FakeClock clock;
  FakeDetector detector;
  FakeSystem system;
  std::array<std::uint8_t, kTrackerWorkspaceBytes> workspace{};
  FaceTracker tracker{detector, TrackerSettings{}, workspace};
  Pipeline pipeline{tracker, classifier, clock, PredictorSettings{}};
};

static_assert(kGoldenScoresKnown, "the tests' model carries scores");

TEST(ABoardThatAnswersAsTheHostPassesItsSelfTest) {
  SelfTestBench bench;
  const SelfTestResult result = bench.Run();
  EXPECT(result.passed() && result.equal == kNumLabels && result.total == kNumLabels);
  EXPECT(result.faces_found == 1 && result.faces_total == 1 && result.invoke_us > 0);
}

TEST(AScoreThatIsHigherOrLowerThanTheHostsIsNotEqual) {
  for (const int difference : {-1, 1}) {
    SelfTestBench bench;
    bench.picture.scores[3] = static_cast<std::int8_t>(bench.picture.scores[3] + difference);
    const SelfTestResult result = bench.Run();
    EXPECT(!result.passed() && result.equal == kNumLabels - 1 && result.total == kNumLabels);
  }
}

TEST(AFaceIsFoundWhereHalfOfWhatBothBoxesCoverIsShared) {
  SelfTestBench bench;
  // Moved to the right by a third of its side: 2/3 shared of 4/3, one half.
  bench.detector.box = {kFace.left_px + 16, kFace.top_px, kFace.width_px, kFace.height_px};
  EXPECT(bench.Run().faces_found == 1);
  ++bench.detector.box.left_px;
  EXPECT(bench.Run().faces_found == 0);
  bench.detector.box = kFace;
  bench.detector.sees_face = false;
  EXPECT(bench.Run().faces_found == 0 && !bench.Run().passed());
}

TEST(WithoutANetworkOnlyTheFacesAreLookedFor) {
  SelfTestBench bench;
  const SelfTestResult result = bench.Run(false);
  EXPECT(result.total == 0 && result.equal == 0 && result.faces_found == 1 && bench.classifier.invokes == 0);
}

TEST(ANetworkThatCannotRunHasNoEqualScores) {
  SelfTestBench bench;
  bench.classifier.runs = false;
  const SelfTestResult result = bench.Run();
  EXPECT(result.equal == 0 && result.total == kNumLabels && !result.passed());
}

TEST(TheShareOfTwoBoxesIsWhatTheyShareOfWhatTheyCover) {
  EXPECT(SharedPercent({0, 0, 10, 10}, {0, 0, 10, 10}) == 100);
  EXPECT(SharedPercent({0, 0, 10, 10}, {5, 0, 10, 10}) == 33);  // 50 of 150
  EXPECT(SharedPercent({5, 0, 10, 10}, {0, 0, 10, 10}) == 33);
  EXPECT(SharedPercent({0, 0, 10, 20}, {0, 5, 10, 10}) == 50);  // one inside the other
  EXPECT(SharedPercent({0, 0, 10, 10}, {10, 0, 10, 10}) == 0);
  EXPECT(SharedPercent({0, 0, 10, 10}, {0, 12, 10, 10}) == 0);
  EXPECT(SharedPercent({-5, -5, 10, 10}, {0, 0, 10, 10}) == 14);  // 25 of 175
}

}  // namespace
}  // namespace microfer
