#include "face/cascade_detector.h"

#include <algorithm>

#include "face/cascade.h"
#include "face/contrast.h"
#include "face/level_sums.h"
#include "face/rounding.h"

namespace microfer {
namespace {

// The scales at which the frame is searched, as OpenCV makes them: powers of
// the step in double precision, stored in single. It begins at the first one of
// at least 2: below, OpenCV looks at every second window only.
constexpr std::size_t kMaxScales = 12;

constexpr std::array<float, kMaxScales> MakeScales() {
  std::array<float, kMaxScales> scales{};
  double scale = 1.0;
  while (scale < 2.0) scale *= kScaleStep;
  for (float& stored : scales) {
    stored = static_cast<float>(scale);
    scale *= kScaleStep;
  }
  return scales;
}

constexpr std::array<float, kMaxScales> kScales = MakeScales();

static_assert(RoundHalfEven(kWindowSidePx * kScales[0]) == kSmallestFacePx, "the first scale finds the smallest face");

constexpr int SideAt(int side_px, float scale) { return RoundHalfEven(static_cast<float>(side_px) / scale); }

static_assert(SideAt(kMaxSearchWidthPx, kScales[0]) <= kMaxLevelWidthPx &&
                  SideAt(kMaxSearchHeightPx, kScales[0]) <= kMaxLevelHeightPx,
              "the sums hold the largest level");
static_assert(kScales[kMaxScales - 1] * kWindowSidePx > kMaxSearchHeightPx, "no scale is left out");

// The contrast is measured without the window's rim, over this rectangle.
constexpr Corners kContrastCorners = Rectangle(1, 1, kWindowSidePx - 2, kWindowSidePx - 2);
constexpr std::uint32_t kContrastArea = (kWindowSidePx - 2) * (kWindowSidePx - 2);

// Windows whose gray values deviate by no more than 10 from their mean hold no
// face. 10 * area, squared: in integers what OpenCV's comparison in float comes to.
constexpr std::uint32_t kFlatSpread = 100 * kContrastArea * kContrastArea;
constexpr int kFlat = -1;

std::uint32_t SumOf(const std::uint32_t* window, const Corners& corners) {
  return window[corners[3]] - window[corners[2]] - window[corners[1]] + window[corners[0]];
}

// What bends in a row of three values: 0 where they are in even steps.
std::uint32_t Bend(std::uint32_t first, std::uint32_t middle, std::uint32_t last) {
  return 2 * middle - (first + last);
}

// The feature's value. The sums are modulo 2^32, what comes out is within an int32.
std::uint32_t Weigh(const HaarFeature& feature, const std::uint32_t* window) {
  const int step = feature.step;
  const int across = feature.across;
  const std::uint32_t* one = window + feature.first;
  const std::uint32_t* two = one + across;
  const std::uint32_t first = *two - *one;  // between the columns
  if (feature.shape == HaarShape::kThirds) {
    const std::uint32_t second = *(two += step) - *(one += step);
    const std::uint32_t third = *(two += step) - *(one += step);
    const std::uint32_t last = two[step] - one[step];
    return 3 * (third - second) - (last - first);
  }
  if (feature.shape == HaarShape::kHalves) {
    const std::uint32_t middle = *(two += step) - *(one += step);
    const std::uint32_t last = two[step] - one[step];
    return Bend(first, middle, last);
  }
  const std::uint32_t* three = two + across;
  const std::uint32_t upper = Bend(*one, *two, *three);
  const std::uint32_t middle = Bend(*(one += step), *(two += step), *(three += step));
  const std::uint32_t lower = Bend(one[step], two[step], three[step]);
  const std::uint32_t quarters = Bend(upper, middle, lower);
  return feature.shape == HaarShape::kQuarters ? quarters : 0 - quarters;
}

}  // namespace

// Puts the cascade's questions to the windows of one level.
class Judge {
 public:
  Judge(const Cascade& cascade, const std::uint32_t* sums, const std::uint32_t* squares)
      : cascade_(cascade), sums_(sums), squares_(squares) {}

