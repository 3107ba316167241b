#include "cases.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "image/crop.h"
#include "prediction/predictor.h"
#include "tensor/encode.h"

namespace microfer::testing {
namespace {

// Takes values off the front of bytes; once they are too few, all that follows
// is zero and ok() is false.
class Reader {
 public:
  explicit Reader(Span<const std::uint8_t> bytes) : rest_(bytes) {}

  template <typename T>
  T Take() {
    T value{};
    const auto bytes = TakeBytes(sizeof value);
    if (!bytes.empty()) {
      std::memcpy(&value, bytes.data(), sizeof value);
    }
    return value;
  }

  Span<const std::uint8_t> TakeBytes(std::size_t count) {
    ok_ = ok_ && count <= rest_.size();
    if (!ok_) {
      return {};
    }
    const auto taken = rest_.First(count);
    rest_ = rest_.From(count);
    return taken;
  }

  [[nodiscard]] Span<const std::uint8_t> rest() const { return rest_; }
  [[nodiscard]] bool ok() const { return ok_; }

 private:
  Span<const std::uint8_t> rest_;
  bool ok_ = true;
};

class Writer {
 public:
  explicit Writer(Span<std::uint8_t> room) : room_(room) {}

  template <typename T>
  void Put(const T& value) {
    PutBytes(&value, sizeof value);
  }

  void PutBytes(const void* bytes, std::size_t count) {
    ok_ = ok_ && count <= room_.size() - used_;
    if (ok_ && count > 0) {
      std::memcpy(room_.data() + used_, bytes, count);
      used_ += count;
    }
  }

  [[nodiscard]] std::size_t used() const { return ok_ ? used_ : 0; }

 private:
  Span<std::uint8_t> room_;
  std::size_t used_ = 0;
  bool ok_ = true;
};

bool AnswerCrop(Reader& question, Writer& answer) {
  GrayView frame;
  frame.width_px = question.Take<std::int32_t>();
  frame.height_px = question.Take<std::int32_t>();
  frame.stride_bytes = question.Take<std::int32_t>();
  Box box;
  box.left_px = question.Take<std::int32_t>();
  box.top_px = question.Take<std::int32_t>();
  box.width_px = question.Take<std::int32_t>();
  box.height_px = question.Take<std::int32_t>();
  frame.pixels = question.rest().data();
  // The last row ends with its last pixel: a read behind it is one behind the question.
  const std::int64_t needed_bytes = std::int64_t{frame.stride_bytes} * (frame.height_px - 1) + frame.width_px;
  if (!question.ok() || static_cast<std::int64_t>(question.rest().size()) < needed_bytes) {
    return false;
  }
  Crop crop;
  const CropOutcome outcome = CropResize(frame, box, crop);
  answer.Put(outcome);
  if (outcome == CropOutcome::kOk) {
    answer.Put(crop);
  }
  return true;
}

bool AnswerEncode(Reader& question, Writer& answer) {
  const auto layout = static_cast<InputLayout>(question.Take<std::uint8_t>());
  const auto crop = question.Take<Crop>();
  std::array<std::int8_t, kCropPixels> tensor{};
  answer.Put(EncodeCrop(crop, layout, tensor));
  answer.Put(tensor);
  return question.ok();
}

bool AnswerPredict(Reader& question, Writer& answer) {
  PredictorSettings settings;
  settings.inverse_temperature_q16 = question.Take<std::uint32_t>();
  settings.uncertain_below_q16 = question.Take<std::uint32_t>();
  settings.newest_part_q16 = question.Take<std::uint32_t>();
  settings.hysteresis_q16 = question.Take<std::uint32_t>();
  settings.score_floor = question.Take<std::uint32_t>();
  if (!settings.valid()) {
    return false;
  }
  Predictor predictor(settings);
  while (question.ok() && !question.rest().empty()) {
    if (question.Take<std::uint8_t>() != 0) {
      predictor.Reset();
    }
    Prediction prediction;
    const PredictOutcome outcome = predictor.Update(question.Take<Scores>(), prediction);
    answer.Put(outcome);
    if (outcome == PredictOutcome::kOk) {
      answer.Put(static_cast<std::uint8_t>(prediction.certain));
      answer.Put(static_cast<std::uint8_t>(prediction.label));
      answer.Put(prediction.confidence_q16);
      answer.Put(prediction.smoothed_q16);
    }
  }
  return question.ok();
}

bool AnswerSettings(Reader& question, Writer& answer) {
  const auto temperature = question.Take<float>();
  const auto uncertain_below = question.Take<float>();
  const PredictorSettings settings = SettingsOf(temperature, uncertain_below, question.Take<std::int32_t>());
  answer.Put(settings.inverse_temperature_q16);
  answer.Put(settings.uncertain_below_q16);
  answer.Put(settings.score_floor);
  answer.Put(static_cast<std::uint8_t>(settings.valid()));
  return question.ok();
}

bool AnswerAny(CaseKind kind, Reader& question, Writer& answer) {
  switch (kind) {
    case CaseKind::kCrop:
      return AnswerCrop(question, answer);
    case CaseKind::kEncode:
      return AnswerEncode(question, answer);
    case CaseKind::kPredict:
      return AnswerPredict(question, answer);
    case CaseKind::kSettings:
      return AnswerSettings(question, answer);
  }
  return false;
}

}  // namespace

std::size_t Answer(CaseKind kind, Span<const std::uint8_t> question, Span<std::uint8_t> answer) {
  Reader reader(question);
  Writer writer(answer);
  return AnswerAny(kind, reader, writer) ? writer.used() : 0;
}

bool TakeCase(Span<const std::uint8_t>& file, Case& taken) {
  Reader reader(file);
  taken.kind = static_cast<CaseKind>(reader.Take<std::uint8_t>());
  const auto question_bytes = reader.Take<std::uint32_t>();
  const auto answer_bytes = reader.Take<std::uint32_t>();
  taken.question = reader.TakeBytes(question_bytes);
  taken.answer = reader.TakeBytes(answer_bytes);
  if (reader.ok()) {
    file = reader.rest();
  }
  return reader.ok();
}

GoldenResult CheckGolden(Span<const std::uint8_t> file) {
  GoldenResult result;
  std::array<std::uint8_t, kMaxAnswerBytes> answer{};
  Case next{};
  while (TakeCase(file, next)) {
    const std::size_t bytes = Answer(next.kind, next.question, answer);
    const bool same =
        bytes > 0 && bytes == next.answer.size() && std::equal(next.answer.begin(), next.answer.end(), answer.begin());
    ++result.cases;
    result.wrong += same ? 0 : 1;
  }
  result.whole = file.empty() && result.cases > 0;
  return result;
}

}  // namespace microfer::testing
