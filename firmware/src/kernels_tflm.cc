#include "kernels_tflm.h"

#include <cstdint>

#include "generated/kernel_plan.h"
#include "generated/model_data.h"
#include "kernels/convolution.h"
#include "tensorflow/lite/micro/kernels/conv.h"
#include "tensorflow/lite/micro/kernels/kernel_util.h"

namespace microfer {
namespace {

using kernels::ConvolutionPlan;

const TFLMRegistration& ElseConvolution() {
  static const TFLMRegistration registration = tflite::Register_CONV_2D();
  return registration;
}

// What is kept of one CONV_2D: its plan, or else what the other kernel keeps.
struct ConvolutionNode {
  const ConvolutionPlan* plan = nullptr;
  int scratch = -1;
  void* otherwise = nullptr;
};

// A tensor of TFLM's while its shape and type are looked at.
class LookedAt {
 public:
  LookedAt(TfLiteContext* context, TfLiteTensor* tensor) : context_(context), tensor_(tensor) {}
  ~LookedAt() {
    if (tensor_ != nullptr) tflite::GetMicroContext(context_)->DeallocateTempTfLiteTensor(tensor_);
  }
  LookedAt(const LookedAt&) = delete;
  LookedAt& operator=(const LookedAt&) = delete;

  [[nodiscard]] bool Is(TfLiteType type, int height, int width, int channels) const {
    return tensor_ != nullptr && tensor_->type == type && tensor_->dims->size == 4 &&
           tensor_->dims->data[1] == height && tensor_->dims->data[2] == width && tensor_->dims->data[3] == channels;
  }
  [[nodiscard]] const TfLiteTensor* get() const { return tensor_; }

 private:
  TfLiteContext* context_;
  TfLiteTensor* tensor_;
};

// The plan that was made for these weights, null where there is none.
const ConvolutionPlan* PlanFor(const TfLiteTensor* weights) {
  const auto at =
      reinterpret_cast<std::uintptr_t>(weights->data.raw_const) - reinterpret_cast<std::uintptr_t>(&kModelData[0]);
  for (int i = 0; i < kNumConvolutionPlans; ++i) {
    if (kConvolutionPlans[i].weights_at == at) return &kConvolutionPlans[i];
  }
  return nullptr;
}

const ConvolutionPlan* FindPlan(TfLiteContext* context, TfLiteNode* node) {
  tflite::MicroContext* micro = tflite::GetMicroContext(context);
  const LookedAt input(context, micro->AllocateTempInputTensor(node, tflite::kConvInputTensor));
  const LookedAt weights(context, micro->AllocateTempInputTensor(node, tflite::kConvWeightsTensor));
  const LookedAt output(context, micro->AllocateTempOutputTensor(node, tflite::kConvOutputTensor));
  if (weights.get() == nullptr) return nullptr;
  const ConvolutionPlan* plan = PlanFor(weights.get());
  if (plan == nullptr) return nullptr;
  const kernels::ConvolutionShape& shape = plan->shape;
  const bool fits = input.Is(kTfLiteInt8, shape.input_height, shape.input_width, shape.input_channels) &&
                    output.Is(kTfLiteInt8, shape.output_height, shape.output_width, shape.output_channels) &&
                    weights.Is(kTfLiteInt8, shape.kernel_height, shape.kernel_width, shape.input_channels);
  return fits ? plan : nullptr;
}

void* InitConvolution(TfLiteContext* context, const char* /*buffer*/, std::size_t /*length*/) {
  void* room = context->AllocatePersistentBuffer(context, sizeof(ConvolutionNode));
  return room == nullptr ? nullptr : new (room) ConvolutionNode;
}

TfLiteStatus PrepareConvolution(TfLiteContext* context, TfLiteNode* node) {
  auto& own = *static_cast<ConvolutionNode*>(node->user_data);
  own.plan = FindPlan(context, node);
  if (own.plan != nullptr) {
    const std::size_t scratch_bytes = kernels::ConvolutionScratchBytes(own.plan->shape);
    if (scratch_bytes == 0) return kTfLiteOk;
    return context->RequestScratchBufferInArena(context, scratch_bytes, &own.scratch);
  }
  own.otherwise = ElseConvolution().init(context, nullptr, 0);
  node->user_data = own.otherwise;
  const TfLiteStatus status = ElseConvolution().prepare(context, node);
  node->user_data = &own;
  return status;
}

TfLiteStatus InvokeConvolution(TfLiteContext* context, TfLiteNode* node) {
  auto& own = *static_cast<ConvolutionNode*>(node->user_data);
  if (own.plan == nullptr) {
    node->user_data = own.otherwise;
    const TfLiteStatus status = ElseConvolution().invoke(context, node);
    node->user_data = &own;
    return status;
  }
  const TfLiteEvalTensor* input = tflite::micro::GetEvalInput(context, node, tflite::kConvInputTensor);
  const TfLiteEvalTensor* weights = tflite::micro::GetEvalInput(context, node, tflite::kConvWeightsTensor);
  TfLiteEvalTensor* output = tflite::micro::GetEvalOutput(context, node, tflite::kConvOutputTensor);
  const ConvolutionPlan& plan = *own.plan;
  Span<std::int8_t> scratch;
  if (own.scratch >= 0) {
    scratch = {static_cast<std::int8_t*>(context->GetScratchBuffer(context, own.scratch)),
               kernels::ConvolutionScratchBytes(plan.shape)};
  }
  kernels::Convolve(plan.shape, tflite::micro::GetTensorData<std::int8_t>(input),
                    tflite::micro::GetTensorData<std::int8_t>(weights), plan.channels, scratch,
                    tflite::micro::GetTensorData<std::int8_t>(output));
  return kTfLiteOk;
}

}  // namespace

OwnKernels MicroferKernels() {
  static const TFLMRegistration convolution =
      tflite::micro::RegisterOp(InitConvolution, PrepareConvolution, InvokeConvolution);
  OwnKernels own;
  own.conv_2d = &convolution;
  return own;
}

}  // namespace microfer
