// What a loaded network says of itself, whatever that is: it passes just where it
// is what generated/contract.h says, and the reason fits an error's text.
#include "pipeline/model_check.h"

#include <array>

#include "fuzz.h"
#include "generated/constants.h"
#include "generated/contract.h"

namespace microfer {
namespace {

template <std::size_t kRank>
TensorFacts FactsFrom(fuzz::Input& input, std::uint16_t bits, const int (&shape)[kRank], float scale, int zero_point,
                      std::array<int, 8>& room) {
  TensorFacts facts;
  facts.is_int8 = (bits & 1) == 0;
  for (std::size_t i = 0; i < room.size(); ++i) room[i] = i < kRank ? shape[i] : 1;
  if ((bits & 2) != 0) room[static_cast<std::size_t>(input.Between(0, 7))] = input.Take<std::int32_t>();
  facts.shape = {room.data(), (bits & 4) == 0 ? kRank : static_cast<std::size_t>(input.Between(0, 8))};
  facts.scale = (bits & 8) == 0 ? scale : input.Take<float>();
  facts.zero_point = (bits & 16) == 0 ? zero_point : input.Take<std::int32_t>();
  return facts;
}

template <std::size_t kRank>
bool IsAsAgreed(const TensorFacts& facts, const int (&shape)[kRank], float scale, int zero_point) {
  if (!facts.is_int8 || facts.zero_point != zero_point || facts.shape.size() != kRank) return false;
  for (std::size_t i = 0; i < kRank; ++i) {
    if (facts.shape[i] != shape[i]) return false;
  }
  return std::memcmp(&facts.scale, &scale, sizeof scale) == 0;
}

}  // namespace
}  // namespace microfer

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace microfer;  // NOLINT: this function is about nothing else
  fuzz::Input input(data, size);
  std::array<int, 8> first{};
  std::array<int, 8> second{};
  const auto bits = input.Take<std::uint16_t>();
  ModelFacts facts;
  facts.schema_version = (bits & 1024) == 0 ? kSchemaVersion : input.Take<std::uint32_t>();
  facts.num_inputs = (bits & 2048) == 0 ? 1 : input.Take<std::uint8_t>();
  facts.num_outputs = (bits & 4096) == 0 ? 1 : input.Take<std::uint8_t>();
  facts.input = FactsFrom(input, bits, kInputShape, kInputScale, kInputZeroPoint, first);
  facts.output = FactsFrom(input, bits >> 5, kOutputShape, kOutputScale, kOutputZeroPoint, second);

  const char* fault = ContractFault(facts);
  const bool is_as_agreed = facts.schema_version == kSchemaVersion && facts.num_inputs == 1 && facts.num_outputs == 1 &&
                            IsAsAgreed(facts.input, kInputShape, kInputScale, kInputZeroPoint) &&
                            IsAsAgreed(facts.output, kOutputShape, kOutputScale, kOutputZeroPoint);
  MUST_HOLD((fault == nullptr) == is_as_agreed);
  MUST_HOLD(fault == nullptr || (std::strlen(fault) > 10 && std::strlen(fault) < 80));
  return 0;
}
