#ifndef MICROFER_BASE_SPAN_H_
#define MICROFER_BASE_SPAN_H_

#include <array>
#include <cstddef>

namespace microfer {

// A view of `size` elements that somebody else owns: C++17 has no std::span.
// Copying it copies no element. Whoever hands out a Span<T> lets the receiver
// overwrite the elements; a Span<const T> can only be read.
template <typename T>
class Span {
 public:
  constexpr Span() = default;
  constexpr Span(T* data, std::size_t size) : data_(data), size_(size) {}

  template <std::size_t kSize>
  constexpr Span(T (&elements)[kSize]) : data_(elements), size_(kSize) {}  // NOLINT: meant to convert

  template <typename U, std::size_t kSize>
  constexpr Span(std::array<U, kSize>& elements) : data_(elements.data()), size_(kSize) {}  // NOLINT

  template <typename U, std::size_t kSize>
  constexpr Span(const std::array<U, kSize>& elements) : data_(elements.data()), size_(kSize) {}  // NOLINT

  // So that a Span<T> can be given where a Span<const T> is asked for.
  constexpr operator Span<const T>() const { return {data_, size_}; }  // NOLINT

  [[nodiscard]] constexpr T* data() const { return data_; }
  [[nodiscard]] constexpr std::size_t size() const { return size_; }
  [[nodiscard]] constexpr bool empty() const { return size_ == 0; }
  constexpr T& operator[](std::size_t index) const { return data_[index]; }
  [[nodiscard]] constexpr T* begin() const { return data_; }
  [[nodiscard]] constexpr T* end() const { return data_ + size_; }

  // The elements from `begin` on; begin <= size().
  [[nodiscard]] constexpr Span From(std::size_t begin) const { return {data_ + begin, size_ - begin}; }
  // The first `count` elements; count <= size().
  [[nodiscard]] constexpr Span First(std::size_t count) const { return {data_, count}; }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace microfer

#endif  // MICROFER_BASE_SPAN_H_
