// A stand-in for TFLM's header of this name, with just what the exported
// op_resolver.h uses of it for the tiny test model, so that the export can be
// compiled where TFLM is not. Not TFLM: it counts the calls and, when told to,
// refuses one. That the real header has these methods was checked against
// esp-tflite-micro 1.4.0, and the firmware build checks it again.
#ifndef TENSORFLOW_LITE_MICRO_MICRO_MUTABLE_OP_RESOLVER_H_
#define TENSORFLOW_LITE_MICRO_MICRO_MUTABLE_OP_RESOLVER_H_

typedef enum TfLiteStatus { kTfLiteOk = 0, kTfLiteError = 1 } TfLiteStatus;

struct TFLMRegistration {};

namespace tflite {

template <unsigned int tOpCount>
class MicroMutableOpResolver {
 public:
  // The call that is refused, counted from 0; -1 for none.
  explicit MicroMutableOpResolver(int refused_call = -1)
      : refused_call_(refused_call) {}

  TfLiteStatus AddAdd(const TFLMRegistration& = {}) { return Add(); }
  TfLiteStatus AddAveragePool2D(const TFLMRegistration& = {}) { return Add(); }
  TfLiteStatus AddConcatenation() { return Add(); }
  TfLiteStatus AddConv2D(const TFLMRegistration& = {}) { return Add(); }
  TfLiteStatus AddMaxPool2D(const TFLMRegistration& = {}) { return Add(); }
  TfLiteStatus AddReshape() { return Add(); }
  TfLiteStatus AddSoftmax() { return Add(); }

  unsigned int GetRegistrationLength() const { return registered_; }

 private:
  TfLiteStatus Add() {
    const bool is_refused = calls_++ == refused_call_ || registered_ == tOpCount;
    if (is_refused) return kTfLiteError;
    ++registered_;
    return kTfLiteOk;
  }

  int refused_call_;
  int calls_ = 0;
  unsigned int registered_ = 0;
};

}  // namespace tflite

#endif  // TENSORFLOW_LITE_MICRO_MICRO_MUTABLE_OP_RESOLVER_H_
