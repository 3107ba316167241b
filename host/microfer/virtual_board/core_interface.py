"""The C interface of the firmware's core, as firmware/host/core.h declares it, for ctypes."""

import ctypes
from collections.abc import Callable
from ctypes import POINTER, c_char_p, c_float, c_int8, c_int32, c_size_t, c_uint8, c_uint32, c_uint64, c_void_p
from pathlib import Path
from typing import Any

from microfer.errors import MicroferError


class CFrame(ctypes.Structure):
    """MicroferFrame."""

    _fields_ = (("pixels", c_void_p), ("width_px", c_int32), ("height_px", c_int32), ("stride_bytes", c_int32))


class CBox(ctypes.Structure):
    """MicroferBox."""

    _fields_ = (("left_px", c_int32), ("top_px", c_int32), ("width_px", c_int32), ("height_px", c_int32))


class CSearch(ctypes.Structure):
    """MicroferSearch."""

    _fields_ = (
        ("smallest_face_px", c_int32),
        ("min_neighbours", c_int32),
        ("look_closer_from_stage", c_int32),
        ("most_trees", c_uint32),
    )


class CFace(ctypes.Structure):
    """MicroferFace."""

    _fields_ = (("box", CBox), ("neighbours", c_int32))


class CTrack(ctypes.Structure):
    """MicroferTrack."""

    _fields_ = (("face", CBox), ("crop", CBox), ("source", c_int32), ("is_new_face", c_int32))


class CModel(ctypes.Structure):
    """MicroferModel."""

    _fields_ = (
        ("input_shape", c_int32 * 4),
        ("output_shape", c_int32 * 2),
        ("input_scale", c_float),
        ("input_zero_point", c_int32),
        ("output_scale", c_float),
        ("output_zero_point", c_int32),
        ("arena_used_bytes", c_uint32),
        ("arena_size_bytes", c_uint32),
    )


class CSystemState(ctypes.Structure):
    """MicroferSystemState."""

    _fields_ = (
        ("heap_free_bytes", c_uint32),
        ("heap_min_free_bytes", c_uint32),
        ("heap_largest_block_bytes", c_uint32),
        ("psram_free_bytes", c_uint32),
        ("temperature_c", c_int32),
    )


_Bytes = POINTER(c_uint8)
_Tensor = POINTER(c_int8)
_SIGNATURES: dict[str, tuple[Any, ...]] = {
    "camera_start": (c_int32,),
    "camera_capture": (c_int32, POINTER(CFrame)),
    "camera_release": (None,),
    "camera_stop": (None,),
    "classifier_load": (c_int32, POINTER(CModel), c_void_p, c_size_t),
    "classifier_invoke": (c_int32, _Tensor, _Tensor),
    "serial_read": (c_size_t, _Bytes, c_size_t),
    "serial_write": (c_int32, _Bytes, c_size_t),
    "system_state": (None, POINTER(CSystemState)),
    "system_restart": (None,),
    "clock_now_us": (c_uint64,),
}
_TYPES: dict[str, Any] = {name: ctypes.CFUNCTYPE(*signature) for name, signature in _SIGNATURES.items()}


class CParts(ctypes.Structure):
    """MicroferParts."""

    _fields_ = tuple(_TYPES.items())


class CFacts(ctypes.Structure):
    """MicroferFacts."""

    _fields_ = (
        ("name", c_char_p),
        ("firmware_version", c_char_p),
        ("kernels", c_char_p),
        ("flash_size_bytes", c_uint32),
        ("psram_size_bytes", c_uint32),
        ("frame_width_px", c_int32),
        ("frame_height_px", c_int32),
        ("reset_reason", c_int32),
    )


_STRUCTS = (CFrame, CBox, CSearch, CFace, CTrack, CModel, CSystemState, CParts, CFacts)


def open_library(path: Path) -> ctypes.CDLL:
    """Load the library that `core_build.built_core` made, and declare its functions.

    Raises:
        MicroferError: it cannot be loaded, or its structs are not laid out as the ones here.
    """
    try:
        library = ctypes.CDLL(str(path))
        _declare(library)
    except (OSError, AttributeError) as error:
        raise MicroferError(f"{path} cannot be loaded ({error}); delete it, it will be compiled again") from error
    sizes = (c_uint32 * len(_STRUCTS))()
    count = library.microfer_struct_sizes(sizes, len(sizes))
    expected = [ctypes.sizeof(struct) for struct in _STRUCTS]
    if count != len(_STRUCTS) or list(sizes) != expected:
        raise MicroferError(f"{path} has structs of {list(sizes)} bytes, expected {expected}; delete it")
    return library


def parts_of(functions: dict[str, Callable[..., Any]]) -> CParts:
    """Return the C functions of the parts, by the names in MicroferParts; `clock_now_us` may be missing: real time.

    What these functions raise is printed and not passed on, so they must not raise.
    """
    return CParts(**{name: _TYPES[name](function) for name, function in functions.items()})


def _declare(library: ctypes.CDLL) -> None:
    for name, result, *arguments in (
        ("microfer_struct_sizes", c_size_t, POINTER(c_uint32), c_size_t),
        ("microfer_search_of_the_board", CSearch),
        ("microfer_detect", c_int32, POINTER(CFrame), POINTER(CSearch), POINTER(CFace), c_size_t),
        ("microfer_crop", c_int32, POINTER(CFrame), POINTER(CBox), c_void_p),
        ("microfer_encode", c_int32, c_void_p, c_void_p, c_size_t),
        ("microfer_tracker_create", c_void_p),
        ("microfer_tracker_follow", c_int32, c_void_p, POINTER(CFrame), POINTER(CTrack)),
        ("microfer_tracker_reset", None, c_void_p),
        ("microfer_tracker_destroy", None, c_void_p),
        ("microfer_board_create", c_void_p, POINTER(CParts), POINTER(CFacts)),
        ("microfer_board_start", None, c_void_p),
        ("microfer_board_step", c_int32, c_void_p),
        ("microfer_board_capture", c_uint32, c_void_p),
        ("microfer_board_light", c_int32, c_void_p),
        ("microfer_board_destroy", None, c_void_p),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
