"""A .tflite taken apart and put together again. Needs the packages `flatbuffers` and `ai_edge_litert`."""

from typing import Any

from microfer.errors import MicroferError


def unpack(tflite: bytes) -> Any:
    """Return a .tflite as the schema's own objects, a `ModelT`, to be changed and packed again.

    Raises:
        MicroferError: it is corrupt.
    """
    from ai_edge_litert.schema_py_generated import Model, ModelT

    try:
        return ModelT.InitFromObj(Model.GetRootAs(tflite, 0))
    except Exception as error:  # generated code does not say what it raises on a corrupt file
        raise MicroferError(f"the .tflite is corrupt ({error}); convert the network again") from error


def new_buffer(content: bytes) -> Any:
    """Return constant data for the list of a model's buffers."""
    import numpy as np
    from ai_edge_litert.schema_py_generated import BufferT

    return BufferT(data=np.frombuffer(content, np.uint8))


def pack(model: Any) -> bytes:
    """Return the .tflite of a `ModelT`. All constant data begins at multiples of 16 bytes. Same input, same bytes."""
    import flatbuffers
    import numpy as np
    import numpy.typing as npt

    class AlignedBuilder(flatbuffers.Builder):  # type: ignore[misc]
        """Python's generated code drops the schema's `force_align: 16` of buffers, so it is put back here."""

        def CreateNumpyVector(self, x: npt.NDArray[Any]) -> int:  # noqa: N802 - the library's name
            if x.dtype == np.uint8:
                self.Prep(16, x.size)  # the data ends up on the boundary, the length in front of it
            return int(super().CreateNumpyVector(x))

    builder = AlignedBuilder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())
