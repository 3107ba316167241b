#pragma once
#include <cstddef>
#include <cstdint>

constexpr std::uint32_t MALLOC_CAP_8BIT = 1;
constexpr std::uint32_t MALLOC_CAP_SPIRAM = 2;
constexpr std::uint32_t MALLOC_CAP_INTERNAL = 4;
void* heap_caps_aligned_alloc(std::size_t alignment, std::size_t size, std::uint32_t caps);
void heap_caps_free(void* bytes);
std::size_t heap_caps_get_free_size(std::uint32_t caps);
std::size_t heap_caps_get_largest_free_block(std::uint32_t caps);
