#ifndef MICROFER_TESTS_CASES_H_
#define MICROFER_TESTS_CASES_H_

#include <cstddef>
#include <cstdint>

#include "base/span.h"

// Questions to the core, as bytes, and its answers: what the tests in Python
// compare with the oracles, and what tests/golden/core.vectors holds. No heap,
// so that the emulated chip can run the golden ones too. All numbers are
// little-endian; tests/firmware/cases.py writes the same.
//
//     crop     i32 width, height, stride, box left, top, width, height; pixels
//              -> u8 outcome, 48x48 u8 where it is 0
//     encode   u8 layout, 48x48 u8 -> u8 outcome, 48x48 i8
//     predict  u32 x 5 settings; for each frame u8 reset first?, 7 i8
//              -> for each u8 outcome; where it is 0 u8 certain, u8 label,
//                 u32 confidence, 7 u32
//     settings f32 temperature, f32 threshold, i32 floor -> u32 x 3, u8 valid
namespace microfer::testing {

enum class CaseKind : std::uint8_t { kCrop = 1, kEncode = 2, kPredict = 3, kSettings = 4 };

inline constexpr std::size_t kMaxAnswerBytes = 4096;

// Writes the answer into `answer` (at least kMaxAnswerBytes) and returns its
// size; 0 where the question is malformed.
[[nodiscard]] std::size_t Answer(CaseKind kind, Span<const std::uint8_t> question, Span<std::uint8_t> answer);

// One case of a file of them: u8 kind, u32 bytes of the question, u32 bytes of
// the answer, then both.
struct Case {
  CaseKind kind;
  Span<const std::uint8_t> question;
  Span<const std::uint8_t> answer;
};

// Takes the next case off the front of `file`; false where none is whole.
[[nodiscard]] bool TakeCase(Span<const std::uint8_t>& file, Case& taken);

struct GoldenResult {
  int cases = 0;
  int wrong = 0;       // of these, answered otherwise than the file says
  bool whole = false;  // false: the file is empty, cut off or damaged
};

[[nodiscard]] GoldenResult CheckGolden(Span<const std::uint8_t> file);

}  // namespace microfer::testing

#endif  // MICROFER_TESTS_CASES_H_
