#include "pipeline/model_check.h"

#include <cmath>
#include <cstring>

#include "check.h"
#include "generated/constants.h"
#include "generated/contract.h"

namespace microfer {
namespace {

ModelFacts Right() {
  ModelFacts facts;
  facts.schema_version = kSchemaVersion;
  facts.num_inputs = 1;
  facts.num_outputs = 1;
  facts.input = {true, kInputShape, kInputScale, kInputZeroPoint};
  facts.output = {true, kOutputShape, kOutputScale, kOutputZeroPoint};
  return facts;
}

bool Says(const ModelFacts& facts, const char* part) {
  const char* fault = ContractFault(facts);
  return fault != nullptr && std::strstr(fault, part) != nullptr && std::strlen(fault) < 80;
}

TEST(TheModelOfTheContractIsAccepted) { EXPECT(ContractFault(Right()) == nullptr); }

TEST(AnotherSchemaIsRefusedBeforeAnythingElse) {
  ModelFacts facts;
  facts.schema_version = 4;
  EXPECT(Says(facts, "schema"));
  EXPECT(SchemaFault(kSchemaVersion) == nullptr && SchemaFault(0) != nullptr);
}

TEST(EachDifferenceFromTheContractIsNamed) {
  ModelFacts facts = Right();
  facts.num_inputs = 2;
  EXPECT(Says(facts, "one input"));
  facts = Right();
  facts.num_outputs = 0;
  EXPECT(Says(facts, "one output"));
  facts = Right();
  facts.input.is_int8 = false;
  EXPECT(Says(facts, "input is not int8"));
  facts = Right();
  facts.output.is_int8 = false;
  EXPECT(Says(facts, "output is not int8"));
  facts = Right();
  facts.input.scale *= 1.0001F;
  EXPECT(Says(facts, "input's scale"));
  facts = Right();
  facts.input.zero_point = 0;
  EXPECT(Says(facts, "input's zero point"));
  facts = Right();
  facts.output.scale /= 2;
  EXPECT(Says(facts, "output's scale"));
  facts = Right();
  facts.output.zero_point += 1;
  EXPECT(Says(facts, "output's zero point"));
}

TEST(NoScaleButTheContractsPasses) {
  for (const float scale : {std::nanf(""), HUGE_VALF, 0.0F, -kInputScale}) {
    ModelFacts facts = Right();
    facts.input.scale = scale;
    EXPECT(Says(facts, "input's scale"));
    facts = Right();
    facts.output.scale = scale;
    EXPECT(Says(facts, "output's scale"));
  }
}

TEST(ACountOrAZeroPointOnEitherSideIsRefused) {
  for (const std::size_t count : {std::size_t{0}, std::size_t{2}}) {
    ModelFacts facts = Right();
    facts.num_inputs = count;
    EXPECT(Says(facts, "one input"));
    facts = Right();
    facts.num_outputs = count;
    EXPECT(Says(facts, "one output"));
  }
  for (const int step : {-1, 1}) {
    ModelFacts facts = Right();
    facts.input.zero_point += step;
    EXPECT(Says(facts, "input's zero point"));
    facts = Right();
    facts.output.zero_point += step;
    EXPECT(Says(facts, "output's zero point"));
  }
}

TEST(AnotherShapeIsRefused) {
  ModelFacts facts = Right();
  const int larger[] = {1, 64, 64, 1};
  facts.input.shape = larger;
  EXPECT(Says(facts, "input has another shape"));
  const int flat[] = {1, 2304};
  facts.input.shape = flat;
  EXPECT(Says(facts, "input has another shape"));
  facts = Right();
  const int eight[] = {1, 8};
  facts.output.shape = eight;
  EXPECT(Says(facts, "output has another shape"));
}

}  // namespace
}  // namespace microfer
