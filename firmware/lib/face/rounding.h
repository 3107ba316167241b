#ifndef MICROFER_FACE_ROUNDING_H_
#define MICROFER_FACE_ROUNDING_H_

namespace microfer {

// To the nearest whole number, halves to even, as OpenCV rounds; number is at
// least 0 and fits an int. The library's own may ask for the rounding mode.
template <typename Float>
constexpr int RoundHalfEven(Float number) {
  const int whole = static_cast<int>(number);
  const Float rest = number - static_cast<Float>(whole);
  const bool up = rest > Float(0.5) || (rest == Float(0.5) && whole % 2 == 1);  // NOLINT(google-readability-casting)
  return up ? whole + 1 : whole;
}

}  // namespace microfer

#endif  // MICROFER_FACE_ROUNDING_H_