  // The number of stages that the window at (x, y) passes, the first `spared`
  // ones counted as passed; all of them: a face. kFlat where there is nothing to
  // see.
  [[nodiscard]] int StagesPassed(int x, int y, std::size_t spared = 0) {
    const std::size_t place = static_cast<std::size_t>(y) * kSumsStride + static_cast<std::size_t>(x);
    const std::uint32_t* window = sums_ + place;
    const std::uint32_t sum = SumOf(window, kContrastCorners);
    const std::uint32_t squares = SumOf(squares_ + place, kContrastCorners);
    // area^2 * variance. Both products are modulo 2^32, their difference is
    // below that: at most area^2 * (255 / 2)^2.
    const std::uint32_t spread = kContrastArea * squares - sum * sum;
    if (spread <= kFlatSpread) return kFlat;
    const auto contrast_q15 = static_cast<std::int32_t>(RootQ15(spread));
    for (std::size_t stage = spared; stage < cascade_.first_trees.size(); ++stage) {
      const Verdict verdict = Vote(&cascade_.trees[cascade_.first_trees[stage]], window, contrast_q15);
      trees_asked_ += verdict.trees_asked;
      if (!verdict.passes) return static_cast<int>(stage);
    }
    return static_cast<int>(cascade_.first_trees.size());
  }

  // By all windows so far.
  [[nodiscard]] std::uint32_t trees_asked() const { return trees_asked_; }

 private:
  struct Verdict {
    bool passes;
    std::uint32_t trees_asked;
  };

  // The stage that begins with this tree. A function of its own, so that the
  // chip's registers hold all that it needs.
  [[gnu::noinline]] static Verdict Vote(const HaarTree* const first, const std::uint32_t* window,
                                        std::int32_t contrast_q15) {
    const HaarTree* tree = first;
    std::int32_t votes_q24 = 0;
    while (true) {
      // One place that asks, so that the compiler puts the sums right here. The
      // second node always votes.
      const HaarNode* node = tree->nodes.data();
      std::int32_t vote_q24 = kAskNext;
      do {
        vote_q24 = Ask(*node++, window, contrast_q15);
      } while (vote_q24 < 0);
      votes_q24 += vote_q24;
      ++tree;
      if (votes_q24 < tree[-1].fail_below_q24) return {false, static_cast<std::uint32_t>(tree - first)};
      if (votes_q24 >= tree[-1].pass_from_q24) return {true, static_cast<std::uint32_t>(tree - first)};
    }
  }

  static std::int32_t Ask(const HaarNode& node, const std::uint32_t* window, std::int32_t contrast_q15) {
    const auto feature = static_cast<std::int32_t>(Weigh(node.feature, window));
    // In Q13, rounded down: a whole number is below a limit that is not one,
    // just where it is at most the next whole number below.
    const auto limit_q13 = static_cast<std::int32_t>((std::int64_t{node.threshold_q30} * contrast_q15) >> 32);
    return feature <= limit_q13 >> 13 ? node.below_q24 : node.above_q24;
  }

