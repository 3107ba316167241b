#ifndef MICROFER_PIPELINE_MODEL_CHECK_H_
#define MICROFER_PIPELINE_MODEL_CHECK_H_

#include <cstddef>
#include <cstdint>

#include "base/span.h"

namespace microfer {

// What a loaded network says of one of its ends.
struct TensorFacts {
  bool is_int8 = false;
  Span<const int> shape;
  float scale = 0;
  int zero_point = 0;
};

struct ModelFacts {
  std::uint32_t schema_version = 0;
  std::size_t num_inputs = 0;
  std::size_t num_outputs = 0;
  TensorFacts input;
  TensorFacts output;
};

// Before the network is laid out in its arena: null where its schema has
// kSchemaVersion, else what is wrong.
[[nodiscard]] const char* SchemaFault(std::uint32_t schema_version);

// After it: null where the network's ends are those of generated/contract.h,
// else what is wrong, one sentence of fewer than 80 characters. Scales are
// compared exactly, since both come from the same file.
[[nodiscard]] const char* ContractFault(const ModelFacts& facts);

}  // namespace microfer

#endif  // MICROFER_PIPELINE_MODEL_CHECK_H_
