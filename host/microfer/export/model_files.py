"""The text of the C++ files that come from one deployable model. Standard library alone.

`golden.h` and `golden.cc` are the golden pictures, and what the model must answer on them. Every function returns the
whole content of one file; the same model gives the same text.
"""

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property

from microfer.contract import CROP_SIZE, INPUT_LAYOUTS, LABEL_SEPARATOR
from microfer.export import cpp
from microfer.export.golden import GoldenPicture
from microfer.export.kernel_plan import KernelPlan, plan_kernels
from microfer.tflite.check import ALIGNMENT_BYTES
from microfer.tflite.graph import TfliteModel
from microfer.tflite.metadata import ModelMetadata
from microfer.tflite.operators import RESOLVER_METHODS

OWN_KERNELS = {"ADD": "add", "CONV_2D": "conv_2d", "MAX_POOL_2D": "max_pool_2d"}
"""Operator that the firmware has kernels of its own for -> the member of `OwnKernels` in op_resolver.h."""


@dataclass(frozen=True)
class Source:
    """A deployable model, its metadata and the golden pictures: all that the generated files say."""

    model: TfliteModel
    metadata: ModelMetadata
    pictures: tuple[GoldenPicture, ...]

    @property
    def sha256(self) -> str:
        """The SHA-256 of the .tflite, 64 hexadecimal digits."""
        return hashlib.sha256(self.model.content).hexdigest()

    @cached_property
    def kernels(self) -> KernelPlan:
        """What the firmware's own kernels compute of the model."""
        return plan_kernels(self.model)

    @property
    def origin(self) -> str:
        """The model's name for the first line of each file."""
        return f"the model {self.metadata.model_id}"

    @property
    def same_model_assertion(self) -> str:
        """A static_assert that contract.h is of the same model: an export that broke off must not compile."""
        first = bytes.fromhex(self.sha256)[:4]
        tests = " &&\n              ".join(f"kModelSha256[{i}] == 0x{value:02x}" for i, value in enumerate(first))
        return f'static_assert({tests},\n              "contract.h is of another model: export the model again");'


def contract_header(source: Source) -> str:
    """Return contract.h: labels, crop, input and output encoding, the model's identity, thresholds, host arena."""
    model, metadata = source.model, source.metadata
    crop, scores = model.tensors[model.inputs[0]], model.tensors[model.outputs[0]]
    layouts = ", ".join(_constant(layout) for layout in INPUT_LAYOUTS)
    labels = "".join(f"    {cpp.string(label)},\n" for label in metadata.labels)
    body = f"""
// What the network tells apart, in the order of every score vector.
inline constexpr int kNumLabels = {len(metadata.labels)};
inline constexpr const char* kLabels[kNumLabels] = {{
{labels}}};
inline constexpr char kLabelList[] =
    {cpp.string(LABEL_SEPARATOR.join(metadata.labels))};

// Width and height of the face crop: gray, 8 bits, row by row from the top left.
inline constexpr int kCropSizePx = {CROP_SIZE};

// How the crop fills the input tensor. kPlain: row by row. kSpaceToDepthN:
// each block of N x N pixels becomes the N * N channels of one place.
enum class InputLayout {{ {layouts} }};
inline constexpr InputLayout kInputLayout = InputLayout::{_constant(metadata.input_layout)};

// Both tensors are int8: real value = scale * (stored value - zero point).
inline constexpr int kInputShape[] = {cpp.braces(crop.shape)};
inline constexpr float kInputScale = {cpp.real(crop.scales[0])};
inline constexpr int kInputZeroPoint = {crop.zero_points[0]};
inline constexpr int kOutputShape[] = {cpp.braces(scores.shape)};
inline constexpr float kOutputScale = {cpp.real(scores.scales[0])};
inline constexpr int kOutputZeroPoint = {scores.zero_points[0]};

// Which model this is; the SHA-256 is that of the whole .tflite.
inline constexpr char kModelId[] = {cpp.string(metadata.model_id)};
inline constexpr char kModelPreset[] = {cpp.string(metadata.preset)};
inline constexpr char kModelSha256Hex[] =
    {cpp.string(source.sha256)};
inline constexpr std::uint8_t kModelSha256[] = {{
{cpp.byte_rows(bytes.fromhex(source.sha256))}
}};

// Logits are divided by the temperature to calibrate the confidence; 1 = not
// calibrated. Below kUncertainBelow the answer is "uncertain"; 0 = never.
inline constexpr float kTemperature = {cpp.real(metadata.temperature)};
inline constexpr float kUncertainBelow = {cpp.real(metadata.uncertain_below)};

// What every score gets from smoothed labels in training, of 256; it is taken
// away before the temperature.
inline constexpr int kScoreFloor = {metadata.score_floor};

{_arena(metadata)}
"""
    return cpp.header(source.origin, "MICROFER_GENERATED_CONTRACT_H_", ["<cstddef>", "<cstdint>"], body)


