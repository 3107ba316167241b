#include "face/face_tracker.h"

#include <algorithm>
#include <cstdlib>

#include "face/cascade_detector.h"
#include "image/halve.h"
#include "image/overlap.h"

namespace microfer {
namespace {

constexpr int kOneQ8 = 256;

// How far a face is looked for from one frame to the next, in the searched
// frame's pixels: at 15 frames a second it crosses the frame in one second.
constexpr int kReachPx = 10;

// Gray levels by which a face may differ from its earlier look, on average.
constexpr int kMaxDifference = 24;

// Boxes that share less than so much of what they cover together are of two faces.
constexpr int kSamePercent = 30;

// How much of the way the box goes to where the detector sees it: half, and a
// quarter for its size, which is the less certain of the two.
constexpr int kPlaceShare = 2;
constexpr int kSideShare = 4;

int ToPx(int number_q8) { return (number_q8 + kOneQ8 / 2) >> 8; }

}  // namespace

Box CropBox(const Box& face) {
  const int side_px = std::max(1, ToPx(face.width_px * kCropSideQ8));
  const int left_px = face.left_px + (face.width_px - side_px) / 2;
  const int top_px = face.top_px + (face.width_px - side_px) / 2 + ToPx(face.width_px * kCropDownQ8);
  return {left_px, top_px, side_px, side_px};
}

DetectOutcome FaceTracker::Follow(const GrayView& frame, Track& out) {
  if (!frame.is_frame()) return DetectOutcome::kBadFrame;
  GrayView searched = frame;
  int scale = 1;
  if (frame.width_px > kMaxSearchWidthPx || frame.height_px > kMaxSearchHeightPx) {
    searched = Halve(frame, workspace_);
    scale = 2;
    if (searched.pixels == nullptr || searched.width_px > kMaxSearchWidthPx ||
        searched.height_px > kMaxSearchHeightPx || searched.width_px < 1 || searched.height_px < 1) {
      return DetectOutcome::kFrameTooLarge;
    }
  }
  const Square before = face_;
  const bool was_followed = has_face_ && Move(searched);
  bool is_new_face = false;
  TrackSource source = TrackSource::kTracked;
  if (!was_followed || frames_since_detector_ + 1 >= settings_.detect_every) {
    FoundFaces found;
    const DetectOutcome outcome = detector_.Detect(searched, found);
    if (outcome != DetectOutcome::kOk) {
      face_ = before;
      return outcome;
    }
    frames_since_detector_ = 0;
    source = Decide(searched, found, is_new_face);
  } else {
    ++frames_since_detector_;
  }
  out = Track{};
  if (!has_face_) return DetectOutcome::kOk;
  out.source = source;
  out.face = BoxOf(face_, scale);
  out.crop = CropBox(out.face);
  out.is_new_face = is_new_face;
  return DetectOutcome::kOk;
}

// What the detector's answer means for the face that was followed here.
TrackSource FaceTracker::Decide(const GrayView& frame, const FoundFaces& found, bool& is_new_face) {
  const FoundFace* same = has_face_ ? SameFace(found) : nullptr;
  if (same == nullptr) {
    if (has_face_ && ++misses_ <= settings_.max_misses) return TrackSource::kTracked;
    has_face_ = found.count > 0;
    if (!has_face_) return TrackSource::kNone;
    face_ = SquareOf(found.faces[0].box);
    is_new_face = true;
  } else {
    Correct(SquareOf(same->box));
  }
  misses_ = 0;
  look_ = LookAt(frame, face_);
  return TrackSource::kDetected;
}

// Of the faces found, the one that covers the followed one best, or none.
const FoundFace* FaceTracker::SameFace(const FoundFaces& found) const {
  const Box followed = BoxOf(face_, 1);
  const FoundFace* best = nullptr;
  int best_percent = kSamePercent - 1;
  for (std::size_t i = 0; i < found.count; ++i) {
    const int percent = SharedPercent(found.faces[i].box, followed);
    if (percent > best_percent) {
      best_percent = percent;
      best = &found.faces[i];
    }
  }
  return best;
}

// Towards where the detector sees it: its boxes jump by a few pixels from frame
// to frame even where nothing moves. Where it is a quarter of a face away, the
// face was not followed well, and the detector is right.
void FaceTracker::Correct(const Square& detected) {
  const int right = detected.x_q8 - face_.x_q8;
  const int down = detected.y_q8 - face_.y_q8;
  const int larger = detected.side_q8 - face_.side_q8;
  if (std::max({std::abs(right), std::abs(down), std::abs(larger)}) > face_.side_q8 / 4) {
    face_ = detected;
    return;
  }
  face_.x_q8 += right / kPlaceShare;
  face_.y_q8 += down / kPlaceShare;
  face_.side_q8 += larger / kSideShare;
}

// Finds what looks most like the face: every second place within reach, then
// those around the best one. False where nothing looks enough like it; the box
// stays then where it is.
bool FaceTracker::Move(const GrayView& frame) {
  constexpr int kWorst = kMaxDifference * kPoints * kPoints;
  int best = Difference(frame, 0, 0, kWorst);
  int right_px = 0;
  int down_px = 0;
  const auto try_around = [&](int reach, int step) {
    const int middle_x = right_px;
    const int middle_y = down_px;
    for (int y = middle_y - reach; y <= middle_y + reach; y += step) {
      for (int x = middle_x - reach; x <= middle_x + reach; x += step) {
        const int difference = Difference(frame, x, y, best);
        if (difference >= best) continue;
        best = difference;
        right_px = x;
        down_px = y;
      }
    }
  };
  try_around(kReachPx, 2);
  try_around(1, 1);
  if (best >= kWorst) return false;
  // The middle stays within the frame.
  face_.x_q8 = std::clamp(face_.x_q8 + right_px * kOneQ8, 0, frame.width_px * kOneQ8);
  face_.y_q8 = std::clamp(face_.y_q8 + down_px * kOneQ8, 0, frame.height_px * kOneQ8);
  return true;
}

// By how many gray levels the face differs from its look if it has moved so; as
// soon as that is `enough`, it is not added up further.
int FaceTracker::Difference(const GrayView& frame, int right_px, int down_px, int enough) const {
  const int step_q8 = face_.side_q8 / kPoints;
  const int first_q8 = (step_q8 - face_.side_q8) / 2;
  std::array<int, kPoints> columns;
  for (int i = 0; i < kPoints; ++i) {
    const int x_q8 = face_.x_q8 + first_q8 + i * step_q8;
    columns[static_cast<std::size_t>(i)] = std::clamp((x_q8 >> 8) + right_px, 0, frame.width_px - 1);
  }
  const std::uint8_t* look = look_.data();
  int sum = 0;
  for (int i = 0; i < kPoints && sum < enough; ++i) {
    const int y_q8 = face_.y_q8 + first_q8 + i * step_q8;
    const std::uint8_t* row = frame.row(std::clamp((y_q8 >> 8) + down_px, 0, frame.height_px - 1));
    for (const int column : columns) sum += std::abs(row[column] - *look++);
  }
  return sum;
}

FaceTracker::Look FaceTracker::LookAt(const GrayView& frame, const Square& square) {
  const int step_q8 = square.side_q8 / kPoints;
  const int first_q8 = (step_q8 - square.side_q8) / 2;
  Look look;
  auto gray = look.begin();
  for (int i = 0; i < kPoints; ++i) {
    const std::uint8_t* row =
        frame.row(std::clamp((square.y_q8 + first_q8 + i * step_q8) >> 8, 0, frame.height_px - 1));
    for (int j = 0; j < kPoints; ++j) {
      *gray++ = row[std::clamp((square.x_q8 + first_q8 + j * step_q8) >> 8, 0, frame.width_px - 1)];
    }
  }
  return look;
}

FaceTracker::Square FaceTracker::SquareOf(const Box& box) {
  return {box.left_px * kOneQ8 + box.width_px * kOneQ8 / 2, box.top_px * kOneQ8 + box.height_px * kOneQ8 / 2,
          box.width_px * kOneQ8};
}

Box FaceTracker::BoxOf(const Square& square, int scale) {
  const int side_px = std::max(1, ToPx(square.side_q8 * scale));
  const int half_q8 = side_px * kOneQ8 / 2;
  return {ToPx(square.x_q8 * scale - half_q8), ToPx(square.y_q8 * scale - half_q8), side_px, side_px};
}

}  // namespace microfer