  const Cascade& cascade_;
  const std::uint32_t* sums_;
  const std::uint32_t* squares_;
  std::uint32_t trees_asked_ = 0;
};

// One size of faces: the frame made so small that they fill the cascade's window.
struct CascadeDetector::Level {
  float scale;
  int side_px;  // of a window in the frame
  int columns;  // windows across, at least 1
  int rows;     // and down
  Judge& judge;
};

DetectOutcome CascadeDetector::Detect(const GrayView& frame, FoundFaces& out) {
  if (!frame.is_frame()) return DetectOutcome::kBadFrame;
  if (frame.width_px > kMaxSearchWidthPx || frame.height_px > kMaxSearchHeightPx ||
      workspace_.size() < kDetectorWorkspaceWords) {
    return DetectOutcome::kFrameTooLarge;
  }
  windows_ = 0;
  has_room_ = true;
  const Span<std::uint32_t> sums = workspace_.First(kSumsElements);
  const Span<std::uint32_t> squares = workspace_.From(kSumsElements).First(kSumsElements);
  Judge judge(cascade_, sums.data(), squares.data());
  // The largest faces first: where the trees do not last, it is the far faces
  // that are left out.
  for (auto scale = kScales.rbegin(); scale != kScales.rend(); ++scale) {
    const int side_px = RoundHalfEven(kWindowSidePx * *scale);
    if (side_px > std::min(frame.width_px, frame.height_px)) continue;
    if (side_px < settings_.searched_from_px()) break;
    const int width_px = SideAt(frame.width_px, *scale);
    const int height_px = SideAt(frame.height_px, *scale);
    BuildSums(frame, width_px, height_px, sums, squares);
    Search({*scale, side_px, width_px - kWindowSidePx + 1, height_px - kWindowSidePx + 1, judge});
  }
  GroupWindows(Span<const Window>(window_room_).First(windows_), settings_.min_neighbours, out);
  out.is_truncated = out.is_truncated || !has_room_;
  out.is_cut_short = !MayAsk(judge);
  out.questions = judge.trees_asked();
  return DetectOutcome::kOk;
}

bool CascadeDetector::MayAsk(const Judge& judge) const {
  return settings_.most_trees == 0 || judge.trees_asked() < settings_.most_trees;
}

void CascadeDetector::Search(const Level& level) {
  if (settings_.look_closer_from_stage == 0) {
    SearchAllOf(level);
  } else {
    SearchCoarsely(level);
    LookCloser(level);
  }
}

// As OpenCV does it: where not even the first stage sees a face, the window
// beside it is left out.
void CascadeDetector::SearchAllOf(const Level& level) {
  const int all = static_cast<int>(cascade_.first_trees.size());
  for (int y = 0; y < level.rows && MayAsk(level.judge); ++y) {
    for (int x = 0; x < level.columns; ++x) {
      const int passed = level.judge.StagesPassed(x, y);
      if (passed == all) Add(level, x, y);
      if (passed == 0) ++x;
    }
  }
}

void CascadeDetector::SearchCoarsely(const Level& level) {
  const int all = static_cast<int>(cascade_.first_trees.size());
  std::size_t place = 0;
  for (int y = 0; y < level.rows; y += 2) {
    int furthest = 0;
    for (int x = 0; x < level.columns; x += 2) {
      const int passed = MayAsk(level.judge) ? std::max(level.judge.StagesPassed(x, y), 0) : 0;
      if (passed == all) Add(level, x, y);
      coarse_stages_[place++] = static_cast<std::uint8_t>(passed);
      furthest = std::max(furthest, passed);
    }
    furthest_of_row_[static_cast<std::size_t>(y / 2)] = static_cast<std::uint8_t>(furthest);
  }
}

void CascadeDetector::LookCloser(const Level& level) {
  const int all = static_cast<int>(cascade_.first_trees.size());
  const int spared = settings_.look_closer_from_stage;
  for (int y = 0; y < level.rows; ++y) {
    const auto above = static_cast<std::size_t>(y / 2);
    const auto below = static_cast<std::size_t>(std::min(y + 1, (level.rows - 1) / 2 * 2) / 2);
    if (std::max(furthest_of_row_[above], furthest_of_row_[below]) < spared) continue;
    for (int x = 1 - y % 2; x < level.columns && MayAsk(level.judge); x += 2 - y % 2) {
      if (FurthestBeside(level, x, y) >= spared &&
          level.judge.StagesPassed(x, y, static_cast<std::size_t>(spared)) == all) {
        Add(level, x, y);
      }
    }
  }
}

// How far the windows of the coarse search came that are nearest to (x, y): two
// or four of them, fewer at the rim.
int CascadeDetector::FurthestBeside(const Level& level, int x, int y) const {
  const int columns = (level.columns + 1) / 2;
  const int rows = (level.rows + 1) / 2;
  const int right = std::min((x + 1) / 2, columns - 1);
  const int below = std::min((y + 1) / 2, rows - 1);
  const auto at = [&](int column, int row) {
    return static_cast<int>(coarse_stages_[static_cast<std::size_t>(row) * static_cast<std::size_t>(columns) +
                                           static_cast<std::size_t>(column)]);
  };
  return std::max(std::max(at(x / 2, y / 2), at(right, y / 2)), std::max(at(x / 2, below), at(right, below)));
}

void CascadeDetector::Add(const Level& level, int x, int y) {
  if (windows_ == window_room_.size()) {
    has_room_ = false;
    return;
  }
  window_room_[windows_++] = {static_cast<std::int16_t>(RoundHalfEven(static_cast<float>(x) * level.scale)),
                              static_cast<std::int16_t>(RoundHalfEven(static_cast<float>(y) * level.scale)),
                              static_cast<std::int16_t>(level.side_px)};
}

}  // namespace microfer