def model_data_header(source: Source) -> str:
    """Return model_data.h: the declaration of the .tflite's bytes."""
    body = f"""
// The .tflite, as it is mapped into TFLM: constant, in flash, aligned for
// vector loads.
inline constexpr std::size_t kModelDataBytes = {len(source.model.content)};
alignas({ALIGNMENT_BYTES}) extern const std::uint8_t kModelData[kModelDataBytes];
"""
    return cpp.header(source.origin, "MICROFER_GENERATED_MODEL_DATA_H_", ["<cstddef>", "<cstdint>"], body)


def model_data_source(source: Source) -> str:
    """Return model_data.cc: the .tflite's bytes."""
    return f"""{cpp.notice(source.origin)}
#include "model_data.h"

#include "contract.h"

namespace microfer {{

{source.same_model_assertion}

alignas({ALIGNMENT_BYTES}) const std::uint8_t kModelData[kModelDataBytes] = {{
{cpp.byte_rows(source.model.content)}
}};

}}  // namespace microfer
"""


def op_resolver_header(source: Source) -> str:
    """Return op_resolver.h: TFLM's resolver for just the operators that the model uses."""
    names = source.model.operator_names
    calls = "".join(_registration(name) for name in names)
    own = "".join(f"  const TFLMRegistration* {member} = nullptr;\n" for member in OWN_KERNELS.values())
    body = f"""
{source.same_model_assertion}

inline constexpr unsigned int kNumOperators = {len(names)};
using OpResolver = tflite::MicroMutableOpResolver<kNumOperators>;

// Kernels to register instead of those that TFLM was built with; null: TFLM's.
struct OwnKernels {{
{own}}};

// Registers the model's operators with an empty resolver, each by a call and a
// check of its own: in one chained condition a failure can go unseen. Returns
// kTfLiteError where one was refused; build a new resolver then.
[[nodiscard]] inline TfLiteStatus RegisterOps(OpResolver& resolver, [[maybe_unused]] const OwnKernels& own = {{}}) {{
{calls}  return kTfLiteOk;
}}
"""
    includes = ['"contract.h"', '"tensorflow/lite/micro/micro_mutable_op_resolver.h"']
    return cpp.header(source.origin, "MICROFER_GENERATED_OP_RESOLVER_H_", includes, body)


def _registration(name: str) -> str:
    method = f"resolver.{RESOLVER_METHODS[name]}"
    if name not in OWN_KERNELS:
        return f"  if ({method}() != kTfLiteOk) {{\n    return kTfLiteError;  // {name}\n  }}\n"
    own = f"own.{OWN_KERNELS[name]}"
    return (
        f"  if (({own} == nullptr ? {method}() : {method}(*{own})) != kTfLiteOk) {{\n"
        f"    return kTfLiteError;  // {name}\n  }}\n"
    )


def _arena(metadata: ModelMetadata) -> str:
    if metadata.arena is None:
        return """// Tensor arena of the host's interpreter: not measured for this model.
inline constexpr std::size_t kHostArenaBytes = 0;"""
    return f"""// Tensor arena of the HOST's interpreter, not the board's: ESP-NN takes its
// scratch from the arena too, which a host does not see. Measured on:
// {metadata.arena.measured_on}
inline constexpr std::size_t kHostArenaBytes = {metadata.arena.bytes};"""


def _constant(name: str) -> str:
    return "k" + "".join(part.capitalize() for part in re.split("[-_]", name))


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
    scores = golden.scores if golden else ((0,) * len(source.metadata.labels),) * len(source.pictures)
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
