#include "classifier_tflm.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "esp_cpu.h"
#include "generated/model_data.h"
#include "kernels_tflm.h"
#include "pipeline/model_check.h"
#include "sdkconfig.h"
#include "tensorflow/lite/micro/kernels/kernel_util.h"
#include "tensorflow/lite/schema/schema_generated.h"
#include "tflm_log.h"

namespace microfer {
namespace {

// Beyond what a network uses in the end, TFLM needs room to plan: a few bytes
// for each tensor and each scratch buffer, given back afterwards.
constexpr std::size_t kPlanningBytes = 16 * 1024;

TensorFacts FactsOf(const TfLiteTensor& tensor) {
  TensorFacts facts;
  facts.is_int8 = tensor.type == kTfLiteInt8;
  facts.shape = {tensor.dims->data, static_cast<std::size_t>(tensor.dims->size)};
  facts.scale = tensor.params.scale;
  facts.zero_point = static_cast<int>(tensor.params.zero_point);
  return facts;
}

ModelFacts FactsOf(tflite::MicroInterpreter& interpreter, const tflite::Model& model) {
  ModelFacts facts;
  facts.schema_version = model.version();
  facts.num_inputs = interpreter.inputs_size();
  facts.num_outputs = interpreter.outputs_size();
  if (facts.num_inputs != 0) facts.input = FactsOf(*interpreter.input(0));
  if (facts.num_outputs != 0) facts.output = FactsOf(*interpreter.output(0));
  return facts;
}

OwnKernels KernelsInUse() {
#if CONFIG_MICROFER_KERNELS
  return MicroferKernels();
#else
  return {};
#endif
}

// TFLM answers with one and the same status whatever went wrong. Of its lines
// those about a full arena, and only those, say how much is missing.
bool IsAboutMemory(const char* line) { return std::strstr(line, "missing:") != nullptr; }

}  // namespace

// ---- Timing. One task calls all of this, on one core: each core counts for itself.

void OperatorClock::BeginRun() {
  if (times_ != nullptr) times_->BeginRun(esp_cpu_get_cycle_count());
}

void OperatorClock::EndRun() {
  if (times_ != nullptr) times_->EndRun(esp_cpu_get_cycle_count());
}

std::uint32_t OperatorClock::BeginEvent(const char* tag) {
  return times_ == nullptr ? 0 : times_->Begin(tag, esp_cpu_get_cycle_count());
}

void OperatorClock::EndEvent(std::uint32_t event_handle) {
  if (times_ != nullptr) times_->End(event_handle, esp_cpu_get_cycle_count());
}

// ---- The network

LoadOutcome ClassifierTflm::Load() {
  if (RegisterOps(resolver_, KernelsInUse()) != kTfLiteOk)
    return Fail(LoadOutcome::kRefused, "an operator could not be registered");
  const std::size_t psram_bytes = Arena::LargestInPsram();
  const std::size_t internal_bytes = Arena::LargestInternal();
  if (psram_bytes != 0) {
    arena_ = Arena::InPsram(std::min(psram_bytes, kMostBytes));
  } else if (internal_bytes > kArenaReserveBytes) {
    arena_ = Arena::Internal(std::min(internal_bytes - kArenaReserveBytes, kMostBytes));
  }
  if (arena_.empty()) return Fail(LoadOutcome::kOutOfMemory, "no memory for a tensor arena, and no PSRAM");
  const LoadOutcome outcome = LayOut(arena_);
  if (outcome == LoadOutcome::kOk && psram_bytes != 0) MoveIntoInternalRam();
  return outcome;
}

LoadOutcome ClassifierTflm::LayOut(const Arena& arena) {
  const tflite::Model* model = tflite::GetModel(kModelData);
  if (const char* fault = SchemaFault(model->version())) return Fail(LoadOutcome::kRefused, fault);
  ClearTflmLog();
  interpreter_.emplace(model, resolver_, arena.bytes().data(), arena.size(), nullptr, &operator_clock_);
  if (interpreter_->AllocateTensors() != kTfLiteOk) {
    return Fail(IsAboutMemory(TflmLog()) ? LoadOutcome::kArenaTooSmall : LoadOutcome::kRefused, TflmLog());
  }
  if (const char* fault = ContractFault(FactsOf(*interpreter_, *model))) return Fail(LoadOutcome::kRefused, fault);
  fault_ = "";
  return LoadOutcome::kOk;
}

LoadOutcome ClassifierTflm::Fail(LoadOutcome outcome, const char* fault) {
  fault_ = fault;
  return outcome;
}

void ClassifierTflm::MoveIntoInternalRam() {
  const std::size_t needed_bytes = (interpreter_->arena_used_bytes() + kPlanningBytes + 15) / 16 * 16;
  if (Arena::LargestInternal() < needed_bytes || Arena::FreeInternal() < needed_bytes + kArenaReserveBytes) return;
  Arena internal = Arena::Internal(needed_bytes);
  if (internal.empty()) return;
  if (LayOut(internal) == LoadOutcome::kOk) {
    arena_ = std::move(internal);
  } else {
    // It fits where it was: the same steps as before, in the same memory.
    static_cast<void>(LayOut(arena_));
  }
}

Span<std::int8_t> ClassifierTflm::input() {
  TfLiteTensor* tensor = interpreter_->input(0);
  return {tensor->data.int8, tensor->bytes};
}

bool ClassifierTflm::Invoke() {
  operator_clock_.BeginRun();
  const bool has_run = interpreter_->Invoke() == kTfLiteOk;
  operator_clock_.EndRun();
  return has_run;
}

bool ClassifierTflm::TimeOperators(OperatorTimes* times) {
  operator_clock_.WriteTo(times);
  return true;
}

Span<const std::int8_t> ClassifierTflm::output() {
  const TfLiteTensor* tensor = interpreter_->output(0);
  return {tensor->data.int8, tensor->bytes};
}

std::size_t ClassifierTflm::arena_used_bytes() const {
  return interpreter_.has_value() && *fault_ == '\0' ? interpreter_->arena_used_bytes() : 0;
}

const char* ClassifierTflm::kernels() const {
#if CONFIG_MICROFER_KERNELS
  return "microfer + esp-nn " MICROFER_ESP_NN_VERSION;
#else
  return "esp-nn " MICROFER_ESP_NN_VERSION;
#endif
}

}  // namespace microfer
