#ifndef MICROFER_BASE_SENTENCE_H_
#define MICROFER_BASE_SENTENCE_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace microfer {

// A short text for people, put together piece by piece in place: snprintf may
// take from the heap. What does not fit is cut off.
template <std::size_t kSize>
class Sentence {
 public:
  Sentence& operator<<(const char* text) {
    while (*text != '\0') Put(*text++);
    return *this;
  }

  Sentence& operator<<(std::uint32_t number) {
    std::array<char, 10> digits{};  // of the largest one, the last first
    std::size_t count = 0;
    do {
      digits[count++] = static_cast<char>('0' + number % 10);
      number /= 10;
    } while (number != 0);
    while (count > 0) Put(digits[--count]);
    return *this;
  }

  // Two digits, such as 0xFE.
  Sentence& Hexadecimal(std::uint8_t number) {
    constexpr const char* kDigits = "0123456789ABCDEF";
    *this << "0x";
    Put(kDigits[number >> 4]);
    Put(kDigits[number & 0xF]);
    return *this;
  }

  // Ends with a zero; good for as long as this is.
  [[nodiscard]] const char* text() const { return text_.data(); }

 private:
  void Put(char letter) {
    if (length_ + 1 < kSize) text_[length_++] = letter;
  }

  std::array<char, kSize> text_{};
  std::size_t length_ = 0;
};

}  // namespace microfer

#endif  // MICROFER_BASE_SENTENCE_H_
