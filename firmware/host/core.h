#ifndef MICROFER_HOST_CORE_H_
#define MICROFER_HOST_CORE_H_

#include <cstddef>
#include <cstdint>

// The firmware's core behind plain C functions, as one shared library for a
// computer: what the virtual board and the host's tools call. Python's side is
// host/microfer/virtual_board/firmware_core.py, which declares the same structs.
//
// Nothing here throws. Pointers are never null unless that is said.

#if defined(_WIN32)
#define MICROFER_EXPORT __declspec(dllexport)
#else
#define MICROFER_EXPORT __attribute__((visibility("default")))
#endif

extern "C" {

// ---- Plain functions

// A gray frame, 8 bits a pixel; the caller's.
struct MicroferFrame {
  const std::uint8_t* pixels;
  std::int32_t width_px;
  std::int32_t height_px;
  std::int32_t stride_bytes;
};

struct MicroferBox {
  std::int32_t left_px;
  std::int32_t top_px;
  std::int32_t width_px;
  std::int32_t height_px;
};

// DetectorSettings.
struct MicroferSearch {
  std::int32_t smallest_face_px;
  std::int32_t min_neighbours;
  std::int32_t look_closer_from_stage;
  std::uint32_t most_trees;
};

struct MicroferFace {
  MicroferBox box;
  std::int32_t neighbours;
};

struct MicroferTrack {
  MicroferBox face;
  MicroferBox crop;
  std::int32_t source;  // a number of TrackSource
  std::int32_t is_new_face;
};

// So that both sides agree: the size of each struct of this header, in its
// order; returns how many there are. Fills at most `capacity` of them.
MICROFER_EXPORT std::size_t microfer_struct_sizes(std::uint32_t* sizes, std::size_t capacity);

// How the board searches.
MICROFER_EXPORT MicroferSearch microfer_search_of_the_board();

// Finds the faces on a frame of at most 160x120 pixels, the largest first.
// Returns how many there are, at most kMaxFaces, or -1 - DetectOutcome.
MICROFER_EXPORT std::int32_t microfer_detect(const MicroferFrame* frame, const MicroferSearch* search,
                                             MicroferFace* faces, std::size_t capacity);

// Cuts a box out of a frame into 48x48 pixels. Returns a CropOutcome.
MICROFER_EXPORT std::int32_t microfer_crop(const MicroferFrame* frame, const MicroferBox* box, std::uint8_t* pixels);

// Fills the input tensor from a crop of 48x48 pixels. Returns an EncodeOutcome.
MICROFER_EXPORT std::int32_t microfer_encode(const std::uint8_t* pixels, std::int8_t* tensor, std::size_t size);

// A face followed from frame to frame; null where memory is short. Frames as
// FaceTracker::Follow() takes them; it returns a DetectOutcome.
struct MicroferTracker;
MICROFER_EXPORT MicroferTracker* microfer_tracker_create();
MICROFER_EXPORT std::int32_t microfer_tracker_follow(MicroferTracker* tracker, const MicroferFrame* frame,
                                                     MicroferTrack* track);
MICROFER_EXPORT void microfer_tracker_reset(MicroferTracker* tracker);
MICROFER_EXPORT void microfer_tracker_destroy(MicroferTracker* tracker);

// ---- A whole board

// What a loaded network says of itself, for the firmware's own check of it.
struct MicroferModel {
  std::int32_t input_shape[4];
  std::int32_t output_shape[2];
  float input_scale;
  std::int32_t input_zero_point;
  float output_scale;
  std::int32_t output_zero_point;
  std::uint32_t arena_used_bytes;
  std::uint32_t arena_size_bytes;
};

struct MicroferSystemState {
  std::uint32_t heap_free_bytes;
  std::uint32_t heap_min_free_bytes;
  std::uint32_t heap_largest_block_bytes;
  std::uint32_t psram_free_bytes;
  std::int32_t temperature_c;
};

// What the board is made of. Each function does what the firmware's interface
// of that name says, and is called from the thread that is named.
struct MicroferParts {
  // Camera: from the thread that calls microfer_board_capture().
  std::int32_t (*camera_start)();
  std::int32_t (*camera_capture)(MicroferFrame* frame);  // 1: a frame, good until camera_release(); 0: timeout
  void (*camera_release)();
  void (*camera_stop)();
  // All others: from the thread that calls microfer_board_start() and _step().
  std::int32_t (*classifier_load)(MicroferModel* model, char* fault, std::size_t fault_size);  // a LoadOutcome
  std::int32_t (*classifier_invoke)(const std::int8_t* input, std::int8_t* output);            // 1: it ran
  std::size_t (*serial_read)(std::uint8_t* bytes, std::size_t size);
  std::int32_t (*serial_write)(const std::uint8_t* bytes, std::size_t size);  // 1: all of it is sent
  void (*system_state)(MicroferSystemState* state);
  void (*system_restart)();
  std::uint64_t (*clock_now_us)();  // from both threads; null: real time since microfer_board_create()
};

struct MicroferFacts {
  const char* name;
  const char* firmware_version;
  const char* kernels;
  std::uint32_t flash_size_bytes;
  std::uint32_t psram_size_bytes;
  std::int32_t frame_width_px;
  std::int32_t frame_height_px;
  std::int32_t reset_reason;  // a number of ResetReason
};

// A board that is off; null where memory is short or a frame is larger than
// 320x240. Both structs and the texts in them are copied.
struct MicroferBoard;
MICROFER_EXPORT MicroferBoard* microfer_board_create(const MicroferParts* parts, const MicroferFacts* facts);

// Device::Start(), Device::Step(), CameraKeeper::Step(), Device::light(). The
// third may be called by another thread than the others.
MICROFER_EXPORT void microfer_board_start(MicroferBoard* board);
MICROFER_EXPORT std::int32_t microfer_board_step(MicroferBoard* board);
MICROFER_EXPORT std::uint32_t microfer_board_capture(MicroferBoard* board);
MICROFER_EXPORT std::int32_t microfer_board_light(const MicroferBoard* board);

// No other function of this board may be running.
MICROFER_EXPORT void microfer_board_destroy(MicroferBoard* board);

}  // extern "C"

#endif  // MICROFER_HOST_CORE_H_
