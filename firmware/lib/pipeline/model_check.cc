#include "pipeline/model_check.h"

#include "generated/constants.h"
#include "generated/contract.h"

namespace microfer {
namespace {

template <std::size_t kRank>
bool IsShape(Span<const int> shape, const int (&expected)[kRank]) {
  if (shape.size() != kRank) return false;
  for (std::size_t i = 0; i < kRank; ++i) {
    if (shape[i] != expected[i]) return false;
  }
  return true;
}

// Exactly equal, with no compiler's warning about comparing floats; NaN is equal
// to nothing.
bool IsSame(float a, float b) { return a <= b && b <= a; }

}  // namespace

const char* SchemaFault(std::uint32_t schema_version) {
  static_assert(kSchemaVersion == 3, "the text below says so");
  return schema_version == kSchemaVersion ? nullptr : "the model's schema is not version 3";
}

const char* ContractFault(const ModelFacts& facts) {
  if (const char* fault = SchemaFault(facts.schema_version)) return fault;
  if (facts.num_inputs != 1) return "the model has not one input";
  if (facts.num_outputs != 1) return "the model has not one output";
  if (!facts.input.is_int8) return "the model's input is not int8";
  if (!facts.output.is_int8) return "the model's output is not int8";
  if (!IsShape(facts.input.shape, kInputShape)) return "the model's input has another shape than contract.h";
  if (!IsShape(facts.output.shape, kOutputShape)) return "the model's output has another shape than contract.h";
  if (!IsSame(facts.input.scale, kInputScale)) return "the input's scale is not that of contract.h";
  if (facts.input.zero_point != kInputZeroPoint) return "the input's zero point is not that of contract.h";
  if (!IsSame(facts.output.scale, kOutputScale)) return "the output's scale is not that of contract.h";
  if (facts.output.zero_point != kOutputZeroPoint) return "the output's zero point is not that of contract.h";
  return nullptr;
}

}  // namespace microfer
