"""The text of golden.h and golden.cc: the golden pictures, and what the model must answer on them.

Standard library alone.
"""

from microfer.contract import NUM_CLASSES
from microfer.export import cpp
from microfer.export.golden import GoldenPicture
from microfer.export.model_files import Source


def golden_header(source: Source) -> str:
    """Return golden.h: what a golden frame is, how many there are and whether the model's scores are known."""
    known = "true" if source.metadata.golden else "false"
    body = f"""
// A picture for the boot self-test, with the face's place on it and what this
// model's output tensor holds after that crop, as the host computed it.
struct GoldenFrame {{
  const char* name;
  const std::uint8_t* pixels;  // row by row from the top left, nothing in between
  int width_px;
  int height_px;
  Box face;                        // a square inside the frame
  std::int8_t scores[kNumLabels];  // all 0 unless kGoldenScoresKnown
}};

inline constexpr std::size_t kNumGoldenFrames = {len(source.pictures)};

// False where the model carries no scores: then nothing can be compared.
inline constexpr bool kGoldenScoresKnown = {known};

extern const GoldenFrame kGoldenFrames[kNumGoldenFrames];
"""
    includes = ["<cstddef>", "<cstdint>", '"contract.h"', '"image/gray_view.h"']
    return cpp.header(source.origin, "MICROFER_GENERATED_GOLDEN_H_", includes, body)


def golden_source(source: Source) -> str:
    """Return golden.cc: the pixels, in flash, and the table of the frames."""
    golden = source.metadata.golden
    scores = golden.scores if golden else ((0,) * NUM_CLASSES,) * len(source.pictures)
    pixels = "\n".join(
        f"constexpr std::uint8_t kPixels{i}[] = {{\n{cpp.byte_rows(picture.picture.pixels)}\n}};\n"
        for i, picture in enumerate(source.pictures)
    )
    frames = "\n".join(
        _frame(i, picture, row) for i, (picture, row) in enumerate(zip(source.pictures, scores, strict=True))
    )
    return f"""{cpp.notice(source.origin)}
#include "golden.h"

namespace microfer {{

{source.same_model_assertion}

namespace {{

{pixels}
}}  // namespace

const GoldenFrame kGoldenFrames[kNumGoldenFrames] = {{
{frames}
}};

}}  // namespace microfer
"""


def _frame(number: int, golden: GoldenPicture, scores: tuple[int, ...]) -> str:
    picture, box = golden.picture, golden.box
    face = cpp.braces((box.left, box.top, box.width, box.height))
    size = f"{picture.width_px}, {picture.height_px}"
    return f"    {{{cpp.string(golden.name)}, kPixels{number}, {size}, {face}, {cpp.braces(scores)}}},"
