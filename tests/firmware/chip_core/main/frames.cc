#include "frames.h"

#include <algorithm>
#include <cstring>

#include "esp_partition.h"

namespace microfer::testing {
namespace {

constexpr char kMagic[] = "microfer frames";  // 16 bytes with its zero

struct Header {
  char magic[16];
  std::uint32_t count;
  std::uint32_t record_bytes;
};

}  // namespace

Span<const StoredFrame> StoredFrames() {
  const esp_partition_t* partition =
      esp_partition_find_first(ESP_PARTITION_TYPE_DATA, static_cast<esp_partition_subtype_t>(0x40), "frames");
  if (partition == nullptr) return {};
  const void* content = nullptr;
  esp_partition_mmap_handle_t handle{};
  if (esp_partition_mmap(partition, 0, partition->size, ESP_PARTITION_MMAP_DATA, &content, &handle) != ESP_OK) {
    return {};
  }
  const auto* header = static_cast<const Header*>(content);
  if (std::memcmp(header->magic, kMagic, sizeof kMagic) != 0 || header->record_bytes != sizeof(StoredFrame) ||
      header->count > (partition->size - sizeof(Header)) / sizeof(StoredFrame)) {
    return {};
  }
  return {reinterpret_cast<const StoredFrame*>(header + 1), header->count};
}

GrayView InRam(const StoredFrame& frame) {
  static std::uint8_t pixels[kFramePixels];
  std::memcpy(pixels, frame.pixels, sizeof pixels);
  return {pixels, kFrameWidthPx, kFrameHeightPx, kFrameWidthPx};
}

bool AreSame(const FoundFaces& found, const ExpectedFaces& expected, bool is_cut_off) {
  if (found.count != expected.count || found.is_truncated) return false;
  for (std::size_t i = 0; i < found.count; ++i) {
    Box box = found.faces[i].box;
    if (is_cut_off) {
      box.width_px = std::min(box.width_px, kFrameWidthPx - box.left_px);
      box.height_px = std::min(box.height_px, kFrameHeightPx - box.top_px);
    }
    bool is_there = false;
    for (std::size_t j = 0; j < expected.count; ++j) {
      const auto& face = expected.faces[j];
      is_there =
          is_there || (box.left_px == face.left_px && box.top_px == face.top_px && box.width_px == face.width_px &&
                       box.height_px == face.height_px && found.faces[i].neighbours == face.neighbours);
    }
    if (!is_there) return false;
  }
  return true;
}

}  // namespace microfer::testing
