#include "kernels_tflm.h"

#include <algorithm>
#include <cstdint>
#include <new>

#include "generated/constants.h"
#include "generated/kernel_plan.h"
#include "generated/model_data.h"
#include "kernels/convolution.h"
#include "kernels/pooling.h"
#include "tensorflow/lite/micro/kernels/add.h"
#include "tensorflow/lite/micro/kernels/conv.h"
#include "tensorflow/lite/micro/kernels/kernel_util.h"
#include "tensorflow/lite/micro/kernels/pooling.h"

namespace microfer {
namespace {

using kernels::AdditionPlan;
using kernels::ConvolutionPlan;
using kernels::PoolingShape;

const TFLMRegistration& ElseConvolution() {
  static const TFLMRegistration registration = tflite::Register_CONV_2D();
  return registration;
}

const TFLMRegistration& ElseAddition() {
  static const TFLMRegistration registration = tflite::Register_ADD();
  return registration;
}

const TFLMRegistration& ElsePooling() {
  static const TFLMRegistration registration = tflite::Register_MAX_POOL_2D();
  return registration;
}

// What is kept of one operator: its plan, or else what the other kernel keeps.
template <typename Plan>
struct Node {
  const Plan* plan = nullptr;
  int scratch = -1;
  void* otherwise = nullptr;
};

template <typename Plan>
void* InitNode(TfLiteContext* context, const char* /*buffer*/, std::size_t /*length*/) {
  void* room = context->AllocatePersistentBuffer(context, sizeof(Node<Plan>));
  return room == nullptr ? nullptr : new (room) Node<Plan>;
}

// Lets the other kernel prepare or invoke the operator, with what that one keeps.
template <typename Plan>
TfLiteStatus Else(TfLiteStatus (*step)(TfLiteContext*, TfLiteNode*), TfLiteContext* context, TfLiteNode* node) {
  auto& own = *static_cast<Node<Plan>*>(node->user_data);
  node->user_data = own.otherwise;
  const TfLiteStatus status = step(context, node);
  node->user_data = &own;
  return status;
}

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

TfLiteStatus PrepareConvolution(TfLiteContext* context, TfLiteNode* node) {
  auto& own = *static_cast<Node<ConvolutionPlan>*>(node->user_data);
  own.plan = FindPlan(context, node);
  if (own.plan != nullptr) {
    const std::size_t scratch_bytes = kernels::ConvolutionScratchBytes(own.plan->shape);
    if (scratch_bytes == 0) return kTfLiteOk;
    return context->RequestScratchBufferInArena(context, scratch_bytes, &own.scratch);
  }
  own.otherwise = ElseConvolution().init(context, nullptr, 0);
  return Else<ConvolutionPlan>(ElseConvolution().prepare, context, node);
}

TfLiteStatus InvokeConvolution(TfLiteContext* context, TfLiteNode* node) {
  auto& own = *static_cast<Node<ConvolutionPlan>*>(node->user_data);
  if (own.plan == nullptr) return Else<ConvolutionPlan>(ElseConvolution().invoke, context, node);
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

bool HasQuantization(const TfLiteTensor* tensor, float scale, int zero_point) {
  return tensor->type == kTfLiteInt8 && tensor->params.scale == scale && tensor->params.zero_point == zero_point;
}

const AdditionPlan* FindAddition(TfLiteContext* context, TfLiteNode* node) {
  tflite::MicroContext* micro = tflite::GetMicroContext(context);
  const LookedAt a(context, micro->AllocateTempInputTensor(node, tflite::kAddInputTensor1));
  const LookedAt b(context, micro->AllocateTempInputTensor(node, tflite::kAddInputTensor2));
  const LookedAt output(context, micro->AllocateTempOutputTensor(node, tflite::kAddOutputTensor));
  if (a.get() == nullptr || b.get() == nullptr || output.get() == nullptr) return nullptr;
  if (!tflite::HaveSameShapes(a.get(), b.get())) return nullptr;
  const int activation = static_cast<const TfLiteAddParams*>(node->builtin_data)->activation;
  for (int i = 0; i < kNumAdditionPlans; ++i) {
    const AdditionPlan& plan = kAdditionPlans[i];
    if (plan.activation == activation && HasQuantization(a.get(), plan.scale_a, plan.zero_a) &&
        HasQuantization(b.get(), plan.scale_b, plan.zero_b) &&
        HasQuantization(output.get(), plan.scale_output, plan.zero_output)) {
      return &plan;
    }
  }
  return nullptr;
}

TfLiteStatus PrepareAddition(TfLiteContext* context, TfLiteNode* node) {
  auto& own = *static_cast<Node<AdditionPlan>*>(node->user_data);
  own.plan = FindAddition(context, node);
  if (own.plan != nullptr) return kTfLiteOk;
  own.otherwise = ElseAddition().init(context, nullptr, 0);
  return Else<AdditionPlan>(ElseAddition().prepare, context, node);
}

TfLiteStatus InvokeAddition(TfLiteContext* context, TfLiteNode* node) {
  auto& own = *static_cast<Node<AdditionPlan>*>(node->user_data);
  if (own.plan == nullptr) return Else<AdditionPlan>(ElseAddition().invoke, context, node);
  const TfLiteEvalTensor* a = tflite::micro::GetEvalInput(context, node, tflite::kAddInputTensor1);
  const TfLiteEvalTensor* b = tflite::micro::GetEvalInput(context, node, tflite::kAddInputTensor2);
  TfLiteEvalTensor* output = tflite::micro::GetEvalOutput(context, node, tflite::kAddOutputTensor);
  kernels::Add(own.plan->constants, tflite::micro::GetTensorData<std::int8_t>(a),
               tflite::micro::GetTensorData<std::int8_t>(b), tflite::micro::GetTensorShape(output).FlatSize(),
               tflite::micro::GetTensorData<std::int8_t>(output));
  return kTfLiteOk;
}

// Where the first window begins before the image, as TensorFlow Lite's SAME says.
int PadBefore(const TfLitePoolParams& params, int size, int window, int stride, int outputs) {
  if (params.padding != kTfLitePaddingSame) return 0;
  return std::max(0, (outputs - 1) * stride + window - size) / 2;
}

// The shape of a pooling that the kernel covers: whole vectors of channels, no activation.
bool FindPooling(TfLiteContext* context, TfLiteNode* node, PoolingShape& shape) {
  tflite::MicroContext* micro = tflite::GetMicroContext(context);
  const LookedAt input(context, micro->AllocateTempInputTensor(node, 0));
  const LookedAt output(context, micro->AllocateTempOutputTensor(node, 0));
  if (input.get() == nullptr || output.get() == nullptr) return false;
  const TfLiteIntArray& from = *input.get()->dims;
  const TfLiteIntArray& to = *output.get()->dims;
  const auto& params = *static_cast<const TfLitePoolParams*>(node->builtin_data);
  if (input.get()->type != kTfLiteInt8 || params.activation != kTfLiteActNone || from.size != 4 || to.size != 4 ||
      from.data[0] != 1 || from.data[3] % kVectorBytes != 0) {
    return false;
  }
  const auto narrow = [](int number) { return static_cast<std::int16_t>(number); };
  shape.input_height = narrow(from.data[1]);
  shape.input_width = narrow(from.data[2]);
  shape.channels = narrow(from.data[3]);
  shape.window_height = narrow(params.filter_height);
  shape.window_width = narrow(params.filter_width);
  shape.stride_height = narrow(params.stride_height);
  shape.stride_width = narrow(params.stride_width);
  shape.output_height = narrow(to.data[1]);
  shape.output_width = narrow(to.data[2]);
  shape.pad_top = narrow(PadBefore(params, from.data[1], params.filter_height, params.stride_height, to.data[1]));
  shape.pad_left = narrow(PadBefore(params, from.data[2], params.filter_width, params.stride_width, to.data[2]));
  return true;
}

TfLiteStatus PreparePooling(TfLiteContext* context, TfLiteNode* node) {
  auto& own = *static_cast<Node<PoolingShape>*>(node->user_data);
  PoolingShape shape{};
  if (FindPooling(context, node, shape)) {
    void* room = context->AllocatePersistentBuffer(context, sizeof(PoolingShape));
    if (room == nullptr) return kTfLiteError;
    own.plan = new (room) PoolingShape(shape);
    return kTfLiteOk;
  }
  own.otherwise = ElsePooling().init(context, nullptr, 0);
  return Else<PoolingShape>(ElsePooling().prepare, context, node);
}

TfLiteStatus InvokePooling(TfLiteContext* context, TfLiteNode* node) {
  auto& own = *static_cast<Node<PoolingShape>*>(node->user_data);
  if (own.plan == nullptr) return Else<PoolingShape>(ElsePooling().invoke, context, node);
  kernels::MaxPool(*own.plan, tflite::micro::GetTensorData<std::int8_t>(tflite::micro::GetEvalInput(context, node, 0)),
                   tflite::micro::GetTensorData<std::int8_t>(tflite::micro::GetEvalOutput(context, node, 0)));
  return kTfLiteOk;
}

}  // namespace

OwnKernels MicroferKernels() {
  static const TFLMRegistration convolution =
      tflite::micro::RegisterOp(InitNode<ConvolutionPlan>, PrepareConvolution, InvokeConvolution);
  static const TFLMRegistration addition =
      tflite::micro::RegisterOp(InitNode<AdditionPlan>, PrepareAddition, InvokeAddition);
  static const TFLMRegistration pooling =
      tflite::micro::RegisterOp(InitNode<PoolingShape>, PreparePooling, InvokePooling);
  OwnKernels own;
  own.max_pool_2d = &pooling;
  own.add = &addition;
  own.conv_2d = &convolution;
  return own;
}

}  // namespace microfer
